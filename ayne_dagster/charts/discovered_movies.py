"""The picture of `discovered_movies`: films per year and per month of release."""

import numpy as np
import pandas as pd

from ayne_dagster.charts import theme

_MONTHS = ("J", "F", "M", "A", "M", "J", "J", "A", "S", "O", "N", "D")


def plot_discovered_movies(discovered_movies: pd.DataFrame) -> bytes:
    """Films per release year, and per month over all these years.

    Args:
        discovered_movies: Rows of `discovered_movies`; release_date is read, undated films are
            only counted.

    Returns:
        A PNG; of an empty frame one that says so.
    """
    if discovered_movies.empty:
        return theme.no_data_yet("films")
    dates = pd.to_datetime(discovered_movies["release_date"]).dropna()
    title = f"{len(discovered_movies):,} films known"
    undated = len(discovered_movies) - len(dates)
    title += f", {undated:,} of them without a date" if undated else ""
    figure, (by_year, by_month) = theme.new_figure(title, height=3.4, columns=2)
    if len(dates):
        years = np.arange(dates.dt.year.min(), dates.dt.year.max() + 1)
        per_year = dates.dt.year.value_counts().reindex(years, fill_value=0)
        by_year.bar(years, per_year, color=theme.BLUE)
        theme.whole_numbers(by_year, "x")
        if len(years) == 1:
            by_year.set_xlim(years[0] - 2, years[0] + 2)
        months = np.arange(1, 13)
        counts = dates.dt.month.value_counts().reindex(months, fill_value=0)
        by_month.bar(months, counts, color=theme.BLUE)
    by_month.set_xticks(np.arange(1, 13), _MONTHS)
    theme.label_axes(by_year, y="films", title="per release year")
    theme.label_axes(by_month, y="films", title="per month of release")
    for axes in (by_year, by_month):
        theme.light_grid(axes, "y")
        theme.whole_numbers(axes, "y")
    return theme.to_png(figure)
