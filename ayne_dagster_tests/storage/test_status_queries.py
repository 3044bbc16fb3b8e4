"""The figures of the collection: the same films a run would ask for, each counted once."""

from datetime import timedelta

from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.domain.tables import (
    CHANGE_DAYS,
    DISCOVERED_MOVIES,
    FROZEN_FLAGS,
    OMDB_RATINGS,
    REFRESH_HISTORY,
    TMDB_DETAILS,
)
from ayne_dagster.storage.status_queries import StatusQueries
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.storage.film_rows import (
    NOW,
    asked,
    days_ago,
    detailed,
    discovered,
    flagged,
    put,
    rated,
    row_of,
)

POLICY = RefreshPolicy(spread=0.0)
YEARS = ["2001", "2002", "undated"]


def figures(warehouse: Warehouse) -> dict[tuple[str, str], int]:
    rows = StatusQueries(warehouse).collection_figures(YEARS, NOW, POLICY)
    found = {(row["figure"], row["part"]): row["value"] for row in rows}
    assert len(found) == len(rows)
    return found


def due(warehouse: Warehouse) -> dict[str, tuple[int, int]]:
    found = figures(warehouse)
    return {
        source: (found["due now", source], found["due in 7 days", source])
        for source in ("tmdb", "omdb")
    }


def test_nothing_stored_is_nothing_counted(warehouse: Warehouse) -> None:
    assert set(figures(warehouse).values()) == {0}


def test_films_are_counted_as_a_run_would_find_them(warehouse: Warehouse) -> None:
    """Old films are asked for every 90 days; those without flags once counted as never due."""
    put(warehouse, DISCOVERED_MOVIES, discovered(1), discovered(2, "2002"), discovered(3))
    put(warehouse, TMDB_DETAILS, *(detailed(number) for number in (3, 4, 5, 6)))
    put(warehouse, OMDB_RATINGS, rated(3), rated(4))
    put(
        warehouse, REFRESH_HISTORY,
        asked("tmdb", 3, 91), asked("tmdb", 4, 85), asked("tmdb", 5, 1), asked("tmdb", 6, 91),
        asked("omdb", 3, 1), asked("omdb", 4, 176),
    )  # fmt: skip
    put(warehouse, FROZEN_FLAGS, flagged(6, is_frozen=True))
    assert due(warehouse) == {"tmdb": (3, 1), "omdb": (2, 1)}
    found = figures(warehouse)
    assert {name: found[name, "all"] for name in
            ("films", "with details", "with ratings", "frozen", "fully refreshed")} == {
        "films": 6, "with details": 4, "with ratings": 2, "frozen": 1, "fully refreshed": 1,
    }  # fmt: skip


def test_films_of_other_years_are_not_counted(warehouse: Warehouse) -> None:
    put(warehouse, DISCOVERED_MOVIES, discovered(1, "1999"))
    put(warehouse, TMDB_DETAILS, detailed(2, "1999"))
    assert set(figures(warehouse).values()) == {0}


def test_each_film_is_in_the_band_of_its_age_that_day(warehouse: Warehouse) -> None:
    """Counted by age now, not by the band of the last flags: those may be weeks old."""
    days = {1: -1, 2: 0, 3: 60, 4: 61, 5: 180, 6: 181, 7: 365, 8: 366}
    films = [
        detailed(number, release_date=NOW.date() - timedelta(days=age))
        for number, age in days.items()
    ]
    put(warehouse, TMDB_DETAILS, *films, detailed(9, release_date=None))
    put(warehouse, FROZEN_FLAGS, *(flagged(number) for number in range(1, 10)))
    found = figures(warehouse)
    assert {part: value for (figure, part), value in found.items() if figure == "films"} == {
        "all": 9, "unreleased": 1, "0-60 days": 2, "60-180 days": 2, "180-365 days": 2,
        "over 365 days": 1, "undated": 1,
    }  # fmt: skip


def test_a_film_that_grows_into_a_longer_interval_takes_no_other_from_the_week(
    warehouse: Warehouse,
) -> None:
    """Due today at 60 days of age and not in a week: a difference of counts would lose film 2."""
    new = NOW.date() - timedelta(days=60)
    put(warehouse, TMDB_DETAILS, detailed(1, release_date=new), detailed(2))
    put(warehouse, REFRESH_HISTORY, asked("tmdb", 1, 6), asked("tmdb", 2, 85))
    assert due(warehouse)["tmdb"] == (1, 1)


def test_films_the_change_feed_keeps_back_are_counted_and_are_not_due(warehouse: Warehouse) -> None:
    put(warehouse, TMDB_DETAILS, detailed(1), detailed(2, imdb_id=None))
    put(warehouse, REFRESH_HISTORY, asked("tmdb", 1, 100), asked("tmdb", 2, 1))
    put(warehouse, CHANGE_DAYS, *(
        row_of(CHANGE_DAYS, changed_on=days_ago(day).date(), read_at=days_ago(day - 1))
        for day in range(1, 110)
    ))  # fmt: skip
    found = figures(warehouse)
    assert found["kept back by the change feed", "tmdb"] == 1
    assert found["due now", "tmdb"] == 0
