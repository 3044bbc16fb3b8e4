"""What TMDB's change feed changes about due times: named films, spared films, and its gaps."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ayne_dagster.domain.change_feed import ChangeFeed
from ayne_dagster.domain.due_order import due_films
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import (
    RefreshPolicy,
    Why,
    age_bands,
    days_by_band,
    decide,
)
from ayne_dagster_tests.domain.planned_films import NOW, SEEN, answered, planned, released

EXACT = RefreshPolicy(spread=0.0)
OFF = RefreshPolicy(spread=0.0, is_feed_enabled=False)
TODAY = datetime(2026, 5, 20, tzinfo=UTC)
FEED = ChangeFeed(TODAY - timedelta(days=200), TODAY)
TMDB, OMDB = Source.TMDB, Source.OMDB


def days(count: float) -> timedelta:
    return timedelta(days=count)


def named(days_ago: float) -> dict[str, Any]:
    """First named by a day of the feed that was read so many days before `NOW`."""
    return {"named_at": NOW - days(days_ago), "named_on": (NOW - days(days_ago + 1)).date()}


def decision(
    film: dict[str, Any],
    feed: ChangeFeed | None = FEED,
    policy: RefreshPolicy = EXACT,
    source: Source = TMDB,
    now: datetime = NOW,
) -> tuple[Any, str]:
    made = decide(planned(film), source, now, policy, feed)
    return made["due_at"][0], made["why"][0]


GAPS = [
    # age in days, gap of the band, plain interval
    (-400, 1, 5), (-1, 1, 5), (0, 1, 5), (59, 1, 5), (60, 1, 5),
    (61, 3, 15), (179, 3, 15), (180, 3, 15),
    (181, 7, 30), (364, 7, 30), (365, 7, 30),
    (366, 11, 90), (40_000, 11, 90),
    (None, 7, 30),
]  # fmt: skip


@pytest.mark.parametrize(("age", "gap", "interval"), GAPS)
def test_a_named_film_is_due_when_the_gap_of_its_band_has_passed(
    age: int | None, gap: int, interval: int
):
    film = {"release_date": None} if age is None else released(age)
    asked = NOW - days(0.5)
    early = {**film, **answered(0.5), **named(0.2)}
    assert decision(early) == (asked + days(gap), Why.NAMED)
    just_over = planned({**film, **answered(gap), **named(0.2)})
    just_under = planned({**film, **answered(gap - 1 / 86_400), **named(0.2)})
    assert len(due_films(just_over, TMDB, NOW, EXACT, FEED)) == 1
    assert len(due_films(just_under, TMDB, NOW, EXACT, FEED)) == 0
    assert decision({**film, **answered(0.5)}, None) == (asked + days(interval), Why.INTERVAL)


def test_a_film_named_after_its_gap_is_due_from_the_moment_the_feed_was_read():
    assert decision(released(900, **answered(50), **named(3))) == (NOW - days(3), Why.NAMED)


def test_a_film_named_within_its_gap_waits_for_the_gap():
    assert decision(released(900, **answered(5), **named(3))) == (NOW + days(6), Why.NAMED)


IN_TIME = FEED
SILENT = ChangeFeed(FEED.since, NOW - timedelta(days=10))
LATE = ChangeFeed(NOW - timedelta(days=100), TODAY)
NAMED_LATE = [
    # answered and named so many days ago, the feed, due since so many days ago, why
    (150, 10, IN_TIME, 10, Why.NAMED),  # kept back since day 90, named on day 140
    (150, 10, SILENT, 60, Why.INTERVAL),  # in an outage: since day 90
    (150, 10, LATE, 60, Why.INTERVAL),  # answered before a day that was lost
    (150, 10, None, 60, Why.INTERVAL),
    (150, 61, IN_TIME, 61, Why.NAMED),  # just before the interval has passed
    (150, 61, SILENT, 61, Why.NAMED),
    (150, 60, SILENT, 60, Why.NAMED),  # just as it does
    (170, 5, IN_TIME, 10, Why.RECHECK),  # named after its verification came due
    (170, 10, IN_TIME, 10, Why.NAMED),
    (91, -1, IN_TIME, 1, Why.INTERVAL),  # named by a clock that is ahead
]


@pytest.mark.parametrize(("asked", "named_ago", "feed", "due_ago", "why"), NAMED_LATE)
def test_a_film_named_past_its_interval_is_due_since_the_first_thing_that_made_it_due(
    asked: float, named_ago: float, feed: ChangeFeed | None, due_ago: float, why: Why
):
    """One the feed had kept back looked long overdue: by its interval, that had not counted."""
    film = released(900, **answered(asked), **named(named_ago))
    assert decision(film, feed) == (NOW - days(due_ago), why)


def test_a_gap_longer_than_the_interval_does_not_put_a_named_film_off():
    slow = RefreshPolicy(
        spread=0.0, gap_days=days_by_band(new=9, young=9, settling=9, old=9, undated=9)
    )
    film = released(10, **answered(5.5), **named(2))
    assert decision(film, policy=slow) == (NOW - days(0.5), Why.NAMED)
    assert decision({**film, **named(0)}, policy=slow) == (NOW, Why.NAMED)


def test_a_frozen_film_that_is_named_is_due_after_its_gap():
    frozen = released(900, is_frozen=True, **answered(20))
    assert decision({**frozen, **named(2)}) == (NOW - days(2), Why.NAMED)
    assert decision(frozen) == (NOW + days(140), Why.RECHECK)


def test_a_film_that_a_believed_feed_does_not_name_waits_for_its_verification():
    for age in (-30, 10, 100, 300, 900):
        assert decision(released(age, **answered(120))) == (NOW + days(40), Why.RECHECK)
        assert decision(released(age, **answered(161))) == (NOW - days(1), Why.RECHECK)
    assert decision({"release_date": None, **answered(120)}) == (NOW + days(40), Why.RECHECK)


def test_the_verification_is_spread_as_intervals_are():
    """Without it all films of a first fill come due on one day, 160 days later."""
    films = planned(*(released(900, **answered(0)) for _ in range(200)))
    waits = (
        decide(films, TMDB, NOW, RefreshPolicy(), FEED)["due_at"] - NOW
    ).dt.total_seconds() / 86_400
    assert waits.between(144, 176).all()
    assert waits.max() - waits.min() > 25


def test_an_interval_longer_than_the_verification_is_kept():
    slow = RefreshPolicy(
        spread=0.0,
        frozen_recheck_days=20,
        interval_days=dict.fromkeys(
            Source, days_by_band(new=5, young=5, settling=5, old=90, undated=5)
        ),
    )
    assert decision(released(900, **answered(30)), policy=slow) == (NOW + days(60), Why.RECHECK)
    assert decision(released(10, **answered(30)), policy=slow) == (NOW - days(10), Why.RECHECK)


def test_an_outage_brings_back_the_plain_intervals_and_keeps_what_was_named():
    film = released(900, **answered(100))
    still = ChangeFeed(FEED.since, NOW - days(3))
    silent = ChangeFeed(FEED.since, NOW - days(3) - timedelta(seconds=1))
    assert decision(film, still)[1] == Why.RECHECK
    assert decision(film, silent) == (NOW - days(10), Why.INTERVAL)
    assert decision({**film, **answered(50), **named(8)}, silent) == (NOW - days(8), Why.NAMED)


def test_a_film_answered_before_a_gap_in_the_feed_follows_the_plain_intervals():
    """A day was lost: nobody knows whether it named the film."""
    asked = NOW - days(100)
    after_gap = ChangeFeed(TODAY - days(99), TODAY)
    assert decision(released(900, **answered(100)), after_gap) == (asked + days(90), Why.INTERVAL)
    inside = ChangeFeed(TODAY - days(100), TODAY)
    assert decision(released(900, **answered(100)), inside) == (asked + days(160), Why.RECHECK)
    on_the_second = ChangeFeed(asked, TODAY)
    assert decision(released(900, **answered(100)), on_the_second)[1] == Why.RECHECK


def test_without_any_day_read_the_plain_intervals_hold():
    assert decision(released(900, **answered(100)), None) == (NOW - days(10), Why.INTERVAL)


def test_a_feed_that_is_switched_off_says_nothing():
    plain = (NOW + days(40), Why.INTERVAL)
    assert decision(released(900, **answered(50), **named(3)), FEED, OFF) == plain
    assert decision(released(900, **answered(50)), FEED, OFF) == plain


def test_the_feed_has_no_say_where_the_last_answer_was_no_row():
    never = released(900, **named(3))
    assert decision(never) == (SEEN, Why.NEVER_FETCHED)
    unusable = released(10, **answered(2, "unusable"), **named(1))
    assert decision(unusable) == (NOW + days(5), Why.UNUSABLE)
    unknown = released(900, **answered(0.5, "not_found"), **named(0.1))
    assert decision(unknown) == (NOW + days(0.5), Why.NOT_FOUND)
    gone = released(900, **answered(3, "not_found"), **named(1), tmdb_gone_at=NOW - days(3))
    assert decision(gone)[0] is pd.NaT
    assert decision(gone)[1] == Why.GONE


def test_unchanged_answers_stand_as_rows_do():
    assert decision(released(900, **answered(100, "unchanged")))[1] == Why.RECHECK
    assert decision(released(900, **answered(20, "unchanged"), **named(1)))[1] == Why.NAMED


def test_omdb_does_not_listen_to_tmdbs_feed():
    film = released(100, **answered(20), **named(1))
    assert decision(film, source=OMDB) == (NOW + days(10), Why.INTERVAL)


def test_what_the_feed_keeps_back_can_be_counted():
    films = planned(
        released(900, **answered(100)),  # past 90 days, kept back
        released(900, **answered(80)),  # not past its interval
        released(900, **answered(100), **named(1)),
        released(900, **answered(170)),  # verification is due
        released(900, **answered(100, "unusable")),
        released(900),
    )
    made = decide(films, TMDB, NOW, EXACT, FEED)
    kept = made["is_spared"] & (made["plain_due_at"] <= NOW) & (made["due_at"] > NOW)
    assert kept.tolist() == [True, False, False, False, False, False]


def test_omdb_is_asked_by_the_shorter_of_ratings_and_box_office():
    """The US box office comes with the ratings: it has an interval, but no request of its own."""
    money = days_by_band(new=2, young=60, settling=60, old=400, undated=1)
    policy = RefreshPolicy(spread=0.0, box_office_days=money)
    waits = [
        decision({**film, **answered(0)}, policy=policy, source=OMDB)[0] - NOW
        for film in (released(10), released(100), released(300), released(900),
                     {"release_date": None})
    ]  # fmt: skip
    assert waits == [days(2), days(30), days(60), days(180), days(1)]
    assert decision(released(10, **answered(0)), None, policy)[0] == NOW + days(5)


def test_a_clock_that_moved_back_asks_for_nothing_twice():
    """Answered by a clock that was two hours ahead: not due, neither named nor spared early."""
    ahead = released(10, **answered(-2 / 24))
    assert decision(ahead, None) == (NOW + days(5 + 2 / 24), Why.INTERVAL)
    assert decision({**ahead, **named(0)}) == (NOW + days(1 + 2 / 24), Why.NAMED)
    assert decision(ahead)[1] == Why.RECHECK


def test_a_clock_that_jumps_forward_loses_its_belief_in_the_feed():
    """After a month asleep the plain intervals hold until the feed has caught up."""
    film = released(900, **answered(80))
    later = NOW + days(30)
    assert decision(film)[1] == Why.RECHECK
    assert decision(film, now=later) == (NOW + days(10), Why.INTERVAL)


_films = st.fixed_dictionaries(
    {
        "age": st.one_of(st.none(), st.integers(-400, 3000)),
        "answered": st.floats(0, 300),
        "outcome": st.sampled_from(["row", "row", "unchanged", "not_found", "unusable"]),
        "is_frozen": st.booleans(),
        "named": st.one_of(st.none(), st.floats(-2, 200)),
    }
)


def frame(films: list[dict[str, Any]]) -> pd.DataFrame:
    rows = []
    for film in films:
        row = {"release_date": None} if film["age"] is None else released(film["age"])
        row |= answered(film["answered"], film["outcome"]) | {"is_frozen": film["is_frozen"]}
        rows.append(row if film["named"] is None else {**row, **named(film["named"])})
    return planned(*rows)


@given(st.lists(_films, min_size=1, max_size=30), st.integers(0, 5), st.integers(1, 300))
@settings(max_examples=25)
def test_a_naming_makes_due_what_its_age_or_its_gap_does_and_never_puts_off(
    films: list[dict[str, Any]], back: int, length: int
):
    """Whether a film is due: by its age, or by its gap once it is named; spared ones later."""
    feed = ChangeFeed(TODAY - days(back + length), TODAY - days(back))
    plan, policy = frame(films), RefreshPolicy()
    by_age = decide(plan, TMDB, NOW, RefreshPolicy(is_feed_enabled=False))["due_at"]
    made = decide(plan, TMDB, NOW, policy, feed)
    is_due, asked = made["due_at"] <= NOW, pd.to_datetime(plan["tmdb_answered_at"], utc=True)
    named_at = pd.to_datetime(plan["named_at"], utc=True)
    is_named = named_at.notna() & plan["tmdb_outcome"].isin(["row", "unchanged"])
    gaps = pd.to_timedelta(age_bands(plan["release_date"], NOW).map(policy.gap_days), unit="D")
    after_gap = (asked.dt.floor("s") + gaps <= NOW) & (named_at.dt.floor("s") <= NOW)
    assert is_due[is_named].equals(((by_age <= NOW) | after_gap)[is_named])
    assert (made["due_at"] >= by_age)[~is_named].all()
    unnamed = decide(plan.assign(named_at=None, named_on=None), TMDB, NOW, policy, feed)["due_at"]
    assert (made["due_at"] <= unnamed)[~(named_at > NOW)].all()
    assert (made["plain_due_at"] == by_age).all()
    assert (made["due_at"] > asked).all()
    # TMDB's terms: nothing is kept for six months without asking again.
    assert (made["due_at"] < asked + days(180)).all()
    assert made["due_at"].equals(made["due_at"].dt.floor("s"))


@given(st.lists(_films, min_size=1, max_size=30), st.integers(-14 * 60, 14 * 60))
@settings(max_examples=10)
def test_the_same_moment_in_any_time_zone_gives_the_same_decisions(
    films: list[dict[str, Any]], minutes: int
):
    plan = frame(films)
    elsewhere = NOW.astimezone(timezone(timedelta(minutes=minutes)))
    for source in Source:
        here = decide(plan, source, NOW, RefreshPolicy(), FEED)
        there = decide(plan, source, elsewhere, RefreshPolicy(), FEED)
        pd.testing.assert_frame_equal(here, there, check_exact=True)
