"""`tmdb_changes`: known films that TMDB's change feed named, day by day."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import dagster as dg
import pandas as pd

from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.previews import preview
from ayne_dagster.charts.tmdb_changes import plot_tmdb_changes
from ayne_dagster.defs.change_days import CHANGE_DAY_PARTITIONS
from ayne_dagster.defs.change_reads import FeedReport, read_days
from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.defs.run_config import ChangesConfig
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.domain.change_feed import days_lost
from ayne_dagster.domain.tables import TMDB_CHANGES
from ayne_dagster.storage.change_queries import ChangeQueries


@dg.asset(
    **table_asset(
        TMDB_CHANGES,
        group="freshness",
        kinds={"tmdb", "duckdb"},
        description="TMDB says which films were edited on a day: one request for a hundred films. "
        "A film it has not named since its last answer is not asked for again until its "
        "re-verification, one it names is asked for soon. Whole UTC days, within 14 days; each is "
        "stored by itself. A day is materialized only when all its pages were read.",
    ),
    partitions_def=CHANGE_DAY_PARTITIONS,
    backfill_policy=dg.BackfillPolicy.single_run(),
    output_required=False,
)
def tmdb_changes(
    context: dg.AssetExecutionContext,
    config: ChangesConfig,
    fetching: dg.ResourceParam[Fetching],
) -> Iterator[dg.MaterializeResult]:
    """Read the run's days, those that are over, in reach and unread."""
    purpose = f"{TMDB_CHANGES.name}, run {context.run.run_id[:8]}"
    days = [date.fromisoformat(key) for key in context.partition_keys]
    with fetching.services.logged(context.run.run_id):
        report = read_days(days, fetching=fetching, is_forced=config.force, purpose=purpose)
    for day, words in report.not_read.items():
        context.log.warning("%s was not read: %s", day, words)
    metadata = {**report.metadata(), **_stored(fetching)}
    if not report.not_read:
        _tell_of_each_day(context, days, fetching)
        yield dg.MaterializeResult(metadata=metadata)
        return
    _tell_day_by_day(context, report, metadata)
    if report.failures:
        raise dg.Failure(
            f"{report.failures[0]} ({len(report.read)} days read in this run are stored, "
            f"{len(report.not_read)} are not)",
            metadata=metadata,
            allow_retries=False,
        ) from report.failures[0]


def _tell_of_each_day(
    context: dg.AssetExecutionContext, days: Sequence[date], fetching: Fetching
) -> None:
    """What each of the run's days held: the figures of the run stand on all of them alike."""
    per_day = ChangeQueries(fetching.queries.warehouse).figures_per_day()
    for row in per_day.to_dict("records"):
        day = pd.Timestamp(row["changed_on"]).date()
        if day in days:
            context.add_asset_metadata(
                {
                    "films named that day": int(row["films_named"]),
                    "films known that day": int(row["films_known"]),
                },
                asset_key=context.asset_key,
                partition_key=day.isoformat(),
            )


def _tell_day_by_day(
    context: dg.AssetExecutionContext, report: FeedReport, metadata: dict[str, Any]
) -> None:
    """Materialize the days that are known and no other: green would say that a day was read."""
    key = context.asset_key
    known = {
        **{day: {"reason": "read before"} for day in report.read_before},
        **{day: figures.metadata() for day, figures in report.read.items()},
    }
    for day, figures in sorted(known.items()):
        context.log_event(dg.AssetMaterialization(key, partition=day.isoformat(), metadata=figures))
    for day, words in report.not_read.items():
        context.log_event(
            dg.AssetObservation(key, partition=day.isoformat(), metadata={"not read": words})
        )
    context.log_event(dg.AssetObservation(key, metadata=metadata))


def _stored(fetching: Fetching) -> dict[str, Any]:
    """What stands of the feed now, in figures, as a picture and as rows."""
    queries = ChangeQueries(fetching.queries.warehouse)
    per_day, known = queries.figures_per_day(), queries.days_read()
    rows = queries.rows_stored()
    return {
        "dagster/row_count": rows,
        "days known": len(known),
        "days lost": len(days_lost(known, fetching.services.now())),
        "read up to": known[-1].isoformat() if known else "-",
        "films per day": inline_image(plot_tmdb_changes(per_day), "films per day"),
        "preview": preview(queries.last_named(10), of=rows),
    }
