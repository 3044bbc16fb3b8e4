"""Which fields count as a change of a film, and the hash that says whether one happened.

Lives here: stable fields per table. Popularity, votes and ratings move every day and are not among
TMDB's own change keys, so they count for nothing here; `refresh_history` keeps them as a series.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sized
from datetime import date, datetime
from typing import Any

from ayne_dagster.domain.tables import OMDB_RATINGS, TMDB_DETAILS
from ayne_dagster.domain.tables.contract import TableContract

VOLATILE_FIELDS: dict[str, frozenset[str]] = {
    TMDB_DETAILS.name: frozenset({"popularity", "vote_average", "vote_count", "similar_ids"}),
    OMDB_RATINGS.name: frozenset({"imdb_rating", "imdb_votes"}),
}
_BOOKKEEPING = frozenset(
    {
        "tmdb_id",
        "release_year",
        "stable_fingerprint",
        "etag",
        "fetched_at",
        "changed_at",
        "gone_at",
    }
)


def stable_fields(contract: TableContract) -> list[str]:
    """Fields of a fetched table whose change means that the film changed, in column order."""
    volatile = VOLATILE_FIELDS[contract.name]
    return [
        name
        for name in contract.column_names
        if name not in volatile and name not in _BOOKKEEPING and name not in contract.key
    ]


def stable_fingerprint(row: Mapping[str, Any], fields: Iterable[str]) -> str:
    """A hash over the given fields of a row; equal rows hash equal on every machine."""
    text = json.dumps([comparable(row.get(name)) for name in fields], ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()


def changed_fields(
    new: Mapping[str, Any], old: Mapping[str, Any], fields: Iterable[str]
) -> list[str]:
    """The fields in which two rows differ, in the order given."""
    return [name for name in fields if comparable(new.get(name)) != comparable(old.get(name))]


def with_known(
    fresh: Mapping[str, Any], stored: Mapping[str, Any], contract: TableContract
) -> dict[str, Any]:
    """A fresh row with the stored value wherever it says "unknown" and that is not news.

    Args:
        fresh: What a service answered.
        stored: The row that is there.
        contract: Their table; its columns with `keeps_known` and its `kept_parts` are meant.
    """
    kept = {
        column.name: stored.get(column.name)
        for column in contract.columns
        if column.keeps_known and fresh.get(column.name) is None
    }
    for part in contract.kept_parts:
        known = {name: stored[name] for name in part if not _is_empty(stored.get(name))}
        if len(known) > 1 and all(_is_empty(fresh.get(name)) for name in part):
            kept |= known
    return {**fresh, **kept}


def _is_empty(value: Any) -> bool:
    return value is None or (
        not isinstance(value, str) and isinstance(value, Sized) and not len(value)
    )


def comparable(value: Any) -> Any:
    """A value in the one form in which two rows are compared: dates as ISO text, lists as lists."""
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return [comparable(one) for one in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value
