"""`tmdb_ids`: every film id TMDB's daily export has listed."""

import dagster as dg

from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.previews import preview
from ayne_dagster.charts.tmdb_ids import plot_tmdb_ids
from ayne_dagster.defs.bulk_reads import BulkReport, bulk_read_row, write_bulk_table
from ayne_dagster.defs.run_config import BulkConfig
from ayne_dagster.defs.services import Services
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.domain.tables import TMDB_IDS
from ayne_dagster.domain.tables.bulk import TMDB_EXPORT_FILE
from ayne_dagster.settings import Settings
from ayne_dagster.sources.bulk_lines import Tally
from ayne_dagster.sources.progress import stage
from ayne_dagster.storage.bulk_queries import BulkQueries
from ayne_dagster.storage.movie_queries import MovieQueries

_SWITCHED_OFF = "switched off: set EXPORT__IS_ENABLED=true to read TMDB's daily export of ids"


@dg.asset(
    **table_asset(
        TMDB_IDS,
        group="discovery",
        kinds={"tmdb", "duckdb"},
        description="TMDB's daily export lists every film id, also those discover cannot reach: "
        "without a date, or in windows too dense. A film that is listed no more keeps its last "
        "day: absent from two exports, it is perhaps gone. No key is needed, adult titles are left "
        "out. Off until `EXPORT__IS_ENABLED` is set. Written in chunks, each whole or absent; a "
        "file counts as read with its last one.",
    )
)
def tmdb_ids(
    context: dg.AssetExecutionContext,
    config: BulkConfig,
    services: dg.ResourceParam[Services],
    queries: dg.ResourceParam[MovieQueries],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult:
    """Read the newest export, unless it was read before or nobody asked for it."""
    bulk = BulkQueries(queries.warehouse)
    with services.logged(context.run.run_id):
        report = _read(services, bulk, settings, config)
    context.log.info("%s", report.reason)
    for words in report.warnings:
        context.log.warning("%s", words)
    bands = bulk.popularity_bands()
    return dg.MaterializeResult(
        metadata={
            **report.metadata(bulk.stored_count(TMDB_IDS)),
            "ids never discovered": int(bands["other_films"].sum()),
            "films absent from two exports": len(bulk.absent_from_exports()),
            "films by popularity": inline_image(plot_tmdb_ids(bands), "films by popularity"),
            "preview": preview(bulk.first_rows(TMDB_IDS, "popularity", 10)),
        }
    )


def _read(
    services: Services, bulk: BulkQueries, settings: Settings, config: BulkConfig
) -> BulkReport:
    if not settings.export.is_enabled:
        return write_bulk_table(bulk, settings, TMDB_IDS, (), reason=_SWITCHED_OFF)
    # Only a run that asks pays for the HTTP library.
    from ayne_dagster.sources.tmdb_export import film_id_frames, newest_export

    with services.bulk_files() as downloader:
        newest = newest_export(
            downloader,
            settings.export.base_url,
            settings.resolve(settings.bulk_folder),
            now=services.now(),
            newest_read=bulk.newest_read(TMDB_EXPORT_FILE),
            accept_smaller=config.accept_smaller,
        )
        asked = {"requests": downloader.requests, "warnings": newest.passed_over}
    if newest.file is None:
        words = f"the export of {newest.day} was read before; nothing newer"
        return write_bulk_table(bulk, settings, TMDB_IDS, (), reason=words, **asked)
    tally = Tally()
    with stage("tmdb ids", newest.file.rows, "rows") as advance:
        return write_bulk_table(
            bulk,
            settings,
            TMDB_IDS,
            film_id_frames(newest.file.path, newest.day, tally),
            reason=f"read the export of {newest.day}",
            tally=tally,
            at_the_end=lambda: bulk_read_row(TMDB_EXPORT_FILE, newest.day, tally, services.now()),
            advance=advance,
            **asked,
        )
