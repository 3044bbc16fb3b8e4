"""Every boundary of the refresh rule, and the order in which due films are asked for."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayne_dagster.domain.due_order import due_films
from ayne_dagster.domain.outcomes import FetchOutcome, Source
from ayne_dagster.domain.refresh_policy import (
    NEW,
    OLD,
    SETTLING,
    UNDATED_BAND,
    UNRELEASED,
    YOUNG,
    RefreshPolicy,
    age_bands,
    decide,
    is_gone,
    spread_factors,
)
from ayne_dagster_tests.domain.planned_films import NOW, SEEN, answered, failed, planned, released

EXACT = RefreshPolicy(spread=0.0)
TMDB, OMDB = Source.TMDB, Source.OMDB

BOUNDARIES = [
    # age in days, band, TMDB days, OMDb days
    (-400, UNRELEASED, 5, 5),
    (-1, UNRELEASED, 5, 5),
    (0, NEW, 5, 5),
    (59, NEW, 5, 5),
    (60, NEW, 5, 5),
    (61, YOUNG, 15, 30),
    (179, YOUNG, 15, 30),
    (180, YOUNG, 15, 30),
    (181, SETTLING, 30, 90),
    (364, SETTLING, 30, 90),
    (365, SETTLING, 30, 90),
    (366, OLD, 90, 180),
    (40_000, OLD, 90, 180),
]


def band_on(day: date | None, now: datetime = NOW) -> str:
    return age_bands(pd.Series([day]), now)[0]


def due(film: dict[str, Any], source: Source, policy: RefreshPolicy = EXACT) -> pd.Timestamp:
    return decide(planned(film), source, NOW, policy)["due_at"][0]


@pytest.mark.parametrize(("age", "band", "tmdb_days", "omdb_days"), BOUNDARIES)
def test_each_boundary_day_has_the_band_and_the_intervals_of_the_rule(
    age: int, band: str, tmdb_days: int, omdb_days: int
):
    """Boundaries belong to the younger band: day 60 is still "0-60 days"."""
    film = released(age, **answered(1))
    assert band_on(film["release_date"]) == band
    asked = NOW - timedelta(days=1)
    assert due(film, TMDB) == asked + timedelta(days=tmdb_days)
    assert due(film, OMDB) == asked + timedelta(days=omdb_days)


@pytest.mark.parametrize(("age", "_band", "tmdb_days", "omdb_days"), BOUNDARIES)
@pytest.mark.parametrize("source", Source)
def test_a_film_is_due_from_the_very_second_its_interval_ends(
    age: int, _band: str, tmdb_days: int, omdb_days: int, source: Source
):
    days = tmdb_days if source is TMDB else omdb_days
    just_over = planned(released(age, **answered(days)))
    just_under = planned(released(age, **answered(days - 1 / 86_400)))
    assert len(due_films(just_over, source, NOW, EXACT)) == 1
    assert len(due_films(just_under, source, NOW, EXACT)) == 0


def test_a_film_never_asked_for_is_due_at_once_whatever_its_age():
    films = planned(*(released(age) for age, *_ in BOUNDARIES), {"release_date": None})
    for source in Source:
        assert len(due_films(films, source, NOW, EXACT)) == len(films)


def test_a_film_just_asked_for_is_not_due():
    films = planned(*(released(age, **answered(0)) for age, *_ in BOUNDARIES))
    for source in Source:
        assert due_films(films, source, NOW, RefreshPolicy()).empty


def test_a_film_without_a_date_is_asked_for_every_month():
    film = {"release_date": None, **answered(1)}
    assert band_on(None) == UNDATED_BAND
    assert due(film, TMDB) == NOW + timedelta(days=29)
    assert due(film, OMDB) == NOW + timedelta(days=89)


def test_omdb_is_never_asked_for_a_film_without_an_imdb_id():
    film = released(10, imdb_id=None)
    assert due(film, OMDB) is pd.NaT
    assert due(film, TMDB) == SEEN
    assert due_films(planned(film), OMDB, NOW, EXACT).empty


def test_mistake_2_a_film_whose_imdb_id_was_answered_is_not_asked_for_again():
    """Nothing wrote imdb_id back, so OMDb was asked for the same films on every run."""
    film = released(500, imdb_id="tt0133093", **answered(3))
    assert due_films(planned(film), OMDB, NOW, RefreshPolicy()).empty


def test_a_frozen_film_is_verified_by_tmdb_after_160_days():
    """TMDB's terms: nothing may be kept for longer than six months without asking again."""
    assert due(released(900, is_frozen=True, **answered(0)), TMDB) == NOW + timedelta(days=160)


@pytest.mark.parametrize("age", [900, 200, 30, -5])
@pytest.mark.parametrize("recheck_days", [160.0, 20.0])
def test_freezing_never_makes_omdb_ask_a_film_more_often(age: int, recheck_days: float):
    """Frozen was verified after 160 days at both sources; old films are asked every 180 at OMDb."""
    policy = RefreshPolicy(spread=0.0, frozen_recheck_days=recheck_days)
    thawed = due(released(age, **answered(0)), OMDB, policy)
    frozen = due(released(age, is_frozen=True, **answered(0)), OMDB, policy)
    assert frozen == max(thawed, NOW + timedelta(days=recheck_days))


def test_even_the_widest_spread_verifies_a_frozen_film_within_the_terms():
    policy = RefreshPolicy()
    assert policy.frozen_recheck_days * (1 + policy.spread) < 180


def test_not_found_is_believed_for_a_day_by_tmdb_and_for_a_month_by_omdb():
    film = released(900, **answered(0.5, "not_found"))
    asked = NOW - timedelta(days=0.5)
    assert due(film, TMDB) == asked + timedelta(days=1)
    assert due(film, OMDB) == asked + timedelta(days=30)


def test_an_unreadable_answer_is_asked_for_again_after_a_week():
    film = released(900, **answered(1, "unusable"))
    assert due(film, TMDB) == due(film, OMDB) == NOW + timedelta(days=6)


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize(
    ("failures", "hours"), [(1, 1), (2, 4), (3, 16), (4, 64), (5, 72), (10**6, 72)]
)
def test_a_film_that_fails_again_and_again_waits_longer_each_time(
    source: Source, failures: int, hours: int
):
    """An id that always got a 5xx stayed first in line: eight requests a run, on every tick."""
    for before in ({}, answered(300)):
        film = released(900, **before, **failed(0, failures))
        assert due(film, source) == NOW + timedelta(hours=hours)
        assert due_films(planned(film), source, NOW, EXACT).empty
        over = planned(released(900, **before, **failed(hours, failures)))
        assert len(due_films(over, source, NOW, EXACT)) == 1


@pytest.mark.parametrize("source", Source)
def test_a_failure_makes_no_film_due_sooner_and_an_answer_ends_it(source: Source):
    film = released(900, **answered(10))
    assert due({**film, **failed(1)}, source) == due(film, source)
    answered_since = released(900, **answered(300), **failed(301 * 24, 9))
    assert due(answered_since, source) == due(released(900, **answered(300)), source)


def test_films_that_failed_come_after_all_others():
    films = planned(
        released(900, popularity=99.0, **failed(30, 3)),
        released(900, **answered(200), **failed(20, 2)),
        released(900, popularity=0.1),
        released(900, **answered(95)),
    )
    assert due_films(films, TMDB, NOW, EXACT)["tmdb_id"].tolist() == [3, 4, 2, 1]


def test_a_film_that_is_gone_stays_gone_whatever_failed():
    assert due(gone_film(**failed(1)), TMDB) is pd.NaT


def gone_film(**more: Any) -> dict[str, Any]:
    at = NOW - timedelta(days=3)
    return released(
        900, **{**answered(3, FetchOutcome.NOT_FOUND), "tmdb_gone_at": at, "last_seen_at": SEEN},
        **more,
    )  # fmt: skip


def test_a_film_that_is_gone_is_never_due_at_either_source():
    films = planned(gone_film())
    assert bool(is_gone(films)[0])
    assert due(gone_film(), TMDB) is pd.NaT
    assert due(gone_film(), OMDB) is pd.NaT


def test_an_id_that_is_seen_again_is_due_a_day_after_the_last_not_found():
    """TMDB takes films away and puts them back; once buried they were never looked at again."""
    film = {**gone_film(), "last_seen_at": NOW - timedelta(days=2)}
    assert due(film, TMDB) == NOW - timedelta(days=2)
    assert due(film, OMDB) is pd.NaT


@pytest.mark.parametrize(
    ("day", "today", "band"),
    [
        (date(2023, 3, 1), date(2024, 2, 29), SETTLING),  # 365 days, 29 February included
        (date(2023, 2, 28), date(2024, 2, 29), OLD),
        (date(2024, 2, 29), date(2025, 2, 28), SETTLING),  # 365 days
        (date(2024, 2, 29), date(2025, 3, 1), OLD),
        (date(2023, 12, 31), date(2024, 12, 30), SETTLING),  # 365 of 366 days
        (date(2024, 1, 31), date(2024, 3, 31), NEW),  # 60 days in a leap year
        (date(2023, 1, 30), date(2023, 4, 1), YOUNG),  # 61 days in a common one
    ],
)
def test_leap_years_count_their_day(day: date, today: date, band: str):
    assert band_on(day, datetime(today.year, today.month, today.day, tzinfo=UTC)) == band


def test_ages_are_counted_in_days_of_utc_wherever_the_machine_stands():
    """At 02:00 in Sydney it is still yesterday in UTC: the film of that UTC day opens today."""
    sydney = datetime(2026, 5, 21, 2, 0, tzinfo=timezone(timedelta(hours=10)))
    assert band_on(date(2026, 5, 21), sydney) == UNRELEASED
    assert band_on(date(2026, 5, 20), sydney) == NEW
    honolulu = datetime(2026, 5, 20, 20, 0, tzinfo=timezone(timedelta(hours=-10)))
    assert band_on(date(2026, 5, 21), honolulu) == NEW


def test_the_same_moment_in_another_zone_gives_the_same_due_times():
    films = planned(*(released(age, **answered(7)) for age, *_ in BOUNDARIES))
    elsewhere = NOW.astimezone(timezone(timedelta(hours=13)))
    for source in Source:
        here = decide(films, source, NOW, RefreshPolicy())["due_at"]
        pd.testing.assert_series_equal(
            here, decide(films, source, elsewhere, RefreshPolicy())["due_at"], check_exact=True
        )


@given(st.integers(1, 2**40))
def test_every_film_has_a_fixed_factor_within_ten_percent(tmdb_id: int):
    ids = pd.Series([tmdb_id])
    factor = spread_factors(ids, 0.10)[0]
    assert 0.90 <= factor <= 1.10
    assert spread_factors(ids, 0.10)[0] == factor


def test_neighbouring_films_are_spread_evenly_over_the_whole_range():
    """Without a spread, a backfill of a day comes due on one day 90 days later."""
    factors = spread_factors(pd.Series(range(1, 10_001)), 0.10)
    shares = pd.cut(factors, [0.899, 0.95, 1.0, 1.05, 1.101]).value_counts(normalize=True)
    assert shares.between(0.24, 0.26).all()


def test_due_times_carry_the_spread_of_the_film():
    films = planned(*(released(900, **answered(0)) for _ in range(200)))
    days = (decide(films, TMDB, NOW, RefreshPolicy())["due_at"] - NOW).dt.total_seconds() / 86_400
    assert days.between(81, 99).all()
    assert days.max() - days.min() > 15
    expected = 90 * spread_factors(films["tmdb_id"], 0.10)
    assert ((days - expected).abs() < 2 / 86_400).all()


def test_a_film_whose_date_moves_to_the_future_becomes_new_again():
    """A postponed film is asked for every five days from then on, not every ninety."""
    before, after = released(900, **answered(10)), released(-30, **answered(10))
    assert due(before, TMDB) > NOW
    assert due(after, TMDB) <= NOW


def test_the_order_is_never_fetched_then_most_overdue_then_popular_then_newest():
    films = planned(
        released(900, popularity=1.0, **answered(95)),
        released(900, popularity=9.0, **answered(95)),
        released(900, popularity=0.1, **answered(200)),
        released(900, popularity=5.0),
        released(400, popularity=5.0),
        released(800, popularity=50.0),
        {"release_date": None, "popularity": 5.0},
        released(900, popularity=None),
        released(900, popularity=99.0, **answered(1)),
    )
    order = due_films(films, TMDB, NOW, EXACT)["tmdb_id"].tolist()
    assert order == [6, 5, 4, 7, 8, 3, 2, 1]


def test_ties_are_broken_by_id_so_that_every_run_asks_in_the_same_order():
    films = planned(*(released(500) for _ in range(20))).sample(frac=1, random_state=3)
    assert due_films(films, TMDB, NOW, EXACT)["tmdb_id"].tolist() == list(range(1, 21))


def test_no_films_are_no_work():
    assert due_films(planned(), TMDB, NOW, EXACT).empty
    assert age_bands(pd.Series([], dtype=object), NOW).empty


@given(
    st.integers(-2000, 20_000),
    st.floats(0, 2000),
    st.sampled_from(["row", "not_found", "unusable"]),
    st.booleans(),
    st.sampled_from(Source),
)
def test_no_answered_film_waits_longer_than_the_longest_interval(
    age: int, days_ago: float, outcome: str, frozen: bool, source: Source
):
    policy = RefreshPolicy()
    film = released(age, is_frozen=frozen, **answered(days_ago, outcome))
    at = due(film, source, policy)
    asked = NOW - timedelta(days=days_ago)
    assert asked < at <= asked + timedelta(days=198)
