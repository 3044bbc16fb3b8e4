"""Rows of `pipeline_runs` that are quick to write down."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

from ayne_dagster.domain.tables import PIPELINE_RUNS
from ayne_dagster.storage.duckdb_io_manager import write_batch
from ayne_dagster.storage.run_queries import RunQueries

NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)


def run(run_id: str, **values: Any) -> dict[str, Any]:
    """A run of `collect` that began two hours ago and took a minute."""
    started = values.pop("started_at", NOW - timedelta(hours=2))
    seconds = values.pop("seconds", 60.0)
    ended = None if started is None or seconds is None else started + timedelta(seconds=seconds)
    return {
        "run_id": run_id,
        "job": "collect",
        "kind": "command",
        "categories": [],
        "release_years": "2001",
        "started_at": started,
        "ended_at": ended,
        "seconds": seconds,
        "status": "success",
        "films_processed": 3,
        "tmdb_requests": 3,
        "omdb_requests": 2,
        "films_failed": 0,
        "films_deferred": 0,
        "error": None,
        "updated_at": ended or NOW,
        **values,
    }


def record(queries: RunQueries, *rows: dict[str, Any]) -> None:
    frame = pd.DataFrame(rows, columns=PIPELINE_RUNS.column_names, dtype=object)
    write_batch(queries.warehouse, PIPELINE_RUNS, frame, years=None, purpose="a test")
