"""What people ask of `refresh_history`: the numbers of a film over time.

Lives here: reading. Not here: keeping it bounded (`history_compaction.py`) and files for other
tools (`table_exports.py`; queries over the Parquet mirror stand in `docs/analysts.md`).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ayne_dagster.storage.movie_queries import MovieQueries


@dataclass(frozen=True)
class HistoryQueries(MovieQueries):
    """Questions about what refreshes brought."""

    def film_series(
        self, tmdb_id: int, since: datetime | None = None, until: datetime | None = None
    ) -> list[dict[str, Any]]:
        """The volatile numbers of a film, answer by answer.

        Args:
            tmdb_id: The film.
            since: First moment, UTC; None: from the first answer.
            until: First moment that is no longer wanted, UTC; None: to the last answer.

        Returns:
            A row per usable answer, by time and source: `fetched_at`, `source`, `popularity`,
            `vote_count`, `rating`, `revenue_usd`, `rotten_tomatoes_percent`, `metascore`,
            `changed_fields`. Months that were thinned have one row per source and those with
            changes.
        """
        return self._rows(
            "SELECT fetched_at, source, popularity, vote_count, rating, revenue_usd, "
            "rotten_tomatoes_percent, metascore, changed_fields FROM {refresh_history} "
            "WHERE tmdb_id = $film AND outcome IN ('row', 'unchanged') "
            "AND ($since IS NULL OR fetched_at >= $since::TIMESTAMPTZ) "
            "AND ($until IS NULL OR fetched_at < $until::TIMESTAMPTZ) ORDER BY fetched_at, source",
            {"film": tmdb_id, "since": since, "until": until},
        )
