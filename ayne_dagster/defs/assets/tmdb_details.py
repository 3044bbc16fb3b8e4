"""`tmdb_details`: one row per film, all enrichment in one request."""

from typing import Any

import dagster as dg

from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.previews import preview
from ayne_dagster.charts.tmdb_details import plot_tmdb_details
from ayne_dagster.defs.assets.discovered_movies import discovered_movies
from ayne_dagster.defs.partitions import release_year_partitions
from ayne_dagster.defs.refreshes import SourceOfRows, refresh, store_before_failing
from ayne_dagster.defs.run_config import FetchConfig
from ayne_dagster.defs.services import Services
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.defs.whole_partitions import add_partition_row_counts, with_stored
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy, due_films
from ayne_dagster.domain.release_years import release_year_of
from ayne_dagster.domain.tables import REFRESH_HISTORY, TMDB_DETAILS
from ayne_dagster.settings import Settings
from ayne_dagster.storage.duckdb_io_manager import TableBatch
from ayne_dagster.storage.movie_queries import MovieQueries

_SHOWN = [
    "tmdb_id", "imdb_id", "release_year", "release_date", "runtime_minutes", "overview", "genres",
    "budget_usd", "revenue_usd", "us_certification", "collection_id", "trailer_youtube_key",
]  # fmt: skip


@dg.asset(
    **table_asset(
        TMDB_DETAILS,
        group="collection",
        kinds={"tmdb", "duckdb"},
        description="Films that are due by their age are asked for, one request each with credits, "
        "keywords, videos, similar films, ids and release dates. A film whose release date changed "
        "moves to its new year. Films that are fresh send no request.",
    ),
    deps=[discovered_movies],
)
def tmdb_details(
    context: dg.AssetExecutionContext,
    config: FetchConfig,
    services: dg.ResourceParam[Services],
    queries: dg.ResourceParam[MovieQueries],
    policy: dg.ResourceParam[RefreshPolicy],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[TableBatch]:
    """Ask TMDB for the due films of the run's years."""
    keys = release_year_partitions().get_partition_keys()
    films = queries.films_to_plan(context.partition_keys)

    def complete(row: dict[str, Any], _film: dict[str, Any]) -> dict[str, Any]:
        return {**row, "release_year": release_year_of(row["release_date"], keys)}

    report = refresh(
        films if config.force else due_films(films, Source.TMDB, services.now(), policy),
        SourceOfRows(
            source=Source.TMDB,
            contract=TMDB_DETAILS,
            key_column="tmdb_id",
            client=services.tmdb,
            fetch_one=lambda client: client.movie,
            complete=complete,
            concurrency=settings.tmdb.max_connections,
        ),
        films_known=len(films),
        limit=config.limit or settings.refresh.limit_per_run,
        queries=queries,
        policy=policy,
        services=services,
        run_id=context.run_id,
    )
    if report.failure is not None:
        store_before_failing(report, TMDB_DETAILS, queries, settings)
    rows = report.refreshed.rows
    whole = with_stored(queries, TMDB_DETAILS, rows, context.partition_keys, _SHOWN)
    add_partition_row_counts(context, context.asset_key, whole)
    return dg.MaterializeResult(
        value=TableBatch(rows, also={REFRESH_HISTORY.name: report.refreshed.history}),
        metadata={
            **report.metadata(),
            "known fields and revenue by genre": inline_image(
                plot_tmdb_details(whole), "known fields and revenue by genre"
            ),
            "preview": preview(rows),
        },
    )
