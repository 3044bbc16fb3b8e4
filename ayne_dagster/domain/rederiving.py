"""Rows read anew from the very answers they were made of, by a reader that has learnt something.

Lives here: what stays of the stored row. Not here: new answers (`refreshing.py`).
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ayne_dagster.domain.fingerprints import stable_fields, stable_fingerprint
from ayne_dagster.domain.frame_check import empty_frame
from ayne_dagster.domain.outcomes import FetchOutcome
from ayne_dagster.domain.refreshing import FilmAnswer
from ayne_dagster.domain.tables.contract import TableContract

_KEPT = ("changed_at", "gone_at", "release_year", "tmdb_id")
"""What the platform knows of a row and no answer says, or another film's answer may have moved."""


def rederived_rows(
    answers: Sequence[FilmAnswer],
    known: Mapping[Any, Mapping[str, Any]],
    *,
    contract: TableContract,
) -> pd.DataFrame:
    """The stored rows of these answers, read anew.

    Args:
        answers: Archived answers.
        known: Stored rows by the contract's key.
        contract: Their table.

    Returns:
        One row per answer that its stored row was made of (same key, same `fetched_at`).
    """
    key = contract.key[0]
    fields = stable_fields(contract)
    rows: dict[Any, dict[str, Any]] = {}
    for answer in answers:
        stored = known.get(answer.row[key]) if answer.row is not None else None
        if (
            answer.outcome is not FetchOutcome.ROW
            or answer.row is None
            or stored is None
            or stored["fetched_at"] != answer.fetched_at
        ):
            continue
        fresh = dict(answer.row)
        fresh.update({name: stored[name] for name in _KEPT if name in stored})
        fresh["stable_fingerprint"] = stable_fingerprint(fresh, fields)
        rows.setdefault(stored[key], fresh)
    if not rows:
        return empty_frame(contract)
    return pd.DataFrame(list(rows.values()), columns=contract.column_names, dtype=object)
