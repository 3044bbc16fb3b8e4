"""The picture of `forecasts`: the films expected to earn most, with their intervals."""

import numpy as np
import pandas as pd

from ayne_dagster.charts import theme

TOP = 15
_TITLE_LENGTH = 34
_MARGIN = 1.3


def plot_forecasts(forecasts: pd.DataFrame) -> bytes:
    """The 15 largest forecasts as bars with their 80 % intervals, outcomes where known.

    Args:
        forecasts: Rows of `forecasts`.

    Returns:
        A PNG; of an empty frame one that says so.
    """
    if forecasts.empty:
        return theme.no_data_yet("forecasts")
    top = forecasts.nlargest(TOP, "predicted_revenue_usd").iloc[::-1]
    rows = np.arange(len(top))
    predicted = top["predicted_revenue_usd"].to_numpy(float)
    lower, upper = top["lower_usd"].to_numpy(float), top["upper_usd"].to_numpy(float)
    figure, (axes,) = theme.new_figure(
        f"The {len(top)} largest of {len(forecasts):,} forecasts", height=1.6 + 0.3 * len(top)
    )
    axes.barh(rows, upper - lower, left=lower, height=0.5, color=theme.PALE, label="80 % interval")
    axes.scatter(predicted, rows, s=42, color=theme.BLUE, zorder=3, label="forecast")
    outcome = pd.to_numeric(top["revenue_usd"]).to_numpy(dtype=float, na_value=np.nan)
    is_known = ~np.isnan(outcome)
    if is_known.any():
        axes.scatter(
            outcome[is_known],
            rows[is_known],
            s=48,
            marker="D",
            facecolor="white",
            edgecolor=theme.RED,
            linewidth=1.6,
            zorder=4,
            label="outcome",
        )
    titles = [
        theme.shorten("untitled" if pd.isna(title) else title, _TITLE_LENGTH)
        for title in top["title"]
    ]
    axes.set_yticks(rows, titles)
    axes.set_xscale("log")
    axes.set_xlim(max(float(lower.min()), 1.0) / _MARGIN, float(upper.max()) * _MARGIN)
    axes.margins(y=0.02)
    theme.dollar_axis(axes, "x")
    theme.label_axes(axes, x="worldwide revenue, US dollars")
    theme.light_grid(axes, "x")
    theme.add_legend(figure, loc="outside lower center", ncols=3)
    return theme.to_png(figure)
