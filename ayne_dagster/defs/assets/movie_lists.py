"""`movie_lists`: current membership of TMDB's five lists."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import pandas as pd

from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.movie_lists import plot_movie_lists
from ayne_dagster.charts.previews import preview
from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.defs.job_options import RunOptions
from ayne_dagster.defs.services import Services
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.domain.tables import MOVIE_LISTS
from ayne_dagster.sources.failures import CircuitOpen, QuotaExhausted, UnusableAnswer
from ayne_dagster.storage.duckdb_io_manager import load_frame, write_batch, write_metadata


@dg.asset(
    **table_asset(
        MOVIE_LISTS,
        group="discovery",
        kinds={"tmdb", "duckdb"},
        description="Popular, top rated, upcoming, now playing and trending of the week, with the "
        "rank and the time seen. Each is read again after `DISCOVERY__LISTS_INTERVAL_HOURS`; a run "
        "may read some of them only.",
    )
)
def movie_lists(
    context: dg.AssetExecutionContext,
    options: RunOptions,
    fetching: dg.ResourceParam[Fetching],
) -> dg.MaterializeResult:
    """Read the run's lists, but those that were read a short while ago."""
    chosen = options.of_job(context.run.job_name)
    purpose = f"{MOVIE_LISTS.name}, run {context.run.run_id[:8]}"
    with (
        fetching.services.logged(context.run.run_id),
        fetching.turns.hold("lists", ["all"], purpose),
    ):
        frame, figures = _read_if_old(chosen, fetching, purpose)
    return dg.MaterializeResult(
        metadata={
            **figures,
            "dagster/row_count": len(frame),
            "films per list": inline_image(plot_movie_lists(frame), "films per list"),
            "preview": preview(frame),
        },
    )


def _read_if_old(
    options: RunOptions, fetching: Fetching, purpose: str
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The lists as they are stored now, read anew where it is time, and what was done."""
    queries, settings, now = fetching.queries, fetching.settings, fetching.services.now()
    stored = queries.listed_films()
    pages = options.pages_per_category or settings.discovery.list_pages
    fresh_until = _fresh_until(
        stored, pages, timedelta(hours=settings.discovery.lists_interval_hours)
    )
    # Somebody may name a list twice.
    chosen = list(dict.fromkeys(category.value for category in options.categories or ()))
    due = [
        name
        for name in chosen
        if options.force or name not in fresh_until or fresh_until[name] <= now
    ]
    if not due:
        figures = {"requests": 0, "reason": _why_none(chosen, fresh_until)}
        return _stored_or_made(stored, fetching, purpose), figures
    try:
        rows, requests = asyncio.run(_read_lists(fetching.services, due, pages))
        _refuse_emptied(rows, due, stored, requests)
    except (QuotaExhausted, CircuitOpen, UnusableAnswer) as error:
        # TMDB's day is used up, it is down, or what it says is no list: they stay as they were.
        if not stored:
            raise
        figures = {"requests": error.tries, "reason": f"lists kept: {error}"}
        return load_frame(queries.warehouse, MOVIE_LISTS), figures
    rows += [film for film in stored if film["list_name"] not in due]
    frame, figures = _write(rows, fetching, purpose)
    reason = f"read {pages} pages of each list: {', '.join(due)}"
    return frame, {
        "requests": requests,
        "lists read": ", ".join(due),
        "reason": reason,
        **figures,
    }


def _fresh_until(
    stored: Iterable[Mapping[str, Any]], pages: int, good_for: timedelta
) -> dict[str, datetime]:
    """Until when each list need not be read again; only lists that were read deep enough.

    A run may have read fewer pages than are wanted now. How deep it went is stored, because the
    number of films does not say it: pages repeat films, and lists end.
    """
    return {
        film["list_name"]: film["seen_at"] + good_for
        for film in stored
        # Rows of an earlier version do not say it.
        if (film.get("pages_asked") or pages) >= pages
    }


def _why_none(chosen: Sequence[str], fresh_until: Mapping[str, datetime]) -> str:
    """Why no list is read, in words."""
    if not chosen:
        return "the run's options choose no list"
    first = min(fresh_until[name] for name in chosen)
    return f"lists are fresh until {first:%Y-%m-%d %H:%M} UTC"


def _stored_or_made(
    stored: Sequence[Mapping[str, Any]], fetching: Fetching, purpose: str
) -> pd.DataFrame:
    """What is stored; where nothing ever was, an empty table."""
    if stored:
        return load_frame(fetching.queries.warehouse, MOVIE_LISTS)
    return _write([], fetching, purpose)[0]


def _write(
    rows: list[Any], fetching: Fetching, purpose: str
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Replace the table by these rows; what is stored then, and what that changed."""
    warehouse = fetching.queries.warehouse
    frame = pd.DataFrame(rows, columns=MOVIE_LISTS.column_names, dtype=object)
    report = write_batch(
        warehouse, MOVIE_LISTS, frame, years=None, mirror=fetching.mirror, purpose=purpose
    )
    return frame, write_metadata(report, warehouse, MOVIE_LISTS)


def _refuse_emptied(
    rows: Iterable[Mapping[str, Any]],
    read: Sequence[str],
    stored: Iterable[Mapping[str, Any]],
    requests: int,
) -> None:
    """A list that had films and says it has none is not believed.

    Raises:
        UnusableAnswer: There is one.
    """
    had_films = {film["list_name"] for film in stored} & set(read)
    emptied = had_films - {row["list_name"] for row in rows}
    if emptied:
        error = UnusableAnswer("tmdb", f"now without films: {', '.join(sorted(emptied))}")
        error.tries = requests
        raise error


async def _read_lists(
    services: Services, names: Sequence[str], pages: int
) -> tuple[list[dict], int]:
    async with services.tmdb() as tmdb:
        lists = await asyncio.gather(*(tmdb.movie_list(name, pages) for name in names))
        return [row for rows in lists for row in rows], tmdb.stats.requests
