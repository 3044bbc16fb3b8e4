"""Where a film stands with a source after each answer: the row of `refresh_state`.

Lives here: the one step from a state and an answer to the next state. A refresh takes it answer by
answer, and `states_of_history` takes it over a whole history; both must come to the same.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ayne_dagster.domain.outcomes import FetchOutcome, Source

State = Mapping[str, Any]
"""A row of `refresh_state` as plain Python values."""


CLOCK_TOLERANCE = timedelta(days=1)
"""Machines differ by minutes. A state from further ahead was written by a clock that was wrong, and
believed it would block its film until that moment has come."""


def believed_until(now: datetime) -> datetime:
    """The latest `answered_at` a state is believed with; films of later ones count as not asked."""
    return now + CLOCK_TOLERANCE


@dataclass(frozen=True)
class StateRules:
    """The numbers of the step.

    Attributes:
        gone_after: Two "not found" of TMDB at least so far apart make a film gone.
        cycle_after: An unchanged refresh counts only so long after the last one that counted:
            asking five times in an hour must not freeze a film.
    """

    gone_after: timedelta = timedelta(days=1)
    cycle_after: timedelta = timedelta(days=1)


@dataclass(frozen=True)
class AnswerSeen:
    """What the step needs to know of an answer.

    Attributes:
        source: Who answered.
        tmdb_id: The film.
        imdb_id: The id OMDb was asked for; ignored for TMDB.
        answered_at: When, UTC.
        outcome: What kind of answer; one that `is_answer`.
        is_change: A first row, or one whose stable fields differ from the stored one's.
    """

    source: Source
    tmdb_id: int
    imdb_id: str | None
    answered_at: datetime
    outcome: FetchOutcome
    is_change: bool


def is_news(state: State | None, answered_at: datetime) -> bool:
    """Whether an answer is newer than what the state has already counted."""
    return state is None or answered_at > state["answered_at"]


def next_state(state: State | None, answer: AnswerSeen, rules: StateRules) -> dict[str, Any]:
    """The state after an answer that `is_news`.

    Args:
        state: The state before it; None where this source never answered for the film.
        answer: The answer.
        rules: The numbers of the step.

    Returns:
        A whole row of `refresh_state`.
    """
    imdb_id = answer.imdb_id if answer.source is Source.OMDB else None
    if state is not None and state["imdb_id"] != imdb_id:
        # What OMDb said about another id says nothing about this one.
        state = None
    at = answer.answered_at
    following = {
        "source": answer.source.value,
        "tmdb_id": answer.tmdb_id,
        "imdb_id": imdb_id,
        "answered_at": at,
        "outcome": answer.outcome.value,
        "not_found_since": state["not_found_since"] if state else None,
        "gone_at": state["gone_at"] if state else None,
        "last_row_at": state["last_row_at"] if state else None,
        "last_change_at": state["last_change_at"] if state else None,
        "unchanged_cycles": state["unchanged_cycles"] if state else 0,
        "last_cycle_at": state["last_cycle_at"] if state else None,
    }
    if answer.outcome is FetchOutcome.NOT_FOUND:
        since = following["not_found_since"] = following["not_found_since"] or at
        if answer.source is Source.TMDB and at - since >= rules.gone_after:
            following["gone_at"] = following["gone_at"] or at
    elif answer.outcome in (FetchOutcome.ROW, FetchOutcome.UNCHANGED):
        following |= {"not_found_since": None, "gone_at": None}
        if answer.outcome is FetchOutcome.ROW:
            # Which answer the stored row was made of: "unchanged" confirms it and makes none.
            following["last_row_at"] = at
        last = following["last_cycle_at"]
        if answer.is_change:
            following |= {"last_change_at": at, "unchanged_cycles": 0, "last_cycle_at": at}
        elif last is None:
            following["last_cycle_at"] = at
        elif at - last >= rules.cycle_after:
            following["unchanged_cycles"] += 1
            following["last_cycle_at"] = at
    return following


def states_of_history(
    rows: Iterable[Mapping[str, Any]], rules: StateRules
) -> Iterator[dict[str, Any]]:
    """The states a history comes to, one film after the other.

    Args:
        rows: Rows of `refresh_history`, ordered by source, film and time.
        rules: The numbers of the step.
    """
    state: dict[str, Any] | None = None
    for row in rows:
        if state and (state["source"], state["tmdb_id"]) != (row["source"], row["tmdb_id"]):
            yield state
            state = None
        answer = AnswerSeen(
            source=Source(row["source"]),
            tmdb_id=row["tmdb_id"],
            imdb_id=row["imdb_id"],
            answered_at=row["fetched_at"],
            outcome=FetchOutcome(row["outcome"]),
            is_change=row["is_first"] or bool(row["changed_fields"]),
        )
        state = next_state(state, answer, rules)
    if state:
        yield state
