"""From answers of a service to rows of the warehouse: the one way for live and archived answers.

Lives here: the order of the steps of a commit. Not here: what changed (`domain/refreshing.py`), how
answers are kept (`storage/response_archive.py`) and asked for (`refreshes.py`).
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import pandas as pd

from ayne_dagster.domain.failed_requests import failed_request
from ayne_dagster.domain.frame_check import ContractViolation, empty_frame
from ayne_dagster.domain.outcomes import FetchOutcome, Source
from ayne_dagster.domain.rederiving import rederived_rows
from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.domain.refreshing import FilmAnswer, apply_answers
from ayne_dagster.domain.tables import (
    FAILED_REQUESTS,
    QUARANTINED_ANSWERS,
    REFRESH_HISTORY,
    REFRESH_STATE,
)
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.storage.duckdb_io_manager import mirror_owed, write_batch
from ayne_dagster.storage.fetch_queries import FetchQueries
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.response_archive import ArchivedAnswer
from ayne_dagster.storage.table_writes import WriteReport

COMMIT_AT = 1_000
"""Answers a commit: few enough to be forgotten by memory, many enough for a merge to pay."""

RowOf = Callable[[dict[str, Any], datetime], dict[str, Any]]


@dataclass(frozen=True)
class SourceTable:
    """Where a source's answers go.

    Attributes:
        source: Who answers.
        contract: Table of its rows.
        row_of: Reads an answer's JSON object into the columns the source knows.
        complete: Adds to a row what only the film knows (`release_year`, `tmdb_id`).
    """

    source: Source
    contract: TableContract
    row_of: RowOf
    complete: Callable[[dict[str, Any], Mapping[str, Any]], dict[str, Any]]

    def films(self, queries: FetchQueries, keys: Sequence[str]) -> Mapping[str, list[dict]]:
        """The films each request key stands for; none where no film has it any more."""
        if self.source is Source.OMDB:
            return queries.films_of_imdb_ids(keys)
        return {key: [{"tmdb_id": int(key), "imdb_id": None}] for key in keys}

    def key(self, request_key: str) -> Any:
        """A request key as the table's key."""
        return request_key if self.source is Source.OMDB else int(request_key)


@dataclass
class StoreReport:
    """What storing answers did, summed over its commits."""

    answers: int = 0
    first: int = 0
    changed: int = 0
    inserted: int = 0
    updated: int = 0
    unchanged: int = 0
    moved: int = 0

    def add(self, answers: int, first: int, changed: int, written: WriteReport) -> None:
        """Count one commit."""
        self.answers += answers
        self.first += first
        self.changed += changed
        self.inserted += written.inserted
        self.updated += written.updated
        self.unchanged += written.unchanged
        self.moved += written.moved

    def metadata(self) -> dict[str, int]:
        """The figures people and the command line look for."""
        return {
            "new films": self.first,
            "changed films": self.changed,
            "rows inserted": self.inserted,
            "rows updated": self.updated,
            "rows unchanged": self.unchanged,
            "rows moved to another year": self.moved,
        }


@dataclass
class AnswerStore:
    """Stores answers of one source.

    Attributes:
        table: Whose answers, and where they go.
        queries: The warehouse.
        policy: When a film counts as gone.
        mirror: The Parquet mirror, if there is one; written by `mirror_now`, not with each commit.
        purpose: Who writes, for others who wait.
        now: When it began, UTC: an answer dated long after it is a clock's mistake.
        report: What has been stored so far.
    """

    table: SourceTable
    queries: FetchQueries
    policy: RefreshPolicy
    mirror: ParquetMirror | None
    purpose: str
    now: datetime
    report: StoreReport = field(default_factory=StoreReport)

    def store(
        self,
        answers: Sequence[ArchivedAnswer],
        rows: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        is_rederived: bool = False,
    ) -> None:
        """Store answers, at most one per request key, in one transaction.

        Storing an answer again changes nothing.

        Args:
            answers: What the service said.
            rows: Rows already read from the answers, by request key; others are read from the body.
            is_rederived: Read the rows anew that were made of these very answers, too: for a
                reader that has learnt something since.

        Raises:
            WarehouseBusy: Others held the file for too long; nothing was stored.
        """
        if not answers:
            return
        try:
            self._store(answers, rows or {}, is_rederived)
        except ContractViolation as violation:
            # One answer that no table takes must not keep out the others, now and in every later
            # run that takes it over: it is looked for, and quarantined.
            if len(answers) > 1:
                middle = len(answers) // 2
                self.store(answers[:middle], rows, is_rederived=is_rederived)
                self.store(answers[middle:], rows, is_rederived=is_rederived)
            else:
                self._store([_refused(answers[0], violation)], {}, is_rederived)

    def _store(
        self,
        answers: Sequence[ArchivedAnswer],
        rows: Mapping[str, Mapping[str, Any]],
        is_rederived: bool,
    ) -> None:
        source, contract = self.table.source, self.table.contract
        films = self.table.films(self.queries, [answer.request_key for answer in answers])
        told = [
            self._told(answer, film, rows.get(answer.request_key))
            for answer in answers
            for film in films.get(answer.request_key, ())
        ]
        known = self.queries.stored_rows(
            contract, [self.table.key(answer.request_key) for answer in answers]
        )
        states = self.queries.refresh_states(source, [answer.tmdb_id for answer in told])
        refreshed = apply_answers(
            told,
            known,
            states,
            source=source,
            contract=contract,
            gone_after=self.policy.state_rules.gone_after,
            cycle_after=self.policy.state_rules.cycle_after,
            now=self.now,
        )
        stored = refreshed.rows
        if is_rederived:
            again = rederived_rows(told, known, states, contract=contract)
            stored = again if stored.empty else pd.concat([stored, again], ignore_index=True)
        written = write_batch(
            self.queries.warehouse,
            contract,
            stored,
            years=None,
            also={
                REFRESH_HISTORY: refreshed.history,
                REFRESH_STATE: refreshed.states,
                QUARANTINED_ANSWERS: refreshed.quarantined,
            },
            mirror=self.mirror,
            is_mirrored_later=True,
            purpose=self.purpose,
        )
        self.report.add(len(answers), refreshed.first, refreshed.changed, written)

    def note_failures(self, failures: Mapping[str, str | None], failed_at: datetime) -> None:
        """Remember the films no answer came for, by request key, each with why.

        Raises:
            WarehouseBusy: Others held the file for too long; nothing was stored.
        """
        if not failures:
            return
        source, films = self.table.source, self.table.films(self.queries, list(failures))
        ids = [film["tmdb_id"] for of_key in films.values() for film in of_key]
        before = self.queries.failed_requests(source, ids)
        states = self.queries.refresh_states(source, ids)
        rows = [
            failed_request(
                source,
                film,
                failed_at,
                failures[key],
                before.get(film["tmdb_id"]),
                states.get(film["tmdb_id"], {}).get("answered_at"),
            )
            for key, of_key in films.items()
            for film in of_key
        ]
        frame = pd.DataFrame(rows, columns=FAILED_REQUESTS.column_names, dtype=object)
        write_batch(
            self.queries.warehouse, FAILED_REQUESTS, frame, years=None, purpose=self.purpose
        )

    def make_table(self) -> None:
        """Make the table where there is none yet, so that checks and readers find it empty."""
        contract = self.table.contract
        if contract.name not in self.queries.warehouse.table_names():
            empty = empty_frame(contract)
            write_batch(self.queries.warehouse, contract, empty, years=None, purpose=self.purpose)

    def mirror_now(self) -> None:
        """Bring the mirror of everything stored here up to date."""
        if self.mirror is not None:
            tables = [self.table.contract, REFRESH_HISTORY, REFRESH_STATE, QUARANTINED_ANSWERS]
            mirror_owed(self.queries.warehouse, self.mirror, tables, purpose=self.purpose)

    def _told(
        self, answer: ArchivedAnswer, film: Mapping[str, Any], row: Mapping[str, Any] | None
    ) -> FilmAnswer:
        """The answer as told to one film; one that can no longer be read is unusable."""
        outcome, detail = FetchOutcome(answer.outcome), answer.detail
        if outcome is FetchOutcome.ROW:
            try:
                if row is None:
                    row = self.table.row_of(json.loads(answer.body or ""), answer.answered_at)
                row = self.table.complete({**row, "etag": answer.etag}, film)
                row = {name: row.get(name) for name in self.table.contract.column_names}
            except (ValueError, TypeError, KeyError) as error:
                outcome, row, detail = FetchOutcome.UNUSABLE, None, f"cannot be read: {error}"
        return FilmAnswer(
            tmdb_id=film["tmdb_id"],
            imdb_id=row["imdb_id"] if row is not None else film["imdb_id"],
            outcome=outcome,
            fetched_at=answer.answered_at,
            row=row if outcome is FetchOutcome.ROW else None,
            detail=detail,
            body=answer.body if outcome is FetchOutcome.UNUSABLE else None,
        )


def _refused(answer: ArchivedAnswer, violation: ContractViolation) -> ArchivedAnswer:
    """An answer whose row breaks the table's contract, as one that cannot be used."""
    return replace(answer, outcome=FetchOutcome.UNUSABLE.value, detail=f"no row: {violation}")


def in_commits(
    answers: Iterable[ArchivedAnswer], most: int = COMMIT_AT
) -> Iterator[list[ArchivedAnswer]]:
    """Answers in groups that can be stored at once: no request key twice in one."""
    group: list[ArchivedAnswer] = []
    keys: set[str] = set()
    for answer in answers:
        if len(group) == most or answer.request_key in keys:
            yield group
            group, keys = [], set()
        group.append(answer)
        keys.add(answer.request_key)
    if group:
        yield group
