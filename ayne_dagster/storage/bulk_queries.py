"""The questions that whole files answer: which films nobody showed us, and which are gone.

Lives here: SQL that reads `tmdb_ids`, `imdb_ratings` and `bulk_reads`. Not here: the questions
about collected films (`movie_queries.py`). A table that does not exist yet answers like an empty
one.
"""

from datetime import date
from typing import Any

import pandas as pd

from ayne_dagster.domain.tables.bulk import TMDB_EXPORT_FILE
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.storage.movie_queries import MovieQueries

_NEVER_DISCOVERED = """
SELECT i.tmdb_id, i.original_title, i.popularity, i.last_exported_on
FROM {tmdb_ids} AS i
WHERE i.last_exported_on = (SELECT max(last_exported_on) FROM {tmdb_ids})
  AND i.popularity >= $min_popularity
  -- Discover leaves videos out on purpose.
  AND i.is_video IS DISTINCT FROM true
  AND NOT EXISTS (FROM {discovered_movies} AS x WHERE x.tmdb_id = i.tmdb_id)
  AND NOT EXISTS (FROM {tmdb_details} AS d WHERE d.tmdb_id = i.tmdb_id)
  -- Whoever is on a list is known by the same run, with its date.
  AND NOT EXISTS (FROM {movie_lists} AS l WHERE l.tmdb_id = i.tmdb_id)
ORDER BY i.popularity DESC, i.tmdb_id
LIMIT $most
"""

_ABSENT = """
WITH reads AS (
  SELECT file_date FROM {bulk_reads} WHERE file = $file ORDER BY file_date DESC LIMIT 2
),
before AS (
  -- Of one read alone nothing follows: a single export may miss a film.
  SELECT min(file_date) AS day FROM reads HAVING count(*) = 2
)
SELECT d.tmdb_id, d.title, d.release_year, d.fetched_at, i.last_exported_on
FROM {tmdb_details} AS d CROSS JOIN before AS b LEFT JOIN {tmdb_ids} AS i USING (tmdb_id)
WHERE (i.last_exported_on IS NULL OR i.last_exported_on < b.day)
  -- Adult titles have an export of their own.
  AND d.gone_at IS NULL AND d.is_adult IS DISTINCT FROM true
  -- What TMDB has answered since is there, whatever the files say.
  AND timezone('UTC', d.fetched_at) < b.day
ORDER BY d.tmdb_id
"""

_POPULARITY_BANDS = """
WITH ids AS (
  SELECT i.popularity,
    EXISTS (FROM {tmdb_details} AS d WHERE d.tmdb_id = i.tmdb_id)
      OR EXISTS (FROM {discovered_movies} AS x WHERE x.tmdb_id = i.tmdb_id) AS is_known
  FROM {tmdb_ids} AS i
  WHERE i.last_exported_on = (SELECT max(last_exported_on) FROM {tmdb_ids})
)
SELECT
  CASE WHEN popularity >= 100 THEN 100.0 WHEN popularity >= 10 THEN 10.0
       WHEN popularity >= 1 THEN 1.0 WHEN popularity >= 0.1 THEN 0.1 ELSE 0.0
  END::DOUBLE AS popularity_from,
  count(*) FILTER (WHERE is_known) AS known_films,
  count(*) FILTER (WHERE NOT is_known) AS other_films
FROM ids GROUP BY 1 ORDER BY 1
"""


class BulkQueries(MovieQueries):
    """Questions about whole files to one warehouse."""

    def ids_never_discovered(self, limit: int, min_popularity: float = 0.0) -> list[dict[str, Any]]:
        """Ids of the newest export that neither discover nor a list has shown, most popular first.

        Args:
            limit: Most ids.
            min_popularity: Only ids at least so popular in the export.

        Returns:
            `tmdb_id`, `original_title`, `popularity`, `last_exported_on` of each; films without a
            date, in windows too dense, or below `DISCOVERY__MIN_VOTES`.
        """
        return self._rows(_NEVER_DISCOVERED, {"most": limit, "min_popularity": min_popularity})

    def absent_from_exports(self) -> pd.DataFrame:
        """Films with details that the last two exports read do not list: perhaps gone.

        A film TMDB has answered for since the older of the two is none of them. Only a 404 proves
        that a film is gone: these are the ones worth asking for.

        Returns:
            `tmdb_id`, `title`, `release_year`, `fetched_at`, `last_exported_on` (missing: never).
        """
        return self._frame(_ABSENT, {"file": TMDB_EXPORT_FILE})

    def newest_read(self, file: str) -> date | None:
        """The day of the newest file of this name that was read whole."""
        sql = "SELECT max(file_date) AS day FROM {bulk_reads} WHERE file = $file"
        return self._rows(sql, {"file": file})[0]["day"]

    def popularity_bands(self) -> pd.DataFrame:
        """Films of the newest export by popularity, and how many of them we know.

        Returns:
            `popularity_from` (lower bound), `known_films`, `other_films`.
        """
        return self._frame(_POPULARITY_BANDS, {})

    def known_imdb_ids(self) -> set[str]:
        """Every imdb id that details know."""
        sql = "SELECT DISTINCT imdb_id FROM {tmdb_details} WHERE imdb_id IS NOT NULL"
        return set(self._frame(sql, {})["imdb_id"])

    def stored_count(self, contract: TableContract) -> int:
        """Rows of a table."""
        return self._rows(f"SELECT count(*) AS films FROM {{{contract.name}}}", {})[0]["films"]

    def first_rows(self, contract: TableContract, order: str, most: int) -> pd.DataFrame:
        """A table's first rows, highest first in one of its columns."""
        column = contract.column(order).name
        key = ", ".join(contract.key)
        sql = f"FROM {{{contract.name}}} ORDER BY {column} DESC NULLS LAST, {key} LIMIT $most"
        return self._frame(sql, {"most": most})
