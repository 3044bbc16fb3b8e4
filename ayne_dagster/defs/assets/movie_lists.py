"""`movie_lists`: current membership of TMDB's five lists."""

import asyncio
from datetime import timedelta
from typing import Any

import dagster as dg
import pandas as pd

from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.movie_lists import plot_movie_lists
from ayne_dagster.charts.previews import preview
from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.defs.run_config import ListsConfig
from ayne_dagster.defs.services import Services
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.domain.tables import MOVIE_LISTS
from ayne_dagster.domain.tables.fetched import LIST_NAMES
from ayne_dagster.sources.failures import CircuitOpen, QuotaExhausted, UnusableAnswer
from ayne_dagster.storage.duckdb_io_manager import load_frame, write_batch, write_metadata


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
    fetching: dg.ResourceParam[Fetching],
) -> dg.MaterializeResult:
    """Read the five lists, unless they were read a short while ago."""
    purpose = f"{MOVIE_LISTS.name}, run {context.run.run_id[:8]}"
    with (
        fetching.services.logged(context.run.run_id),
        fetching.turns.hold("lists", ["all"], purpose),
    ):
        frame, figures = _read_if_old(config, fetching, purpose)
    return dg.MaterializeResult(
        metadata={
            **figures,
            "dagster/row_count": len(frame),
            "films per list": inline_image(plot_movie_lists(frame), "films per list"),
            "preview": preview(frame),
        },
    )


def _read_if_old(
    config: ListsConfig, fetching: Fetching, purpose: str
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The lists as they are stored now, read anew where it is time, and what was done."""
    queries, settings, now = fetching.queries, fetching.settings, fetching.services.now()
    seen_at = queries.lists_seen_at()
    fresh_until = seen_at and seen_at + timedelta(hours=settings.discovery.lists_interval_hours)
    if fresh_until and now < fresh_until and not config.force:
        reason = f"lists are fresh until {fresh_until:%Y-%m-%d %H:%M} UTC"
        return load_frame(queries.warehouse, MOVIE_LISTS), {"requests": 0, "reason": reason}
    pages = config.pages or settings.discovery.list_pages
    try:
        rows, requests = asyncio.run(_read_lists(fetching.services, pages))
        if seen_at is not None:
            _refuse_emptied(rows, load_frame(queries.warehouse, MOVIE_LISTS), requests)
    except (QuotaExhausted, CircuitOpen, UnusableAnswer) as error:
        # TMDB's day is used up, it is down, or what it says is no list: they stay as they were.
        if seen_at is None:
            raise
        figures = {"requests": error.tries, "reason": f"lists kept: {error}"}
        return load_frame(queries.warehouse, MOVIE_LISTS), figures
    frame = pd.DataFrame(rows, columns=MOVIE_LISTS.column_names, dtype=object)
    report = write_batch(
        queries.warehouse, MOVIE_LISTS, frame, years=None, mirror=fetching.mirror, purpose=purpose
    )
    return frame, {
        "requests": requests,
        "reason": f"read {pages} pages of each list",
        **write_metadata(report, queries.warehouse, MOVIE_LISTS),
    }


def _refuse_emptied(rows: list[dict[str, Any]], stored: pd.DataFrame, requests: int) -> None:
    """A list that had films and says it has none is not believed.

    Raises:
        UnusableAnswer: There is one.
    """
    emptied = set(stored["list_name"]) - {row["list_name"] for row in rows}
    if emptied:
        error = UnusableAnswer("tmdb", f"now without films: {', '.join(sorted(emptied))}")
        error.tries = requests
        raise error


async def _read_lists(services: Services, pages: int) -> tuple[list[dict], int]:
    async with services.tmdb() as tmdb:
        lists = await asyncio.gather(*(tmdb.movie_list(name, pages) for name in LIST_NAMES))
        return [row for rows in lists for row in rows], tmdb.stats.requests
