"""How a strategy of `freshness` lives through the simulated days, by the platform's own rule.

Lives here: the day that repeats: read the feed, ask TMDB, ask OMDb within its quota, flag. Not
here: the rule (`domain/refresh_policy.py`, `freezing.py`, `refresh_states.py`), the world
(`freshness_world.py`) and what the days come to (`freshness_figures.py`).
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from ayne_dagster.domain.change_feed import ChangeFeed, change_feed, days_to_read
from ayne_dagster.domain.due_order import due_films
from ayne_dagster.domain.freezing import is_frozen
from ayne_dagster.domain.outcomes import FetchOutcome, Source
from ayne_dagster.domain.refresh_policy import decide
from ayne_dagster.domain.refresh_states import AnswerSeen, StateRules, next_state
from benchmarks.freshness_strategies import Strategy
from benchmarks.freshness_world import Changes, World

FIRST_FILL, NAMED, BY_TIME = "first fill", "named by the feed", "interval or re-verification"
_FACTS = ("tmdb_id", "release_date", "popularity")
_NONE = np.datetime64("NaT", "ns")
_LATE = np.timedelta64(1, "D")
_UNDECIDED = -1
_Films = np.ndarray
"""Rows of films, as numbers."""


@dataclass
class Fetched:
    """What was asked for at one source.

    Attributes:
        films: Of each day, rows of the films in the order of asking.
        seconds: Of each day, the moment of its requests, seconds since the start.
        overdue: Of each day, films due for more than a day by then and not asked for.
        filled_on: Day on which the last film had its first answer; None: never.
    """

    films: list[np.ndarray] = field(default_factory=list)
    seconds: list[int] = field(default_factory=list)
    overdue: list[int] = field(default_factory=list)
    filled_on: int | None = None

    @property
    def requests(self) -> list[int]:
        """Requests of each day."""
        return [len(films) for films in self.films]


@dataclass
class Lived:
    """What became of a strategy.

    Attributes:
        strategy: Which.
        fetched: Per source.
        reasons: Requests to TMDB by what made their film due.
        pages: Pages of the change feed read on each day.
        frozen: Of each day, films frozen at its end.
    """

    strategy: Strategy
    fetched: dict[Source, Fetched]
    reasons: Counter[str] = field(default_factory=Counter)
    pages: list[int] = field(default_factory=list)
    frozen: list[int] = field(default_factory=list)


def live(
    strategy: Strategy,
    world: World,
    *,
    omdb_quota: int,
    hour: float,
    tick: Callable[[], object] = lambda: None,
    is_thorough: bool = False,
) -> Lived:
    """Let a strategy live through the world, one run a day.

    Args:
        strategy: Whose.
        world: Where.
        omdb_quota: Requests OMDb grants a UTC day.
        hour: When it runs, hours after midnight UTC; all its requests are sent in that moment.
        tick: Called after each day.
        is_thorough: Ask the rule about every film every day; slow, and comes to the same.
    """
    life = _Life(strategy, world, omdb_quota, is_thorough)
    for day in range(world.days):
        life.pass_day(day, world.start + timedelta(days=day, hours=hour))
        tick()
    return life.lived


class _Life:
    """The collection of one strategy.

    The rule decides about each film alone, and its word stands until the film is named, answered,
    frozen, thawed or comes into another age band: only then it is asked again. A test holds this
    equal to asking about every film every day.
    """

    def __init__(
        self, strategy: Strategy, world: World, omdb_quota: int, is_thorough: bool
    ) -> None:
        self.strategy, self.world = strategy, world
        self.omdb_quota, self.is_thorough = omdb_quota, is_thorough
        policy, count = strategy.policy, len(world.films)
        self.lived = Lived(strategy, {source: Fetched() for source in Source})
        self.rules = StateRules(
            timedelta(days=policy.gone_after_days), timedelta(days=policy.cycle_days)
        )
        self.states: dict[Source, list[dict[str, Any] | None]] = {
            source: [None] * count for source in Source
        }
        self.unseen = {source: _UnseenChanges(world.changes[source], count) for source in Source}
        self.due = {source: np.full(count, _NONE) for source in Source}
        self.decided_in = {source: np.full(count, _UNDECIDED, dtype=np.int8) for source in Source}
        self.days_read: set[date] = set()
        self.feed: ChangeFeed | None = None
        self.films = _planned(world)

    def pass_day(self, day: int, now: datetime) -> None:
        """One run, as the job `refresh` does it: feed, TMDB, OMDb, flags."""
        if self.strategy.policy.is_feed_enabled:
            self._read_feed(now)
        for source in Source:
            self._decide(source, self._undecided(source, day), now, day)
            asked = self._asked(source, now)
            if source is Source.TMDB:
                self._note_reasons(asked)
            self._answer(source, asked, now)
            fetched = self.lived.fetched[source]
            fetched.films.append(asked)
            fetched.seconds.append(int((now - self.world.start).total_seconds()))
            fetched.overdue.append(int((self.due[source] < _moment(now) - _LATE).sum()))
            if fetched.filled_on is None and not self._never_asked(source).any():
                fetched.filled_on = day
        self._flag(now)

    def _read_feed(self, now: datetime) -> None:
        """Read the days that are over; the first time as many as it reaches back."""
        pages = 0
        for of_day in days_to_read(self.days_read, now):
            number = (of_day - self.world.start.date()).days
            # Before the first day nothing was stored; its pages are as many as another day's.
            pages += self.world.pages[number % self.world.days]
            self.days_read.add(of_day)
            if number >= 0:
                self._note_named(self.world.named[number], of_day, now)
        self.feed = change_feed(self.days_read)
        self.lived.pages.append(pages)

    def _note_named(self, named: _Films, of_day: date, now: datetime) -> None:
        """Note films named for the day of their last answer or a later one, for the first time."""
        answered_on = self.films["tmdb_answered_at"][named].astype("datetime64[D]")
        is_news = np.isnat(self.films["named_at"][named]) & (answered_on <= np.datetime64(of_day))
        self.films["named_at"][named[is_news]] = _moment(now)
        self._forget(named[is_news])

    def _asked(self, source: Source, now: datetime) -> _Films:
        """The films to be asked for: all that are due, or the most urgent within the quota."""
        is_new, newest = self._never_asked(source), self.strategy.newest
        if newest is not None and not is_new.any():
            return self._last_released(source, now)[:newest]
        due = np.flatnonzero(self.due[source] <= _moment(now))
        if newest is not None:
            due = due[is_new[due]]
        if source is Source.TMDB or len(due) <= self.omdb_quota:
            # All are asked in the same moment: their order changes nothing.
            return due
        urgent = self._frame(self._most_urgent(source, due))
        ordered = due_films(urgent, source, now, self.strategy.policy, self.feed)
        return ordered.index.to_numpy()[: self.omdb_quota]

    def _note_reasons(self, asked: _Films) -> None:
        """Count what made these films due; named since its last answer is so past its interval."""
        is_new = np.isnat(self.films["tmdb_answered_at"][asked])
        is_named = ~np.isnat(self.films["named_at"][asked])
        why = np.where(is_new, FIRST_FILL, np.where(is_named, NAMED, BY_TIME))
        self.lived.reasons.update(why.tolist())

    def _most_urgent(self, source: Source, due: _Films) -> _Films:
        """Due films without those that are certainly beyond the quota: sorting them takes time."""
        is_new = np.isnat(self.films[f"{source}_answered_at"][due])
        places = self.omdb_quota - int(is_new.sum())
        if places <= 0:
            return due[is_new]
        again = due[~is_new]
        times = self.due[source][again]
        latest = np.partition(times, places - 1)[places - 1]
        return np.concatenate([due[is_new], again[times <= latest]])

    def _last_released(self, source: Source, now: datetime) -> _Films:
        """Films that came out by now, the newest first."""
        released = self.films["release_date"]
        is_out = released <= _moment(now)
        if source is Source.OMDB:
            is_out &= self._has_id()
        out = np.flatnonzero(is_out)
        return out[np.argsort(released[out], kind="stable")[::-1]]

    def _answer(self, source: Source, asked: _Films, now: datetime) -> None:
        """What the source says, and the state it leaves."""
        of = self.films
        is_changed = self.unseen[source].taken(asked, int((now - self.world.start).total_seconds()))
        is_new = np.isnat(of[f"{source}_answered_at"][asked])
        ids: list[str | None] = of["imdb_id"][asked].tolist()
        states, known = self.states[source], self.world.films["has_ratings"].to_numpy()
        is_news = (is_changed | is_new).tolist()
        for film, imdb_id, is_change in zip(asked.tolist(), ids, is_news, strict=True):
            is_row = source is Source.TMDB or known[film]
            outcome = FetchOutcome.ROW if is_row else FetchOutcome.NOT_FOUND
            states[film] = state = next_state(
                states[film],
                AnswerSeen(source, film, imdb_id, now, outcome, is_change),
                self.rules,
            )
            of[f"{source}_outcome"][film] = outcome
            of[f"{source}_unchanged_cycles"][film] = state["unchanged_cycles"]
        of[f"{source}_answered_at"][asked] = _moment(now)
        self.due[source][asked] = _NONE
        self.decided_in[source][asked] = _UNDECIDED
        if source is Source.TMDB:
            of["named_at"][asked] = _NONE
            # The details bring the id OMDb is asked by.
            of["imdb_id"][asked] = self.world.films["imdb_id"].to_numpy()[asked]
            self.decided_in[Source.OMDB][asked[is_new]] = _UNDECIDED
        else:
            of["has_ratings"][asked] |= known[asked]

    def _flag(self, now: datetime) -> None:
        """What is frozen from now on; films that froze or thawed are decided about anew."""
        policy, cycles = self.strategy.policy, self.films["tmdb_unchanged_cycles"]
        frozen = np.zeros(len(cycles), dtype=bool)
        settled = np.flatnonzero(cycles >= policy.frozen_after_cycles)
        frozen[settled] = is_frozen(self._frame(settled), now, policy)
        self._forget(np.flatnonzero(frozen != self.films["is_frozen"]))
        self.films["is_frozen"] = frozen
        self.lived.frozen.append(int(frozen.sum()))

    def _undecided(self, source: Source, day: int) -> _Films:
        if self.is_thorough:
            return np.arange(len(self.world.films))
        return np.flatnonzero(self.decided_in[source] != self.world.bands[day])

    def _decide(self, source: Source, films: _Films, now: datetime, day: int) -> None:
        """Ask the rule when these films are due."""
        if not len(films):
            return
        made = decide(self._frame(films), source, now, self.strategy.policy, self.feed)
        self.due[source][films] = made["due_at"].dt.tz_localize(None).to_numpy("datetime64[ns]")
        self.decided_in[source][films] = self.world.bands[day][films]

    def _forget(self, films: _Films) -> None:
        for source in Source:
            self.decided_in[source][films] = _UNDECIDED

    def _never_asked(self, source: Source) -> np.ndarray:
        """Of each film, whether the source could be asked for it and never was."""
        is_new = np.isnat(self.films[f"{source}_answered_at"])
        return is_new if source is Source.TMDB else is_new & self._has_id()

    def _has_id(self) -> np.ndarray:
        return self.world.films["imdb_id"].notna().to_numpy()

    def _frame(self, films: _Films) -> pd.DataFrame:
        """These films as the rule reads them."""
        return pd.DataFrame(
            {name: values[films] for name, values in self.films.items()}, index=films
        )


class _UnseenChanges:
    """The changes of one source that no answer has brought yet."""

    def __init__(self, changes: Changes, films: int) -> None:
        order = np.argsort(changes.second, kind="stable")
        self._film, self._second = changes.film[order], changes.second[order]
        self._passed = 0
        self._is_unseen = np.zeros(films, dtype=bool)

    def taken(self, films: _Films, second: int) -> np.ndarray:
        """Whether an answer at this moment brings a change, film by film."""
        passed = int(np.searchsorted(self._second, second, side="right"))
        self._is_unseen[self._film[self._passed : passed]] = True
        self._passed = passed
        found = self._is_unseen[films]
        self._is_unseen[films] = False
        return found


def _planned(world: World) -> dict[str, np.ndarray]:
    """The columns the rule reads, before anything was asked for."""
    count, begin = len(world.films), np.datetime64(world.start.replace(tzinfo=None), "ns")
    columns = {name: world.films[name].to_numpy() for name in _FACTS} | {
        # All are discovered in the first minute, and TMDB never loses one.
        **{name: np.full(count, begin) for name in ("first_seen_at", "last_seen_at", "changed_at")},
        **{name: np.full(count, _NONE) for name in ("tmdb_gone_at", "named_at")},
        **{name: np.zeros(count, dtype=bool) for name in ("is_frozen", "has_ratings")},
        "imdb_id": np.full(count, None, dtype=object),
    }
    for source in Source:
        columns[f"{source}_answered_at"] = np.full(count, _NONE)
        columns[f"{source}_outcome"] = np.full(count, None, dtype=object)
        columns[f"{source}_unchanged_cycles"] = np.zeros(count, dtype=np.int32)
    return columns


def _moment(at: datetime) -> np.datetime64:
    """A moment in UTC as numpy has it, without a zone."""
    return np.datetime64(at.replace(tzinfo=None), "ns")
