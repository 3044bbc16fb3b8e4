"""What the export knows: films nobody showed us, and films that are perhaps gone."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest

from ayne_dagster.domain.tables import BULK_READS, DISCOVERED_MOVIES, TMDB_DETAILS, TMDB_IDS
from ayne_dagster.storage.bulk_queries import BulkQueries
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.storage.film_rows import detailed, discovered, put, row_of

NEWEST = date(2026, 11, 20)
BEFORE = date(2026, 11, 18)
OLDER = date(2026, 11, 1)
IMDB = "imdb_title_ratings"
LONG_AGO = datetime(2026, 10, 1, tzinfo=UTC)


@pytest.fixture
def queries(warehouse: Warehouse) -> BulkQueries:
    return BulkQueries(warehouse)


def listed(number: int, last: date = NEWEST, **values: Any) -> dict[str, Any]:
    return row_of(
        TMDB_IDS, tmdb_id=number, first_exported_on=OLDER, last_exported_on=last,
        **{"popularity": 1.0, "is_video": False, **values},
    )  # fmt: skip


def read_on(*days: date, file: str = "tmdb_movie_ids") -> list[dict[str, Any]]:
    return [row_of(BULK_READS, file=file, file_date=day) for day in days]


def known(number: int, fetched_at: datetime = LONG_AGO, **values: Any) -> dict[str, Any]:
    return detailed(number, fetched_at=fetched_at, changed_at=fetched_at, **values)


def test_without_any_table_every_question_has_an_empty_answer(queries: BulkQueries):
    assert queries.ids_never_discovered(5) == []
    assert queries.absent_from_exports().empty
    assert queries.popularity_bands().empty
    assert queries.newest_read("tmdb_movie_ids") is None
    assert queries.known_imdb_ids() == set()
    assert queries.stored_count(TMDB_IDS) == 0


def test_ids_never_discovered_are_of_the_newest_export_and_the_most_popular_first(
    queries: BulkQueries, warehouse: Warehouse
):
    put(
        warehouse, TMDB_IDS, listed(1), listed(2), listed(3), listed(4, popularity=9.0),
        listed(5, last=BEFORE), listed(6, is_video=True), listed(7, popularity=None),
        listed(8, popularity=0.5, is_video=None), listed(9),
    )  # fmt: skip
    put(warehouse, DISCOVERED_MOVIES, discovered(1))
    put(warehouse, TMDB_DETAILS, known(2))
    assert [film["tmdb_id"] for film in queries.ids_never_discovered(9)] == [4, 3, 9, 8]
    assert [film["tmdb_id"] for film in queries.ids_never_discovered(9, 1.0)] == [4, 3, 9]
    assert [film["tmdb_id"] for film in queries.ids_never_discovered(1, 1.0)] == [4]
    bands = queries.popularity_bands()
    assert bands.values.tolist() == [[0.0, 0, 1], [0.1, 0, 1], [1.0, 2, 4]]


def test_a_film_absent_from_two_exports_is_perhaps_gone(queries: BulkQueries, warehouse: Warehouse):
    """One export alone proves nothing: a single file may miss a film."""
    put(warehouse, BULK_READS, *read_on(NEWEST, BEFORE, OLDER), *read_on(NEWEST, file=IMDB))
    put(warehouse, TMDB_IDS, listed(1), listed(2, last=BEFORE), listed(3, last=OLDER))
    morning = datetime.combine(BEFORE, time(8), UTC)
    put(
        warehouse, TMDB_DETAILS, known(1), known(2), known(3), known(4),
        known(5, gone_at=LONG_AGO), known(6, is_adult=True),
        known(7, fetched_at=morning), known(8, fetched_at=morning - timedelta(days=1)),
    )  # fmt: skip
    assert queries.absent_from_exports()["tmdb_id"].tolist() == [3, 4, 8]


def test_of_one_export_nothing_is_concluded(queries: BulkQueries, warehouse: Warehouse):
    put(warehouse, TMDB_DETAILS, known(1))
    put(warehouse, TMDB_IDS, listed(2))
    put(warehouse, BULK_READS, *read_on(NEWEST), *read_on(NEWEST, BEFORE, file=IMDB))
    assert queries.absent_from_exports().empty
    put(warehouse, BULK_READS, *read_on(BEFORE))
    assert queries.absent_from_exports()["tmdb_id"].tolist() == [1]


def test_known_imdb_ids_are_those_of_details(queries: BulkQueries, warehouse: Warehouse):
    put(warehouse, TMDB_DETAILS, known(1), known(2, imdb_id=None), known(3, imdb_id="tt0000001"))
    assert queries.known_imdb_ids() == {"tt0000001"}
    put(warehouse, BULK_READS, *read_on(BEFORE, NEWEST))
    assert queries.newest_read("tmdb_movie_ids") == NEWEST
