"""Every run as a row of `pipeline_runs`: from Dagster's record and events to what people ask about.

Lives here: reading a run and writing its row. Not here: what happens when a process dies
(`dead_runs.py`), who asks for it (`run_status_sensors.py`, `cli/job_runs.py`) and questions about
the rows (`storage/run_queries.py`).

A row is made from Dagster's records alone, so it may be written by whoever comes first, twice, or
much later.
"""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import pandas as pd
from dagster import DagsterEvent, DagsterEventType, DagsterRunStatus, RunRecord

from ayne_dagster.defs.dead_runs import last_seen_at
from ayne_dagster.defs.failure_words import why_it_failed
from ayne_dagster.defs.open_runs import KIND_TAG, RANGE_END_TAG, RANGE_START_TAG
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.tables import (
    DISCOVERED_MOVIES,
    MOVIE_LISTS,
    OMDB_RATINGS,
    PIPELINE_RUNS,
    TMDB_CHANGES,
    TMDB_DETAILS,
)
from ayne_dagster.redaction import redact
from ayne_dagster.storage.duckdb_io_manager import write_batch
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.run_queries import RunQueries
from ayne_dagster.storage.warehouse import Warehouse, WarehouseBusy, WarehouseDamaged

logger = logging.getLogger(__name__)

NEWEST_RUNS = 500
"""How many of the newest runs are looked at when records are brought up to date."""

UNRECORDED = (WarehouseBusy, WarehouseDamaged, OSError)
"""Why a row could not be written now; it is caught up with later."""

_ASKED: Mapping[str, Source] = {
    MOVIE_LISTS.name: Source.TMDB,
    DISCOVERED_MOVIES.name: Source.TMDB,
    TMDB_CHANGES.name: Source.TMDB,
    TMDB_DETAILS.name: Source.TMDB,
    OMDB_RATINGS.name: Source.OMDB,
}
_ASKED_FOR_FILMS = (TMDB_DETAILS.name, OMDB_RATINGS.name)
_ANSWERS = ("answers with a row", "answers without a change", "not found")
_STATUSES = {
    DagsterRunStatus.STARTED: "running",
    DagsterRunStatus.SUSPENDED: "running",
    DagsterRunStatus.CANCELING: "running",
    DagsterRunStatus.SUCCESS: "success",
    DagsterRunStatus.FAILURE: "failed",
    DagsterRunStatus.CANCELED: "canceled",
}
_TELLING = {
    DagsterEventType.STEP_OUTPUT,
    DagsterEventType.ASSET_OBSERVATION,
    DagsterEventType.STEP_FAILURE,
    DagsterEventType.RUN_FAILURE,
    DagsterEventType.ENGINE_EVENT,
}
_LONGEST_ERROR = 2000


def bring_records_up_to_date(
    instance: dg.DagsterInstance, queries: RunQueries, mirror: ParquetMirror | None = None
) -> int:
    """Write every run whose recorded state is not the one Dagster knows.

    Args:
        instance: Whose runs; the newest `NEWEST_RUNS` of them are looked at.
        queries: The warehouse they are recorded in.
        mirror: Where its Parquet mirror lies, if there is one.

    Returns:
        Rows that were written.

    Raises:
        WarehouseBusy: Others held the file for too long; nothing was written.
    """
    records = [
        record
        for record in instance.get_run_records(limit=NEWEST_RUNS)
        if record.dagster_run.status in _STATUSES
    ]
    recorded = queries.recorded_statuses(record.dagster_run.run_id for record in records)
    changed = [
        record
        for record in records
        if recorded.get(record.dagster_run.run_id) != _STATUSES[record.dagster_run.status]
    ]
    return write_records(instance, changed, queries.warehouse, mirror)


def record_run(
    instance: dg.DagsterInstance,
    run_id: str,
    warehouse: Warehouse,
    mirror: ParquetMirror | None = None,
    *,
    wait_seconds: float | None = None,
) -> bool:
    """Write one run as it stands now; a warehouse that cannot be written now fails nothing.

    Args:
        instance: Whose run.
        run_id: Dagster's id of it.
        warehouse: Where to.
        mirror: Where its Parquet mirror lies, if there is one.
        wait_seconds: How long to wait for a held file; None: as long as everybody.

    Returns:
        Whether it is recorded; if not, `bring_records_up_to_date` will do it.
    """
    record = instance.get_run_record_by_id(run_id)
    if record is None or record.dagster_run.status not in _STATUSES:
        return False
    if wait_seconds is not None:
        warehouse = replace(warehouse, wait_seconds=wait_seconds)
    try:
        write_records(instance, [record], warehouse, mirror)
    except UNRECORDED as error:
        logger.warning("run %s is recorded later: %s", run_id[:8], error)
        return False
    return True


def write_records(
    instance: dg.DagsterInstance,
    records: Sequence[RunRecord],
    warehouse: Warehouse,
    mirror: ParquetMirror | None,
) -> int:
    """Merge the rows of these runs; how many that were. An older state never replaces a newer one.

    Raises:
        WarehouseBusy: Others held the file for too long; nothing was written.
    """
    if not records:
        return 0
    rows = [row_of(record, _telling_events(instance, record)) for record in records]
    frame = pd.DataFrame(rows, columns=PIPELINE_RUNS.column_names, dtype=object)
    write_batch(
        warehouse, PIPELINE_RUNS, frame, years=None, mirror=mirror, purpose=PIPELINE_RUNS.name
    )
    return len(rows)


def row_of(record: RunRecord, events: Iterable[DagsterEvent]) -> dict[str, Any]:
    """A run as a row of `pipeline_runs`.

    Args:
        record: Dagster's record of a run that has begun or ended.
        events: Its events: outputs of steps, observations, failures, engine events.

    Returns:
        A value for every column of the contract.
    """
    run, events = record.dagster_run, list(events)
    status = _STATUSES[run.status]
    started = _moment(record.start_time)
    ended = _moment(record.end_time) if run.is_finished else None
    if ended is not None and status != "success":
        ended = last_seen_at(run) or ended
    figures = _figures(events)
    requests = dict.fromkeys(Source, 0)
    for asset, source in _ASKED.items():
        requests[source] += _count(figures, asset, "requests")
    return {
        "run_id": run.run_id,
        "job": run.job_name,
        "kind": _kind(run.tags),
        "categories": _categories(figures),
        "release_years": _years(run.tags),
        "started_at": started,
        "ended_at": ended,
        "seconds": max(0.0, (ended - started).total_seconds()) if started and ended else None,
        "status": status,
        "films_processed": max(
            sum(_count(figures, asset, answer) for answer in _ANSWERS) for asset in _ASKED_FOR_FILMS
        ),
        "tmdb_requests": requests[Source.TMDB],
        "omdb_requests": requests[Source.OMDB],
        "films_failed": max(_count(figures, asset, "failed") for asset in _ASKED_FOR_FILMS),
        "films_deferred": max(_count(figures, asset, "deferred") for asset in _ASKED_FOR_FILMS),
        "error": redact(why_it_failed(events))[:_LONGEST_ERROR] if status == "failed" else None,
        "updated_at": record.update_timestamp,
    }


def _telling_events(instance: dg.DagsterInstance, record: RunRecord) -> list[DagsterEvent]:
    """The events a row is made of.

    A run over many years materializes each asset once per year, every time with all figures and the
    picture; the output of its step says them once. `tmdb_changes`, where it left days unread, has
    no output and says them in one observation without a partition.
    """
    found = instance.get_records_for_run(record.dagster_run.run_id, of_type=_TELLING).records
    events = (one.event_log_entry.dagster_event for one in found)
    return [event for event in events if event is not None]


def _figures(events: Iterable[DagsterEvent]) -> dict[str, dict[str, Any]]:
    """What each asset said of its work, also one that failed after a part of it."""
    figures: dict[str, dict[str, Any]] = {}
    for event in events:
        said: Mapping[str, Any] = {}
        if event.event_type is DagsterEventType.STEP_OUTPUT:
            said = event.step_output_data.metadata or {}
        elif event.event_type is DagsterEventType.ASSET_OBSERVATION and event.partition is None:
            # Of an asset that left partitions out: its step has no output.
            said = event.asset_observation_data.asset_observation.metadata
        elif event.is_step_failure and event.step_failure_data.user_failure_data is not None:
            said = event.step_failure_data.user_failure_data.metadata
        if said and event.step_key is not None:
            values = {name: value.value for name, value in said.items()}
            figures.setdefault(event.step_key, {}).update(values)
    return figures


def _count(figures: Mapping[str, Mapping[str, Any]], asset: str, name: str) -> int:
    value = figures.get(asset, {}).get(name, 0)
    return value if isinstance(value, int) else 0


def _kind(tags: Mapping[str, str]) -> str:
    """Who started a run."""
    for tag, kind in (
        ("dagster/schedule_name", "schedule"),
        ("dagster/sensor_name", "sensor"),
        ("dagster/backfill", "backfill"),
    ):
        if tag in tags:
            return kind
    return tags.get(KIND_TAG, "UI")


def _years(tags: Mapping[str, str]) -> str | None:
    first, last = tags.get(RANGE_START_TAG), tags.get(RANGE_END_TAG)
    if first is None or last is None:
        return tags.get("dagster/partition")
    return first if first == last else f"{first}..{last}"


def _categories(figures: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The lists that were read; none where they were fresh."""
    read = figures.get(MOVIE_LISTS.name, {}).get("lists read")
    return read.split(", ") if read else []


def _moment(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
