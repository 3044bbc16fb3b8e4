"""What a clock that was ahead has stored is taken back, in every table and in the mirror."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest

from ayne_dagster.domain.tables import (
    CHANGE_DAYS,
    DISCOVERED_MOVIES,
    DISCOVERY_WALKS,
    LIST_READINGS,
    OMDB_RATINGS,
    REFRESH_HISTORY,
    TMDB_CHANGES,
    TMDB_DETAILS,
)
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster.storage.wrong_clocks import set_back_clocks
from ayne_dagster_tests.storage.film_rows import (
    NOW,
    asked,
    days_ago,
    detailed,
    discovered,
    put,
    rated,
    row_of,
)

AHEAD = days_ago(-700)
TODAY = date(2024, 6, 1)
WORK: list[tuple[TableContract, str, dict[str, Any], dict[str, Any]]] = [
    (LIST_READINGS, "read_at", {"list_name": "popular"}, {"list_name": "upcoming"}),
    (DISCOVERY_WALKS, "walked_at", {"release_year": "2001"}, {"release_year": "2002"}),
    (CHANGE_DAYS, "read_at", {"changed_on": TODAY}, {"changed_on": TODAY - timedelta(days=1)}),
    (TMDB_CHANGES, "seen_at", {"changed_on": TODAY}, {"changed_on": TODAY - timedelta(days=1)}),
]


@pytest.mark.parametrize(("table", "moment", "wrong", "right"), WORK)
def test_work_dated_ahead_of_the_clock_counts_as_not_done(
    warehouse: Warehouse,
    table: TableContract,
    moment: str,
    wrong: dict[str, Any],
    right: dict[str, Any],
) -> None:
    """Set back in three tables only: a list read in 2026 was not read again before 2026."""
    at = {moment: AHEAD}
    put(warehouse, table, row_of(table, **wrong, **at), row_of(table, **right, **{moment: NOW}))
    assert set_back_clocks(warehouse, NOW, None) == 1
    [left] = warehouse.rows(f"FROM {table.name}")
    assert left[moment] == NOW
    assert {name: left[name] for name in right} == right
    assert set_back_clocks(warehouse, NOW, None) == 0


def test_a_film_seen_ahead_of_the_clock_stays_and_lets_the_next_sighting_in(
    warehouse: Warehouse,
) -> None:
    put(
        warehouse, DISCOVERED_MOVIES,
        discovered(1, first_seen_at=AHEAD, last_seen_at=AHEAD),
        discovered(2, first_seen_at=days_ago(9), last_seen_at=AHEAD),
        discovered(3, first_seen_at=days_ago(9), last_seen_at=days_ago(-0.9)),
    )  # fmt: skip
    assert set_back_clocks(warehouse, NOW, None) == 2
    rows = warehouse.rows("FROM discovered_movies ORDER BY tmdb_id")
    assert [(row["first_seen_at"], row["last_seen_at"]) for row in rows] == [
        (NOW, NOW), (days_ago(9), NOW), (days_ago(9), days_ago(-0.9)),
    ]  # fmt: skip
    put(warehouse, DISCOVERED_MOVIES, discovered(1, title="New", last_seen_at=days_ago(-0.1)))
    [seen] = warehouse.rows("FROM discovered_movies WHERE tmdb_id = 1")
    assert seen["title"] == "New"


def test_a_year_whose_details_alone_are_ahead_is_set_back_too(warehouse: Warehouse) -> None:
    """It was looked for in the states only; a warehouse that lost them kept its wrong times."""
    put(warehouse, TMDB_DETAILS, detailed(1, fetched_at=AHEAD, changed_at=days_ago(3)))
    assert set_back_clocks(warehouse, NOW, None) == 1
    [row] = warehouse.rows("FROM tmdb_details")
    assert (row["fetched_at"], row["changed_at"]) == (NOW, days_ago(3))


def test_the_mirror_is_set_back_as_well(warehouse: Warehouse, tmp_path: Path) -> None:
    """People read the mirror: it kept the wrong moments until the film was fetched again."""
    mirror = ParquetMirror(tmp_path / "mirror")
    put(warehouse, OMDB_RATINGS, rated(1, fetched_at=AHEAD), rated(2, "2002"))
    put(warehouse, CHANGE_DAYS, row_of(CHANGE_DAYS, changed_on=TODAY, read_at=AHEAD))
    put(warehouse, REFRESH_HISTORY, asked("omdb", 1, -700))
    tables = (OMDB_RATINGS, CHANGE_DAYS)
    for table, years in ((OMDB_RATINGS, ["2001", "2002"]), (CHANGE_DAYS, [])):
        mirror.owe(table, years)
    with warehouse.writing("a test") as connection:
        mirror.catch_up(connection, tables, warehouse.qualified)
    untouched = mirror.path(OMDB_RATINGS, "2002").stat().st_mtime_ns
    assert set_back_clocks(warehouse, NOW, mirror) == 2
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        years = str(mirror.folder / "omdb_ratings" / "*" / "part.parquet")
        sql = "SELECT max(fetched_at) FROM read_parquet(?)"
        assert connection.execute(sql, [years]).fetchall() == [(NOW,)]
        days = str(mirror.path(CHANGE_DAYS))
        assert connection.execute("SELECT count(*) FROM read_parquet(?)", [days]).fetchall() == [
            (0,)
        ]
    assert mirror.path(OMDB_RATINGS, "2002").stat().st_mtime_ns == untouched
    assert not any(mirror.is_owed(table) for table in tables)
