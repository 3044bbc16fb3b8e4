"""`imdb_ratings`: IMDb's own ratings of the films with details, for personal use."""

import dagster as dg

from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.imdb_ratings import plot_imdb_ratings
from ayne_dagster.charts.previews import preview
from ayne_dagster.defs.assets.tmdb_details import tmdb_details
from ayne_dagster.defs.bulk_reads import BulkReport, bulk_read_row, write_bulk_table
from ayne_dagster.defs.run_config import BulkConfig
from ayne_dagster.defs.services import Services
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.domain.tables import IMDB_RATINGS
from ayne_dagster.domain.tables.bulk import IMDB_CREDIT, IMDB_RATINGS_FILE
from ayne_dagster.settings import Settings
from ayne_dagster.sources.bulk_lines import Tally
from ayne_dagster.sources.progress import stage
from ayne_dagster.storage.bulk_queries import BulkQueries
from ayne_dagster.storage.duckdb_io_manager import load_frame
from ayne_dagster.storage.movie_queries import MovieQueries

_NOT_ACCEPTED = (
    "switched off: set IMDB__ACCEPT_PERSONAL_USE=true if you use IMDb's data sets for yourself, "
    "not commercially, and republish nothing made of them"
)


@dg.asset(
    **table_asset(
        IMDB_RATINGS,
        group="collection",
        kinds={"imdb", "duckdb"},
        description="Ratings and votes from IMDb's `title.ratings` file, for imdb ids that details "
        "know: one file a day instead of a request per film, so that OMDb's quota is left for what "
        "only OMDb has (Rotten Tomatoes, Metacritic, US box office, awards). **For personal and "
        "non-commercial use only; nothing made of it may be republished.** Off until "
        f"`IMDB__ACCEPT_PERSONAL_USE` is set. {IMDB_CREDIT}",
    ),
    deps=[tmdb_details],
)
def imdb_ratings(
    context: dg.AssetExecutionContext,
    config: BulkConfig,
    services: dg.ResourceParam[Services],
    queries: dg.ResourceParam[MovieQueries],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult:
    """Read IMDb's file for the films we know, where its terms were accepted."""
    bulk = BulkQueries(queries.warehouse)
    with services.logged(context.run.run_id):
        report = _read(services, bulk, settings, config)
    context.log.info("%s", report.reason)
    for words in report.warnings:
        context.log.warning("%s", words)
    shown = load_frame(bulk.warehouse, IMDB_RATINGS, columns=["imdb_rating", "imdb_votes"])
    return dg.MaterializeResult(
        metadata={
            **report.metadata(len(shown)),
            "terms": f"Personal and non-commercial use only. {IMDB_CREDIT}",
            "ratings": inline_image(plot_imdb_ratings(shown), "distribution of ratings and votes"),
            "preview": preview(bulk.first_rows(IMDB_RATINGS, "imdb_votes", 10)),
        }
    )


def _read(
    services: Services, bulk: BulkQueries, settings: Settings, config: BulkConfig
) -> BulkReport:
    if not settings.imdb.accept_personal_use:
        return write_bulk_table(bulk, settings, IMDB_RATINGS, (), reason=_NOT_ACCEPTED)
    # Only a run that asks pays for the HTTP library.
    from ayne_dagster.sources.imdb_files import newest_ratings, rating_frames

    with services.bulk_files() as downloader:
        newest = newest_ratings(
            downloader,
            settings.imdb.base_url,
            settings.resolve(settings.bulk_folder),
            now=services.now(),
            accept_smaller=config.accept_smaller,
        )
        asked = {"requests": downloader.requests, "warnings": newest.passed_over}
    file = newest.file
    known = bulk.known_imdb_ids()
    tally = Tally()
    frames = rating_frames(
        file.path, known, file_date=file.file_date, fetched_at=file.fetched_at, tally=tally
    )
    # Films come in between two files: an unchanged file is read again for the new ones.
    words = (
        "read the new file" if file.is_new else "the file is unchanged, read again for new films"
    )
    with stage("imdb ratings", len(known), "films") as advance:
        return write_bulk_table(
            bulk,
            settings,
            IMDB_RATINGS,
            frames,
            reason=f"{words} ({file.file_date}, {len(known):,} films wanted)",
            tally=tally,
            at_the_end=lambda: bulk_read_row(
                IMDB_RATINGS_FILE, file.file_date, tally, services.now()
            ),
            advance=advance,
            **asked,
        )
