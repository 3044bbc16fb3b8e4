"""The picture of `tmdb_ids`: films of the export by popularity, and how many of them we know."""

import pandas as pd

from ayne_dagster.charts import theme

_BANDS = {0.0: "below 0.1", 0.1: "0.1 to 1", 1.0: "1 to 10", 10.0: "10 to 100", 100.0: "over 100"}


def plot_tmdb_ids(popularity_bands: pd.DataFrame) -> bytes:
    """Bars of the films of the newest export per band of popularity, known ones first.

    Args:
        popularity_bands: Columns popularity_from (lower bound of the band), known_films and
            other_films.

    Returns:
        A PNG; of an empty frame one that says so.
    """
    if popularity_bands.empty:
        return theme.no_data_yet("exported ids")
    bands = popularity_bands.set_index("popularity_from").reindex(list(_BANDS)).fillna(0)
    known, other = bands["known_films"], bands["other_films"]
    title = f"{known.sum():,.0f} of {known.sum() + other.sum():,.0f} exported films are known"
    figure, (axes,) = theme.new_figure(title, height=3.4)
    labels = list(_BANDS.values())
    axes.barh(labels, known, color=theme.BLUE, label="discovered or detailed")
    axes.barh(labels, other, left=known, color=theme.PALE, label="in the export alone")
    for position, (mine, all_films) in enumerate(zip(known, known + other, strict=True)):
        axes.annotate(
            f"{mine:,.0f} of {all_films:,.0f}",
            (all_films, position),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=theme.TEXT_POINTS,
            color=theme.INK,
        )
    axes.margins(x=0.22)
    theme.whole_numbers(axes, "x")
    theme.label_axes(axes, x="films", y="TMDB popularity")
    theme.light_grid(axes, "x")
    theme.add_legend(axes, loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=2)
    return theme.to_png(figure)
