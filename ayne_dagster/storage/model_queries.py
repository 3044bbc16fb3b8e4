"""What the commands of the model ask the warehouse: champions by year, one film, training films.

Lives here: SQL that reads. Not here: models (`experiment_log.py`) and features for the assets
(`feature_queries.py`).
"""

from dataclasses import dataclass
from typing import Any

from ayne_dagster.domain.features import FEATURE_SOURCE_COLUMNS
from ayne_dagster.domain.release_years import calendar_years
from ayne_dagster.storage.movie_queries import MovieQueries


@dataclass(frozen=True)
class ModelQueries(MovieQueries):
    """Questions about models and single films of one warehouse."""

    def champion_before(self, year: int) -> dict[str, Any] | None:
        """The row of `trained_model` whose champion may forecast films of a year.

        That of the year itself, or of the nearest year before that has one: it was trained on even
        older films.
        """
        rows = self._rows(
            "SELECT * FROM {trained_model} WHERE champion_uri IS NOT NULL AND "
            "try_cast(release_year AS INTEGER) <= $year ORDER BY release_year DESC LIMIT 1",
            {"year": year},
        )
        return rows[0] if rows else None

    def years_with_champion(self) -> list[int]:
        """Release years that have a champion, ascending."""
        rows = self._rows(
            "SELECT release_year FROM {trained_model} WHERE champion_uri IS NOT NULL", {}
        )
        return calendar_years([row["release_year"] for row in rows])

    def film(self, tmdb_id: int) -> dict[str, Any] | None:
        """The details of one film that features are made of; None: it has none stored."""
        columns = ", ".join(FEATURE_SOURCE_COLUMNS)
        rows = self._rows(
            f"SELECT {columns} FROM {{tmdb_details}} WHERE tmdb_id = $id", {"id": tmdb_id}
        )
        return rows[0] if rows else None
