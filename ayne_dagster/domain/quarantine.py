"""Rows of `quarantined_answers`: what was answered and must not stand in the tables.

Lives here: their shape and their size. Not here: which answers are unusable (`sources`).
"""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.tables import QUARANTINED_ANSWERS

LONGEST_BODY = 20_000
"""Characters of a body that are kept: enough to see what it was; the archive has the rest."""
NO_FILM_HAS_IT = "no film has this imdb id any more"


def quarantined_row(
    service: str,
    request_key: str,
    answered_at: datetime,
    reason: str | None,
    *,
    tmdb_id: int | None = None,
    body: str | None = None,
) -> dict[str, Any]:
    """One row of `quarantined_answers`."""
    return {
        "service": service,
        "request_key": request_key,
        "tmdb_id": tmdb_id,
        "answered_at": answered_at,
        "reason": reason or "the answer cannot be used",
        "body": None if body is None else body[:LONGEST_BODY],
    }


def ratings_that_leave(rows: Iterable[Mapping[str, Any]]) -> pd.DataFrame:
    """Ratings rows on their way out of `omdb_ratings`, as rows of `quarantined_answers`.

    Args:
        rows: Stored rows whose imdb id no film has any more.
    """
    kept = [
        quarantined_row(
            Source.OMDB.value,
            row["imdb_id"],
            row["fetched_at"],
            NO_FILM_HAS_IT,
            tmdb_id=row["tmdb_id"],
            body=json.dumps(dict(row), default=str, ensure_ascii=False),
        )
        for row in rows
    ]
    return pd.DataFrame(kept, columns=QUARANTINED_ANSWERS.column_names, dtype=object)
