"""What people who steer ask of single films: their titles, where they are, what was answered.

Lives here: SQL that reads. Not here: what is due (`due_queries.py`) and figures of the whole
collection (`status_queries.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ayne_dagster.storage.movie_queries import MovieQueries


@dataclass(frozen=True)
class SteeringQueries(MovieQueries):
    """Questions about single films of one warehouse."""

    def films(self, tmdb_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
        """The known films among these, by id; an id that is not there is not known.

        Returns:
            Per film `tmdb_id`, `title`, `release_year`, `release_date`, `imdb_id`, as its details
            say, or as it was discovered where it has none.
        """
        rows = self._rows(
            """
            WITH asked AS (SELECT DISTINCT unnest($ids)::BIGINT AS tmdb_id)
            SELECT a.tmdb_id, coalesce(d.title, x.title) AS title,
              CASE WHEN d.tmdb_id IS NULL THEN x.release_year ELSE d.release_year END
                AS release_year,
              CASE WHEN d.tmdb_id IS NULL THEN x.release_date ELSE d.release_date END
                AS release_date,
              d.imdb_id
            FROM asked AS a
            LEFT JOIN {tmdb_details} AS d ON d.tmdb_id = a.tmdb_id
            LEFT JOIN {discovered_movies} AS x ON x.tmdb_id = a.tmdb_id
            WHERE d.tmdb_id IS NOT NULL OR x.tmdb_id IS NOT NULL
            """,
            {"ids": list(tmdb_ids)},
        )
        return {row["tmdb_id"]: row for row in rows}

    def answers_since(self, tmdb_ids: Iterable[int], since: datetime) -> list[dict[str, Any]]:
        """What the sources answered for these films from a moment on, the oldest answer first.

        Returns:
            Rows of `source`, `tmdb_id`, `fetched_at`, `outcome`, `detail`, `changed_fields`,
            `is_first`.
        """
        return self._rows(
            "SELECT source, tmdb_id, fetched_at, outcome, detail, changed_fields, is_first "
            "FROM {refresh_history} WHERE fetched_at >= $since "
            "AND tmdb_id IN (SELECT unnest($ids)) ORDER BY fetched_at, source, tmdb_id",
            {"ids": list(tmdb_ids), "since": since},
        )
