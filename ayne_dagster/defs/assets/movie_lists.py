"""`movie_lists`: current membership of TMDB's five lists."""

import asyncio
from datetime import timedelta

import dagster as dg
import pandas as pd

from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.movie_lists import plot_movie_lists
from ayne_dagster.charts.previews import preview
from ayne_dagster.defs.run_config import ListsConfig
from ayne_dagster.defs.services import Services
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.domain.tables import MOVIE_LISTS
from ayne_dagster.domain.tables.fetched import LIST_NAMES
from ayne_dagster.settings import Settings
from ayne_dagster.sources.failures import CircuitOpen, QuotaExhausted
from ayne_dagster.storage.duckdb_io_manager import load_frame
from ayne_dagster.storage.movie_queries import MovieQueries


@dg.asset(
    **table_asset(
        MOVIE_LISTS,
        group="discovery",
        kinds={"tmdb", "duckdb"},
        description="Popular, top rated, upcoming, now playing and trending of the week, with the "
        "rank and the time seen. Read again after `DISCOVERY__LISTS_INTERVAL_HOURS`.",
    )
)
def movie_lists(
    context: dg.AssetExecutionContext,
    config: ListsConfig,
    services: dg.ResourceParam[Services],
    queries: dg.ResourceParam[MovieQueries],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[pd.DataFrame]:
    """Read the five lists, unless they were read a short while ago."""
    seen_at = queries.lists_seen_at()
    fresh_until = seen_at and seen_at + timedelta(hours=settings.discovery.lists_interval_hours)
    if fresh_until and services.now() < fresh_until and not config.force:
        frame = load_frame(queries.warehouse, MOVIE_LISTS)
        requests, reason = 0, f"lists are fresh until {fresh_until:%Y-%m-%d %H:%M} UTC"
        context.log.info("%s; nothing asked", reason)
    else:
        pages = config.pages or settings.discovery.list_pages
        frame, requests, reason = _read_or_keep(context, services, queries, pages)
    return dg.MaterializeResult(
        value=frame,
        metadata={
            "requests": requests,
            "reason": reason,
            "dagster/row_count": len(frame),
            "films per list": inline_image(plot_movie_lists(frame), "films per list"),
            "preview": preview(frame),
        },
    )


def _read_or_keep(
    context: dg.AssetExecutionContext, services: Services, queries: MovieQueries, pages: int
) -> tuple[pd.DataFrame, int, str]:
    """The lists as they are now; as they were, where TMDB's day is used up or it is down."""
    try:
        with services.logged(context.run_id):
            rows, requests = asyncio.run(_read_lists(services, pages))
    except (QuotaExhausted, CircuitOpen) as error:
        if queries.lists_seen_at() is None:
            raise
        return load_frame(queries.warehouse, MOVIE_LISTS), error.tries, f"lists kept: {error}"
    frame = pd.DataFrame(rows, columns=MOVIE_LISTS.column_names, dtype=object)
    return frame, requests, f"read {pages} pages of each list"


async def _read_lists(services: Services, pages: int) -> tuple[list[dict], int]:
    async with services.tmdb() as tmdb:
        lists = await asyncio.gather(*(tmdb.movie_list(name, pages) for name in LIST_NAMES))
        return [row for rows in lists for row in rows], tmdb.stats.requests
