"""One refresh of one source, from due films to stored rows: shared by details and ratings.

Lives here: the order of the steps. Not here: what is due (`domain/refresh_policy.py`), how to ask
(`sources`), how an answer becomes rows (`answer_store.py`).

Every batch of answers is on disk before anything is done with it, and in the warehouse soon after;
a run that is killed loses what was under way and no more than one batch.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, NoReturn

import dagster as dg
import pandas as pd

from ayne_dagster.defs.answer_store import AnswerStore, SourceTable, in_commits
from ayne_dagster.defs.answers_as_they_come import AnswersAsTheyCome
from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.defs.film_choice import Chosen, choose_films
from ayne_dagster.defs.interruptible import run_interruptibly
from ayne_dagster.defs.job_options import RunOptions
from ayne_dagster.domain.outcomes import FetchOutcome
from ayne_dagster.sources.collecting import MOST_UNREADABLE_IN_A_ROW, collect
from ayne_dagster.sources.failures import NothingAnswered
from ayne_dagster.sources.fetch_result import FetchResult
from ayne_dagster.storage.quarantine_bodies import forget_bodies

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
        chosen: The films of this run, and how many it leaves for later.
        taken_over: Answers of runs that died, stored instead of being asked for again.
        counts: Ids asked for, by what came of them.
        requests: Requests sent, retries included.
        stopped_by: Why the source deferred the rest, in words.
        failed_by: Why the last film that was not answered was not, in words.
        failures: What came instead of answers, by the id asked for.
        failure: What ended the refresh early; what was fetched before it is stored.
    """

    store: AnswerStore
    films_known: int = 0
    chosen: Chosen = field(default_factory=Chosen)
    taken_over: int = 0
    counts: Counter[FetchOutcome] = field(default_factory=Counter)
    requests: int = 0
    stopped_by: str | None = None
    failed_by: str | None = None
    failures: dict[str, str | None] = field(default_factory=dict)
    failure: BaseException | None = None

    def metadata(self) -> dict[str, Any]:
        """The report as figures for the UI."""
        return {
            "films known": self.films_known,
            **self.chosen.metadata(),
            "requests": self.requests,
            "answers with a row": self.counts[FetchOutcome.ROW],
            "answers without a change": self.counts[FetchOutcome.UNCHANGED],
            "answers taken over from a run that died": self.taken_over,
            **self.store.report.metadata(),
            "not found": self.counts[FetchOutcome.NOT_FOUND],
            "unusable answers": self.counts[FetchOutcome.UNUSABLE],
            "failed": self.counts[FetchOutcome.FAILED],
            "failed by": self.failed_by or "-",
            "deferred": self.counts[FetchOutcome.DEFERRED] + self.chosen.left,
            "deferred by": self.stopped_by or self.chosen.left_by or "-",
        }

    @property
    def outage(self) -> NothingAnswered | None:
        """That nothing readable came though films were asked for; None: something did.

        One film that cannot be read is the film's own matter; only as many in a row as end the
        asking are the service's.
        """
        failed, unusable = self.counts[FetchOutcome.FAILED], self.counts[FetchOutcome.UNUSABLE]
        readable = (FetchOutcome.ROW, FetchOutcome.UNCHANGED, FetchOutcome.NOT_FOUND)
        if any(self.counts[outcome] for outcome in readable) or not (
            failed or unusable >= MOST_UNREADABLE_IN_A_ROW
        ):
            return None
        left = self.counts[FetchOutcome.DEFERRED] + self.chosen.left
        more = f", {left} more were left for later" if left else ""
        return NothingAnswered(
            self.store.table.source,
            f"none of the {failed + unusable} films it was asked for was answered "
            f"({self.failed_by or self.stopped_by}){more}. They stay due: run again once the "
            "service answers",
        )

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
    options: RunOptions,
    fetching: Fetching,
    run_id: str,
) -> RefreshReport:
    """Ask for the due films of these years and store the answers as they come.

    Args:
        how: The source.
        years: Partition keys.
        options: Which of the due films, and how many.
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
        fetching.set_back_clocks()
        report.taken_over = take_over(store, fetching)
        report.films_known = fetching.queries.films_known(source, years)
        report.chosen = choose_films(source, years, how.key_column, options, fetching)
        wanted = report.chosen.films
        if how.client is None:
            report.counts[FetchOutcome.DEFERRED] = len(wanted)
        elif len(wanted):
            with fetching.archive.session(source) as journal:
                _ask(how, wanted, AnswersAsTheyCome(store, journal), report)
        report.failure = report.failure or report.outage
        try:
            store.note_failures(report.failures, fetching.services.now())
            store.make_table()
            store.mirror_now()
            _forget_old(fetching, purpose)
        except Exception as error:  # noqa: BLE001 - raised by the asset, after what came before it
            report.not_stored(error)
    return report


def _forget_old(fetching: Fetching, purpose: str) -> None:
    """Let go of what services said so long ago that it is not kept."""
    now, archive = fetching.services.now(), fetching.archive
    archive.forget_old(now)
    oldest = now - timedelta(days=archive.keep_days)
    forget_bodies(fetching.queries.warehouse, oldest, fetching.mirror, purpose=purpose)


def take_over(store: AnswerStore, fetching: Fetching) -> int:
    """Store what runs that died had fetched and not stored; how many answers that were.

    One run at a time per source, whatever its years: a dead run's journal names films of any year,
    and who does not wait until they stand in the warehouse asks for them again. Nobody waits for a
    run that fetches: it holds its journal, not this turn.
    """
    archive, source, before = fetching.archive, store.table.source, store.report.answers
    with fetching.turns.hold(source, ["journal"], store.purpose), archive.orphans(source) as files:
        for group in in_commits(archive.read(files)):
            store.store(group)
        archive.settle(files)
    return store.report.answers - before


def _ask(
    how: SourceOfRows, wanted: pd.DataFrame, answers: AnswersAsTheyCome, report: RefreshReport
) -> None:
    """Ask for the wanted ids; the report says what came of it."""
    try:
        run_interruptibly(_collect(how, wanted, answers, report))
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
        for result in batch:
            if result.outcome is FetchOutcome.FAILED:
                report.failed_by = result.detail
                report.failures[str(result.key)] = result.detail
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
