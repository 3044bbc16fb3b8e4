"""From fetched answers to rows, states and history: what changed, what stays, what is remembered.

Lives here: the step between a client and a write. A failure never becomes a row, an answer without
a value never wipes the row that is there, and the same answer twice is one answer.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from ayne_dagster.domain.fingerprints import (
    changed_fields,
    stable_fields,
    stable_fingerprint,
    with_known,
)
from ayne_dagster.domain.frame_check import empty_frame
from ayne_dagster.domain.outcomes import FetchOutcome, Source
from ayne_dagster.domain.quarantine import quarantined_row
from ayne_dagster.domain.refresh_states import (
    AnswerSeen,
    State,
    StateRules,
    believed_until,
    is_news,
    next_state,
)
from ayne_dagster.domain.tables import QUARANTINED_ANSWERS, REFRESH_HISTORY, REFRESH_STATE
from ayne_dagster.domain.tables.contract import TableContract

_SERIES = {
    Source.TMDB: {
        "popularity": "popularity",
        "vote_count": "vote_count",
        "rating": "vote_average",
        "revenue_usd": "revenue_usd",
    },
    Source.OMDB: {
        "vote_count": "imdb_votes",
        "rating": "imdb_rating",
        "revenue_usd": "us_box_office_usd",
        "rotten_tomatoes_percent": "rotten_tomatoes_percent",
        "metascore": "metascore",
    },
}


@dataclass(frozen=True)
class FilmAnswer:
    """One answer for one film, ready to be compared with what is stored.

    Attributes:
        tmdb_id: The film.
        imdb_id: Its imdb id, where known; for OMDb the id that was asked for.
        outcome: What kind of answer.
        fetched_at: When, UTC.
        row: The contract's columns the source knows, where the outcome is a row.
        detail: The service's words, where it is not.
        body: What was answered, where it cannot be used; JSON or raw text.
    """

    tmdb_id: int
    imdb_id: str | None
    outcome: FetchOutcome
    fetched_at: datetime
    row: Mapping[str, Any] | None = None
    detail: str | None = None
    body: str | None = None


@dataclass(frozen=True)
class Refreshed:
    """What a batch of answers comes to; all frames are to be written in one transaction.

    Attributes:
        rows: Rows to merge into the source's table.
        history: Rows to append to `refresh_history`.
        states: Rows to merge into `refresh_state`.
        quarantined: Rows to append to `quarantined_answers`.
        changed: Films whose stable fields changed, first answers not counted.
        first: Films answered for the first time.
    """

    rows: pd.DataFrame
    history: pd.DataFrame
    states: pd.DataFrame
    quarantined: pd.DataFrame
    changed: int
    first: int


def apply_answers(
    answers: Sequence[FilmAnswer],
    known: Mapping[Any, Mapping[str, Any]],
    states: Mapping[int, State],
    *,
    source: Source,
    contract: TableContract,
    gone_after: timedelta = StateRules.gone_after,
    cycle_after: timedelta = StateRules.cycle_after,
    now: datetime | None = None,
) -> Refreshed:
    """Compare answers with the stored rows and say what is to be written.

    An answer that is not newer than the film's state was counted before (a replay, a journal read
    again, a batch that arrives late) and comes to nothing.

    Args:
        answers: In any order, several for one film allowed; rows carry every column of the contract
            but `stable_fingerprint`, `changed_at` and `gone_at`.
        known: Stored rows of these films by the contract's key.
        states: Stored rows of `refresh_state` of this source by film.
        source: Who answered.
        contract: The table the rows belong to.
        gone_after: Two "not found" at least so far apart set `gone_at`.
        cycle_after: Unchanged refreshes count only so far apart.
        now: The moment of storing, UTC. What is stored from further ahead of it than clocks differ
            is older than every answer that is not: a clock was wrong. None: all of it is believed.

    Returns:
        Rows, history, states and quarantined answers. Answers that are no rows leave stored rows as
        they are.
    """
    rules = StateRules(gone_after, cycle_after)
    latest = None if now is None else believed_until(now)
    batch = _Batch(known, states, source, contract, rules, latest)
    for answer in sorted(answers, key=lambda answer: answer.fetched_at):
        if answer.outcome.is_answer and is_news(batch.state_before(answer), answer.fetched_at):
            batch.take(answer)
    return Refreshed(
        rows=_frame(list(batch.rows.values()), contract),
        history=_frame(batch.history, REFRESH_HISTORY),
        states=_frame(list(batch.new_states.values()), REFRESH_STATE),
        quarantined=_frame(list(batch.quarantined.values()), QUARANTINED_ANSWERS),
        changed=batch.changed,
        first=batch.first,
    )


@dataclass
class _Batch:
    """What the answers taken so far come to."""

    known: Mapping[Any, Mapping[str, Any]]
    states: Mapping[int, State]
    source: Source
    contract: TableContract
    rules: StateRules
    latest: datetime | None = None
    rows: dict[Any, dict[str, Any]] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    new_states: dict[int, dict[str, Any]] = field(default_factory=dict)
    quarantined: dict[tuple[str, datetime], dict[str, Any]] = field(default_factory=dict)
    changed: int = 0
    first: int = 0
    # Films that share an imdb id share its answer: it is compared once, and all are told.
    compared: dict[tuple[Any, datetime], tuple[bool, list[str]]] = field(default_factory=dict)

    def state_before(self, answer: FilmAnswer) -> State | None:
        """The film's state an answer meets; none, where it is from ahead of the clock."""
        state = self.new_states.get(answer.tmdb_id, self.states.get(answer.tmdb_id))
        if state is not None and self._is_ahead_of(answer, state["answered_at"]):
            return None
        return state

    def _is_ahead_of(self, answer: FilmAnswer, moment: datetime) -> bool:
        """Whether a stored moment is not to be believed and the answer's is."""
        return self.latest is not None and answer.fetched_at <= self.latest < moment

    def _is_newer(self, answer: FilmAnswer, old: Mapping[str, Any]) -> bool:
        at = old["fetched_at"]
        return answer.fetched_at > at or self._is_ahead_of(answer, at)

    def take(self, answer: FilmAnswer) -> None:
        """Take one answer, newer than all before it for this film."""
        key = answer.imdb_id if self.contract.key[0] == "imdb_id" else answer.tmdb_id
        old = self.rows.get(key, self.known.get(key))
        is_first, differing = old is None, []
        if answer.outcome is FetchOutcome.ROW:
            is_first, differing = self._compare(answer, key, old)
        elif answer.outcome is FetchOutcome.UNCHANGED:
            if old is None:
                # Unchanged against a row we do not have: without an etag the next answer is whole.
                return
            if self._is_newer(answer, old):
                self.rows[key] = {**old, "fetched_at": answer.fetched_at, **self._alive()}
        elif answer.outcome is FetchOutcome.UNUSABLE:
            self._quarantine(answer)
        state = next_state(
            self.state_before(answer),
            AnswerSeen(
                source=self.source,
                tmdb_id=answer.tmdb_id,
                imdb_id=answer.imdb_id,
                answered_at=answer.fetched_at,
                outcome=answer.outcome,
                is_change=answer.outcome is FetchOutcome.ROW and (is_first or bool(differing)),
            ),
            self.rules,
        )
        self.new_states[answer.tmdb_id] = state
        if state["gone_at"] and old and "gone_at" in old and not old["gone_at"]:
            self.rows[key] = {**old, "gone_at": state["gone_at"]}
        seen = old if answer.outcome is FetchOutcome.UNCHANGED else answer.row
        self.history.append(_history(answer, self.source, seen or {}, differing, is_first))

    def _compare(
        self, answer: FilmAnswer, key: Any, old: Mapping[str, Any] | None
    ) -> tuple[bool, list[str]]:
        """Whether it is the first row of its key, and the stable fields that differ."""
        if answer.row is None:
            raise ValueError(f"film {answer.tmdb_id}: an answer with outcome row has no row")
        moment = (key, answer.fetched_at)
        if moment not in self.compared:
            fresh = with_known(answer.row, old or {}, self.contract)
            fields = stable_fields(self.contract)
            is_newer = old is None or self._is_newer(answer, old)
            differing = changed_fields(fresh, old, fields) if old and is_newer else []
            self.compared[moment] = (old is None, differing)
            if is_newer:
                fresh["stable_fingerprint"] = stable_fingerprint(fresh, fields)
                fresh["changed_at"] = (
                    answer.fetched_at
                    if old is None or differing
                    else min(old["changed_at"], answer.fetched_at)
                )
                self.rows[key] = {**fresh, **self._alive()}
                self.first += old is None
                self.changed += bool(differing)
        return self.compared[moment]

    def _alive(self) -> dict[str, None]:
        return {"gone_at": None} if "gone_at" in self.contract.column_names else {}

    def _quarantine(self, answer: FilmAnswer) -> None:
        asked_for = answer.imdb_id if self.source is Source.OMDB else None
        key = asked_for or str(answer.tmdb_id)
        self.quarantined.setdefault(
            (key, answer.fetched_at),
            quarantined_row(
                self.source.value,
                key,
                answer.fetched_at,
                answer.detail,
                tmdb_id=answer.tmdb_id,
                body=answer.body,
            ),
        )


def _history(
    answer: FilmAnswer,
    source: Source,
    seen: Mapping[str, Any],
    differing: list[str],
    is_first: bool,
) -> dict[str, Any]:
    series = {name: seen.get(column) for name, column in _SERIES[source].items()}
    return {
        "popularity": None,
        **series,
        "source": source.value,
        "tmdb_id": answer.tmdb_id,
        "imdb_id": answer.imdb_id,
        "fetched_at": answer.fetched_at,
        "outcome": answer.outcome.value,
        "detail": answer.detail,
        "changed_fields": differing,
        "is_first": is_first,
    }


def _frame(rows: list[dict[str, Any]], contract: TableContract) -> pd.DataFrame:
    """Rows as a frame of the contract's columns; object columns keep `None` and exact integers."""
    if not rows:
        return empty_frame(contract)
    return pd.DataFrame(rows, columns=contract.column_names, dtype=object)
