"""The picture of `omdb_ratings`: how IMDb, Rotten Tomatoes and Metacritic spread their marks."""

import numpy as np
import pandas as pd

from ayne_dagster.charts import theme

_SCALES = (
    ("imdb_rating", "IMDb (times 10)", 10.0, theme.ORANGE),
    ("rotten_tomatoes_percent", "Rotten Tomatoes (%)", 1.0, theme.RED),
    ("metascore", "Metacritic (of 100)", 1.0, theme.BLUE),
)
_HEADROOM = 1.18


def plot_omdb_ratings(omdb_ratings: pd.DataFrame, *, films: int | None = None) -> bytes:
    """Three distributions on one scale of 0-100, each with its median.

    Args:
        omdb_ratings: Rows of `omdb_ratings`, or a sample of them.
        films: Of how many films they are a sample; the title says so.

    Returns:
        A PNG; of an empty frame one that says so.
    """
    if omdb_ratings.empty:
        return theme.no_data_yet("ratings")
    title = f"Ratings of {theme.films_shown(len(omdb_ratings), films)}"
    figure, panels = theme.new_figure(title, height=3.4, columns=3)
    for axes, (column, label, factor, colour) in zip(panels, _SCALES, strict=True):
        marks = pd.to_numeric(omdb_ratings[column]).dropna().astype(float) * factor
        theme.label_axes(axes, x=f"{len(marks):,} films rated", title=label)
        axes.set_xlim(0, 100)
        theme.light_grid(axes, "y")
        if marks.empty:
            continue
        counts = axes.hist(marks, bins=list(range(0, 101, 5)), color=colour)[0]
        axes.set_ylim(0, float(np.max(counts)) * _HEADROOM)
        theme.whole_numbers(axes, "y")
        median = float(marks.median())
        axes.axvline(median, color=theme.INK, linewidth=1.5, linestyle="--")
        axes.annotate(
            f"median {median:.0f}",
            (median, 1),
            xycoords=("data", "axes fraction"),
            xytext=(-4 if median > 50 else 4, -2),
            textcoords="offset points",
            ha="right" if median > 50 else "left",
            va="top",
            fontsize=theme.TEXT_POINTS - 1,
            color=theme.INK,
        )
    panels[0].set_ylabel("films", fontsize=theme.TEXT_POINTS, color=theme.INK)
    return theme.to_png(figure)
