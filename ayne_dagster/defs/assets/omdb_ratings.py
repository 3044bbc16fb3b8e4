"""`omdb_ratings`: ratings, votes, US box office and awards, by imdb id."""

import dagster as dg

from ayne_dagster.charts.omdb_ratings import plot_omdb_ratings
from ayne_dagster.defs.assets.tmdb_details import tmdb_details
from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.defs.job_options import RunOptions
from ayne_dagster.defs.ratings_homes import bring_ratings_home
from ayne_dagster.defs.refreshes import RefreshReport, SourceOfRows, refresh
from ayne_dagster.defs.services import Services
from ayne_dagster.defs.source_tables import OMDB_TABLE
from ayne_dagster.defs.stored_results import stored_result
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.domain.outcomes import FetchOutcome
from ayne_dagster.domain.tables import OMDB_RATINGS
from ayne_dagster.sources.failures import BadCredential, NothingAnswered

_SHOWN = ["imdb_id", "release_year", "imdb_rating", "rotten_tomatoes_percent", "metascore"]
KEY_CHECK = "omdb_key_works"
ANSWER_CHECK = "omdb_answers"


@dg.asset(
    **table_asset(
        OMDB_RATINGS,
        group="collection",
        kinds={"omdb", "duckdb"},
        description="IMDb, Rotten Tomatoes and Metacritic ratings, votes, US box office and awards "
        "of every film with an imdb id that is due. The day's quota ends the asking, not the run: "
        "the rest stays due. Without a working OMDb key, or while OMDb is down, the graph goes on "
        "and a check says so.",
    ),
    deps=[tmdb_details],
    # Said here, because the return type of an asset with checks of its own is not read.
    dagster_type=dg.Any,
    check_specs=[
        dg.AssetCheckSpec(
            KEY_CHECK,
            asset="omdb_ratings",
            description="OMDb did not refuse the key of OMDB__API_KEY.",
        ),
        dg.AssetCheckSpec(
            ANSWER_CHECK,
            asset="omdb_ratings",
            description="OMDb answered at least one of the films it was asked for, if any.",
        ),
    ],
)
def omdb_ratings(
    context: dg.AssetExecutionContext, options: RunOptions, fetching: dg.ResourceParam[Fetching]
) -> dg.MaterializeResult:
    """Ask OMDb for the due imdb ids of the run's years."""
    settings, services = fetching.settings, fetching.services
    chosen = options.of_job(context.run.job_name)
    moved = bring_ratings_home(fetching, context.partition_keys, run_id=context.run.run_id)
    report = refresh(
        SourceOfRows(
            table=OMDB_TABLE,
            key_column="imdb_id",
            client=services.omdb if services.has_omdb_key else None,
            fetch_one=lambda client, imdb_id, _etag: client.title(imdb_id),
            concurrency=settings.omdb.max_connections,
        ),
        chosen.years_among(context.partition_keys),
        options=chosen,
        fetching=fetching,
        run_id=context.run.run_id,
    )
    if report.failure is not None and not isinstance(
        report.failure, (BadCredential, NothingAnswered)
    ):
        report.fail()
    return stored_result(
        context,
        OMDB_RATINGS,
        fetching.queries,
        {**report.metadata(), **moved.metadata()},
        columns=_SHOWN,
        plot=lambda rows, films: plot_omdb_ratings(rows, films=films),
        plot_name="distribution of ratings",
        check_results=[_key_check(context, services, report), _answer_check(context, report)],
    )


def _key_check(
    context: dg.AssetExecutionContext, services: Services, report: RefreshReport
) -> dg.AssetCheckResult:
    """Pass, or a red mark that says what to do; the graph goes on either way."""
    if not services.has_omdb_key:
        words = f"OMDB__API_KEY is not set: {report.chosen.due} films wait for their ratings"
    elif isinstance(report.failure, BadCredential):
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


def _answer_check(context: dg.AssetExecutionContext, report: RefreshReport) -> dg.AssetCheckResult:
    """Pass, or a red mark that says that OMDb is down; what TMDB told goes on either way."""
    if not isinstance(report.failure, NothingAnswered):
        return dg.AssetCheckResult(passed=True, check_name=ANSWER_CHECK)
    context.log.error("%s", report.failure)
    return dg.AssetCheckResult(
        passed=False, check_name=ANSWER_CHECK, metadata={"reason": str(report.failure)}
    )
