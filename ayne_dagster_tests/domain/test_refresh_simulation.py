"""Months of a platform that asks for what is due: nothing twice too soon, nothing too late."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ayne_dagster.domain.change_feed import change_feed
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy, Why, age_bands, decide
from ayne_dagster_tests.domain.planned_films import planned

START = datetime(2026, 1, 5, 3, tzinfo=UTC)
FILMS = 200
_DAY = 86_400.0


@dataclass
class World:
    """Films of every age, their answers, and the days of a feed that is read at 01:00 UTC.

    Attributes:
        source: Whom the platform asks.
        days: How many days pass.
        tick_days: How often it looks what is due.
        has_feed: Whether the feed is read.
        outage: Days on which it is not.
        seed: Of ages and changes.
    """

    source: Source
    days: int
    tick_days: float = 1.0
    has_feed: bool = False
    outage: range = range(0)
    seed: int = 1

    def __post_init__(self) -> None:
        draw = np.random.default_rng(self.seed)
        ages = draw.integers(-120, 900, FILMS)
        self.films = planned(
            *({"release_date": (START - timedelta(days=int(age))).date()} for age in ages),
            {"release_date": None},
        )
        self.films["first_seen_at"] = pd.Timestamp(START)
        for name in ("tmdb_answered_at", "omdb_answered_at", "named_at"):
            self.films[name] = pd.Series(pd.NaT, self.films.index, "datetime64[ns, UTC]")
        self.changes = draw.random((self.days + 1, len(self.films))) < 0.02

    def ticks(self, policy: RefreshPolicy) -> Iterator[tuple[datetime, pd.DataFrame, pd.Series]]:
        """Each moment with the decisions of that moment and which films are asked for then."""
        read: dict[int, datetime] = {}
        for number in range(int(self.days / self.tick_days)):
            now = START + timedelta(days=number * self.tick_days)
            today = (now - START).days
            if self.has_feed and today not in self.outage:
                # It reaches back 14 days: what an outage missed is read after it, if not older.
                for day in range(max(0, today - 14), today):
                    read.setdefault(day, now)
            self._name(read)
            days_read = [START.date() + timedelta(days=day) for day in read]
            made = decide(self.films, self.source, now, policy, change_feed(days_read))
            due = made["due_at"] <= now
            yield now, made, due
            self.films.loc[due, f"{self.source}_answered_at"] = pd.Timestamp(now)
            self.films.loc[due, f"{self.source}_outcome"] = "row"

    def _name(self, read: dict[int, datetime]) -> None:
        """The first naming of each film since the UTC day of its answer, as the warehouse says."""
        if not read:
            return
        answered = days_since(self.films["tmdb_answered_at"], START - timedelta(hours=START.hour))
        days = np.array(sorted(read))
        names: Any = self.changes[days] & (days[:, None] >= np.floor(-answered))
        at = pd.DatetimeIndex([read[day] for day in days.tolist()])
        first = pd.Series(at[names.argmax(axis=0)], index=self.films.index)
        self.films["named_at"] = first.where(names.any(axis=0))


def days_of(films: pd.DataFrame, now: datetime, days_of_band: dict[str, float]) -> np.ndarray:
    """The days of each film's band."""
    return age_bands(films["release_date"], now).map(days_of_band).to_numpy(float)


def days_since(moments: pd.Series, now: datetime) -> np.ndarray:
    return (pd.Timestamp(now) - moments).dt.total_seconds().to_numpy() / _DAY


def waited_days(world: World, now: datetime) -> np.ndarray:
    """Since each film's last answer; NaN where there was none."""
    return days_since(world.films[f"{world.source}_answered_at"], now)


@pytest.mark.parametrize(
    ("source", "days", "tick"),
    [
        (Source.TMDB, 36, 1.0),
        pytest.param(Source.TMDB, 220, 0.8, marks=pytest.mark.slow),
        pytest.param(Source.OMDB, 400, 1.3, marks=pytest.mark.slow),
    ],
)
def test_by_age_no_film_is_asked_for_too_soon_and_none_is_late(
    source: Source, days: int, tick: float
):
    """With budget for all: not within the interval less its spread, nor a tick after its end."""
    world, policy = World(source, days=days, tick_days=tick), RefreshPolicy()
    asked = 0
    for now, made, due in world.ticks(policy):
        waited = waited_days(world, now)
        interval = days_of(world.films, now, policy.interval_days[source])
        again = due.to_numpy() & ~np.isnan(waited)
        asked += int(again.sum())
        assert (waited[again] >= (1 - policy.spread) * interval[again] - 1 / _DAY).all()
        assert not (waited > (1 + policy.spread) * interval + tick).any()
        late = (pd.Timestamp(now) - made["due_at"])[again]
        assert (late < timedelta(days=tick)).all()
    assert asked > 100


@pytest.mark.parametrize(
    ("days", "outage"),
    [(40, range(24, 31)), pytest.param(330, range(170, 183), marks=pytest.mark.slow)],
)
def test_with_the_feed_films_wait_for_a_naming_or_their_verification(days: int, outage: range):
    """A change is fetched a tick after its band's gap and the reading of its day, at the latest."""
    world, policy = World(Source.TMDB, days, has_feed=True, outage=outage), RefreshPolicy()
    reasons: Counter[str] = Counter()
    for now, made, due in world.ticks(policy):
        waited = waited_days(world, now)
        again = due.to_numpy() & ~np.isnan(waited)
        reasons.update(made["why"][again])
        gap = days_of(world.films, now, policy.gap_days)
        least = (1 - policy.spread) * days_of(world.films, now, policy.interval_days[Source.TMDB])
        least[made["is_spared"]] = (1 - policy.spread) * policy.frozen_recheck_days
        is_named_why = (made["why"] == Why.NAMED).to_numpy()
        least[is_named_why] = gap[is_named_why]
        assert (waited[again] >= least[again] - 1 / _DAY).all()
        is_named = world.films["named_at"].notna().to_numpy()
        known_for = days_since(world.films["named_at"], now)
        assert (np.minimum(known_for, waited - gap)[is_named] < 1).all()
        assert not (waited > (1 + policy.spread) * policy.frozen_recheck_days + 1).any()
        # Three days without reading are forgiven, counted from the end of the last day read.
        if (now - START).days not in range(outage.start + 2, outage.stop):
            assert (made["is_spared"] | is_named | np.isnan(waited)).all()
        else:
            assert not made["is_spared"].any()
    assert reasons[Why.NAMED] > 40
    assert reasons[Why.INTERVAL] > 3  # in the outage
    assert (reasons[Why.RECHECK] > 0) == (days > 165)


@given(
    st.integers(-500, 2000),
    st.integers(0, 10**9),
    st.lists(st.floats(0.01, 40), min_size=1, max_size=6),
    st.sampled_from(Source),
)
@settings(max_examples=12)
def test_however_irregularly_a_platform_runs_no_film_is_due_within_its_interval(
    age: int, film: int, sleeps: list[float], source: Source
):
    policy, now = RefreshPolicy(), START
    films = planned({"tmdb_id": film, "release_date": (START - timedelta(days=age)).date()})
    films[f"{source}_outcome"] = "row"
    asked = now
    for sleep in sleeps:
        films[f"{source}_answered_at"] = pd.Timestamp(asked)
        now += timedelta(days=sleep)
        if decide(films, source, now, policy)["due_at"][0] <= now:
            interval = days_of(films, now, policy.interval_days[source])[0]
            assert (now - asked).total_seconds() >= (1 - policy.spread) * interval * _DAY - 1
            asked = now
