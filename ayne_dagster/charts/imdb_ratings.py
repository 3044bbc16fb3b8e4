"""The picture of `imdb_ratings`: how ratings spread, and how many votes stand behind them."""

import numpy as np
import pandas as pd

from ayne_dagster.charts import theme

_VOTE_DECADES = 8
_HEADROOM = 1.18


def plot_imdb_ratings(imdb_ratings: pd.DataFrame) -> bytes:
    """Two distributions: ratings in steps of a half, votes by powers of ten.

    Args:
        imdb_ratings: Rows of `imdb_ratings`; imdb_rating and imdb_votes are read.

    Returns:
        A PNG; of an empty frame one that says so.
    """
    if imdb_ratings.empty:
        return theme.no_data_yet("ratings")
    ratings = imdb_ratings["imdb_rating"].astype(float)
    votes = imdb_ratings["imdb_votes"].astype(float)
    title = f"IMDb ratings of {len(imdb_ratings):,} films"
    figure, (marks, weights) = theme.new_figure(title, height=3.4, columns=2)
    counts = marks.hist(ratings, bins=np.arange(0, 10.5, 0.5).tolist(), color=theme.ORANGE)[0]
    marks.set_ylim(0, float(np.max(counts)) * _HEADROOM)
    median = float(ratings.median())
    marks.axvline(median, color=theme.INK, linewidth=1.5, linestyle="--")
    marks.annotate(
        f"median {median:.1f}",
        (median, 1),
        xycoords=("data", "axes fraction"),
        xytext=(-4 if median > 5 else 4, -2),
        textcoords="offset points",
        ha="right" if median > 5 else "left",
        va="top",
        fontsize=theme.TEXT_POINTS - 1,
        color=theme.INK,
    )
    marks.set_xlim(0, 10)
    weights.hist(
        votes.clip(lower=1), bins=(10.0 ** np.arange(_VOTE_DECADES)).tolist(), color=theme.BLUE
    )
    weights.set_xscale("log")
    for axes, label in ((marks, "IMDb rating, 0-10"), (weights, "IMDb votes")):
        theme.label_axes(axes, x=label)
        theme.light_grid(axes, "y")
        theme.whole_numbers(axes, "y")
    marks.set_ylabel("films", fontsize=theme.TEXT_POINTS, color=theme.INK)
    return theme.to_png(figure)
