"""What storing answers asks the warehouse: which films stand behind an imdb id.

Lives here: SQL that reads. Not here: which films are due (`due_queries.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ayne_dagster.domain.outcomes import Source
from ayne_dagster.storage.due_queries import DueQueries


@dataclass(frozen=True)
class FetchQueries(DueQueries):
    """Questions of fetching to one warehouse."""

    def failed_requests(self, source: Source, tmdb_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
        """Rows of `failed_requests` of a source by film, as plain Python values."""
        rows = self._rows(
            "SELECT tmdb_id, imdb_id, failed_at, failures FROM {failed_requests} "
            "WHERE source = $source AND tmdb_id IN (SELECT unnest($ids))",
            {"source": source.value, "ids": list(tmdb_ids)},
        )
        return {row["tmdb_id"]: row for row in rows}

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
