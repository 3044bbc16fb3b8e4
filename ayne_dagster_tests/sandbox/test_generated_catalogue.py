"""The generated catalogue: reproducible, and shaped like a real one."""

from __future__ import annotations

import time
from datetime import date

import numpy as np
import pytest

from ayne_dagster.sandbox.catalogue import Catalogue
from ayne_dagster.sandbox.generated_catalogue import _GENRES, generate_catalogue
from ayne_dagster.sandbox.hashing import mix, mix_array
from ayne_dagster.sandbox.reference_data import GENRES
from ayne_dagster_tests.sandbox.conftest import AS_OF, Client


@pytest.fixture(scope="module")
def large() -> Catalogue:
    return generate_catalogue(films=8_000, seed=11, as_of=AS_OF)


def test_the_same_seed_gives_the_same_bytes() -> None:
    answers = []
    for seed in (5, 5, 6):
        client = Client(generate_catalogue(films=120, seed=seed, as_of=AS_OF))
        rows = [client.tmdb("discover/movie", page=page).content for page in range(1, 7)]
        ids = client.catalogue.columns.id.tolist()
        rows += [client.tmdb(f"movie/{i}", append_to_response="credits").content for i in ids]
        answers.append(rows)
    assert answers[0] == answers[1]
    assert answers[0] != answers[2]


def test_shares_of_missing_things_are_like_real_ones(large: Catalogue) -> None:
    columns = large.columns
    budgets = np.array([large.film(row).budget for row in range(len(large))])
    assert 0.38 < (budgets == 0).mean() < 0.52
    assert 0.01 < (columns.release_day == 0).mean() < 0.03
    assert 0.025 < np.mean([i is None for i in columns.imdb_id]) < 0.06
    with_id = np.array([i is not None for i in columns.imdb_id])
    assert 0.91 < columns.has_rating[with_id].mean() < 0.95
    assert {len(i) for i in columns.imdb_id if i} == {9, 10}
    assert len({i for i in columns.imdb_id if i}) == sum(with_id)


def test_nothing_is_earned_before_the_release(large: Catalogue) -> None:
    columns = large.columns
    is_ahead = columns.release_day > AS_OF.toordinal()
    assert is_ahead.sum() > 50
    assert not columns.revenue_usd[is_ahead].any()
    assert not columns.vote_count[is_ahead].any()
    assert {large.film(row).status for row in np.flatnonzero(is_ahead).tolist()} <= {
        "Post Production", "In Production", "Planned", "Rumored",
    }  # fmt: skip


def test_revenue_follows_budget_but_a_budget_alone_does_not_tell_all(large: Catalogue) -> None:
    """An honest model must have something to learn beyond the budget rule."""
    budgets = np.array([large.film(row).budget for row in range(len(large))])
    revenue = large.columns.revenue_usd
    known = (budgets > 1_000) & (revenue > 1_000)
    slope, level = np.polyfit(np.log(budgets[known]), np.log(revenue[known]), 1)
    rest = np.log(revenue[known]) - slope * np.log(budgets[known]) - level
    assert known.sum() > 1_500
    assert 0.8 < slope < 1.3
    assert 1.35 < rest.std() < 1.8
    genres = np.array([large.film(row).genre_ids[0] for row in np.flatnonzero(known).tolist()])
    assert rest[genres == 27].mean() > rest[genres == 99].mean() + 0.4


def test_quirks_of_real_entries_are_there(large: Catalogue) -> None:
    columns = large.columns
    films = [large.film(row) for row in range(len(large))]
    assert columns.revenue_usd.min() == -12
    assert ((columns.revenue_usd > 0) & (columns.revenue_usd < 1_000)).any()
    assert any(film.budget == 5 for film in films)
    assert any(f.overview == "" and f.genre_ids == () and f.status == "Released" for f in films)
    assert {"NA", "None"} <= set(columns.title)


def test_years_grow_and_seasons_show(large: Catalogue) -> None:
    days = [date.fromordinal(d) for d in large.columns.release_day.tolist() if d]
    per_decade = [sum(day.year // 10 == decade for day in days) for decade in range(195, 202)]
    assert per_decade == sorted(per_decade)
    months = [sum(day.month == month for day in days) for month in range(1, 13)]
    assert months[8] > months[6]
    assert sum(day.weekday() == 4 for day in days) > len(days) / 2


def test_people_come_back(large: Catalogue) -> None:
    """History features need directors and companies with more than one film."""
    directors = [large.credits(row).crew[0].name for row in range(500) if large.credits(row).crew]
    assert len(set(directors)) < len(directors)
    casts = [len(large.credits(row).cast) for row in range(500)]
    assert max(casts) <= 15


def test_twenty_thousand_films_take_seconds_not_minutes() -> None:
    start = time.process_time()
    generate_catalogue(films=20_000, as_of=AS_OF)
    assert time.process_time() - start < 4


def test_the_years_asked_for_bound_the_films() -> None:
    catalogue = generate_catalogue(films=300, as_of=AS_OF, first_year=2020, last_year=2022)
    days = [d for d in catalogue.columns.release_day.tolist() if d]
    assert {date.fromordinal(day).year for day in days} == {2020, 2021, 2022}
    with pytest.raises(ValueError, match="films=0"):
        generate_catalogue(films=0, as_of=AS_OF)


def test_every_genre_has_its_statistics() -> None:
    assert set(_GENRES) == set(GENRES)


def test_scalar_and_array_hashes_agree() -> None:
    """The change feed (arrays) and a film's page (scalars) must agree on what happened."""
    ids = np.array([0, 1, 5, 10**12], dtype=np.int64)
    assert mix_array(3, ids, 9).tolist() == [mix(3, i, 9) for i in ids.tolist()]
