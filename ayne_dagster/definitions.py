"""The door Dagster opens. Everything it finds lies in `defs/`.

The rooms are named one by one: Dagster's folder loader would find them by itself, but costs every
process a fifth of its start (`docs/decisions/0015-rooms-named-in-definitions.md`).
"""

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """All definitions of the platform."""
    from ayne_dagster.defs import (
        assets,
        change_feed,
        checks,
        jobs,
        resources,
        schedules,
        sensors,
    )

    return dg.Definitions.merge(
        dg.Definitions(assets=dg.load_assets_from_package_module(assets)),
        checks.checks(),
        jobs.jobs(),
        change_feed.definitions(),
        schedules.schedules(),
        sensors.sensors(),
        resources.resources(),
    )
