"""`collection_stats`: how the collection stands, measured from time to time."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from ayne_dagster.charts.collection_stats import plot_growth, plot_work
from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.previews import markdown_table
from ayne_dagster.defs.assets.frozen_flags import frozen_flags
from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.defs.partitions import release_year_partitions
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.domain.collection_figures import ALL, HISTORY_THINNED, REQUESTS_LEFT
from ayne_dagster.domain.tables import COLLECTION_STATS
from ayne_dagster.storage.duckdb_io_manager import write_batch, write_metadata
from ayne_dagster.storage.history_compaction import compact_history
from ayne_dagster.storage.stats_queries import StatsQueries, stats_frame


@dg.asset(
    **table_asset(
        COLLECTION_STATS,
        group="freshness",
        kinds={"duckdb"},
        description="What `ayne status` shows, kept over time: films known, with details, with "
        "ratings, frozen, by age band, due now and in 7 days; how runs go; requests left. Of the "
        "whole collection, whatever years a run is over. Once a month `refresh_history` is thinned "
        "here.",
    ),
    deps=[frozen_flags],
)
def collection_stats(
    context: dg.AssetExecutionContext, fetching: dg.ResourceParam[Fetching]
) -> dg.MaterializeResult:
    """Thin the history where it is time, measure, and append the figures."""
    queries, now = StatsQueries(fetching.queries.warehouse), fetching.services.now()
    thinned = _thin_history(fetching, queries, now)
    years = release_year_partitions().get_partition_keys()
    figures = [
        *queries.figures(years, now, fetching.policy), *_budgets_left(fetching), *thinned
    ]  # fmt: skip
    frame = stats_frame(figures, now)
    report = write_batch(
        queries.warehouse,
        COLLECTION_STATS,
        frame,
        years=None,
        mirror=fetching.mirror,
        purpose=f"{COLLECTION_STATS.name}, run {context.run.run_id[:8]}",
    )
    measured = queries.measurements(now)
    return dg.MaterializeResult(
        metadata={
            **write_metadata(report, queries.warehouse, COLLECTION_STATS),
            **{_name(figure): float(figure["value"]) for figure in figures},
            "summary": dg.MetadataValue.md(
                markdown_table(frame.drop(columns="measured_at"), len(frame))
            ),
            "films over time": inline_image(plot_growth(measured), "films over time"),
            "due films and runs": inline_image(plot_work(measured), "due films and runs"),
        },
    )


def _thin_history(fetching: Fetching, queries: StatsQueries, now: datetime) -> list[dict[str, Any]]:
    """Thin `refresh_history`, once a month: what was done, as a figure."""
    settings = fetching.settings.history
    if settings.full_days is None or queries.was_thinned_in_month(now):
        return []
    done = compact_history(
        queries.warehouse,
        now=now,
        full_days=settings.full_days,
        keep_last=settings.keep_last,
        cycle_after=timedelta(days=fetching.policy.cycle_days),
        mirror=fetching.mirror,
    )
    return [{"figure": HISTORY_THINNED, "part": ALL, "value": done.rows_deleted}]


def _budgets_left(fetching: Fetching) -> Sequence[Mapping[str, Any]]:
    """Requests left today of each service that has a quota."""
    with closing(fetching.services.budget()) as budget:
        return [
            {"figure": REQUESTS_LEFT, "part": status.service, "value": status.left}
            for status in budget.status()
            if status.left is not None
        ]


def _name(figure: Mapping[str, Any]) -> str:
    part = figure["part"]
    return figure["figure"] if part == ALL else f"{figure['figure']}: {part}"
