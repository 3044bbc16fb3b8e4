"""A run whose process was killed ends as failed, and never stays "started".

Lives here: how a process says that its run is alive, and what becomes of the run when it is gone.
Not here: the lock files (`storage/live_runs.py`), rows of runs (`run_records.py`).

Dagster does this for runs it has launched itself, for as long as the code server that launched them
lives. It does not for runs in the process of a command, nor once the code server is gone as well
(see `docs/decisions/0034-live-runs-hold-a-lock.md`).
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
from dagster import DagsterRunStatus, Executor

from ayne_dagster.storage.live_runs import LiveRuns

GONE = "the process that ran it is gone (killed?); what it had stored is kept"
LAST_SEEN_TAG = "ayne/last_seen_at"
"""Which run died, and when it was heard of for the last time: for its row, that is its end."""
SILENT_HOURS = 24
"""So long without a sign of life, a run of another machine is given up."""


def end_dead_runs(instance: dg.DagsterInstance, now: datetime | None = None) -> list[str]:
    """End every run whose process is gone: Dagster shows it as failed from then on.

    A run that was being canceled ends as canceled. A run of another host (or of this one under
    another name) is ended once its process has neither touched its file nor written an event for
    `SILENT_HOURS`.

    Args:
        instance: Whose runs.
        now: The moment, by the clock of this machine as Dagster's times are; None: its own.

    Returns:
        Ids of the runs that were ended.
    """
    live = LiveRuns.of_home(instance.root_directory)
    since = (now or datetime.now(UTC)) - timedelta(hours=SILENT_HOURS)

    def is_silent(run_id: str) -> bool:
        last_seen = _last_event_at(instance, run_id)
        return last_seen is None or last_seen < since

    ended = [run_id for run_id in live.left_behind() if _end(instance, run_id, GONE)]
    for run_id, host in live.silent_elsewhere(since, is_silent):
        if _end(instance, run_id, silent(host)):
            ended.append(run_id)
    return ended


def silent(host: str) -> str:
    """Why a run of another machine was ended, in words."""
    return f"no sign of life from {host} for {SILENT_HOURS} h; what it had stored is kept"


def last_seen_at(run: dg.DagsterRun) -> datetime | None:
    """When a run that died was last heard of, UTC; None for any other.

    Whoever executes such a run again in the UI copies its tags: the new run did not die then.
    """
    run_id, _, moment = run.tags.get(LAST_SEEN_TAG, "").partition(" ")
    return datetime.fromisoformat(moment) if run_id == run.run_id else None


def _end(instance: dg.DagsterInstance, run_id: str, words: str) -> bool:
    """End a run; False where it had ended."""
    run = instance.get_run_by_id(run_id)
    if run is None or run.is_finished:
        return False
    last_seen = _last_event_at(instance, run_id)
    if last_seen is not None:
        instance.add_run_tags(run_id, {LAST_SEEN_TAG: f"{run_id} {last_seen.isoformat()}"})
    if run.status is DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, words)
    else:
        instance.report_run_failed(run, words)
    return True


def _last_event_at(instance: dg.DagsterInstance, run_id: str) -> datetime | None:
    newest = instance.get_records_for_run(run_id, limit=1, ascending=False).records
    return datetime.fromtimestamp(newest[0].timestamp, UTC) if newest else None


class _SaysItIsAlive(Executor):
    """Another executor, in a process that holds the lock of its run until it ends.

    Not only until the steps are done: Dagster writes how the run ended after that.
    """

    def __init__(self, inner: Executor) -> None:
        self._inner = inner

    @property
    def retries(self) -> Any:
        """As the executor inside."""
        return self._inner.retries

    @property
    def step_dependency_config(self) -> Any:
        """As the executor inside."""
        return self._inner.step_dependency_config

    def execute(self, plan_context: Any, execution_plan: Any) -> Iterator[Any]:
        """Run the steps."""
        if plan_context.instance.is_persistent:
            home = plan_context.instance.root_directory
            LiveRuns.of_home(home).hold_until_exit(plan_context.dagster_run.run_id)
        yield from self._inner.execute(plan_context, execution_plan)


@dg.executor(name="in_process", config_schema=dg.in_process_executor.config_schema.config_type)
def in_process_executor(init_context: dg.InitExecutorContext) -> Executor:
    """All steps in the process of the run, which says that it is alive.

    A launched run has a process of its own, so what is held until its end is that run alone.
    """
    made = dg.in_process_executor.executor_creation_fn
    assert made is not None
    return _SaysItIsAlive(made(init_context))
