"""A film no answer came for waits, longer each time, behind all others."""

from datetime import datetime, timedelta

import pytest

from ayne_dagster.defs.answer_store import AnswerStore
from ayne_dagster.defs.source_tables import OMDB_TABLE, TMDB_TABLE
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy, Why
from ayne_dagster.domain.tables import DISCOVERED_MOVIES, REFRESH_HISTORY, TMDB_DETAILS
from ayne_dagster.storage.fetch_queries import FetchQueries
from ayne_dagster.storage.refresh_states import rebuild_refresh_state
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.storage.film_rows import NOW, asked, days_ago, detailed, discovered, put

POLICY = RefreshPolicy(spread=0.0)
HOUR = timedelta(hours=1)


@pytest.fixture
def queries(warehouse: Warehouse) -> FetchQueries:
    return FetchQueries(warehouse)


def fail(queries: FetchQueries, source: Source, key: str, at: datetime) -> None:
    table = OMDB_TABLE if source is Source.OMDB else TMDB_TABLE
    AnswerStore(table, queries, POLICY, None, "a test", at).note_failures({key: "503"}, at)


def due(
    queries: FetchQueries, source: Source, at: datetime = NOW, *, force: bool = False
) -> list[int]:
    return queries.due(source, ["2001"], at, POLICY, force=force)["tmdb_id"].tolist()


def test_a_film_that_fails_is_put_off_for_an_hour_then_for_four_and_asked_last(
    warehouse: Warehouse, queries: FetchQueries
) -> None:
    """Nothing remembered it: never fetched, it was the first to be asked for in every run."""
    put(warehouse, DISCOVERED_MOVIES, discovered(1, popularity=99.0), discovered(2))
    assert due(queries, Source.TMDB) == [1, 2]
    fail(queries, Source.TMDB, "1", NOW)
    assert due(queries, Source.TMDB) == [2]
    assert due(queries, Source.TMDB, force=True) == [2, 1]
    assert queries.next_due(Source.TMDB, ["2001"], NOW, POLICY) == NOW + HOUR
    assert due(queries, Source.TMDB, NOW + HOUR) == [2, 1]
    [decision] = [one for one in queries.explain(1, NOW, POLICY) if one.source is Source.TMDB]
    assert (decision.why, decision.is_due) == (Why.FAILED, False)
    assert "failed once in a row" in decision.words
    fail(queries, Source.TMDB, "1", NOW + HOUR)
    assert due(queries, Source.TMDB, NOW + 4 * HOUR) == [2]
    assert due(queries, Source.TMDB, NOW + 5 * HOUR) == [2, 1]


def test_an_answer_ends_a_row_of_failures(warehouse: Warehouse, queries: FetchQueries) -> None:
    put(warehouse, TMDB_DETAILS, detailed(1))
    put(warehouse, REFRESH_HISTORY, asked("tmdb", 1, 100))
    rebuild_refresh_state(warehouse)
    for hours in (30 * 24 * 4, 30 * 24 * 4 - 1, 2):
        fail(queries, Source.TMDB, "1", NOW - hours * HOUR)
    [row] = warehouse.rows("FROM failed_requests")
    assert (row["failures"], row["detail"]) == (1, "503")
    assert due(queries, Source.TMDB) == [1]


def test_films_that_share_an_imdb_id_fail_together_and_another_id_is_another_matter(
    warehouse: Warehouse, queries: FetchQueries
) -> None:
    put(
        warehouse, TMDB_DETAILS,
        detailed(1), detailed(2, imdb_id="tt0000001"), detailed(3), changed_by(days_ago(3)),
    )  # fmt: skip
    fail(queries, Source.OMDB, "tt0000001", NOW)
    assert sorted(due(queries, Source.OMDB)) == [3, 4]
    put(warehouse, TMDB_DETAILS, detailed(1, imdb_id="tt7777777", fetched_at=NOW + HOUR))
    assert sorted(due(queries, Source.OMDB)) == [1, 3, 4]


def changed_by(moment: datetime) -> dict[str, object]:
    return detailed(4, changed_at=moment)
