"""The picture of `freshness`: what each strategy asks of TMDB, and how stale its films are.

Lives here: the drawing, in the theme of all plots. Not here: the figures (`freshness_figures.py`).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ayne_dagster.charts.theme import (
    BLUE,
    GREY,
    INK,
    SKY,
    TEXT_POINTS,
    add_legend,
    label_axes,
    light_grid,
    new_figure,
    to_png,
)
from ayne_dagster.domain.outcomes import Source
from benchmarks.freshness_figures import Outcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_ROOM = 1.18
"""Bars end before the axis does: their figures stand behind them."""


def draw(outcomes: Sequence[Outcome], days: int) -> bytes:
    """Requests a day beside staleness, one bar per strategy; ours, the first, in colour.

    Args:
        outcomes: Ours first.
        days: How many were simulated.

    Returns:
        A PNG file.
    """
    figure, (asked, stale) = new_figure(
        "With the change feed a change is known in days, not in weeks", height=3.6, columns=2
    )
    names = [one.name for one in outcomes]
    films = [one.requests[Source.TMDB] / days for one in outcomes]
    pages = [one.pages / days for one in outcomes]
    places = range(len(names))
    colours = [BLUE] + [GREY] * (len(names) - 1)
    asked.barh(places, films, color=colours, height=0.62, label="films")
    asked.barh(places, pages, left=films, color=SKY, height=0.62, label="pages of the change feed")
    totals = [film + page for film, page in zip(films, pages, strict=True)]
    _write_figures(asked, totals, "{:,.0f}")
    label_axes(asked, title="requests to TMDB a day")
    waits = [one.staleness[Source.TMDB].mean_days for one in outcomes]
    stale.barh(places, waits, color=colours, height=0.62)
    _write_figures(stale, waits, "{:,.1f}")
    label_axes(stale, title="days until a change is known")
    for axes in (asked, stale):
        axes.invert_yaxis()
        light_grid(axes, "x")
        axes.set_yticks(list(places), names if axes is asked else [""] * len(names))
        axes.tick_params(axis="y", length=0)
    if any(pages):
        from matplotlib.patches import Patch

        add_legend(
            asked,
            handles=[Patch(color=BLUE, label="films"), Patch(color=SKY, label="pages of the feed")],
            loc="lower right",
        )
    return to_png(figure)


def _write_figures(axes: "Axes", values: Sequence[float], form: str) -> None:
    """Each bar's figure behind it."""
    most = max(values) or 1.0
    axes.set_xlim(0, most * _ROOM)
    for place, value in enumerate(values):
        axes.text(
            value + most * 0.015,
            place,
            form.format(value),
            va="center",
            color=INK,
            fontsize=TEXT_POINTS,
        )
