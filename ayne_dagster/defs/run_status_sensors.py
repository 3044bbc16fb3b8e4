"""Sensors that write one row per run into `pipeline_runs`, and end runs whose process is gone.

Lives here: when. Not here: what a row is (`run_records.py`), which runs are dead (`dead_runs.py`).
They are always on: they start nothing and ask no service. Runs of commands are recorded by the
commands; what was missed, by whoever looks next.
See https://docs.dagster.io/guides/automate/run-status-sensors.
"""

from dataclasses import replace

import dagster as dg
from dagster import DagsterRunStatus, DefaultSensorStatus

from ayne_dagster.defs.dead_runs import end_dead_runs
from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.defs.run_records import UNRECORDED, bring_records_up_to_date, record_run
from ayne_dagster.storage.run_queries import RunQueries

_LOOK_SECONDS = 60
_WAIT_SECONDS = 5.0
"""A sensor does not wait long for a held warehouse: the next look comes soon."""

_RECORDED = (
    DagsterRunStatus.STARTED,
    DagsterRunStatus.SUCCESS,
    DagsterRunStatus.FAILURE,
    DagsterRunStatus.CANCELED,
)


def run_status_sensors() -> dg.Definitions:
    """One sensor per status, over all jobs of this code location, and the one for dead runs."""
    return dg.Definitions(
        sensors=[*(_recording(status) for status in _RECORDED), _ending_dead_runs()]
    )


def _recording(status: DagsterRunStatus) -> dg.RunStatusSensorDefinition:
    @dg.run_status_sensor(
        run_status=status,
        name=f"record_runs_{status.value.lower()}",
        description=f"Writes a row of `pipeline_runs` when a run is {status.value}.",
        default_status=DefaultSensorStatus.RUNNING,
    )
    def record(
        context: dg.RunStatusSensorContext, fetching: dg.ResourceParam[Fetching]
    ) -> dg.SkipReason | None:
        record_run(
            context.instance,
            context.dagster_run.run_id,
            fetching.queries.warehouse,
            fetching.mirror,
            wait_seconds=_WAIT_SECONDS,
        )

    return record


def _ending_dead_runs() -> dg.SensorDefinition:
    @dg.sensor(
        name="end_dead_runs",
        minimum_interval_seconds=_LOOK_SECONDS,
        description="Ends runs of this machine whose process is gone, so that none stays `started` "
        "for ever, and writes rows of `pipeline_runs` that could not be written before.",
        default_status=DefaultSensorStatus.RUNNING,
    )
    def look(
        context: dg.SensorEvaluationContext, fetching: dg.ResourceParam[Fetching]
    ) -> dg.SkipReason:
        ended = end_dead_runs(context.instance)
        words = f"ended, their process was gone: {', '.join(ended)}" if ended else "no dead run"
        warehouse = replace(fetching.queries.warehouse, wait_seconds=_WAIT_SECONDS)
        try:
            written = bring_records_up_to_date(
                context.instance, RunQueries(warehouse), fetching.mirror
            )
        except UNRECORDED as error:
            return dg.SkipReason(f"{words}; records are written later: {error}")
        return dg.SkipReason(f"{words}; {written} records written")

    return look
