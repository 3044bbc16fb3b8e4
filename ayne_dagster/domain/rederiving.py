"""Rows read anew from the very answers they were made of, by a reader that has learnt something.

Lives here: what stays of the stored row, and rows that were lost. Not here: new answers
(`refreshing.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ayne_dagster.domain.fingerprints import stable_fields, stable_fingerprint, with_known
from ayne_dagster.domain.frame_check import empty_frame
from ayne_dagster.domain.outcomes import FetchOutcome
from ayne_dagster.domain.refresh_states import State, is_news
from ayne_dagster.domain.refreshing import FilmAnswer
from ayne_dagster.domain.tables.contract import TableContract

_KEPT = ("changed_at", "gone_at")
"""What later answers said of a row, or the platform knows of it."""
_KEPT_OF_RATINGS = (*_KEPT, "tmdb_id", "release_year")
"""Whose ratings they are follows from the details of the films, not from OMDb's answer."""


def rederived_rows(
    answers: Sequence[FilmAnswer],
    known: Mapping[Any, Mapping[str, Any]],
    states: Mapping[int, State],
    *,
    contract: TableContract,
) -> pd.DataFrame:
    """The stored rows of these answers, read anew, and those that were lost.

    A row is made of the film's newest answer with a row (`last_row_at`); "unchanged" has confirmed
    it since and moved its `fetched_at`, which stays. So does `changed_at` even where a stable field
    comes out otherwise: the film did not change, our reading of it did. A known figure stays where
    the answer has none, for an earlier one may have given it. Answers that are news to a film's
    state are left to `apply_answers`.

    Args:
        answers: Archived answers.
        known: Stored rows by the contract's key.
        states: Stored rows of `refresh_state` of this source by film, as `apply_answers` got them.
        contract: The table of the rows.

    Returns:
        One row per key whose row was made of one of the answers. A row that is not stored although
        its answer was counted comes back, changed when it was answered.
    """
    key = contract.key[0]
    fields = stable_fields(contract)
    kept = _KEPT_OF_RATINGS if key == "imdb_id" else _KEPT
    news = {
        answer.row[key]
        for answer in answers
        if answer.row is not None and _is_written_anyway(answer, known, states, key)
    }
    rows: dict[Any, dict[str, Any]] = {}
    for answer in answers:
        if answer.outcome is not FetchOutcome.ROW or answer.row is None:
            continue
        stored = known.get(answer.row[key])
        if answer.row[key] in news or not _is_made_of(stored, states.get(answer.tmdb_id), answer):
            continue
        if stored is None:
            gone_at = states[answer.tmdb_id]["gone_at"]
            fresh = {**answer.row, "changed_at": answer.fetched_at, "gone_at": gone_at}
        else:
            fresh = with_known(answer.row, stored, contract)
            fresh.update({name: stored[name] for name in kept if name in stored})
            # Later, where "unchanged" confirmed it; earlier, where an older file was put back.
            fresh["fetched_at"] = max(stored["fetched_at"], answer.fetched_at)
        fresh["stable_fingerprint"] = stable_fingerprint(fresh, fields)
        rows.setdefault(answer.row[key], fresh)
    if not rows:
        return empty_frame(contract)
    return pd.DataFrame(list(rows.values()), columns=contract.column_names, dtype=object)


def _is_made_of(stored: Mapping[str, Any] | None, state: State | None, answer: FilmAnswer) -> bool:
    """Whether the stored row was made of this answer, or would have been were it there."""
    if state is not None and state["last_row_at"] == answer.fetched_at:
        # An answer for another imdb id is not this one's.
        return state["imdb_id"] in (None, answer.imdb_id)
    # Films that share an imdb id share its row, and some were never told; older states name the
    # time of the last "unchanged". The row's own time tells, where nothing has confirmed it since.
    return stored is not None and stored["fetched_at"] == answer.fetched_at


def _is_written_anyway(
    answer: FilmAnswer,
    known: Mapping[Any, Mapping[str, Any]],
    states: Mapping[int, State],
    key: str,
) -> bool:
    """Whether `apply_answers` makes a row of the answer, so that it must not come twice."""
    stored = known.get((answer.row or {})[key])
    return is_news(states.get(answer.tmdb_id), answer.fetched_at) and (
        stored is None or answer.fetched_at > stored["fetched_at"]
    )
