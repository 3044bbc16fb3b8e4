"""Runs as rows of `pipeline_runs`: what they did, how they ended, and what becomes of dead ones."""

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._utils import get_run_crash_explanation
from filelock import FileLock

from ayne_dagster.defs.dead_runs import GONE, end_dead_runs, in_process_executor
from ayne_dagster.defs.failure_words import STOPPED
from ayne_dagster.defs.run_records import bring_records_up_to_date, record_run
from ayne_dagster.defs.run_status_sensors import run_status_sensors
from ayne_dagster.storage.live_runs import LiveRuns
from ayne_dagster.storage.run_queries import RunQueries
from ayne_dagster.storage.warehouse import Warehouse

YEARS = dg.StaticPartitionsDefinition(["2001", "2002", "2003"])
RANGE = {
    "dagster/asset_partition_range_start": "2001",
    "dagster/asset_partition_range_end": "2003",
}


@dg.asset
def movie_lists() -> dg.MaterializeResult:
    return dg.MaterializeResult(metadata={"requests": 2, "lists read": "popular, trending_week"})


@dg.asset(partitions_def=YEARS, backfill_policy=dg.BackfillPolicy.single_run(), deps=[movie_lists])
def tmdb_details() -> dg.MaterializeResult:
    return dg.MaterializeResult(
        metadata={
            "requests": 12,
            "answers with a row": 7,
            "answers without a change": 2,
            "not found": 1,
            "failed": 3,
            "deferred": 4,
            "deferred by": "the run's limit",
        }
    )


@dg.asset(
    partitions_def=YEARS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    output_required=False,
)
def tmdb_changes(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult]:
    """As it ends when it left days unread: without an output."""
    for key, figures in (("2001", {"requests": 3}), ("2002", {"not read": "deferred"})):
        event = dg.AssetMaterialization if "requests" in figures else dg.AssetObservation
        context.log_event(event(context.asset_key, partition=key, metadata=figures))
    context.log_event(dg.AssetObservation(context.asset_key, metadata={"requests": 5}))
    yield from ()


class Outcome(dg.Config):
    """How `omdb_ratings` is to end."""

    ends: str = "well"


@dg.asset(partitions_def=YEARS, backfill_policy=dg.BackfillPolicy.single_run(), deps=[tmdb_details])
def omdb_ratings(config: Outcome) -> dg.MaterializeResult:
    figures = {"requests": 6, "answers with a row": 5, "not found": 1, "deferred": 9}
    if config.ends == "badly":
        try:
            raise ValueError("the service answered api_key=s3cr3t0123")
        except ValueError as error:
            raise dg.Failure(
                f"{error} (5 answers stored)", metadata=figures, allow_retries=False
            ) from error
    if config.ends == "stopped":
        raise KeyboardInterrupt
    return dg.MaterializeResult(metadata=figures)


@cache
def definitions() -> dg.Definitions:
    return dg.Definitions(
        assets=[movie_lists, tmdb_details, omdb_ratings, tmdb_changes],
        jobs=[
            dg.define_asset_job("collect", dg.AssetSelection.assets(omdb_ratings).upstream()),
            dg.define_asset_job("change_feed", dg.AssetSelection.assets(tmdb_changes)),
        ],
        executor=in_process_executor,
    )


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """An instance in memory: on disk each run costs half a second."""
    home.mkdir()
    with dg.DagsterInstance.ephemeral(tempdir=str(home)) as instance:
        yield instance


@pytest.fixture
def queries(tmp_path: Path) -> RunQueries:
    return RunQueries(Warehouse(tmp_path / "ayne.duckdb", wait_seconds=0.2))


def run(instance: dg.DagsterInstance, ends: str = "well", **tags: str) -> str:
    """Run `collect` over three years; its id."""
    return (
        definitions()
        .resolve_job_def("collect")
        .execute_in_process(
            instance=instance,
            tags={**RANGE, **tags},
            run_config={
                "ops": {"omdb_ratings": {"config": {"ends": ends}}},
                "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
            },
            raise_on_error=False,
        )
        .run_id
    )


def begin(instance: dg.DagsterInstance) -> str:
    """A run that has begun and is not executed by anybody."""
    made = instance.create_run_for_job(definitions().resolve_job_def("collect"), tags=RANGE)
    instance.report_dagster_event(
        dg.DagsterEvent(dg.DagsterEventType.PIPELINE_START.value, job_name="collect"), made.run_id
    )
    return made.run_id


def leave_behind(home: Path, run_id: str, host: str | None = None) -> None:
    """What a killed process leaves of a run: its lock file, and no lock."""
    live = LiveRuns.of_home(home)
    live = live if host is None else replace(live, host=host)
    live.folder.mkdir(exist_ok=True)
    path = live.folder / f"{live.host}@{run_id}.lock"
    path.touch()
    long_ago = time.time() - 60
    os.utime(path, (long_ago, long_ago))


def row(queries: RunQueries, run_id: str) -> dict[str, Any]:
    (found,) = [one for one in queries.last_runs(limit=1000) if one["run_id"] == run_id]
    return found


def test_a_run_is_one_row_whose_figures_are_counted_once_however_many_years_it_had(
    instance: dg.DagsterInstance, queries: RunQueries
):
    """A run over three years materializes each asset three times with the same figures."""
    run_id = run(instance, **{"ayne/kind": "command"})
    assert record_run(instance, run_id, queries.warehouse)
    found = row(queries, run_id)
    assert found["seconds"] == pytest.approx(
        (found["ended_at"] - found["started_at"]).total_seconds()
    )
    assert 0 < found["seconds"] < 60
    for moment in ("started_at", "ended_at", "seconds", "updated_at"):
        del found[moment]
    assert found == {
        "run_id": run_id,
        "job": "collect",
        "kind": "command",
        "categories": ["popular", "trending_week"],
        "release_years": "2001..2003",
        "status": "success",
        "films_processed": 10,
        "tmdb_requests": 14,
        "omdb_requests": 6,
        "films_failed": 3,
        "films_deferred": 9,
        "error": None,
    }


def test_a_failed_run_says_why_in_words_and_without_a_key_and_keeps_what_it_had_done(
    instance: dg.DagsterInstance, queries: RunQueries
):
    run_id = run(instance, "badly", **{"dagster/schedule_name": "daily", "ayne/kind": "daily"})
    record_run(instance, run_id, queries.warehouse)
    found = row(queries, run_id)
    assert (found["status"], found["kind"]) == ("failed", "schedule")
    assert found["error"] == (
        "step omdb_ratings failed: the service answered api_key=*** (5 answers stored)"
    )
    assert (found["tmdb_requests"], found["omdb_requests"]) == (14, 6)


def test_a_run_that_left_days_of_the_feed_unread_counts_the_requests_it_sent(
    instance: dg.DagsterInstance, queries: RunQueries
):
    """Its step has no output, and the row said that nobody had been asked."""
    job = definitions().resolve_job_def("change_feed")
    made = job.execute_in_process(instance=instance, tags=RANGE)
    record_run(instance, made.run_id, queries.warehouse)
    found = row(queries, made.run_id)
    assert (found["status"], found["tmdb_requests"], found["omdb_requests"]) == ("success", 5, 0)


@pytest.mark.parametrize(
    ("tags", "kind", "years"),
    [
        ({"dagster/sensor_name": "refresh_due", "ayne/kind": "due"}, "sensor", "2001..2003"),
        ({"dagster/backfill": "abc"}, "backfill", "2001..2003"),
        ({"dagster/asset_partition_range_end": "2001"}, "UI", "2001"),
    ],
)
def test_the_kind_is_who_started_the_run(
    instance: dg.DagsterInstance,
    queries: RunQueries,
    tags: dict[str, str],
    kind: str,
    years: str,
):
    job = definitions().resolve_job_def("collect")
    made = instance.create_run_for_job(job, tags={**RANGE, **tags})
    instance.report_run_failed(made, "no such partition")
    record_run(instance, made.run_id, queries.warehouse)
    found = row(queries, made.run_id)
    assert (found["kind"], found["release_years"]) == (kind, years)
    assert (found["error"], found["seconds"]) == ("no such partition", None)


def test_a_run_whose_code_server_saw_it_die_says_what_the_code_server_saw(
    instance: dg.DagsterInstance, queries: RunQueries
):
    run_id = begin(instance)
    begun = instance.get_run_by_id(run_id)
    assert begun is not None
    words = get_run_crash_explanation(f"Run execution process for {run_id}", -9)
    instance.report_engine_event(words, begun, cls=dg.DagsterInstance)
    instance.report_run_failed(begun)
    record_run(instance, run_id, queries.warehouse)
    assert row(queries, run_id)["error"].endswith("was terminated by signal 9 (SIGKILL).")


def test_a_run_that_was_interrupted_says_so(instance: dg.DagsterInstance, queries: RunQueries):
    run_id = run(instance, "stopped")
    record_run(instance, run_id, queries.warehouse)
    found = row(queries, run_id)
    assert (found["status"], found["error"]) == ("failed", STOPPED)


def test_what_was_not_recorded_is_caught_up_with_once(
    instance: dg.DagsterInstance, queries: RunQueries
):
    """A held warehouse must not lose a record: the next look writes it."""
    run_id = run(instance)
    queries.warehouse.path.parent.mkdir(exist_ok=True)
    with FileLock(f"{queries.warehouse.path}.lock"):
        assert not record_run(instance, run_id, queries.warehouse)
    assert queries.last_runs() == []
    assert bring_records_up_to_date(instance, queries) >= 1
    assert row(queries, run_id)["status"] == "success"
    assert bring_records_up_to_date(instance, queries) == 0


def test_mistake_08_a_run_whose_process_was_killed_ends_as_failed_when_it_was_last_heard_of(
    home: Path, instance: dg.DagsterInstance, queries: RunQueries
):
    """It stayed RUNNING for ever in the first system, and blocked the next run."""
    run_id = begin(instance)
    bring_records_up_to_date(instance, queries)
    assert row(queries, run_id)["status"] == "running"
    last_heard = instance.get_records_for_run(run_id, limit=1, ascending=False).records[0].timestamp

    leave_behind(home, run_id)
    assert end_dead_runs(instance) == [run_id]
    ended = instance.get_run_by_id(run_id)
    assert ended is not None
    assert ended.status is DagsterRunStatus.FAILURE
    bring_records_up_to_date(instance, queries)
    found = row(queries, run_id)
    assert (found["status"], found["error"]) == ("failed", GONE)
    assert found["ended_at"] == datetime.fromtimestamp(last_heard, UTC)
    assert end_dead_runs(instance) == []


def test_a_run_that_lives_or_is_another_machines_or_has_ended_is_not_ended(
    home: Path, instance: dg.DagsterInstance
):
    living, foreign, ended = begin(instance), begin(instance), begin(instance)
    instance.report_run_failed(instance.get_run_by_id(ended))  # type: ignore[arg-type]
    leave_behind(home, foreign, host="elsewhere")
    leave_behind(home, ended)
    leave_behind(home, living)
    folder = LiveRuns.of_home(home).folder
    with FileLock(next(folder.glob(f"*{living}.lock"))):
        assert end_dead_runs(instance) == []
    assert [path.name for path in folder.glob(f"*{ended}*")] == []
    for run_id in (living, foreign):
        still = instance.get_run_by_id(run_id)
        assert still is not None
        assert still.status is DagsterRunStatus.STARTED
    (folder / f"elsewhere@{foreign}.lock").unlink()


def test_a_run_of_another_host_is_ended_after_a_day_without_a_sign_of_life(
    home: Path, instance: dg.DagsterInstance, queries: RunQueries
):
    """A laptop in another network has another name: its dead run blocked every later one."""
    run_id, now = begin(instance), datetime.now(UTC)
    leave_behind(home, run_id, host="elsewhere")
    assert end_dead_runs(instance, now + timedelta(hours=23)) == []
    assert end_dead_runs(instance, now + timedelta(hours=25)) == [run_id]
    bring_records_up_to_date(instance, queries)
    found = row(queries, run_id)
    assert found["status"] == "failed"
    assert found["error"].startswith("no sign of life from elsewhere for 24 h")
    assert found["ended_at"] < datetime.now(UTC), "when it was last heard of"
    assert not list(LiveRuns.of_home(home).folder.iterdir())


def test_a_run_executed_again_has_its_own_end_and_not_that_of_the_dead_one(
    home: Path, instance: dg.DagsterInstance, queries: RunQueries
):
    """Dagster copies the tags of the run it executes again."""
    dead = begin(instance)
    leave_behind(home, dead)
    end_dead_runs(instance)
    parent = instance.get_run_by_id(dead)
    assert parent is not None
    ended_before = datetime.now(UTC)
    again = run(instance, "badly", **parent.tags)
    bring_records_up_to_date(instance, queries)
    assert row(queries, dead)["ended_at"] < ended_before < row(queries, again)["ended_at"]


def test_a_run_that_was_being_canceled_when_it_died_ends_as_canceled(
    home: Path, instance: dg.DagsterInstance, queries: RunQueries
):
    run_id = begin(instance)
    instance.report_run_canceling(instance.get_run_by_id(run_id))  # type: ignore[arg-type]
    leave_behind(home, run_id)
    end_dead_runs(instance)
    bring_records_up_to_date(instance, queries)
    assert (row(queries, run_id)["status"], row(queries, run_id)["error"]) == ("canceled", None)


def test_every_sensor_is_on_and_the_one_for_dead_runs_says_what_it_did(
    home: Path, instance: dg.DagsterInstance, queries: RunQueries
):
    sensors = {sensor.name: sensor for sensor in run_status_sensors().sensors or ()}
    assert set(sensors) == {
        "record_runs_started",
        "record_runs_success",
        "record_runs_failure",
        "record_runs_canceled",
        "end_dead_runs",
    }
    assert {sensor.default_status for sensor in sensors.values()} == {
        dg.DefaultSensorStatus.RUNNING
    }
    run_id = begin(instance)
    leave_behind(home, run_id)
    assert run_id in _look(sensors["end_dead_runs"], instance, queries)
    assert row(queries, run_id)["status"] == "failed"
    assert _look(sensors["end_dead_runs"], instance, queries) == "no dead run; 0 records written"


def test_the_sensor_of_a_status_writes_the_row_of_its_run(
    instance: dg.DagsterInstance, queries: RunQueries
):
    sensors = {sensor.name: sensor for sensor in run_status_sensors().sensors or ()}
    sensor = sensors["record_runs_success"]
    first = _context(instance, queries)
    sensor.evaluate_tick(first)
    run_id = run(instance)
    ticked = sensor.evaluate_tick(_context(instance, queries, cursor=first.cursor))
    assert [
        one.dagster_run and one.dagster_run.run_id for one in ticked.dagster_run_reactions or ()
    ] == [run_id]
    assert [one["run_id"] for one in queries.last_runs()] == [run_id]


class _Written:
    """What a sensor needs of `Fetching`."""

    def __init__(self, queries: RunQueries) -> None:
        self.queries, self.mirror = queries, None


def _context(
    instance: dg.DagsterInstance, queries: RunQueries, cursor: str | None = None
) -> dg.SensorEvaluationContext:
    return dg.build_sensor_context(
        instance=instance,
        cursor=cursor,
        resources={"fetching": _Written(queries)},
        definitions=definitions(),
    )


def _look(sensor: Any, instance: dg.DagsterInstance, queries: RunQueries) -> str:
    return str(sensor.evaluate_tick(_context(instance, queries)).skip_message)
