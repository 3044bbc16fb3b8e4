"""One refresh of one source, from due films to rows and history: shared by details and ratings.

Lives here: the order of the steps. Not here: what is due (`domain/refresh_policy.py`), how to ask
(`sources`), what changed (`domain/refreshing.py`).
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Hashable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, NoReturn

import dagster as dg
import pandas as pd

from ayne_dagster.defs.services import Services
from ayne_dagster.domain.outcomes import FetchOutcome, Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.domain.refreshing import FilmAnswer, Refreshed, apply_answers
from ayne_dagster.domain.tables import REFRESH_HISTORY
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.settings import Settings
from ayne_dagster.sources.collecting import CollectReport, collect
from ayne_dagster.sources.fetch_result import FetchResult
from ayne_dagster.storage.duckdb_io_manager import write_batch
from ayne_dagster.storage.movie_queries import MovieQueries
from ayne_dagster.storage.parquet_mirror import ParquetMirror

Client = AbstractAsyncContextManager[Any]
FetchOne = Callable[..., Awaitable[FetchResult]]
CompleteRow = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]


@dataclass(frozen=True)
class SourceOfRows:
    """How one source is asked for films.

    Attributes:
        source: Whom to ask.
        contract: Table of its rows.
        key_column: Column of the due films with the id the source wants.
        client: Makes the client, not yet entered.
        fetch_one: The client's method that asks for one film.
        complete: Adds to a fetched row what only the film knows (`release_year`, `tmdb_id`).
        concurrency: Requests under way at once.
    """

    source: Source
    contract: TableContract
    key_column: str
    client: Callable[[], Client]
    fetch_one: Callable[[Any], FetchOne]
    complete: CompleteRow
    concurrency: int


@dataclass(frozen=True)
class RefreshReport:
    """What a refresh did.

    Attributes:
        refreshed: Rows and history to be written.
        films_known: Films of the run's years the source could have.
        films_due: Films due before anything was asked.
        counts: Ids asked for, by what came of them.
        requests: Requests sent, retries included.
        left_by_limit: Ids left for later because of the run's limit.
        stopped_by: Why the source deferred the rest, in words.
        failure: What ended the refresh early; what was fetched before it is in `refreshed`.
    """

    refreshed: Refreshed
    films_known: int
    films_due: int
    counts: Counter[FetchOutcome]
    requests: int
    left_by_limit: int
    stopped_by: str | None = None
    failure: BaseException | None = None

    def metadata(self) -> dict[str, Any]:
        """The report as figures for the UI."""
        return {
            "films known": self.films_known,
            "films due": self.films_due,
            "requests": self.requests,
            "answers with a row": self.counts[FetchOutcome.ROW],
            "new films": self.refreshed.first,
            "changed films": self.refreshed.changed,
            "not found": self.counts[FetchOutcome.NOT_FOUND],
            "unusable answers": self.counts[FetchOutcome.UNUSABLE],
            "failed": self.counts[FetchOutcome.FAILED],
            "deferred": self.counts[FetchOutcome.DEFERRED] + self.left_by_limit,
            "deferred by": self.stopped_by or ("the run's limit" if self.left_by_limit else "-"),
        }


def refresh(
    due: pd.DataFrame,
    how: SourceOfRows,
    *,
    films_known: int,
    limit: int | None,
    queries: MovieQueries,
    policy: RefreshPolicy,
    services: Services,
    run_id: str,
) -> RefreshReport:
    """Ask for the due films and compare the answers with what is stored.

    Args:
        due: Films to ask for, most urgent first; columns of `films_to_plan`.
        how: The source.
        films_known: For the report.
        limit: Most ids asked for; the rest stays due.
        queries: The warehouse.
        policy: For the second sighting of a film that is gone.
        services: How it is logged.
        run_id: Stands on every log line of the refresh.

    Returns:
        What is to be written. A failure of the source is in the report, not raised: what was
        fetched before it must not be lost.
    """
    films = [_plain(film) for film in due.to_dict("records")]
    # Two films can share one imdb id: it is asked for once, and both are told.
    sharing: dict[Any, list[dict[str, Any]]] = {}
    for film in films:
        sharing.setdefault(film[how.key_column], []).append(film)
    keys = list(sharing)[:limit]
    results: list[FetchResult] = []
    counts: Counter[FetchOutcome] = Counter()
    stopped_by, failure = None, None
    requests = 0
    # Read before asking: a held file must stop us before requests are spent, not after.
    known = queries.stored_rows(how.contract, keys) if keys else {}
    if keys:
        try:
            with services.logged(run_id):
                report = asyncio.run(_ask(how, keys, results))
        except BaseException as error:  # noqa: BLE001 - stored first, raised again by the asset
            failure = error
            counts.update(result.outcome for result in results)
            requests = sum(result.requests for result in results) + getattr(error, "tries", 0)
            counts[FetchOutcome.DEFERRED] += len(keys) - len(results)
        else:
            counts, requests, stopped_by = report.counts, report.requests, report.stopped_by
    if stopped_by is not None:
        _forget_unreadable_end(results)
    answers = [
        _answer(result, film, how)
        for result in results
        if result.fetched_at is not None
        for film in sorted(sharing[result.key], key=lambda film: film["tmdb_id"])
    ]
    refreshed = apply_answers(
        answers,
        known,
        source=how.source,
        contract=how.contract,
        not_found_since={
            film["tmdb_id"]: film[f"{how.source}_not_found_since"]
            for film in films
            if film[f"{how.source}_not_found_since"] is not None
        },
        gone_after=timedelta(days=policy.gone_after_days),
    )
    return RefreshReport(
        refreshed=refreshed,
        films_known=films_known,
        films_due=len(due),
        counts=counts,
        requests=requests,
        left_by_limit=len(sharing) - len(keys),
        stopped_by=stopped_by,
        failure=failure,
    )


def store_before_failing(
    report: RefreshReport, contract: TableContract, queries: MovieQueries, settings: Settings
) -> NoReturn:
    """Write what was fetched before the source failed, then fail the step.

    Raises:
        dagster.Failure: Always, with the source's words; no retry would help.
    """
    keep(
        contract,
        report.refreshed.rows,
        {REFRESH_HISTORY: report.refreshed.history},
        queries,
        settings,
    )
    if not isinstance(report.failure, Exception):
        # Somebody ended the run: it ends as they asked, with what was fetched kept.
        raise report.failure or RuntimeError("there was no failure")
    raise dg.Failure(
        f"{report.failure} ({len(report.refreshed.rows)} rows fetched before that are stored)",
        metadata=report.metadata(),
        allow_retries=False,
    ) from report.failure


def keep(
    contract: TableContract,
    rows: pd.DataFrame,
    also: Mapping[TableContract, pd.DataFrame],
    queries: MovieQueries,
    settings: Settings,
) -> None:
    """Write what was fetched before a failure, as the I/O manager would have."""
    mirror = settings.resolve(settings.database.mirror_folder)
    write_batch(
        queries.warehouse,
        contract,
        rows,
        years=None,
        also=also,
        mirror=ParquetMirror(mirror) if settings.database.is_mirrored else None,
        purpose=f"{contract.name}, keeping what was fetched before a failure",
    )


async def _ask(how: SourceOfRows, keys: Sequence[Any], results: list[FetchResult]) -> CollectReport:
    def gather(batch: list[FetchResult]) -> None:
        results.extend(replace(result, payload=None) for result in batch)

    async with how.client() as client:
        return await collect(
            keys,
            how.fetch_one(client),
            concurrency=how.concurrency,
            on_results=gather,
            stage=f"{how.source} films",
        )


def _answer(result: FetchResult, film: dict[str, Any], how: SourceOfRows) -> FilmAnswer:
    if result.fetched_at is None:
        raise ValueError(f"{result.key}: an answer without a time")
    row = how.complete(result.row, film) if result.row is not None else None
    imdb_id = row["imdb_id"] if row is not None else film["imdb_id"]
    return FilmAnswer(
        film["tmdb_id"], imdb_id, result.outcome, result.fetched_at, row, result.detail
    )


def _forget_unreadable_end(results: list[FetchResult]) -> None:
    """Drop the unreadable answers the source broke off with: it was down, they say nothing."""
    while results and results[-1].outcome is FetchOutcome.UNUSABLE:
        results.pop()


def _plain(film: Mapping[Hashable, Any]) -> dict[str, Any]:
    """A row of a frame with None where a value is missing."""
    return {str(name): None if pd.isna(value) else value for name, value in film.items()}
