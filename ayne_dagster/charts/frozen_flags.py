"""The pictures of `frozen_flags`: films per age band, when the next come due, freshness by year."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from ayne_dagster.charts import theme
from ayne_dagster.domain.tables.derived import AGE_BANDS

DAYS_AHEAD = 90
_WEEK_EDGES = np.arange(0, DAYS_AHEAD + 7, 7)


@dataclass(frozen=True)
class FlagFigures:
    """What the picture needs of any number of films; figures of groups add up to those of all.

    Attributes:
        awake: Films that are refreshed, by age band.
        asleep: Frozen films, by age band.
        due_at_tmdb: Films due at TMDB.
        due_at_omdb: Films due at OMDb.
        overdue: Films due at any source.
        per_week: Films that come due first in each of the coming weeks.
    """

    awake: Counter[str] = field(default_factory=Counter)
    asleep: Counter[str] = field(default_factory=Counter)
    due_at_tmdb: int = 0
    due_at_omdb: int = 0
    overdue: int = 0
    per_week: np.ndarray = field(default_factory=lambda: np.zeros(len(_WEEK_EDGES) - 1, np.int64))

    @classmethod
    def of(cls, frozen_flags: pd.DataFrame, now: datetime) -> "FlagFigures":
        """Count films.

        Args:
            frozen_flags: Rows of `frozen_flags`.
            now: Aware time from which on the weeks count; what is overdue is one bar.
        """
        is_frozen = frozen_flags["is_frozen"].astype(bool)
        days = days_until_due(frozen_flags, now)
        ahead = days[(days > 0) & (days <= _WEEK_EDGES[-1])]
        due = {
            name: int((pd.to_datetime(frozen_flags[name], utc=True) <= now).sum())
            for name in ("tmdb_due_at", "omdb_due_at")
        }
        return cls(
            awake=Counter(frozen_flags["age_band"][~is_frozen].tolist()),
            asleep=Counter(frozen_flags["age_band"][is_frozen].tolist()),
            due_at_tmdb=due["tmdb_due_at"],
            due_at_omdb=due["omdb_due_at"],
            overdue=int((days <= 0).sum()),
            per_week=np.histogram(ahead, bins=_WEEK_EDGES)[0],
        )

    def __add__(self, other: "FlagFigures") -> "FlagFigures":
        """The figures of both groups together."""
        return FlagFigures(
            self.awake + other.awake,
            self.asleep + other.asleep,
            self.due_at_tmdb + other.due_at_tmdb,
            self.due_at_omdb + other.due_at_omdb,
            self.overdue + other.overdue,
            self.per_week + other.per_week,
        )

    @property
    def frozen(self) -> int:
        """Films that automatic refreshes skip."""
        return self.asleep.total()

    @property
    def films(self) -> int:
        """All films."""
        return self.awake.total() + self.frozen


def plot_frozen_flags(figures: FlagFigures) -> bytes:
    """Films per age band (frozen or not), and films due per week of the coming 90 days.

    Args:
        figures: What is to be drawn.

    Returns:
        A PNG; of no films one that says so.
    """
    if not figures.films:
        return theme.no_data_yet("flags")
    title = f"{figures.films:,} films, {figures.frozen:,} of them frozen"
    figure, (bands, weeks) = theme.new_figure(title, height=3.6, columns=2)

    names = [*reversed(AGE_BANDS)]
    awake = [figures.awake[name] for name in names]
    bands.barh(names, awake, color=theme.BLUE, label="refreshed")
    asleep = [figures.asleep[name] for name in names]
    bands.barh(names, asleep, left=awake, color=theme.SKY, label="frozen")
    theme.label_axes(bands, x="films by age since release")
    theme.light_grid(bands, "x")
    theme.add_legend(bands, loc="upper right", bbox_to_anchor=(1, 1.15), ncols=2, columnspacing=1)

    weeks.bar([-0.8], [figures.overdue], width=0.8, color=theme.RED)
    weeks.bar(np.arange(len(figures.per_week)) + 0.5, figures.per_week, width=0.8, color=theme.BLUE)
    weeks.set_xticks([-0.8, 0.5, 4.5, 8.5, 12.5], ["now", "1", "5", "9", "13"])
    theme.whole_numbers(weeks, "y")
    theme.label_axes(weeks, x="weeks from now", y="films", title="when the first source is due")
    theme.light_grid(weeks, "y")
    return theme.to_png(figure)


FRESHNESS = {
    "fresh": theme.BLUE,
    "frozen": theme.SKY,
    "due": theme.ORANGE,
    "overdue": theme.RED,
}
"""How a film stands, each film in exactly one, in the order in which bars are stacked."""


def plot_freshness_by_year(years: Sequence[Mapping[str, Any]]) -> bytes:
    """The share of films that are fresh, frozen, due and overdue, a bar per release year.

    Args:
        years: Rows `release_year`, `films`, `fresh`, `frozen`, `due`, `overdue`, in order of years.

    Returns:
        A PNG; of no films one that says so.
    """
    filled = [year for year in years if year["films"]]
    if not filled:
        return theme.no_data_yet("films")
    films = sum(year["films"] for year in filled)
    waiting = sum(year["due"] + year["overdue"] for year in filled)
    title = f"{waiting:,} of {films:,} films are due"
    figure, (axes,) = theme.new_figure(title, height=3.4)
    places = np.arange(len(filled))
    below = np.zeros(len(filled))
    for name, colour in FRESHNESS.items():
        shares = np.array([100 * year[name] / year["films"] for year in filled])
        axes.bar(places, shares, bottom=below, color=colour, label=name, width=0.85)
        below += shares
    step = max(1, -(-len(filled) // 14))
    axes.set_xticks(places[::step], [year["release_year"] for year in filled[::step]])
    axes.set_xlim(-0.6, len(filled) - 0.4)
    axes.set_ylim(0, 100)
    axes.yaxis.set_major_formatter("{x:.0f} %")
    theme.label_axes(axes, x="release year", y="share of films")
    theme.add_legend(axes, loc="lower right", bbox_to_anchor=(1, 1), ncols=4, columnspacing=1.2)
    return theme.to_png(figure)


def days_until_due(frozen_flags: pd.DataFrame, now: datetime) -> np.ndarray:
    """Days until the first source of each film that is to be asked again; overdue is negative.

    Returns:
        Float array of the films with a due time, in no particular order.
    """
    due = pd.concat(
        [pd.to_datetime(frozen_flags[name], utc=True) for name in ("tmdb_due_at", "omdb_due_at")],
        axis=1,
    ).min(axis=1)
    waits = due.dropna() - pd.Timestamp(now)
    return waits.dt.total_seconds().to_numpy(float) / 86_400
