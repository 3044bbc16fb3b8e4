"""The pictures of `trained_model`: predicted against actual, and scores by year beside the rule."""

import numpy as np
import pandas as pd

from ayne_dagster.charts import theme


def plot_predictions(predictions: pd.DataFrame, year: int) -> bytes:
    """Predicted against actual revenue of one year's films on log axes.

    The dashed lines are a factor of two; the pale bars reach over the 80 % interval.

    Args:
        predictions: `YearModel.predictions`: revenue_usd, predicted_revenue_usd, lower_usd and
            upper_usd, US dollars.
        year: The release year, for the title.

    Returns:
        A PNG; of an empty frame one that says so.
    """
    if predictions.empty:
        return theme.no_data_yet(f"outcomes of {year}")
    actual = predictions["revenue_usd"].to_numpy(float)
    predicted = np.maximum(predictions["predicted_revenue_usd"].to_numpy(float), 1.0)
    lower = np.maximum(predictions["lower_usd"].to_numpy(float), 1.0)
    upper = predictions["upper_usd"].to_numpy(float)
    is_inside = (actual >= lower) & (actual <= upper)

    figure, (axes,) = theme.new_figure(
        f"{year}: {len(actual):,} films, {100 * is_inside.mean():.0f} % inside their 80 % interval",
        height=6.2,
    )
    axes.vlines(actual, lower, upper, color=theme.PALE, linewidth=0.8, zorder=1)
    for mask, colour, label in (
        (is_inside, theme.BLUE, "inside the interval"),
        (~is_inside, theme.RED, "outside"),
    ):
        axes.scatter(actual[mask], predicted[mask], s=18, color=colour, label=label, zorder=3)
    low = 10 ** np.floor(np.log10(min(actual.min(), predicted.min())))
    high = 10 ** np.ceil(np.log10(max(actual.max(), predicted.max())))
    line = np.array([low, high])
    axes.plot(line, line, color=theme.INK, linewidth=1.2, zorder=2)
    for factor in (0.5, 2.0):
        axes.plot(line, line * factor, color=theme.INK, linewidth=1, linestyle="--", zorder=2)
    axes.set(xscale="log", yscale="log", xlim=(low, high), ylim=(low, high))
    theme.dollar_axis(axes, "x")
    theme.dollar_axis(axes, "y")
    theme.label_axes(axes, x="actual worldwide revenue", y="predicted before release")
    theme.add_legend(axes, loc="upper left")
    return theme.to_png(figure)


def plot_scores_by_year(trained_model: pd.DataFrame) -> bytes:
    """RMSLE of each scored year beside the budget rule, and the coverage of the intervals.

    Args:
        trained_model: Rows of `trained_model`; years without scores are left out.

    Returns:
        A PNG; without a scored year one that says so.
    """
    scored = trained_model[trained_model["rmsle"].notna()].sort_values("release_year")
    if scored.empty:
        return theme.no_data_yet("scored years")
    years = scored["release_year"].astype(int).to_numpy()
    figure, (errors, inside) = theme.new_figure(
        "Error of each year's model, trained on the years before", height=3.6, columns=2
    )
    for column, label, colour, marker in (
        ("rmsle_budget_rule", "budget rule", theme.ORANGE, "s"),
        ("rmsle", "model", theme.BLUE, "o"),
    ):
        values = scored[column].to_numpy(float)
        errors.plot(years, values, marker=marker, markersize=5, color=colour, label=label)
    errors.set_ylim(bottom=0)
    theme.label_axes(errors, title="RMSLE, lower is better")
    theme.add_legend(errors, loc="lower left")

    coverage = scored["interval_coverage"].to_numpy(float) * 100
    inside.plot(years, coverage, marker="o", markersize=5, color=theme.GREEN)
    inside.axhline(80, color=theme.INK, linewidth=1, linestyle="--")
    inside.set_ylim(0, 100)
    theme.label_axes(inside, title="% of outcomes inside the 80 % interval")
    for axes in (errors, inside):
        theme.light_grid(axes, "y")
        theme.whole_numbers(axes, "x")
        if len(years) == 1:
            axes.set_xlim(years[0] - 2, years[0] + 2)
    return theme.to_png(figure)
