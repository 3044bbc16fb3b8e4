"""`tmdb_details`: one row per film, all enrichment in one request."""

import dagster as dg

from ayne_dagster.charts.tmdb_details import plot_tmdb_details
from ayne_dagster.defs.assets.discovered_movies import discovered_movies
from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.defs.job_options import RunOptions
from ayne_dagster.defs.refreshes import SourceOfRows, refresh
from ayne_dagster.defs.source_tables import TMDB_TABLE
from ayne_dagster.defs.stored_results import stored_result
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.domain.tables import TMDB_DETAILS

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
        "moves to its new year. Films that are fresh send no request. Answers are on disk before "
        "anything is done with them and in the warehouse soon after: a run that is killed is "
        "resumed by the next one.",
    ),
    deps=[discovered_movies],
)
def tmdb_details(
    context: dg.AssetExecutionContext, options: RunOptions, fetching: dg.ResourceParam[Fetching]
) -> dg.MaterializeResult:
    """Ask TMDB for the due films of the run's years."""
    settings, services = fetching.settings, fetching.services
    chosen = options.of_job(context.run.job_name)
    report = refresh(
        SourceOfRows(
            table=TMDB_TABLE,
            key_column="tmdb_id",
            client=services.tmdb,
            fetch_one=lambda client, tmdb_id, etag: client.movie(tmdb_id, etag=etag),
            concurrency=settings.tmdb.max_connections,
        ),
        chosen.years_among(context.partition_keys),
        options=chosen,
        fetching=fetching,
        run_id=context.run.run_id,
    )
    if report.failure is not None:
        report.fail()
    return stored_result(
        context,
        TMDB_DETAILS,
        fetching.queries,
        report.metadata(),
        columns=_SHOWN,
        plot=lambda rows, films: plot_tmdb_details(rows, films=films),
        plot_name="known fields and revenue by genre",
    )
