"""Answers on their way from a service to disk and into the warehouse, while asking goes on.

Lives here: when a batch is kept and when a group of them is stored. Not here: how one is stored
(`answer_store.py`) and what is asked for (`refreshes.py`).
"""

import asyncio
import json
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

from ayne_dagster.defs.answer_store import COMMIT_AT, AnswerStore, in_commits
from ayne_dagster.domain.outcomes import FetchOutcome
from ayne_dagster.redaction import redact
from ayne_dagster.sources.fetch_result import FetchResult
from ayne_dagster.storage.response_archive import ArchivedAnswer, JournalSession

COMMIT_SECONDS = 60.0
"""Slow answers reach the warehouse at least so often."""


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
