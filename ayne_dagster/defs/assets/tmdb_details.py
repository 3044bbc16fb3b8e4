"""`tmdb_details`: one row per film, all enrichment in one request."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import dagster as dg

from ayne_dagster.charts.tmdb_details import plot_tmdb_details
from ayne_dagster.defs.answer_store import SourceTable
from ayne_dagster.defs.assets.discovered_movies import discovered_movies
from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.defs.partitions import release_year_partitions
from ayne_dagster.defs.refreshes import SourceOfRows, refresh
from ayne_dagster.defs.run_config import FetchConfig
from ayne_dagster.defs.stored_results import stored_result
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.release_years import release_year_of
from ayne_dagster.domain.tables import TMDB_DETAILS

_SHOWN = [
    "tmdb_id", "imdb_id", "release_year", "release_date", "runtime_minutes", "overview", "genres",
    "budget_usd", "revenue_usd", "us_certification", "collection_id", "trailer_youtube_key",
]  # fmt: skip


def _complete(row: dict[str, Any], _film: Mapping[str, Any]) -> dict[str, Any]:
    keys = release_year_partitions().get_partition_keys()
    return {**row, "release_year": release_year_of(row["release_date"], keys)}


def _row_of(payload: dict[str, Any], answered_at: datetime) -> dict[str, Any]:
    # Its HTTP library costs every process that loads definitions; few of them ask a service.
    from ayne_dagster.sources.tmdb import row_of

    return row_of(payload, answered_at)


TMDB_TABLE = SourceTable(Source.TMDB, TMDB_DETAILS, _row_of, _complete)


@dg.asset(
    **table_asset(
        TMDB_DETAILS,
        group="collection",
        kinds={"tmdb", "duckdb"},
        description="Films that are due by their age are asked for, one request each with credits, "
        "keywords, videos, similar films, ids and release dates. A film whose release date changed "
        "moves to its new year. Films that are fresh send no request. Answers are on disk before "
        "anything is done with them and in the warehouse soon after: a run that is killed is "
        "resumed by the next one.",
    ),
    deps=[discovered_movies],
)
def tmdb_details(
    context: dg.AssetExecutionContext, config: FetchConfig, fetching: dg.ResourceParam[Fetching]
) -> dg.MaterializeResult:
    """Ask TMDB for the due films of the run's years."""
    settings, services = fetching.settings, fetching.services
    report = refresh(
        SourceOfRows(
            table=TMDB_TABLE,
            key_column="tmdb_id",
            client=services.tmdb,
            fetch_one=lambda client, tmdb_id, etag: client.movie(tmdb_id, etag=etag),
            concurrency=settings.tmdb.max_connections,
        ),
        context.partition_keys,
        is_forced=config.force,
        limit=config.limit or settings.refresh.limit_per_run,
        fetching=fetching,
        run_id=context.run_id,
    )
    if report.failure is not None:
        report.fail()
    return stored_result(
        context,
        TMDB_DETAILS,
        fetching.queries,
        report.metadata(),
        columns=_SHOWN,
        plot=plot_tmdb_details,
        plot_name="known fields and revenue by genre",
    )
