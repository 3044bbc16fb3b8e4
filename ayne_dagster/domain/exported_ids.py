"""From ids that only the export knows to rows of `discovered_movies`.

Lives here: the rows. Not here: which ids these are (`storage/bulk_queries.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any

import pandas as pd

from ayne_dagster.domain.release_years import UNDATED
from ayne_dagster.domain.tables import DISCOVERED_MOVIES

EXPORT_SOURCE = "export"


def with_exported_ids(
    rows: pd.DataFrame, ids: Iterable[Mapping[str, Any]], years: Sequence[str]
) -> pd.DataFrame:
    """Add films that only the export knows to what a run discovered.

    The export says no date, so they begin in the partition `undated`, and only a run with that
    partition adds them. Fetching their details moves them to their year. They are dated on the
    morning of their export: whatever was seen of the film since then wins the merge.

    Args:
        rows: Rows of `discovered_movies` of this run.
        ids: `tmdb_id`, `original_title`, `popularity`, `last_exported_on` of never discovered ids.
        years: Partitions of the run.

    Returns:
        A frame that fulfils the contract of `discovered_movies`; films already among the rows stay
        as they are.
    """
    if UNDATED not in years:
        return rows
    seen = set(rows["tmdb_id"])
    films = []
    for film in ids:
        if film["tmdb_id"] in seen:
            continue
        at = datetime.combine(film["last_exported_on"], time(8), UTC)
        films.append(
            {
                **dict.fromkeys(DISCOVERED_MOVIES.column_names),
                "tmdb_id": film["tmdb_id"],
                "release_year": UNDATED,
                "original_title": film["original_title"],
                "popularity": film["popularity"],
                "sources": [EXPORT_SOURCE],
                "first_seen_at": at,
                "last_seen_at": at,
            }
        )
    if not films:
        return rows
    added = pd.DataFrame(films, columns=DISCOVERED_MOVIES.column_names, dtype=object)
    return added if rows.empty else pd.concat([rows, added], ignore_index=True)
