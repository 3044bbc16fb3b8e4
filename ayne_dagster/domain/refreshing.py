"""From fetched answers to rows and history: what changed, what stays, what is only remembered.

Lives here: the step between a client and a write. A failure never becomes a row, and an answer
without a value never wipes the row that is there.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from ayne_dagster.domain.fingerprints import changed_fields, stable_fields, stable_fingerprint
from ayne_dagster.domain.frame_check import empty_frame
from ayne_dagster.domain.outcomes import FetchOutcome, Source
from ayne_dagster.domain.tables import REFRESH_HISTORY
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
    },
}


@dataclass(frozen=True)
class FilmAnswer:
    """One answer for one film, ready to be compared with what is stored.

    Attributes:
        tmdb_id: The film.
        imdb_id: Its imdb id, where known.
        outcome: What kind of answer.
        fetched_at: When, UTC.
        row: The contract's columns the source knows, where the outcome is a row.
        detail: The service's words, where it is not.
    """

    tmdb_id: int
    imdb_id: str | None
    outcome: FetchOutcome
    fetched_at: datetime
    row: Mapping[str, Any] | None = None
    detail: str | None = None


@dataclass(frozen=True)
class Refreshed:
    """What a batch of answers comes to.

    Attributes:
        rows: Rows to merge into the source's table.
        history: Rows to append to `refresh_history`.
        changed: Films whose stable fields changed, first answers not counted.
        first: Films answered for the first time.
    """

    rows: pd.DataFrame
    history: pd.DataFrame
    changed: int
    first: int


def apply_answers(
    answers: Sequence[FilmAnswer],
    known: Mapping[Any, Mapping[str, Any]],
    *,
    source: Source,
    contract: TableContract,
    not_found_since: Mapping[int, datetime] | None = None,
    gone_after: timedelta = timedelta(days=1),
) -> Refreshed:
    """Compare answers with the stored rows and say what is to be written.

    Args:
        answers: One per film; rows carry every column of the contract but `stable_fingerprint`,
            `changed_at` and `gone_at`.
        known: Stored rows of these films by the contract's key.
        source: Who answered.
        contract: The table the rows belong to.
        not_found_since: Films the source did not know last time either, and since when.
        gone_after: Two "not found" at least so far apart set `gone_at` on the stored row.

    Returns:
        Rows and history. Answers that are no rows leave stored rows as they are.
    """
    fields = stable_fields(contract)
    key = contract.key[0]
    rows: dict[Any, dict[str, Any]] = {}
    history: list[dict[str, Any]] = []
    changed = first = 0
    for answer in answers:
        if not answer.outcome.is_answer:
            continue
        differing: list[str] = []
        old = known.get(answer.imdb_id if key == "imdb_id" else answer.tmdb_id)
        if answer.outcome is FetchOutcome.ROW:
            if answer.row is None:
                raise ValueError(f"film {answer.tmdb_id}: an answer with outcome row has no row")
            fresh = dict(answer.row)
            differing = changed_fields(fresh, old, fields) if old else []
            # Films that share an imdb id share its row: the first film's, all films' history.
            if fresh[key] not in rows:
                rows[fresh[key]] = _row(fresh, old, fields, differing, answer, contract)
                first += old is None
                changed += bool(differing)
        elif answer.outcome is FetchOutcome.NOT_FOUND and old and "gone_at" in old:
            since = (not_found_since or {}).get(answer.tmdb_id)
            if since and not old["gone_at"] and answer.fetched_at - since >= gone_after:
                rows[old[key]] = {**old, "gone_at": answer.fetched_at}
        history.append(_history(answer, source, differing, is_first=old is None))
    return Refreshed(
        rows=_frame(list(rows.values()), contract),
        history=_frame(history, REFRESH_HISTORY),
        changed=changed,
        first=first,
    )


def _row(
    fresh: dict[str, Any],
    old: Mapping[str, Any] | None,
    fields: list[str],
    differing: list[str],
    answer: FilmAnswer,
    contract: TableContract,
) -> dict[str, Any]:
    fresh["stable_fingerprint"] = stable_fingerprint(fresh, fields)
    fresh["changed_at"] = old["changed_at"] if old and not differing else answer.fetched_at
    if "gone_at" in contract.column_names:
        fresh["gone_at"] = None
    return fresh


def _history(
    answer: FilmAnswer, source: Source, differing: list[str], *, is_first: bool
) -> dict[str, Any]:
    row = answer.row or {}
    series = {name: row.get(column) for name, column in _SERIES[source].items()}
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
