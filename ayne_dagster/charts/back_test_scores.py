"""The pictures of `back_test` that show scores: by year, by input, honest beside leaky.

Lives here: plots of scores. Not here: plots of single films (`back_test.py`), the scores
(`domain/back_test.py`).
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ayne_dagster.charts import theme
from ayne_dagster.charts.back_test import counted, years_in_words
from ayne_dagster.domain.score_intervals import ScoreEstimates

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COVERAGE_GOAL = (0.73, 0.87)
"""Each year's share of outcomes inside the 80 % interval is to lie here."""

_LINES = (
    ("rmsle_leak_marker", "leak marker: sees the future", theme.GREY, ":", "x"),
    ("rmsle_ols", "regression on the budget", theme.SKY, "-", "^"),
    ("rmsle_budget_rule", "budget rule", theme.ORANGE, "-", "s"),
    ("rmsle", "model", theme.BLUE, "-", "o"),
)


def plot_error_by_year(scores: pd.DataFrame) -> bytes:
    """RMSLE of each year's films beside the budget rule, the regression and the leak marker.

    Args:
        scores: One row per year: release_year, films, and the score columns of `trained_model`.

    Returns:
        A PNG; without a year one that says so.
    """
    if scores.empty:
        return theme.no_data_yet("scored years")
    years = scores["release_year"].astype(int).to_numpy()
    better = int((scores["rmsle"] < scores["rmsle_budget_rule"]).sum())
    figure, (axes,) = theme.new_figure(
        f"Error by year: better than the budget rule in {better} of {len(years)}", height=4.4
    )
    for column, label, colour, line, marker in _LINES:
        axes.plot(years, scores[column].to_numpy(float), line, marker=marker, markersize=6,
                  color=colour, label=label, linewidth=1.8)  # fmt: skip
    axes.set_ylim(bottom=0)
    _films_below(axes, years, scores["films"].to_numpy(int))
    theme.label_axes(axes, y="RMSLE, lower is better", x="release year (films with an outcome)")
    theme.light_grid(axes, "y")
    theme.add_legend(figure, loc="outside lower center", ncols=4)
    return theme.to_png(figure)


def plot_coverage_by_year(scores: pd.DataFrame) -> bytes:
    """Share of outcomes inside the 80 % interval by year, and how wide the intervals are.

    Args:
        scores: As of `plot_error_by_year`.

    Returns:
        A PNG; without a year one that says so.
    """
    if scores.empty:
        return theme.no_data_yet("scored years")
    years, films = scores["release_year"].astype(int).to_numpy(), scores["films"].to_numpy(int)
    share = scores["interval_coverage"].to_numpy(float)
    pooled = float((share * films).sum() / films.sum())
    figure, (inside, width) = theme.new_figure(
        f"The 80 % intervals held {100 * pooled:.0f} % of the outcomes of {counted(films.sum())}",
        height=3.9, columns=2,
    )  # fmt: skip
    low, high = wilson_interval(share, films)
    inside.axhspan(*(100 * end for end in COVERAGE_GOAL), color=theme.PALE, alpha=0.6, linewidth=0)
    inside.axhline(80, color=theme.INK, linewidth=1, linestyle="--")
    inside.vlines(years, 100 * low, 100 * high, color=theme.GREEN, linewidth=2, alpha=0.5)
    inside.plot(years, 100 * share, "o", markersize=6, color=theme.GREEN)
    inside.set_ylim(min(40.0, 100 * float(low.min()) - 4), 100)
    theme.label_axes(inside, title="% inside; bars: chance alone, band: 73-87")
    width.plot(years, scores["interval_width"].to_numpy(float), "-o", markersize=6,
               color=theme.BLUE)  # fmt: skip
    width.set_ylim(bottom=0)
    theme.label_axes(width, title="median upper / lower end")
    for axes in (inside, width):
        theme.whole_numbers(axes, "x")
        theme.light_grid(axes, "y")
        axes.set_xlim(years.min() - 0.8, years.max() + 0.8)
    return theme.to_png(figure)


def wilson_interval(share: np.ndarray, films: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the true share lies with 90 % probability (Wilson 1927), given so many films."""
    z = 1.645
    centre = (share + z**2 / (2 * films)) / (1 + z**2 / films)
    half = z * np.sqrt(share * (1 - share) / films + z**2 / (4 * films**2)) / (1 + z**2 / films)
    return centre - half, centre + half


def plot_importance(importance: pd.Series, *, films: int) -> bytes:
    """How much worse the models get when a group of inputs is shuffled among films of a year.

    Args:
        importance: `grouped_importance`: growth of RMSLE by group.
        films: Films it was measured on.

    Returns:
        A PNG; of none one that says so.
    """
    if importance.empty:
        return theme.no_data_yet("films with an outcome")
    ordered = importance.sort_values()
    figure, (axes,) = theme.new_figure(
        f"What the models lean on, measured on {counted(films)} they had not seen",
        height=1.5 + 0.33 * len(ordered),
    )
    rows = np.arange(len(ordered))
    axes.barh(rows, ordered.to_numpy(), color=theme.BLUE, height=0.62)
    widest = max(float(ordered.abs().max()), 1e-9)
    for row, growth in enumerate(ordered.to_numpy()):
        axes.text(max(growth, 0.0) + 0.012 * widest, row, f"{growth:+.3f}", va="center",
                  fontsize=theme.TEXT_POINTS - 1, color=theme.INK)  # fmt: skip
    axes.set_yticks(rows, list(ordered.index))
    axes.set_xlim(min(float(ordered.min()), 0.0) * 1.1, widest * 1.14)
    axes.axvline(0, color=theme.GREY, linewidth=1)
    theme.label_axes(axes, x="growth of RMSLE when the input is shuffled")
    theme.light_grid(axes, "x")
    return theme.to_png(figure)


def plot_honest_against_leaky(
    estimates: Mapping[str, ScoreEstimates], back_test: pd.DataFrame, *, model: str
) -> bytes:
    """Pooled scores of the model, the baselines, and what seeing the future would give.

    Args:
        estimates: `estimate_scores` of each prediction, the leak marker last.
        back_test: The rows they were made of; for the title.
        model: Which of them is the model.

    Returns:
        A PNG; of none one that says so.
    """
    if not estimates:
        return theme.no_data_yet("films with an outcome")
    figure, panels = theme.new_figure(
        f"Honest and leaky, {counted(len(back_test))} of {years_in_words(back_test)}",
        height=3.4, columns=2,
    )  # fmt: skip
    names = list(estimates)[::-1]
    rows = np.arange(len(names))
    colours = [_colour(name, model, list(estimates)[-1]) for name in names]
    for axes, score, title in (
        (panels[0], "rmsle", "RMSLE, lower is better"),
        (panels[1], "r2_log", "R² of ln(1+revenue), higher is better"),
    ):
        found = [getattr(estimates[name], score) for name in names]
        values = np.array([one.value for one in found])
        bars = axes.barh(rows, np.maximum(values, 0), color=colours, height=0.62)
        bars[0].set(hatch="///", edgecolor="white", linewidth=0)
        axes.hlines(rows, [max(one.low, 0) for one in found], [max(one.high, 0) for one in found],
                    color=theme.INK, linewidth=1.4)  # fmt: skip
        furthest = max(max(one.high for one in found), 0.05)
        for row, one in enumerate(found):
            axes.text(max(one.high, 0) + 0.02 * furthest, row, f"{one.value:.2f}", va="center",
                      fontsize=theme.TEXT_POINTS, color=theme.INK)  # fmt: skip
        axes.set_xlim(0, furthest * 1.16)
        theme.label_axes(axes, title=title)
        theme.light_grid(axes, "x")
    panels[0].set_yticks(rows, [_wrapped(name, list(estimates)[-1]) for name in names])
    panels[1].set_yticks(rows, [""] * len(names))
    return theme.to_png(figure)


def _colour(name: str, model: str, leaky: str) -> str:
    if name == model:
        return theme.BLUE
    return theme.RED if name == leaky else theme.GREY


def _wrapped(name: str, leaky: str) -> str:
    """A name on two lines where it is long; the leak marker says what it is."""
    if name == leaky:
        return f"{name}:\nsees the future"
    return name.replace(" on the ", "\non the ")


def _films_below(axes: "Axes", years: np.ndarray, films: np.ndarray) -> None:
    """Label each year with the number of its films, some of the years where there are many."""
    step = max(len(years) // 12, 1)
    chosen = slice((len(years) - 1) % step, None, step)
    axes.set_xticks(
        years[chosen],
        [f"{year}\n({count:,})" for year, count in zip(years[chosen], films[chosen], strict=True)],
    )
    axes.set_xlim(years.min() - 0.6, years.max() + 0.6)
