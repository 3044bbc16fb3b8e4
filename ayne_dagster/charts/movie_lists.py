"""The picture of `movie_lists`: how long each list is and how far the lists overlap."""

import pandas as pd

from ayne_dagster.charts import theme
from ayne_dagster.domain.tables.fetched import LIST_NAMES


def plot_movie_lists(movie_lists: pd.DataFrame) -> bytes:
    """Bars of the films per list, split into "on this list only" and "on another too".

    Args:
        movie_lists: Rows of `movie_lists`; list_name and tmdb_id are read.

    Returns:
        A PNG; of an empty frame one that says so.
    """
    if movie_lists.empty:
        return theme.no_data_yet("lists")
    lists_of_film = movie_lists.groupby("tmdb_id")["list_name"].transform("nunique")
    alone = movie_lists[lists_of_film == 1].groupby("list_name").size()
    shared = movie_lists[lists_of_film > 1].groupby("list_name").size()
    names = [*reversed(LIST_NAMES)]
    counts = pd.DataFrame({"alone": alone, "shared": shared}).reindex(names).fillna(0)

    films = movie_lists["tmdb_id"].nunique()
    figure, (axes,) = theme.new_figure(f"{films:,} films on five lists", height=3.4)
    labels = [name.replace("_", " ") for name in names]
    axes.barh(labels, counts["alone"], color=theme.BLUE, label="on this list only")
    axes.barh(
        labels, counts["shared"], left=counts["alone"], color=theme.SKY, label="on another too"
    )
    for position, total in enumerate(counts.sum(axis=1)):
        axes.annotate(
            f"{total:,.0f}",
            (total, position),
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=theme.TEXT_POINTS,
            color=theme.INK,
        )
    axes.margins(x=0.1)
    theme.label_axes(axes, x="films")
    theme.light_grid(axes, "x")
    theme.add_legend(axes, loc="upper center", bbox_to_anchor=(0.5, 1.16), ncols=2)
    return theme.to_png(figure)
