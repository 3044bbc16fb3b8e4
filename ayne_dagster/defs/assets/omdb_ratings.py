"""`omdb_ratings`: ratings, votes, US box office and awards, by imdb id."""

from collections.abc import Sequence
from typing import Any

import dagster as dg
import pandas as pd

from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.omdb_ratings import plot_omdb_ratings
from ayne_dagster.charts.previews import preview
from ayne_dagster.defs.assets.tmdb_details import tmdb_details
from ayne_dagster.defs.refreshes import (
    RefreshReport,
    SourceOfRows,
    refresh,
    store_before_failing,
)
from ayne_dagster.defs.run_config import FetchConfig
from ayne_dagster.defs.services import Services
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.defs.whole_partitions import add_partition_row_counts, with_stored
from ayne_dagster.domain.outcomes import FetchOutcome, Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy, due_films
from ayne_dagster.domain.tables import OMDB_RATINGS, REFRESH_HISTORY
from ayne_dagster.settings import Settings
from ayne_dagster.sources.failures import BadCredential
from ayne_dagster.storage.duckdb_io_manager import TableBatch
from ayne_dagster.storage.movie_queries import MovieQueries

_SHOWN = ["imdb_id", "release_year", "imdb_rating", "rotten_tomatoes_percent", "metascore"]
KEY_CHECK = "omdb_key_works"


@dg.asset(
    **table_asset(
        OMDB_RATINGS,
        group="collection",
        kinds={"omdb", "duckdb"},
        description="IMDb, Rotten Tomatoes and Metacritic ratings, votes, US box office and awards "
        "of every film with an imdb id that is due. The day's quota ends the asking, not the run: "
        "the rest stays due. Without a working OMDb key the graph goes on and a check says so.",
    ),
    deps=[tmdb_details],
    # Said here, because the return type of an asset with checks of its own is not read.
    dagster_type=dg.Any,
    check_specs=[
        dg.AssetCheckSpec(
            KEY_CHECK,
            asset="omdb_ratings",
            description="OMDb did not refuse the key of OMDB__API_KEY.",
        )
    ],
)
def omdb_ratings(
    context: dg.AssetExecutionContext,
    config: FetchConfig,
    services: dg.ResourceParam[Services],
    queries: dg.ResourceParam[MovieQueries],
    policy: dg.ResourceParam[RefreshPolicy],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult:
    """Ask OMDb for the due imdb ids of the run's years."""
    films = queries.films_to_plan(context.partition_keys)
    films = films[films["imdb_id"].notna()]
    due = films if config.force else due_films(films, Source.OMDB, services.now(), policy)

    def complete(row: dict[str, Any], film: dict[str, Any]) -> dict[str, Any]:
        return {
            **row,
            "tmdb_id": film["ratings_tmdb_id"],
            "release_year": film["ratings_release_year"],
        }

    report = refresh(
        due if services.has_omdb_key else due.head(0),
        SourceOfRows(
            source=Source.OMDB,
            contract=OMDB_RATINGS,
            key_column="imdb_id",
            client=services.omdb,
            fetch_one=lambda client: client.title,
            complete=complete,
            concurrency=settings.omdb.max_connections,
        ),
        films_known=len(films),
        limit=config.limit or settings.refresh.limit_per_run,
        queries=queries,
        policy=policy,
        services=services,
        run_id=context.run_id,
    )
    if report.failure is not None and not isinstance(report.failure, BadCredential):
        store_before_failing(report, OMDB_RATINGS, queries, settings)
    rows = _with_moved(report.refreshed.rows, queries, context.partition_keys)
    whole = with_stored(queries, OMDB_RATINGS, rows, context.partition_keys, _SHOWN)
    add_partition_row_counts(context, context.asset_key, whole)
    return dg.MaterializeResult(
        value=TableBatch(rows, also={REFRESH_HISTORY.name: report.refreshed.history}),
        metadata={
            **report.metadata(),
            **({} if services.has_omdb_key else {"films due": len(due), "deferred": len(due)}),
            "ratings": inline_image(plot_omdb_ratings(whole), "distribution of ratings"),
            "preview": preview(rows),
        },
        check_results=[_key_check(context, services, report, due=len(due))],
    )


def _with_moved(rows: pd.DataFrame, queries: MovieQueries, years: Sequence[str]) -> pd.DataFrame:
    """The rows, and those whose film has moved into these years since: no request, a new year."""
    fetched = set(rows["imdb_id"])
    moved = [row for row in queries.ratings_to_rehome(years) if row["imdb_id"] not in fetched]
    if not moved:
        return rows
    frame = pd.DataFrame(moved, columns=OMDB_RATINGS.column_names, dtype=object)
    return frame if rows.empty else pd.concat([rows, frame], ignore_index=True)


def _key_check(
    context: dg.AssetExecutionContext, services: Services, report: RefreshReport, *, due: int
) -> dg.AssetCheckResult:
    """Pass, or a red mark that says what to do; the graph goes on either way."""
    if not services.has_omdb_key:
        words = f"OMDB__API_KEY is not set: {due} films wait for their ratings"
    elif report.failure is not None:
        words = str(report.failure)
    else:
        answered = report.counts[FetchOutcome.ROW] + report.counts[FetchOutcome.NOT_FOUND]
        return dg.AssetCheckResult(
            passed=True,
            check_name=KEY_CHECK,
            metadata={"answers of this run": answered},
            description=None if answered else "nothing was answered in this run: not tried",
        )
    context.log.warning("%s", words)
    severity = dg.AssetCheckSeverity.ERROR if services.has_omdb_key else dg.AssetCheckSeverity.WARN
    return dg.AssetCheckResult(
        passed=False, check_name=KEY_CHECK, severity=severity, metadata={"reason": words}
    )
