"""The pictures of `collection_stats`: how the collection grows, what is due, how the runs go."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ayne_dagster.charts import theme
from ayne_dagster.domain.collection_figures import (
    ALL,
    DUE_NOW,
    DUE_SOON,
    FILMS,
    FROZEN,
    RUNS,
    SECONDS,
    SUCCESS,
    WITH_DETAILS,
    WITH_RATINGS,
)
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.tables.derived import AGE_BANDS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.container import BarContainer

GROWTH = {
    FILMS: theme.GREY,
    WITH_DETAILS: theme.BLUE,
    WITH_RATINGS: theme.ORANGE,
    FROZEN: theme.SKY,
}
MOST_JOBS = 8


def plot_growth(stats: pd.DataFrame) -> bytes:
    """Films known, with details, with ratings, frozen over time, and films by age band now.

    Args:
        stats: Columns `measured_at`, `figure`, `part`, `value`; of one measurement the first
            picture shows bars.

    Returns:
        A PNG; of no measurement one that says so.
    """
    if stats.empty:
        return theme.no_data_yet("measurements")
    now = _newest(stats)
    title = (
        f"{now.get((FILMS, ALL), 0):,.0f} films, {now.get((FROZEN, ALL), 0):,.0f} of them frozen"
    )
    figure, (growth, bands) = theme.new_figure(title, height=3.6, columns=2)
    films_over_time = stats[stats["figure"].isin(GROWTH) & (stats["part"] == ALL)]
    if films_over_time["measured_at"].nunique() > 1:
        _draw_lines(growth, films_over_time)
    else:
        names = list(reversed(GROWTH))
        bars = growth.barh(
            names, [now.get((name, ALL), 0) for name in names], color=[GROWTH[n] for n in names]
        )
        _label_bars(growth, bars)
        theme.label_axes(growth, x="films")
    names = list(reversed(AGE_BANDS))
    bars = bands.barh(names, [now.get((FILMS, name), 0) for name in names], color=theme.BLUE)
    _label_bars(bands, bars)
    theme.label_axes(bands, x="films by age since release")
    return theme.to_png(figure)


def plot_work(stats: pd.DataFrame) -> bytes:
    """What is due now and in the next 7 days by source, and how the runs of 30 days went by job.

    Args:
        stats: As for `plot_growth`; the newest value of each figure is drawn.

    Returns:
        A PNG; of no measurement one that says so.
    """
    if stats.empty:
        return theme.no_data_yet("measurements")
    now = _newest(stats[stats["measured_at"] == stats["measured_at"].max()])
    waiting = sum(now.get((DUE_NOW, source.value), 0) for source in Source)
    title = f"Requests due now: {waiting:,.0f}"
    figure, (due, runs) = theme.new_figure(title, height=3.4, columns=2)
    places = np.arange(len(Source), dtype=float)
    for shift, name, colour in (
        (-0.2, DUE_NOW, theme.ORANGE), (0.2, DUE_SOON, theme.SKY)
    ):  # fmt: skip
        values = [now.get((name, source.value), 0) for source in Source]
        _label_bars(due, due.barh(places + shift, values, 0.38, color=colour, label=name))
    due.set_yticks(places, ["TMDB", "OMDb"])
    due.set_ylim(len(Source) - 0.4, -0.6)
    theme.label_axes(due, x="films")
    theme.add_legend(due, loc="lower right", bbox_to_anchor=(1, 1), ncols=2)
    _draw_runs(runs, now)
    return theme.to_png(figure)


def _newest(stats: pd.DataFrame) -> dict[tuple[str, str], float]:
    last = stats.sort_values("measured_at").drop_duplicates(["figure", "part"], keep="last")
    return dict(zip(zip(last["figure"], last["part"], strict=True), last["value"], strict=True))


def _draw_lines(axes: "Axes", stats: pd.DataFrame) -> None:
    """A line per figure, its name at its end: a legend would have to be searched."""
    for name, colour in GROWTH.items():
        line = stats[stats["figure"] == name]
        is_short = len(line) < 15
        axes.plot(
            line["measured_at"], line["value"], color=colour, linewidth=2,
            marker="o" if is_short else None, markersize=4, label=name,
        )  # fmt: skip
    days = stats["measured_at"].drop_duplicates().sort_values()
    shown = pd.date_range(days.iloc[0], days.iloc[-1], periods=min(4, len(days)))
    is_long = days.iloc[-1] - days.iloc[0] > pd.Timedelta(days=300)
    axes.set_xticks(shown, [f"{day:%b %Y}" if is_long else f"{day:%d %b}" for day in shown])
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    theme.label_axes(axes, y="films")
    theme.light_grid(axes, "y")
    theme.add_legend(axes, loc="lower right", bbox_to_anchor=(1, 1), ncols=2, columnspacing=1.2)


def _draw_runs(axes: "Axes", now: dict[tuple[str, str], float]) -> None:
    """The success rate of each job as a bar, its runs and mean duration as words."""
    jobs = [part for figure, part in now if figure == RUNS]
    if not jobs:
        axes.set_axis_off()
        axes.text(0, 0.5, "No runs recorded in 30 days.", fontsize=theme.TEXT_POINTS,
                  color=theme.GREY)  # fmt: skip
        return
    jobs = sorted(jobs, key=lambda job: (job != ALL, -now[RUNS, job], job))[:MOST_JOBS][::-1]
    rates = [100 * now.get((SUCCESS, job), 0) for job in jobs]
    names = ["all jobs" if job == ALL else job for job in jobs]
    bars = axes.barh(names, rates, color=[theme.BLUE if j == ALL else theme.SKY for j in jobs])
    words = []
    for job in jobs:
        seconds = now.get((SECONDS, job))
        mean = "" if seconds is None else f", {seconds:,.1f} s" if seconds < 100 else (
            f", {seconds / 60:,.0f} min")  # fmt: skip
        count = now[RUNS, job]
        words.append(f"{count:,.0f} {'run' if count == 1 else 'runs'}{mean}")
    axes.bar_label(bars, words, label_type="edge", padding=4, fontsize=theme.TEXT_POINTS - 1,
                   color=theme.INK)  # fmt: skip
    axes.set_xlim(0, 165)
    axes.set_xticks([0, 50, 100])
    axes.xaxis.set_major_formatter("{x:.0f} %")
    theme.label_axes(axes, x="runs of 30 days that succeeded")


def _label_bars(axes: "Axes", bars: "BarContainer") -> None:
    """Each bar's value at its end, with room for it."""
    axes.bar_label(bars, fmt="{:,.0f}", padding=4, fontsize=theme.TEXT_POINTS - 1, color=theme.INK)
    axes.margins(x=0.2)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.locator_params(axis="x", nbins=5)
