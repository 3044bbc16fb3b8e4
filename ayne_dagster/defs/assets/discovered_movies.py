"""`discovered_movies`: every film known for a year."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import dagster as dg

from ayne_dagster.charts.discovered_movies import plot_discovered_movies
from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.previews import preview
from ayne_dagster.defs.assets.movie_lists import movie_lists
from ayne_dagster.defs.discovery_batches import DiscoveryBatches
from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.defs.interruptible import run_interruptibly
from ayne_dagster.defs.job_options import RunOptions, Walk
from ayne_dagster.defs.partitions import release_year_partitions
from ayne_dagster.defs.services import Services
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.domain.discovery_plan import WalkScope, recent_dated_years, years_to_walk
from ayne_dagster.domain.release_years import UNDATED
from ayne_dagster.domain.tables import DISCOVERED_MOVIES
from ayne_dagster.sources.all_or_none import all_or_none
from ayne_dagster.sources.failures import CircuitOpen, QuotaExhausted
from ayne_dagster.sources.progress import stage
from ayne_dagster.storage.bulk_queries import BulkQueries
from ayne_dagster.storage.discovery_queries import (
    best_known_films,
    films_per_month,
    films_per_year,
)
from ayne_dagster.storage.warehouse import Warehouse

_YEARS_AT_ONCE = 4


@dg.asset(
    **table_asset(
        DISCOVERED_MOVIES,
        group="discovery",
        kinds={"tmdb", "duckdb"},
        description="TMDB's discover is walked year by year in windows of dates, so that no film "
        "is lost to the 500-page limit, and counted until every film is seen; films on the five "
        "lists are added, of whatever year, and with `undated` those that only `tmdb_ids` knows. "
        "Finished years are written at once. A year is walked again when its last walk is too old "
        "or was narrower than what is asked for now. What could not be seen stands in "
        "`discovery_walks`.",
    ),
    deps=[movie_lists],
)
def discovered_movies(
    context: dg.AssetExecutionContext,
    options: RunOptions,
    fetching: dg.ResourceParam[Fetching],
) -> dg.MaterializeResult:
    """Walk the years that are due, add the films of the lists, merge batch by batch."""
    years = context.partition_keys
    chosen = options.of_job(context.run.job_name)
    purpose = f"{DISCOVERED_MOVIES.name}, run {context.run.run_id[:8]}"
    with (
        fetching.services.logged(context.run.run_id),
        fetching.turns.hold("discover", years, purpose),
    ):
        fetching.set_back_clocks()
        walked, batches = _discover(chosen.years_among(years), chosen, fetching, purpose)
    figures = _figures(walked, batches)
    if walked.failure is not None:
        raise dg.Failure(
            f"{walked.failure} ({len(batches.walks)} years were finished and are stored)",
            metadata=figures,
            allow_retries=False,
        ) from walked.failure
    context.log.info("walked %d of %d years", len(batches.walks), len(years))
    return dg.MaterializeResult(
        metadata={**figures, **_stored(context, fetching.queries.warehouse, years)},
    )


def _discover(
    years: Sequence[str], options: RunOptions, fetching: Fetching, purpose: str
) -> tuple["Walked", DiscoveryBatches]:
    """Walk what is due and store it; what came of it, and what was stored."""
    queries, services, settings = fetching.queries, fetching.services, fetching.settings
    scope = WalkScope(
        min_votes=settings.discovery.min_votes if options.min_votes is None else options.min_votes,
        max_pages=options.max_pages or settings.discovery.max_pages,
    )
    due = years_to_walk(
        _walkable(years, options, services.now()),
        {} if options.walk is Walk.force else queries.walks(years),
        scope,
        services.now(),
        recent_interval=timedelta(hours=settings.discovery.recent_interval_hours),
        older_interval=timedelta(days=settings.discovery.older_interval_days),
    )
    batches = _batches(fetching, scope, purpose)
    batches.add_listed(queries.listed_films())
    export = settings.export
    if export.is_enabled and UNDATED in years and options.walk is not Walk.none:
        known_to_export = BulkQueries(queries.warehouse)
        batches.add_exported(
            known_to_export.ids_never_discovered(export.limit_per_run, export.min_popularity)
        )
    if due:
        return run_interruptibly(_walk(services, due, scope, batches)), batches
    batches.store()
    return Walked({}, 0), batches


def _walkable(years: Sequence[str], options: RunOptions, now: datetime) -> Sequence[str]:
    """The years the run may walk, due or not."""
    if options.walk is Walk.none:
        return []
    return recent_dated_years(years, now) if options.walk is Walk.recent else years


@dataclass(frozen=True)
class Walked:
    """What walking the years came to.

    Attributes:
        unfinished: Why years were not finished, by year.
        requests: Requests sent, those of unfinished years included.
    """

    unfinished: Mapping[str, Exception]
    requests: int

    @property
    def failure(self) -> Exception | None:
        """What is to fail the step; a used-up quota or an outage only defers the years it met."""
        deferring = (QuotaExhausted, CircuitOpen)
        return next((e for e in self.unfinished.values() if not isinstance(e, deferring)), None)


async def _walk(
    services: Services, years: Sequence[str], scope: WalkScope, batches: DiscoveryBatches
) -> Walked:
    """Walk years a few at a time: their first pages would otherwise wait for each other."""
    unfinished: dict[str, Exception] = {}
    at_once = asyncio.Semaphore(_YEARS_AT_ONCE)
    with stage("discover", len(years), "years") as advance:
        async with services.tmdb(journal=services.journal) as tmdb:

            async def one(year: str) -> None:
                # The turn ends when the year is handed over: no more than these are in memory.
                async with at_once:
                    try:
                        walk = await tmdb.discover_year(
                            int(year), min_votes=scope.min_votes, max_pages=scope.max_pages
                        )
                    except Exception as error:  # noqa: BLE001 - the other years are worth storing
                        unfinished[year] = error
                        return
                    await batches.add(year, walk, services.now())
                advance(1)

            try:
                await all_or_none(one(year) for year in years)
            finally:
                # On the way out of a run that was ended, too: what was paid for stays.
                batches.store()
            return Walked(unfinished, tmdb.stats.requests)


def _batches(fetching: Fetching, scope: WalkScope, purpose: str) -> DiscoveryBatches:
    """Batches for this run, which drop a year's pages from the journal once it is stored."""
    from ayne_dagster.sources.discover_pages import forget_year

    journal = fetching.services.journal

    def forget(year: str) -> None:
        if journal is not None:
            forget_year(journal, int(year))

    return DiscoveryBatches(
        fetching.queries.warehouse,
        fetching.mirror,
        release_year_partitions().get_partition_keys(),
        scope,
        purpose=purpose,
        on_stored=forget,
    )


def _figures(walked: Walked, batches: DiscoveryBatches) -> dict[str, Any]:
    """What was done, in numbers."""
    walks = batches.walks
    return {
        "years walked": len(walks),
        "years deferred": len(walked.unfinished),
        "requests": walked.requests,
        "pages from the journal": sum(walk["pages_from_journal"] for walk in walks),
        "films reported by TMDB": sum(walk["films_reported"] for walk in walks),
        "films seen": sum(walk["films_seen"] for walk in walks),
        "films missing": sum(walk["films_missing"] for walk in walks),
        "years cut short by a limit": sum(walk["is_truncated"] for walk in walks),
        **batches.figures,
    }


def _stored(
    context: dg.AssetExecutionContext, warehouse: Warehouse, years: Sequence[str]
) -> dict[str, Any]:
    """What the table holds now, counted where it lies; each partition is told its own number."""
    counts = films_per_year(warehouse, years)
    for year, films in counts.items():
        context.add_asset_metadata(
            {"dagster/partition_row_count": films},
            asset_key=context.asset_key,
            partition_key=year,
        )
    picture = plot_discovered_movies(films_per_month(warehouse, years))
    return {
        "dagster/table_name": f"{warehouse.schema}.{DISCOVERED_MOVIES.name}",
        "dagster/storage_kind": "duckdb",
        "films known": sum(counts.values()),
        "films per year and month": inline_image(picture, "films per year and month"),
        "preview": preview(best_known_films(warehouse, years)),
    }
