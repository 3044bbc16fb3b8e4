"""What fetching asks the warehouse: which films stand behind an id, and how many there are.

Lives here: SQL that reads. Not here: which films are due (`movie_queries.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ayne_dagster.domain.outcomes import Source
from ayne_dagster.storage.movie_queries import MovieQueries

_IDS = """
SELECT coalesce(d.tmdb_id, x.tmdb_id) AS tmdb_id, d.imdb_id
FROM {discovered_movies} AS x FULL JOIN {tmdb_details} AS d ON x.tmdb_id = d.tmdb_id
WHERE CASE WHEN d.tmdb_id IS NULL THEN x.release_year ELSE d.release_year END
  IN (SELECT unnest($years))
"""


@dataclass(frozen=True)
class FetchQueries(MovieQueries):
    """Questions of fetching to one warehouse."""

    def films_of_imdb_ids(self, imdb_ids: Sequence[str]) -> dict[str, list[dict[str, Any]]]:
        """The films of each imdb id, lowest TMDB id first: `tmdb_id`, `imdb_id`, `release_year`.

        Films can share an imdb id; its ratings belong to the first of them.
        """
        films: dict[str, list[dict[str, Any]]] = {}
        for row in self._rows(
            "SELECT tmdb_id, imdb_id, release_year FROM {tmdb_details} "
            "WHERE imdb_id IN (SELECT unnest($ids)) ORDER BY tmdb_id",
            {"ids": list(imdb_ids)},
        ):
            films.setdefault(row["imdb_id"], []).append(row)
        return films

    def count_films(self, source: Source, years: Sequence[str]) -> int:
        """Films of these years the source could have: all of them, or those with an imdb id."""
        counted = "tmdb_id" if source is Source.TMDB else "imdb_id"
        sql = f"SELECT count({counted}) AS films FROM ({_IDS})"
        return self._rows(sql, {"years": list(years)})[0]["films"]

    def every_film(self, source: Source, years: Sequence[str]) -> pd.DataFrame:
        """All films of these years the source could have, due or not: `tmdb_id`, `imdb_id`."""
        where = "" if source is Source.TMDB else " WHERE imdb_id IS NOT NULL"
        sql = f"SELECT * FROM ({_IDS}){where} ORDER BY tmdb_id"
        return self._frame(sql, {"years": list(years)})
