"""A refresh remembers the films its source did not answer for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ayne_dagster.defs.job_options import RunOptions
from ayne_dagster.defs.refreshes import RefreshReport, SourceOfRows, refresh
from ayne_dagster.defs.resources import build_resources
from ayne_dagster.defs.source_tables import TMDB_TABLE
from ayne_dagster.domain.outcomes import FetchOutcome
from ayne_dagster.domain.tables import DISCOVERED_MOVIES
from ayne_dagster.settings import load_settings
from ayne_dagster.sources.failures import ServiceUnavailable
from ayne_dagster.sources.fetch_result import FetchResult
from ayne_dagster_tests.storage.film_rows import discovered, put

POISONED, UNKNOWN = 1, 2


@asynccontextmanager
async def client() -> AsyncIterator[Any]:
    yield SimpleNamespace(stats=SimpleNamespace(requests=0))


async def movie(_: Any, tmdb_id: int, __: str | None) -> FetchResult:
    if tmdb_id == POISONED:
        raise ServiceUnavailable("tmdb", "503 after all tries")
    return FetchResult(tmdb_id, FetchOutcome.NOT_FOUND, fetched_at=datetime.now(UTC))


def test_a_film_that_fails_is_not_asked_for_again_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One id that always gets a 5xx cost every run all its tries, before any other film."""
    monkeypatch.setenv("DATABASE__PATH", str(tmp_path / "store" / "warehouse.duckdb"))
    monkeypatch.setenv("DATABASE__MIRROR_FOLDER", str(tmp_path / "mirror"))
    monkeypatch.setenv("ARCHIVE__FOLDER", str(tmp_path / "raw"))
    fetching = build_resources(load_settings())["fetching"]
    put(fetching.queries.warehouse, DISCOVERED_MOVIES, discovered(POISONED), discovered(UNKNOWN))
    how = SourceOfRows(TMDB_TABLE, "tmdb_id", client, movie, concurrency=1)

    def run(**options: Any) -> RefreshReport:
        return refresh(
            how, ["2001"], options=RunOptions(**options).of_job("collect"), fetching=fetching,
            run_id="a test",
        )  # fmt: skip

    first = run()
    assert (first.counts[FetchOutcome.FAILED], first.counts[FetchOutcome.NOT_FOUND]) == (1, 1)
    assert run().chosen.films.empty
    assert run(force=True).counts[FetchOutcome.FAILED] == 1
    [row] = fetching.queries.warehouse.rows("FROM failed_requests")
    assert (row["tmdb_id"], row["failures"], row["detail"]) == (POISONED, 2, "503 after all tries")
