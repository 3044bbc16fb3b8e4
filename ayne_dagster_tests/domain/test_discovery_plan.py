"""Which years are walked again, and one row per film from all its sightings."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayne_dagster.domain.discovery_plan import WalkScope, discovered_rows, years_to_walk
from ayne_dagster.domain.frame_check import check_frame
from ayne_dagster.domain.release_years import release_year_keys
from ayne_dagster.domain.tables import DISCOVERED_MOVIES

NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
KEYS = release_year_keys(1900, NOW.date())
ALL = WalkScope(min_votes=10, max_pages=None)
SCOPES = st.builds(WalkScope, st.integers(0, 50), st.none() | st.integers(1, 50))


def walk(age: timedelta, scope: WalkScope = ALL) -> dict[str, Any]:
    return {
        "walked_at": NOW - age,
        "min_votes": scope.min_votes,
        "max_pages": scope.max_pages,
    }


def due(years: list[str], walks: dict[str, Any], scope: WalkScope = ALL) -> list[str]:
    return years_to_walk(
        years,
        walks,
        scope,
        NOW,
        recent_interval=timedelta(hours=20),
        older_interval=timedelta(days=30),
    )


def film(tmdb_id: int, released: date | None, **more: Any) -> dict[str, Any]:
    return {
        "tmdb_id": tmdb_id,
        "title": f"Film {tmdb_id}",
        "release_date": released,
        "popularity": 1.0,
        "vote_count": 5,
        **more,
    }


def test_a_year_never_walked_is_walked():
    assert due(["1999", "2026"], {}) == ["1999", "2026"]


def test_undated_cannot_be_walked():
    assert due(["undated"], {}) == []


@pytest.mark.parametrize(
    ("year", "age", "expected"),
    [
        ("2025", timedelta(hours=20), True),
        ("2025", timedelta(hours=19, minutes=59), False),
        ("2029", timedelta(hours=20), True),
        ("2024", timedelta(hours=20), False),
        ("2024", timedelta(days=30), True),
        ("2024", timedelta(days=29, hours=23), False),
    ],
)
def test_last_this_and_coming_years_are_walked_daily_and_older_ones_monthly(
    year: str, age: timedelta, expected: bool
):
    assert due([year], {year: walk(age)}) == ([year] if expected else [])


def test_a_narrower_walk_does_not_count_for_a_wider_wish():
    """A trial run with two pages made the year look complete for a month."""
    narrow = {"1999": walk(timedelta(0), WalkScope(100, 2))}
    assert due(["1999"], narrow, WalkScope(10, 2)) == ["1999"]
    assert due(["1999"], narrow, WalkScope(100, 3)) == ["1999"]
    assert due(["1999"], narrow, WalkScope(100, None)) == ["1999"]
    assert due(["1999"], narrow, WalkScope(100, 2)) == []
    assert due(["1999"], narrow, WalkScope(500, 1)) == []


@given(SCOPES, SCOPES, SCOPES)
def test_covering_is_an_order(a: WalkScope, b: WalkScope, c: WalkScope):
    assert a.covers(a)
    if a.covers(b) and b.covers(a):
        assert a == b
    if a.covers(b) and b.covers(c):
        assert a.covers(c)


def test_a_film_seen_in_several_places_is_one_row_with_all_of_them():
    seen = [
        ("popular", film(7, date(2001, 3, 2)), NOW),
        ("discover", film(7, date(2001, 3, 2)), NOW - timedelta(hours=1)),
        ("discover", film(7, date(2001, 3, 2)), NOW - timedelta(hours=2)),
    ]
    rows = discovered_rows(seen, KEYS)
    assert rows["sources"].tolist() == [["discover", "popular"]]
    assert rows["first_seen_at"].tolist() == [NOW - timedelta(hours=2)]
    assert rows["last_seen_at"].tolist() == [NOW]


def test_the_latest_sighting_wins_whatever_the_order():
    older = ("discover", film(7, date(2001, 3, 2), title="Old"), NOW - timedelta(days=1))
    newer = ("popular", film(7, date(2001, 3, 2), title="New"), NOW)
    for seen in ([older, newer], [newer, older]):
        assert discovered_rows(seen, KEYS)["title"].tolist() == ["New"]


def test_films_of_every_year_and_of_none_are_kept():
    """A film on a list was dropped when it had no date or its year was not part of the run."""
    seen = [
        ("popular", film(1, date(2001, 3, 2)), NOW),
        ("popular", film(2, date(2002, 3, 2)), NOW),
        ("popular", film(3, None), NOW),
        ("popular", film(4, date(2050, 1, 1)), NOW),
    ]
    rows = discovered_rows(seen, KEYS)
    years = dict(zip(rows["tmdb_id"], rows["release_year"], strict=True))
    assert years == {1: "2001", 2: "2002", 3: "undated", 4: "undated"}


def test_a_film_seen_again_in_a_walk_keeps_its_first_time():
    again = film(7, date(2001, 3, 2), first_seen_at=NOW - timedelta(hours=3))
    listed = ("popular", film(7, date(2001, 3, 2)), NOW - timedelta(hours=1))
    rows = discovered_rows([("discover", again, NOW), listed], KEYS)
    assert rows["first_seen_at"].tolist() == [NOW - timedelta(hours=3)]


def test_rows_fulfil_the_contract_even_when_nothing_was_seen():
    seen = [("discover", film(1, date(2001, 3, 2)), NOW), ("upcoming", film(2, None), NOW)]
    assert check_frame(discovered_rows(seen, KEYS), DISCOVERED_MOVIES).num_rows == 2
    assert check_frame(discovered_rows([], KEYS), DISCOVERED_MOVIES).num_rows == 0


def test_what_a_film_list_lacks_is_unknown_not_an_error():
    bare = {"tmdb_id": 1, "release_date": date(2001, 3, 2)}
    row = discovered_rows([("popular", bare, NOW)], KEYS).iloc[0]
    assert row["title"] is None
