"""`movie_lists`: current membership of TMDB's five lists."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import dagster as dg
import pandas as pd

from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.movie_lists import plot_movie_lists
from ayne_dagster.charts.previews import preview
from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.defs.interruptible import run_interruptibly
from ayne_dagster.defs.job_options import RunOptions
from ayne_dagster.defs.services import Services
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.domain.tables import LIST_READINGS, MOVIE_LISTS
from ayne_dagster.sources.failures import (
    CircuitOpen,
    QuotaExhausted,
    ServiceUnavailable,
    SourceError,
    UnusableAnswer,
)
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
        fetching.set_back_clocks()
        frame, figures = _read_if_old(chosen, fetching, purpose)
        if figures.get("lists kept", "-") != "-":
            context.log.warning("%s", figures["reason"])
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
    good_for = timedelta(hours=settings.discovery.lists_interval_hours)
    # A reading that went less deep than is wanted now does not count.
    fresh_until = {
        name: reading["read_at"] + good_for
        for name, reading in queries.list_readings().items()
        if reading["pages_asked"] >= pages
    }
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
    read, refused, requests = run_interruptibly(_read_lists(fetching.services, due, pages))
    kept = _why_kept(read, refused, {film["list_name"] for film in stored})
    is_any_left = len(kept) < len(due)
    if refused and not is_any_left and not stored:
        raise next(iter(refused.values()))
    if not read and due == chosen:
        _raise_outage(refused.values())
    told = {"requests": requests, "lists kept": ", ".join(sorted(kept)) or "-"}
    why_kept = f"lists kept: {'; '.join(kept.values())}"
    if not is_any_left:
        return load_frame(queries.warehouse, MOVIE_LISTS), {**told, "reason": why_kept}
    replaced = [name for name in due if name not in kept]
    rows = [row for name in replaced for row in read[name]]
    rows += [film for film in stored if film["list_name"] not in replaced]
    readings = [
        {"list_name": name, "read_at": now, "pages_asked": pages, "films": len(read[name])}
        for name in replaced
    ]
    frame, figures = _write(rows, readings, fetching, purpose)
    reason = f"read {pages} pages of each list: {', '.join(replaced)}"
    return frame, {
        **told,
        "lists read": ", ".join(replaced),
        "reason": f"{reason}; {why_kept}" if kept else reason,
        **figures,
    }


def _raise_outage(errors: Iterable[SourceError]) -> None:
    """End the step where every list was asked for and TMDB is down for all of them.

    Not where it was left alone: its day is used up, or somebody found it down a moment ago.

    Raises:
        ServiceUnavailable: The first of its kind.
    """
    for error in errors:
        if isinstance(error, ServiceUnavailable) and not isinstance(error, CircuitOpen):
            raise error


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
    return _write([], [], fetching, purpose)[0]


def _write(
    rows: list[Any], readings: list[Any], fetching: Fetching, purpose: str
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Replace the table by these rows and note the readings; what is stored, what that changed."""
    warehouse = fetching.queries.warehouse
    frame = pd.DataFrame(rows, columns=MOVIE_LISTS.column_names, dtype=object)
    report = write_batch(
        warehouse,
        MOVIE_LISTS,
        frame,
        years=None,
        also={
            LIST_READINGS: pd.DataFrame(readings, columns=LIST_READINGS.column_names, dtype=object)
        },
        mirror=fetching.mirror,
        purpose=purpose,
    )
    return frame, write_metadata(report, warehouse, MOVIE_LISTS)


def _why_kept(
    read: Mapping[str, Sequence[Any]],
    refused: Mapping[str, SourceError],
    had_films: Collection[str],
) -> dict[str, str]:
    """The lists that stay as they were, each with the reason.

    A list that had films and says it has none is not believed; it is asked for again next time.
    """
    emptied = [name for name, rows in read.items() if not rows and name in had_films]
    return {
        **{name: str(error) for name, error in refused.items()},
        **{name: f"{name} is now without films" for name in emptied},
    }


async def _read_lists(
    services: Services, names: Sequence[str], pages: int
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, SourceError], int]:
    """The rows of each list, or why there are none; and the requests sent.

    What becomes of one list says nothing about the others.
    """
    refused: dict[str, SourceError] = {}

    async def read(name: str) -> tuple[str, list[dict[str, Any]]]:
        try:
            return name, await tmdb.movie_list(name, pages)
        except (UnusableAnswer, ServiceUnavailable, QuotaExhausted) as error:
            refused[name] = error
            return name, []

    async with services.tmdb() as tmdb:
        answered = dict(await asyncio.gather(*map(read, names)))
        return (
            {name: rows for name, rows in answered.items() if name not in refused},
            refused,
            tmdb.stats.requests,
        )
