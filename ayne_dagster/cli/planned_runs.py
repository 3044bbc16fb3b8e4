"""What a schedule, or the change feed's sensor, would request at this moment.

Lives here: asking the functions behind the schedules and the sensor for their runs. Not here: what
they decide (`defs/schedules.py`, `defs/change_feed.py`), and making the runs (`cli/run.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ayne_dagster.cli.collection import Collection

if TYPE_CHECKING:
    import dagster as dg


@dataclass(frozen=True)
class PlannedRun:
    """A run to make.

    Attributes:
        job: Its job.
        partitions: The first and the last: release years, or days of the change feed.
        reason: Why, in words.
        assets: Only these assets of the job; None: all.
        run_config: Its options.
    """

    job: str
    partitions: tuple[str, str]
    reason: str
    assets: tuple[str, ...] | None = None
    run_config: Mapping[str, Any] = field(default_factory=dict)


def plan_schedule(
    collection: Collection,
    schedule: str,
    *,
    years: Sequence[str] | None = None,
    options: Mapping[str, Any] | None = None,
) -> list[PlannedRun] | str:
    """The runs the schedule of that name requests now, or why there are none, in words.

    The function behind the schedule's tick answers, so that nothing can differ from it but one
    thing: who waits for an answer waits for a held warehouse as long as the settings say.

    Args:
        collection: Of what.
        schedule: Its name, which is its job's too.
        years: Only these release years; None: all.
        options: Of every run: fields of `RunOptions`.

    Raises:
        WarehouseBusy: Somebody held the warehouse for longer than that.
    """
    import dagster as dg

    from ayne_dagster.defs.job_options import RunOptions, run_config_of
    from ayne_dagster.defs.open_runs import RANGE_END_TAG, RANGE_START_TAG, REASON_TAG

    requested = _requested(collection, schedule)
    if isinstance(requested, dg.SkipReason):
        return requested.skip_message or "nothing is due"
    planned = []
    for request in requested:
        first, last = request.tags[RANGE_START_TAG], request.tags[RANGE_END_TAG]
        keys = collection.years[collection.years.index(first) : collection.years.index(last) + 1]
        chosen = keys if years is None else [key for key in keys if key in years]
        if not chosen:
            continue
        given = RunOptions(**{**(options or {}), **({} if years is None else {"years": chosen})})
        planned.append(
            PlannedRun(
                job=schedule,
                partitions=(chosen[0], chosen[-1]),
                reason=request.tags.get(REASON_TAG, schedule),
                assets=tuple(key.to_user_string() for key in request.asset_selection or ()) or None,
                run_config={**request.run_config, **run_config_of(schedule, given)},
            )
        )
    return planned or "nothing of these years is to be done"


def plan_change_feed(collection: Collection) -> list[PlannedRun]:
    """The runs that read the days of TMDB's change feed not read yet; none where it is off."""
    from ayne_dagster.defs.change_feed import JOB, request_days
    from ayne_dagster.defs.open_runs import RANGE_END_TAG, RANGE_START_TAG, is_queue_served
    from ayne_dagster.storage.change_queries import ChangeQueries

    with _instance() as instance:
        asked = request_days(
            instance,
            collection.services,
            ChangeQueries(collection.warehouse),
            is_queue_served=is_queue_served(instance),
        )
    return [
        PlannedRun(
            job=JOB,
            partitions=(request.tags[RANGE_START_TAG], request.tags[RANGE_END_TAG]),
            reason="days of TMDB's change feed that were not read",
        )
        for request in asked.run_requests or []
    ]


def _requested(collection: Collection, schedule: str) -> "Sequence[dg.RunRequest] | dg.SkipReason":
    from ayne_dagster.defs.due_outlook import DueOutlook
    from ayne_dagster.defs.open_runs import is_queue_served
    from ayne_dagster.defs.schedules import requests

    queries = collection.resources["queries"]
    with _instance() as instance:
        seen = DueOutlook.before_reading(
            instance,
            queries,
            collection.services,
            collection.policy,
            most_seconds=queries.warehouse.wait_seconds,
            is_queue_served=is_queue_served(instance),
        )
        return requests(schedule, seen.read(), collection.now)


@contextmanager
def _instance() -> "Iterator[dg.DagsterInstance]":
    """The current instance, without runs of processes that are gone: they pass for under way."""
    import dagster as dg

    from ayne_dagster.defs.dead_runs import end_dead_runs

    with dg.DagsterInstance.get() as instance:
        end_dead_runs(instance)
        yield instance
