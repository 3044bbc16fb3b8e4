"""`discovered_movies`: every film known for a year."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
import pandas as pd

from ayne_dagster.charts.discovered_movies import plot_discovered_movies
from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.previews import preview
from ayne_dagster.defs.assets.movie_lists import movie_lists
from ayne_dagster.defs.partitions import release_year_partitions
from ayne_dagster.defs.refreshes import keep
from ayne_dagster.defs.run_config import DiscoveryConfig
from ayne_dagster.defs.services import Services
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.defs.whole_partitions import with_stored
from ayne_dagster.domain.discovery_plan import WalkScope, discovered_rows, years_to_walk
from ayne_dagster.domain.tables import DISCOVERED_MOVIES, DISCOVERY_WALKS
from ayne_dagster.settings import Settings
from ayne_dagster.sources.failures import CircuitOpen, QuotaExhausted
from ayne_dagster.sources.progress import stage
from ayne_dagster.storage.duckdb_io_manager import TableBatch
from ayne_dagster.storage.movie_queries import MovieQueries

if TYPE_CHECKING:
    from ayne_dagster.sources.discovery import DiscoverWalk

_YEARS_AT_ONCE = 4


@dg.asset(
    **table_asset(
        DISCOVERED_MOVIES,
        group="discovery",
        kinds={"tmdb", "duckdb"},
        description="TMDB's discover is walked year by year in windows of dates, so that no film "
        "is lost to the 500-page limit; films on the five lists are added. A year is walked again "
        "when its last walk is too old or was narrower than what is asked for now. What could not "
        "be seen stands in `discovery_walks`.",
    ),
    deps=[movie_lists],
)
def discovered_movies(
    context: dg.AssetExecutionContext,
    config: DiscoveryConfig,
    services: dg.ResourceParam[Services],
    queries: dg.ResourceParam[MovieQueries],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[TableBatch]:
    """Walk the years that are due, add the films of the lists, merge."""
    years = context.partition_keys
    keys = release_year_partitions().get_partition_keys()
    options = settings.discovery
    scope = WalkScope(
        min_votes=options.min_votes if config.min_votes is None else config.min_votes,
        max_pages=config.max_pages or options.max_pages,
    )
    due = years_to_walk(
        years,
        {} if config.force else queries.walks(years),
        scope,
        services.now(),
        recent_interval=timedelta(hours=options.recent_interval_hours),
        older_interval=timedelta(days=options.older_interval_days),
    )
    with services.logged(context.run_id):
        walked = asyncio.run(_walk(services, due, scope)) if due else Walked([], [], {})
    listed = [(film["list_name"], film, film["seen_at"]) for film in queries.listed_films()]
    rows = discovered_rows([*walked.seen, *listed], years, keys)
    walks = walked.walks
    if walked.failure is not None:
        keep(DISCOVERED_MOVIES, rows, {DISCOVERY_WALKS: _walks_frame(walks)}, queries, settings)
        raise dg.Failure(
            f"{walked.failure} ({len(walks)} of {len(due)} years were finished and are stored)",
            allow_retries=False,
        ) from walked.failure
    context.log.info("walked %d of %d years, saw %d films", len(walks), len(years), len(rows))
    shown = with_stored(
        queries, DISCOVERED_MOVIES, rows, years, ["tmdb_id", "release_year", "release_date"]
    )
    return dg.MaterializeResult(
        value=TableBatch(rows, also={DISCOVERY_WALKS.name: _walks_frame(walks)}),
        metadata={
            "years walked": len(walks),
            "years deferred": len(walked.unfinished),
            "requests": sum(walk["requests"] for walk in walks),
            "films reported by TMDB": sum(walk["films_reported"] for walk in walks),
            "films seen": sum(walk["films_seen"] for walk in walks),
            "years cut short by a limit": sum(walk["is_truncated"] for walk in walks),
            "films per year and month": inline_image(
                plot_discovered_movies(shown), "films per year and month"
            ),
            "preview": preview(rows),
        },
    )


@dataclass(frozen=True)
class Walked:
    """What walking the years came to.

    Attributes:
        seen: Sightings of films: source, film, time.
        walks: Rows of `discovery_walks`, for the years that were finished.
        unfinished: Why the other years were not.
    """

    seen: list[tuple[str, dict[str, Any], datetime]]
    walks: list[dict[str, Any]]
    unfinished: dict[str, BaseException]

    @property
    def failure(self) -> BaseException | None:
        """What is to fail the step; a used-up quota or an outage only defers the years it met."""
        deferring = (QuotaExhausted, CircuitOpen)
        return next((e for e in self.unfinished.values() if not isinstance(e, deferring)), None)


async def _walk(services: Services, years: Sequence[str], scope: WalkScope) -> Walked:
    """Walk years a few at a time: their first pages would otherwise wait for each other."""
    at_once = asyncio.Semaphore(_YEARS_AT_ONCE)
    with stage("discover", len(years), "years") as advance:
        async with services.tmdb() as tmdb:

            async def one(year: str) -> "DiscoverWalk":
                async with at_once:
                    walk = await tmdb.discover_year(
                        int(year), min_votes=scope.min_votes, max_pages=scope.max_pages
                    )
                advance(1)
                return walk

            walked = await asyncio.gather(*(one(year) for year in years), return_exceptions=True)
    now = services.now()
    unfinished = {
        year: walk
        for year, walk in zip(years, walked, strict=True)
        if isinstance(walk, BaseException)
    }
    done = {
        year: walk
        for year, walk in zip(years, walked, strict=True)
        if not isinstance(walk, BaseException)
    }
    seen = [("discover", row, row["last_seen_at"]) for walk in done.values() for row in walk.rows]
    walks = [
        {
            "release_year": year,
            "walked_at": now,
            "min_votes": scope.min_votes,
            "max_pages": scope.max_pages,
            "windows": walk.windows,
            "requests": walk.requests,
            "films_reported": walk.films_reported,
            "films_seen": walk.films_seen,
            "is_truncated": walk.is_truncated,
        }
        for year, walk in done.items()
    ]
    return Walked(seen, walks, unfinished)


def _walks_frame(walks: list[dict[str, Any]]) -> pd.DataFrame:
    return pd.DataFrame(walks, columns=DISCOVERY_WALKS.column_names, dtype=object)
