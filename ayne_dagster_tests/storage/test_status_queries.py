"""How many films `ayne status` calls due: the same films a run would ask for."""

from datetime import timedelta

from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.domain.tables import (
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
    detailed,
    discovered,
    flagged,
    put,
    rated,
)

POLICY = RefreshPolicy(spread=0.0)
YEARS = ["2001", "2002", "undated"]


def counts(warehouse: Warehouse) -> dict[str, tuple[int, int, int]]:
    rows = StatusQueries(warehouse).films_due(YEARS, NOW, POLICY)
    return {row["source"]: (row["now"], row["next_7_days"], row["frozen"]) for row in rows}


def test_nothing_stored_is_nothing_due(warehouse: Warehouse) -> None:
    assert counts(warehouse) == {"tmdb": (0, 0, 0), "omdb": (0, 0, 0)}


def test_films_are_counted_as_a_run_would_find_them(warehouse: Warehouse) -> None:
    """Old films are asked for every 90 days; those without flags once counted as never due."""
    put(warehouse, DISCOVERED_MOVIES, discovered(1), discovered(2, "2002"))
    put(warehouse, TMDB_DETAILS, *(detailed(number) for number in (3, 4, 5, 6)))
    put(warehouse, OMDB_RATINGS, rated(3), rated(4))
    put(
        warehouse, REFRESH_HISTORY,
        asked("tmdb", 3, 91), asked("tmdb", 4, 85), asked("tmdb", 5, 1), asked("tmdb", 6, 91),
        asked("omdb", 3, 1), asked("omdb", 4, 176),
    )  # fmt: skip
    put(warehouse, FROZEN_FLAGS, flagged(6, is_frozen=True))
    assert counts(warehouse) == {"tmdb": (3, 1, 1), "omdb": (2, 1, 1)}


def test_a_film_that_grows_into_a_longer_interval_takes_no_other_from_the_week(
    warehouse: Warehouse,
) -> None:
    """Due today at 60 days of age and not in a week: a difference of counts would lose film 2."""
    new = NOW.date() - timedelta(days=60)
    put(warehouse, TMDB_DETAILS, detailed(1, release_date=new), detailed(2))
    put(warehouse, REFRESH_HISTORY, asked("tmdb", 1, 6), asked("tmdb", 2, 85))
    assert counts(warehouse)["tmdb"] == (1, 1, 0)
