"""The simulation behind `benchmarks freshness`, small: the real rule, and figures that mean it."""

import argparse
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import days_by_band
from benchmarks import freshness
from benchmarks.freshness_figures import Outcome, outcome_of, staleness
from benchmarks.freshness_lives import Fetched, live
from benchmarks.freshness_strategies import Strategy, bands_alone, newest_hundred, ours, weekly
from benchmarks.freshness_world import (
    DAY_SECONDS,
    CatalogueMissing,
    Changes,
    World,
    make_world,
    read_films,
)

START = date(2024, 2, 1)


def films(count: int) -> pd.DataFrame:
    """Films of every age, some without a date, an imdb id or ratings."""
    random = np.random.default_rng(3)
    released = pd.Timestamp(START) - pd.to_timedelta(random.integers(-90, 1_000, count), unit="D")
    numbers = np.arange(count)
    imdb_ids = [f"tt{number:07d}" if number % 20 else None for number in numbers]
    return pd.DataFrame(
        {
            "tmdb_id": 1_000 + numbers * 7,
            "imdb_id": imdb_ids,
            "release_date": pd.Series(released).mask(pd.Series(numbers % 30 == 1)),
            "popularity": random.random(count),
            "vote_count": random.integers(0, 2_000, count),
            "has_ratings": (numbers % 20 > 0) & (numbers % 15 > 0),
        }
    )


def outcome(strategy: Strategy, world: World) -> Outcome:
    return outcome_of(live(strategy, world, omdb_quota=50, hour=3.0), world)


def test_ours_asks_a_fraction_of_weekly_and_is_far_fresher_than_age_bands() -> None:
    world = make_world(films(300), START, 30, seed=1)
    mine, bands = (outcome(one, world) for one in (ours(), bands_alone()))
    # Everything weekly: days 0, 7, 14, 21 and 28.
    assert mine.requests[Source.TMDB] < 300 * 5
    assert mine.staleness[Source.TMDB].mean_days < bands.staleness[Source.TMDB].mean_days / 4
    assert mine.overdue[Source.TMDB] == 0
    assert mine.pages > 0
    assert bands.pages == 0
    assert all(of_day <= 50 for of_day in mine.per_day[Source.OMDB])


@pytest.mark.slow
def test_sixty_days_of_ours_cost_a_part_of_weekly_and_of_age_bands() -> None:
    world = make_world(films(300), START, 60, seed=1)
    mine, week, bands = (outcome(one, world) for one in (ours(), weekly(), bands_alone()))
    assert mine.requests[Source.TMDB] < 0.5 * week.requests[Source.TMDB]
    assert mine.staleness[Source.TMDB].mean_days < bands.staleness[Source.TMDB].mean_days / 4
    assert mine.overdue[Source.TMDB] == 0


@pytest.mark.slow
def test_the_rule_asked_on_news_only_says_what_it_says_asked_every_day() -> None:
    """The shortcut that makes 400 days take seconds must not be a second rule."""
    week = days_by_band(new=2, young=2, settling=3, old=4, undated=3)
    numbers = {"interval_days": dict.fromkeys(Source, week), "box_office_days": week}
    hasty = ours(**numbers, frozen_after_cycles=2, frozen_recheck_days=6.0)
    blind = ours(**numbers, frozen_after_cycles=2, frozen_recheck_days=6.0, is_feed_enabled=False)
    world = make_world(films(90), START, 21, seed=2)
    for strategy in (hasty, blind):
        quick, thorough = (
            live(strategy, world, omdb_quota=40, hour=3.0, is_thorough=is_thorough)
            for is_thorough in (False, True)
        )
        assert max(quick.frozen) > 0
        assert quick.frozen == thorough.frozen
        for source in Source:
            mine, theirs = quick.fetched[source], thorough.fetched[source]
            assert [sorted(day) for day in mine.films] == [sorted(day) for day in theirs.films]
            assert mine.overdue == theirs.overdue


def test_the_newest_hundred_are_asked_every_day_after_one_fill() -> None:
    world = make_world(films(300), START, 6, seed=1)
    found = outcome(newest_hundred(), world)
    assert found.per_day[Source.TMDB] == [300] + [100] * 5


def test_what_is_stored_is_stale_from_the_first_change_to_the_next_answer() -> None:
    """Before the first answer nothing is stale; what nobody asks for is until the end."""
    day = DAY_SECONDS
    changes = Changes(
        film=np.array([0, 0, 0, 1, 1, 2]),
        second=np.array([0, 2 * day, 4 * day, 2 * day, 5 * day, 2 * day]),
        band=np.array([0, 0, 0, 4, 4, 4]),
    )
    fetched = Fetched(films=[np.array([1, 0]), np.array([0])], seconds=[day, 3 * day])
    found = staleness(changes, fetched, days=10)
    # Film 0: brought after one day; never, six days; film 1: never, eight, and its second change
    # makes no new period; film 2 was never stored.
    assert (found.periods, found.changes) == (3, 4)
    assert found.mean_days_by_change == pytest.approx((1 + 6 + 8 + 5) / 4)
    assert found.mean_days == pytest.approx((1 + 6 + 8) / 3)
    assert found.mean_days_by_band == {"unreleased": 3.5, "over 365 days": 8.0}


def test_chances_of_old_films_go_with_their_votes_and_keep_their_mean() -> None:
    many = pd.concat([films(2_000)] * 2, ignore_index=True)
    old = many.assign(release_date=pd.Timestamp("2000-01-01"))
    world = make_world(old, START, 100, seed=1)
    changes = np.bincount(world.changes[Source.TMDB].film, minlength=len(old))
    assert changes.mean() / 100 == pytest.approx(0.005, rel=0.1)
    is_popular = old["vote_count"].to_numpy() > 1_000
    assert changes[is_popular].mean() > 2 * changes[~is_popular].mean()
    assert world.start.date() + timedelta(days=world.days) == date(2024, 5, 11)


def test_a_missing_catalogue_is_a_missed_goal_that_names_the_option(tmp_path: Path) -> None:
    with pytest.raises(CatalogueMissing):
        read_films(tmp_path)
    options = argparse.Namespace(catalogue=tmp_path, films=None, days=5, picture=None)
    report = freshness.measure(5, options)
    assert not report.is_met
    assert "--catalogue" in report.verdict
    assert str(tmp_path) in report.verdict
