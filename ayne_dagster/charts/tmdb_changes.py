"""The picture of `tmdb_changes`: known films TMDB named on each day, and days lacking."""

import numpy as np
import pandas as pd

from ayne_dagster.charts import theme


def plot_tmdb_changes(figures_per_day: pd.DataFrame) -> bytes:
    """Bars of the known films named per day; days between that were not read are marked.

    Args:
        figures_per_day: Columns changed_on and films_known, one row for each day read.

    Returns:
        A PNG; of an empty frame one that says so.
    """
    if figures_per_day.empty:
        return theme.no_data_yet("days of the change feed")
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num

    # Days as numbers: one day is 1.
    days = np.asarray(date2num(pd.to_datetime(figures_per_day["changed_on"]).to_numpy()), float)
    films = figures_per_day["films_known"].to_numpy(float)
    lacking = np.setdiff1d(np.arange(days.min(), days.max()), days)
    words = f"Known films were named {films.sum():,.0f} times on {len(days):,} days"
    if len(lacking):
        words += f", {len(lacking):,} days between were not read"
    figure, (axes,) = theme.new_figure(words, height=3.2)
    axes.bar(days, films, width=0.85, color=theme.BLUE)
    for place, day in enumerate(lacking):
        axes.axvspan(
            day - 0.5, day + 0.5, color=theme.ORANGE, alpha=0.35, linewidth=0,
            label=None if place else "not read",
        )  # fmt: skip
    locator = AutoDateLocator(minticks=1, maxticks=10)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    axes.set_xlim(days.min() - 0.75, days.max() + 0.75)
    axes.set_ylim(bottom=0)
    theme.whole_numbers(axes, "y")
    theme.label_axes(axes, x="day of the change, UTC", y="films known here")
    theme.light_grid(axes, "y")
    if len(lacking):
        theme.add_legend(axes, loc="upper right", bbox_to_anchor=(1, 1.16))
    return theme.to_png(figure)
