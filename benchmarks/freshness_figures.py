"""What the simulated days of `freshness` came to: requests, staleness, what was late.

Lives here: definitions of the figures. Not here: the days (`freshness_lives.py`) and the goals
(`freshness.py`).
"""

from dataclasses import dataclass

import numpy as np

from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.tables.derived import AGE_BANDS
from benchmarks.freshness_lives import Fetched, Lived
from benchmarks.freshness_world import DAY_SECONDS, Changes, World

_WIDTH = 10**9
"""More seconds than any world has: film and second make one number that sorts like the pair."""


@dataclass(frozen=True)
class Staleness:
    """How long stored fields were stale: from the first change until the answer that brought it.

    Attributes:
        periods: How often stored fields became stale. Further changes before the next answer make
            no new period; changes before a film's first fetch are none of stored fields.
        mean_days: How long such a period lasted on average.
        p95_days: 95 of 100 lasted no longer.
        mean_days_by_band: On average, by the film's age band on the day of the first change.
        changes: Changes of stored fields, each counted by itself.
        mean_days_by_change: How long each of them waited on average.
    """

    periods: int
    mean_days: float
    p95_days: float
    mean_days_by_band: dict[str, float]
    changes: int
    mean_days_by_change: float


@dataclass(frozen=True)
class Outcome:
    """What a strategy came to.

    Attributes:
        name: Of the strategy.
        requests: Films asked for, per source.
        per_day: The same day by day.
        reasons: Requests to TMDB by what made their film due.
        pages: Pages of the change feed read.
        staleness: Per source.
        overdue: Per source, film-days due for more than a day, after its first fill.
        filled_on: Per source, the day (from 0) of the last first answer; None: never.
        frozen: Films frozen at the end.
    """

    name: str
    requests: dict[Source, int]
    per_day: dict[Source, list[int]]
    reasons: dict[str, int]
    pages: int
    staleness: dict[Source, Staleness]
    overdue: dict[Source, int]
    filled_on: dict[Source, int | None]
    frozen: int

    @property
    def tmdb_in_all(self) -> int:
        """Requests to TMDB: films and pages of the feed."""
        return self.requests[Source.TMDB] + self.pages


def outcome_of(lived: Lived, world: World) -> Outcome:
    """Sum up what a strategy lived through."""
    fetched = lived.fetched
    return Outcome(
        name=lived.strategy.name,
        requests={source: sum(fetched[source].requests) for source in Source},
        per_day={source: fetched[source].requests for source in Source},
        reasons=dict(lived.reasons),
        pages=sum(lived.pages),
        staleness={
            source: staleness(world.changes[source], fetched[source], world.days)
            for source in Source
        },
        overdue={source: _overdue(fetched[source]) for source in Source},
        filled_on={source: fetched[source].filled_on for source in Source},
        frozen=lived.frozen[-1],
    )


def staleness(changes: Changes, fetched: Fetched, days: int) -> Staleness:
    """How long stored fields were stale.

    From the first change after an answer to the next answer; what no answer brought counts with the
    time until the end, which flatters whoever never asks.

    Args:
        changes: Of one source.
        fetched: Answers of that source.
        days: How long the world lasts.
    """
    film = np.concatenate([np.asarray(films, dtype=np.int64) for films in fetched.films])
    second = np.repeat(fetched.seconds, fetched.requests)
    # A sentinel after the last answer: the end of the world, as if of a film of its own.
    answers = np.append(np.sort(film * _WIDTH + second), np.iinfo(np.int64).max)
    asked = changes.film.astype(np.int64) * _WIDTH + changes.second
    place = np.searchsorted(answers, asked)
    is_brought = answers[place] // _WIDTH == changes.film
    is_stored = (place > 0) & (answers[place - 1] // _WIDTH == changes.film)
    end = np.where(is_brought, answers[place] % _WIDTH, days * DAY_SECONDS)
    waited = (end - changes.second) / DAY_SECONDS
    # Changes are sorted by film and time: the first one that meets the same next answer.
    is_first = np.ones(len(place), dtype=bool)
    is_first[1:] = (place[1:] != place[:-1]) | (changes.film[1:] != changes.film[:-1])
    stale, bands = waited[is_stored & is_first], changes.band[is_stored & is_first]
    return Staleness(
        periods=len(stale),
        mean_days=_mean(stale),
        p95_days=float(np.quantile(stale, 0.95)) if len(stale) else 0.0,
        mean_days_by_band={
            band: _mean(stale[bands == code])
            for code, band in enumerate(AGE_BANDS)
            if (bands == code).any()
        },
        changes=int(is_stored.sum()),
        mean_days_by_change=_mean(waited[is_stored]),
    )


def _mean(days: np.ndarray) -> float:
    return float(days.mean()) if len(days) else 0.0


def _overdue(fetched: Fetched) -> int:
    """Film-days overdue after the day the first fill was done."""
    since = len(fetched.overdue) if fetched.filled_on is None else fetched.filled_on + 1
    return sum(fetched.overdue[since:])
