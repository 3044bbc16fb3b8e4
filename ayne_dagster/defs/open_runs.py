"""Runs that are queued or under way, and what was asked for before: Dagster's own memory.

Lives here: questions to the Dagster instance. Not here: questions to the warehouse
(`due_outlook.py`), and runs as rows (`pipeline_runs`).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg
from dagster import DagsterRunStatus

from ayne_dagster.defs.jobs import JOBS
from ayne_dagster.domain.run_plans import RunPlan, span

RANGE_START_TAG = "dagster/asset_partition_range_start"
RANGE_END_TAG = "dagster/asset_partition_range_end"
KIND_TAG = "ayne/kind"
REASON_TAG = "ayne/reason"
DUE_TAG = "ayne/due"
"""Fingerprint of the due films a run was asked for."""
ASKED_AT_TAG = "ayne/asked_at"
"""When it was asked for, by the platform's clock: Dagster's own times are this machine's."""

_PARTITION_TAG = "dagster/partition"
_UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
_QUEUE_DAEMON = "QUEUED_RUN_COORDINATOR"
_SILENT_AFTER = timedelta(minutes=3)
"""The daemon gives a sign of life every half minute."""


@dataclass(frozen=True)
class OpenRun:
    """A run that is queued or under way.

    Attributes:
        run_id: Dagster's id.
        job: Its job.
        assets: What it materializes.
        years: Its partitions.
    """

    run_id: str
    job: str
    assets: frozenset[str]
    years: tuple[str, ...]

    @property
    def words(self) -> str:
        """The run, as a skip reason names it."""
        return f"{self.job} over {span(self.years)} ({self.run_id[:8]})"


def is_queue_served(instance: dg.DagsterInstance, at: datetime | None = None) -> bool:
    """Whether a daemon lives that takes runs out of the queue.

    Args:
        instance: Whose queue.
        at: The moment, by the clock of this machine as Dagster's times are; None: its own.
    """
    beat = instance.get_daemon_heartbeats().get(_QUEUE_DAEMON)
    since = (at or datetime.now(UTC)) - _SILENT_AFTER
    return beat is not None and beat.timestamp >= since.timestamp()


def unfinished_runs(
    instance: dg.DagsterInstance,
    job: str | None = None,
    *,
    is_queue_served: bool = True,
    at: datetime | None = None,
) -> list[dg.DagsterRun]:
    """Runs that are at work, or will be.

    A run in a queue that nobody serves will not be, nor one whose time to start is over: what a
    daemon leaves behind when it is switched off would keep its years from being asked for for ever.

    Args:
        instance: Whose runs.
        job: Of this job only; None: of all.
        is_queue_served: Whether somebody takes runs out of the queue.
        at: The moment, by the clock of this machine as Dagster's times are; None: its own.
    """
    start_seconds = instance.run_monitoring_start_timeout_seconds
    begun_after = (at or datetime.now(UTC)) - timedelta(seconds=start_seconds)
    return [
        record.dagster_run
        for record in instance.get_run_records(dg.RunsFilter(job_name=job, statuses=_UNFINISHED))
        if (record.dagster_run.status is not DagsterRunStatus.QUEUED or is_queue_served)
        and (
            record.dagster_run.status is not DagsterRunStatus.STARTING
            or record.update_timestamp >= begun_after
        )
    ]


def open_runs(
    instance: dg.DagsterInstance,
    keys: Sequence[str],
    *,
    is_queue_served: bool = True,
    at: datetime | None = None,
) -> list[OpenRun]:
    """Every unfinished run that works on release years.

    Args:
        instance: Whose runs.
        keys: All partition keys in their order.
        is_queue_served: As for `unfinished_runs`.
        at: The same.
    """
    found = []
    for run in unfinished_runs(instance, is_queue_served=is_queue_served, at=at):
        years = _years_of(run, keys)
        if years:
            found.append(OpenRun(run.run_id, run.job_name, _assets_of(run), years))
    return found


def years_of(runs: Iterable[OpenRun], asset: str) -> set[str]:
    """The years in which these runs materialize an asset."""
    return {year for run in runs if asset in run.assets for year in run.years}


def asked_before(
    instance: dg.DagsterInstance, plan: RunPlan, now: datetime, wait: timedelta
) -> datetime | None:
    """When exactly this was last asked for, if that is less than the wait ago; else None."""
    runs = instance.get_runs(dg.RunsFilter(tags={DUE_TAG: plan.fingerprint}), limit=1)
    if not runs or ASKED_AT_TAG not in runs[0].tags:
        return None
    at = datetime.fromisoformat(runs[0].tags[ASKED_AT_TAG])
    # A clock that was moved back says nothing about how long ago that is.
    return at if timedelta() <= now - at < wait else None


def range_tags(years: Sequence[str]) -> dict[str, str]:
    """What makes a run work on all these neighbouring partitions at once."""
    return {RANGE_START_TAG: years[0], RANGE_END_TAG: years[-1]}


def _years_of(run: dg.DagsterRun, keys: Sequence[str]) -> tuple[str, ...]:
    first = run.tags.get(RANGE_START_TAG) or run.tags.get(_PARTITION_TAG)
    last = run.tags.get(RANGE_END_TAG) or first
    if first not in keys or last not in keys:
        # Partitions of another kind (days of the change feed), or none.
        return ()
    return tuple(keys[keys.index(first) : keys.index(last) + 1])


def _assets_of(run: dg.DagsterRun) -> frozenset[str]:
    if run.asset_selection:
        return frozenset(key.to_user_string() for key in run.asset_selection)
    return frozenset(assets_of_job(run.job_name))


def assets_of_job(name: str) -> tuple[str, ...]:
    """The assets of a job of ours; none for another."""
    return next((job.assets for job in JOBS if job.name == name), ())
