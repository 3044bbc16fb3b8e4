"""Runs nobody will ever begin keep no year from being asked for."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._daemon.types import DaemonHeartbeat

from ayne_dagster.defs.change_feed import run_under_way
from ayne_dagster.defs.open_runs import is_queue_served, open_runs
from ayne_dagster_tests.defs.left_runs import left_run

YEARS = ["1998", "1999", "2000"]
NOW = datetime.now(UTC)
LATER = NOW + timedelta(hours=1)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as ephemeral:
        yield ephemeral


def leave_behind(instance: dg.DagsterInstance, status: DagsterRunStatus) -> None:
    instance.add_run(left_run("change_feed", status, YEARS))


def beat(instance: dg.DagsterInstance, at: datetime) -> None:
    instance.add_daemon_heartbeat(
        DaemonHeartbeat(at.timestamp(), "QUEUED_RUN_COORDINATOR", "a daemon", errors=[])
    )


@pytest.mark.parametrize("is_served", [True, False])
def test_a_queued_run_counts_only_where_somebody_takes_runs_out_of_the_queue(
    instance: dg.DagsterInstance, is_served: bool
) -> None:
    """Without a daemon one left in the queue let `ayne run` ask for nothing, for ever."""
    leave_behind(instance, DagsterRunStatus.QUEUED)
    assert bool(open_runs(instance, YEARS, is_queue_served=is_served, at=NOW)) is is_served
    assert bool(run_under_way(instance, is_queue_served=is_served, at=NOW)) is is_served


def test_a_queue_is_served_while_its_daemon_shows_signs_of_life(
    instance: dg.DagsterInstance,
) -> None:
    assert not is_queue_served(instance, NOW)
    beat(instance, NOW)
    assert is_queue_served(instance, NOW + timedelta(minutes=1))
    assert not is_queue_served(instance, LATER)


def test_a_run_that_was_to_start_counts_until_its_time_to_start_is_over(
    instance: dg.DagsterInstance,
) -> None:
    leave_behind(instance, DagsterRunStatus.STARTING)
    assert open_runs(instance, YEARS, is_queue_served=False, at=NOW)
    assert run_under_way(instance, is_queue_served=False, at=NOW)
    assert not open_runs(instance, YEARS, at=LATER)
    assert not run_under_way(instance, at=LATER)


@pytest.mark.parametrize("status", [DagsterRunStatus.STARTED, DagsterRunStatus.CANCELING])
def test_a_run_at_work_counts_however_long_it_takes(
    instance: dg.DagsterInstance, status: DagsterRunStatus
) -> None:
    """Its process lives, or it is ended as one that died."""
    leave_behind(instance, status)
    assert open_runs(instance, YEARS, is_queue_served=False, at=LATER)
    assert run_under_way(instance, is_queue_served=False, at=LATER)
