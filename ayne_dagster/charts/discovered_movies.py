"""The picture of `discovered_movies`: films per year and per month of release."""

import numpy as np
import pandas as pd

from ayne_dagster.charts import theme

_MONTHS = ("J", "F", "M", "A", "M", "J", "J", "A", "S", "O", "N", "D")


def plot_discovered_movies(films_per_month: pd.DataFrame) -> bytes:
    """Films per release year, and per month over all these years.

    Args:
        films_per_month: `month` (a day of it; missing: undated, only counted) and `films`, in any
            number of rows per month.

    Returns:
        A PNG; of an empty frame one that says so.
    """
    if films_per_month.empty:
        return theme.no_data_yet("films")
    months_known = films_per_month.assign(month=pd.to_datetime(films_per_month["month"]))
    total = int(months_known["films"].sum())
    dated = months_known.dropna(subset="month")
    dates, films = dated["month"], dated["films"].astype("int64")
    undated = total - int(films.sum())
    title = f"{total:,} films known"
    title += f", {undated:,} of them without a date" if undated else ""
    figure, (by_year, by_month) = theme.new_figure(title, height=3.4, columns=2)
    if len(dates):
        years = np.arange(dates.dt.year.min(), dates.dt.year.max() + 1)
        per_year = films.groupby(dates.dt.year).sum().reindex(years, fill_value=0)
        by_year.bar(years, per_year, color=theme.BLUE)
        theme.whole_numbers(by_year, "x")
        if len(years) == 1:
            by_year.set_xlim(years[0] - 2, years[0] + 2)
        months = np.arange(1, 13)
        counts = films.groupby(dates.dt.month).sum().reindex(months, fill_value=0)
        by_month.bar(months, counts, color=theme.BLUE)
    by_month.set_xticks(np.arange(1, 13), _MONTHS)
    theme.label_axes(by_year, y="films", title="per release year")
    theme.label_axes(by_month, y="films", title="per month of release")
    for axes in (by_year, by_month):
        theme.light_grid(axes, "y")
        theme.whole_numbers(axes, "y")
    return theme.to_png(figure)
