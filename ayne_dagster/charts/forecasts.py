"""The picture of `forecasts`: the films expected to earn most, as points in their intervals."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ayne_dagster.charts import theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

TOP = 15
_TITLE_LENGTH = 34
_MARGIN = 1.3
_LEGEND = {"budget_usd": "budget", "revenue_usd": "outcome"}


def plot_forecasts(forecasts: pd.DataFrame) -> bytes:
    """The 15 largest forecasts as points in their 80 % intervals, beside the budget where known.

    Films whose outcome is in are shown only where there are no others, with their outcome: a year
    long past has nothing left to forecast.

    Args:
        forecasts: Rows of `forecasts`.

    Returns:
        A PNG; of an empty frame one that says so.
    """
    if forecasts.empty:
        return theme.no_data_yet("forecasts")
    is_open = ~forecasts["is_outcome_known"].astype(bool)
    shown = forecasts[is_open] if is_open.any() else forecasts
    top = shown.nlargest(TOP, "predicted_revenue_usd").iloc[::-1]
    rows = np.arange(len(top))
    predicted, lower, upper = (
        top[name].to_numpy(float) for name in ("predicted_revenue_usd", "lower_usd", "upper_usd")
    )
    figure, (axes,) = theme.new_figure(
        _title(len(top), len(shown), bool(is_open.any())), height=1.6 + 0.3 * len(top)
    )
    axes.hlines(rows, lower, upper, color=theme.SKY, linewidth=3, label="80 % interval")
    for end in (lower, upper):
        axes.scatter(end, rows, marker="|", s=60, color=theme.SKY, linewidth=2)
    marks = [predicted]
    axes.scatter(predicted, rows, s=52, color=theme.BLUE, zorder=3, label="forecast")
    marks.append(_beside(axes, rows, top, "budget_usd", "^", theme.ORANGE))
    if not is_open.any():
        marks.append(_beside(axes, rows, top, "revenue_usd", "D", theme.RED))
    axes.set_yticks(rows, [_name(title, day) for title, day in _named(top)])
    axes.set_xscale("log")
    ends = np.concatenate([lower, upper, *marks])
    axes.set_xlim(max(float(ends.min()), 1.0) / _MARGIN, float(ends.max()) * _MARGIN)
    axes.set_ylim(-0.7, len(top) - 0.3)
    theme.dollar_axis(axes, "x")
    theme.label_axes(axes, x="worldwide revenue, US dollars")
    theme.light_grid(axes, "x")
    theme.add_legend(figure, loc="outside lower center", ncols=4)
    return theme.to_png(figure)


def _title(shown: int, films: int, is_open: bool) -> str:
    what = "films without an outcome" if is_open else "films, all with their outcome"
    if films == 1:
        return "One forecast"
    return f"The {shown} largest forecasts of {films:,} {what}"


def _beside(
    axes: "Axes", rows: np.ndarray, top: pd.DataFrame, column: str, marker: str, colour: str
) -> np.ndarray:
    """Draw a second amount of each film, where it is known; those amounts."""
    amount = pd.to_numeric(top[column]).to_numpy(dtype=float, na_value=np.nan)
    is_known = ~np.isnan(amount)
    if is_known.any():
        axes.scatter(
            amount[is_known],
            rows[is_known],
            s=40,
            marker=marker,
            facecolor="white",
            edgecolor=colour,
            linewidth=1.6,
            zorder=4,
            label=_LEGEND[column],
        )
    return amount[is_known]


def _named(top: pd.DataFrame) -> list[tuple[Any, Any]]:
    return list(zip(top["title"], top["release_date"], strict=True))


def _name(title: Any, day: Any) -> str:
    """`The Splintered Mainspring, Jun 2027`."""
    name = theme.shorten("untitled" if pd.isna(title) else title, _TITLE_LENGTH)
    return name if pd.isna(day) else f"{name}, {pd.Timestamp(day):%b %Y}"
