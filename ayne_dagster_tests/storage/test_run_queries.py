"""Questions about recorded runs."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from ayne_dagster.defs.failure_words import STOPPED
from ayne_dagster.storage.run_queries import ALL_JOBS, RunQueries
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.storage.recorded_runs import NOW, record, run


@pytest.fixture
def queries(tmp_path: Path) -> RunQueries:
    return RunQueries(Warehouse(tmp_path / "runs.duckdb"))


def test_where_nothing_was_recorded_there_are_no_runs_and_no_figures(queries: RunQueries):
    assert queries.last_runs() == []
    assert queries.run_figures(NOW) == []
    assert queries.recorded_statuses(["a"]) == {}
    assert not queries.warehouse.exists


def test_the_last_runs_come_newest_first_by_status_and_job(queries: RunQueries):
    record(
        queries,
        run("old", started_at=NOW - timedelta(days=3)),
        run("new", status="failed", error="why"),
        run("now", status="running", seconds=None, started_at=NOW - timedelta(minutes=1)),
        run("model", job="model", started_at=NOW - timedelta(days=1)),
    )

    def ids(**asked: Any) -> list[str]:
        return [row["run_id"] for row in queries.last_runs(**asked)]

    assert ids() == ["now", "new", "model", "old"]
    assert ids(limit=2) == ["now", "new"]
    assert ids(status="failed") == ["new"]
    assert ids(job="model") == ["model"]
    assert ids(job="model", status="failed") == []
    assert queries.recorded_statuses(["new", "now", "unknown"]) == {
        "new": "failed",
        "now": "running",
    }


def test_the_rate_leaves_canceled_runs_out_and_durations_are_those_of_successes(
    queries: RunQueries,
):
    record(
        queries,
        run("a", seconds=10.0),
        run("b", seconds=20.0),
        run("c", seconds=90.0),
        run("d", seconds=1000.0, status="failed", error="why"),
        run("e", seconds=5000.0, status="canceled"),
        run("ctrl-c", seconds=7.0, status="failed", error=STOPPED),
        run("f", seconds=None, status="running", job="model"),
        run("long ago", seconds=1.0, started_at=NOW - timedelta(days=40)),
    )
    everything, collect, model = queries.run_figures(NOW, days=30)
    assert everything["job"] == ALL_JOBS
    assert everything["runs"] == 7
    assert collect == {
        "job": "collect",
        "runs": 6,
        "succeeded": 3,
        "failed": 2,
        "canceled": 1,
        "running": 0,
        "stopped": 1,
        "success_rate": 0.75,
        "mean_seconds": 40.0,
        "median_seconds": 20.0,
    }
    assert model["success_rate"] is None
    assert model["mean_seconds"] is None
    assert queries.run_figures(NOW, days=60)[0]["runs"] == 8


def test_an_older_state_of_a_run_never_replaces_a_newer_one(queries: RunQueries):
    """Two sensors and a command write the same run, in whatever order."""
    ended = run("a", updated_at=NOW)
    record(queries, ended)
    record(queries, run("a", status="running", seconds=None, updated_at=NOW - timedelta(hours=1)))
    assert queries.last_runs() == [ended]
