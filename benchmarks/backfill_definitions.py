"""The platform's definitions with an executor named: what the runs of `backfill` load.

Lives here: the same assets, jobs and resources twice, to run in one process or each step in its
own. Not here: who starts the runs (`backfill.py`).
"""

import dagster as dg

from ayne_dagster.definitions import defs


@dg.definitions
def in_process() -> dg.Definitions:
    """All steps of a run in its one process."""
    return _with(dg.in_process_executor)


@dg.definitions
def multiprocess() -> dg.Definitions:
    """Each step of a run in a process of its own."""
    return _with(dg.multiprocess_executor)


def _with(executor: dg.ExecutorDefinition) -> dg.Definitions:
    ours = defs()
    return dg.Definitions(
        assets=ours.assets,
        asset_checks=ours.asset_checks,
        jobs=ours.jobs,
        resources=ours.resources,
        schedules=ours.schedules,
        sensors=ours.sensors,
        executor=executor,
    )
