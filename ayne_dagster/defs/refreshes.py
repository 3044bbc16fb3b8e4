"""One refresh of one source, from due films to stored rows: shared by details and ratings.

Lives here: the order of the steps. Not here: what is due (`domain/refresh_policy.py`), how to ask
(`sources`), how an answer becomes rows (`answer_store.py`).

Every batch of answers is on disk before anything is done with it, and in the warehouse soon after;
a run that is killed loses what was under way and no more than one batch.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractAsyncContextManager
from contextvars import copy_context
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import dagster as dg
import pandas as pd

from ayne_dagster.defs.answer_store import COMMIT_AT, AnswerStore, SourceTable, in_commits
from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.domain.outcomes import FetchOutcome
from ayne_dagster.redaction import redact
from ayne_dagster.sources.collecting import collect
from ayne_dagster.sources.fetch_result import FetchResult
from ayne_dagster.storage.refresh_states import set_back_clocks
from ayne_dagster.storage.response_archive import ArchivedAnswer, JournalSession, ResponseArchive

COMMIT_SECONDS = 60.0
"""Slow answers reach the warehouse at least so often."""

Client = AbstractAsyncContextManager[Any]


@dataclass(frozen=True)
class SourceOfRows:
    """How one source is asked for films, and where its answers go.

    Attributes:
        table: Where its answers go.
        key_column: Column of the due films with the id the source wants.
        client: Makes the client, not yet entered; None where its key is not set.
        fetch_one: The client's method that asks for one id, given the last answer's etag or None.
        concurrency: Requests under way at once.
    """

    table: SourceTable
    key_column: str
    client: Callable[[], Client] | None
    fetch_one: Callable[[Any, Any, str | None], Awaitable[FetchResult]]
    concurrency: int


@dataclass
class RefreshReport:
    """What a refresh did.

    Attributes:
        store: What was stored.
        films_known: Films of the run's years the source could have.
        films_due: Films due before anything was asked.
        taken_over: Answers of runs that died, stored instead of being asked for again.
        counts: Ids asked for, by what came of them.
        requests: Requests sent, retries included.
        left_by_limit: Ids left for later because of the run's limit.
        stopped_by: Why the source deferred the rest, in words.
        failure: What ended the refresh early; what was fetched before it is stored.
    """

    store: AnswerStore
    films_known: int = 0
    films_due: int = 0
    taken_over: int = 0
    counts: Counter[FetchOutcome] = field(default_factory=Counter)
    requests: int = 0
    left_by_limit: int = 0
    stopped_by: str | None = None
    failure: BaseException | None = None

    def metadata(self) -> dict[str, Any]:
        """The report as figures for the UI."""
        return {
            "films known": self.films_known,
            "films due": self.films_due,
            "requests": self.requests,
            "answers with a row": self.counts[FetchOutcome.ROW],
            "answers without a change": self.counts[FetchOutcome.UNCHANGED],
            "answers taken over from a run that died": self.taken_over,
            **self.store.report.metadata(),
            "not found": self.counts[FetchOutcome.NOT_FOUND],
            "unusable answers": self.counts[FetchOutcome.UNUSABLE],
            "failed": self.counts[FetchOutcome.FAILED],
            "deferred": self.counts[FetchOutcome.DEFERRED] + self.left_by_limit,
            "deferred by": self.stopped_by or ("the run's limit" if self.left_by_limit else "-"),
        }

    def not_stored(self, error: Exception) -> None:
        """Storing failed: that ends the step, whatever a source said before."""
        if self.failure is not None and error is not self.failure:
            error.add_note(f"before that: {self.failure}")
        self.failure = error

    def fail(self) -> NoReturn:
        """End the step with what ended the refresh.

        Raises:
            dagster.Failure: With the source's words; no retry would help.
        """
        if not isinstance(self.failure, Exception):
            # Somebody ended the run: it ends as they asked, with what was fetched kept.
            raise self.failure or RuntimeError("there was no failure")
        raise dg.Failure(
            f"{self.failure} ({self.store.report.answers} answers fetched before that are stored)",
            metadata=self.metadata(),
            allow_retries=False,
        ) from self.failure


def refresh(
    how: SourceOfRows,
    years: Sequence[str],
    *,
    is_forced: bool,
    limit: int | None,
    fetching: Fetching,
    run_id: str,
) -> RefreshReport:
    """Ask for the due films of these years and store the answers as they come.

    Args:
        how: The source.
        years: Partition keys.
        is_forced: Ask for every film, due or not.
        limit: Most ids asked for; the rest stays due.
        fetching: Warehouse, services, archive, turns.
        run_id: Stands on every log line of the refresh.

    Returns:
        What was done. A failure of the source is in the report, not raised: what was fetched
        before it is stored.
    """
    source = how.table.source
    purpose = f"{how.table.contract.name}, run {run_id[:8]}"
    store = fetching.store(how.table, purpose)
    report = RefreshReport(store)
    with fetching.services.logged(run_id), fetching.turns.hold(source, years, purpose):
        set_back_clocks(fetching.queries.warehouse, fetching.services.now())
        report.taken_over = take_over(store, fetching.archive)
        report.films_known = fetching.queries.films_known(source, years)
        due = fetching.queries.due(
            source, years, fetching.services.now(), fetching.policy, force=is_forced
        )
        report.films_due = len(due)
        if is_forced:
            # Whoever forces it doubts what is stored: the whole answer is wanted.
            due = due.drop(columns="etag", errors="ignore")
        keys = due.drop_duplicates(how.key_column)
        wanted = keys if limit is None else keys.head(limit)
        report.left_by_limit = len(keys) - len(wanted)
        if how.client is None:
            report.counts[FetchOutcome.DEFERRED] = len(wanted)
        elif len(wanted):
            with fetching.archive.session(source) as journal:
                _ask(how, wanted, AnswersAsTheyCome(store, journal), report)
        try:
            store.make_table()
            store.mirror_now()
            fetching.archive.forget_old(fetching.services.now())
        except Exception as error:  # noqa: BLE001 - raised by the asset, after what came before it
            report.not_stored(error)
    return report


def take_over(store: AnswerStore, archive: ResponseArchive) -> int:
    """Store what runs that died had fetched and not stored; how many answers that were."""
    before = store.report.answers
    with archive.orphans(store.table.source) as files:
        for group in in_commits(archive.read(files)):
            store.store(group)
        archive.settle(files)
    return store.report.answers - before


class AnswersAsTheyCome:
    """Keeps each batch of answers on disk at once, and stores them in the warehouse in groups.

    The warehouse is written by a thread: asking goes on meanwhile, and if the file is held, it
    goes on until the next group is full.

    Args:
        store: The warehouse's side.
        journal: The archive's side.
    """

    def __init__(self, store: AnswerStore, journal: JournalSession) -> None:
        self._store = store
        self._journal = journal
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="store-answers")
        self._storing: Future[None] | None = None
        self._answers: list[ArchivedAnswer] = []
        self._rows: dict[str, dict[str, Any]] = {}
        self._files: list[Path] = []
        self._held_back: list[FetchResult] = []
        self._stored_at = time.monotonic()

    async def take(self, batch: list[FetchResult]) -> None:
        """Keep a batch; what answers nothing (failed, deferred) is not kept."""
        answered = [*self._held_back, *(result for result in batch if result.outcome.is_answer)]
        # A service that breaks down ends in a row of unreadable answers. They say nothing about
        # their films, so the last ones wait until a readable one shows that it still stands.
        end = len(answered)
        while end and answered[end - 1].outcome is FetchOutcome.UNUSABLE:
            end -= 1
        self._held_back = answered[end:]
        await asyncio.get_running_loop().run_in_executor(None, self._keep, answered[:end])
        if len(self._answers) >= COMMIT_AT or self._is_time():
            if self._storing is not None:
                await asyncio.wrap_future(self._storing)
            self._store_in_thread()

    def finish(self, *, is_broken_off: bool) -> None:
        """Store the rest; after a break-down, without the unreadable answers at its end."""
        try:
            if not is_broken_off:
                self._keep(self._held_back)
            if self._storing is not None:
                self._storing.result()
            self._store_in_thread()
            if self._storing is not None:
                self._storing.result()
        finally:
            self._thread.shutdown()

    def _is_time(self) -> bool:
        return time.monotonic() - self._stored_at >= COMMIT_SECONDS

    def _keep(self, results: list[FetchResult]) -> None:
        if not results:
            return
        answers = [archived(result) for result in results]
        self._files += self._journal.keep(answers)
        self._answers += answers
        self._rows.update((str(r.key), r.row) for r in results if r.row is not None)

    def _store_in_thread(self) -> None:
        answers, rows, files = self._answers, self._rows, self._files
        self._answers, self._rows, self._files = [], {}, []
        self._stored_at = time.monotonic()

        def store() -> None:
            for group in in_commits(answers):
                self._store.store(group, rows)
            self._journal.archive.settle(files)

        # The thread's log lines carry the run's id, too.
        self._storing = self._thread.submit(copy_context().run, store) if answers else None


def archived(result: FetchResult) -> ArchivedAnswer:
    """A result as it is kept."""
    if result.fetched_at is None:
        raise ValueError(f"{result.key}: an answer without a time")
    return ArchivedAnswer(
        request_key=str(result.key),
        answered_at=result.fetched_at,
        outcome=result.outcome.value,
        detail=result.detail,
        requests=result.requests,
        etag=result.etag,
        body=_body(result),
    )


def _body(result: FetchResult) -> str | None:
    if result.payload is None:
        return result.raw
    body = json.dumps(result.payload, separators=(",", ":"))
    # An error of a service may repeat the address it was asked at, key and all.
    return body if result.outcome is FetchOutcome.ROW else redact(body)


def _ask(
    how: SourceOfRows, wanted: pd.DataFrame, answers: AnswersAsTheyCome, report: RefreshReport
) -> None:
    """Ask for the wanted ids; the report says what came of it."""
    try:
        asyncio.run(_collect(how, wanted, answers, report))
    except BaseException as error:  # noqa: BLE001 - stored first, raised again by the asset
        report.failure = error
        report.counts[FetchOutcome.DEFERRED] += len(wanted) - report.counts.total()
    try:
        answers.finish(is_broken_off=report.stopped_by is not None)
    except Exception as error:  # noqa: BLE001 - the answers are on disk; the next run stores them
        report.not_stored(error)


async def _collect(
    how: SourceOfRows,
    wanted: pd.DataFrame,
    answers: AnswersAsTheyCome,
    report: RefreshReport,
) -> None:
    etags: dict[Any, str | None] = {}

    def keys() -> Iterator[Any]:
        # OMDb sends no validators.
        known = wanted.get("etag", pd.Series(None, index=wanted.index, dtype=object))
        for key, etag in zip(wanted[how.key_column].tolist(), known, strict=True):
            etags[key] = etag if isinstance(etag, str) else None
            yield key

    async def take(batch: list[FetchResult]) -> None:
        # Counted here as well: a failure ends the collecting without a report.
        report.counts.update(result.outcome for result in batch)
        await answers.take(batch)

    assert how.client is not None
    async with how.client() as client:
        try:
            done = await collect(
                _Sized(keys(), len(wanted)),
                lambda key: how.fetch_one(client, key, etags.pop(key, None)),
                concurrency=how.concurrency,
                on_results=take,
                stage=f"{how.table.source} films",
            )
        finally:
            report.requests = client.stats.requests
    report.counts, report.stopped_by = done.counts, done.stopped_by


@dataclass(frozen=True)
class _Sized:
    """Keys that are made one by one, and how many they are."""

    keys: Iterator[Any]
    size: int

    def __iter__(self) -> Iterator[Any]:
        return self.keys

    def __len__(self) -> int:
        return self.size
