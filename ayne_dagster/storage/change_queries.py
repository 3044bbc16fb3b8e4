"""What is known of TMDB's change feed: days read, films named; and forgetting old days.

Lives here: SQL over `tmdb_changes` and `change_days`. Not here: reading the feed
(`sources/tmdb_changes.py`), and which films come due by it (`movie_queries.py`). A table that does
not exist yet answers like an empty one.
"""

from collections.abc import Collection
from datetime import date
from typing import Any

import pandas as pd

from ayne_dagster.domain.tables import CHANGE_DAYS, TMDB_CHANGES
from ayne_dagster.storage.movie_queries import MovieQueries
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.warehouse import Warehouse, transaction

_KNOWN = """
SELECT DISTINCT named.tmdb_id
FROM (SELECT unnest($ids::BIGINT[]) AS tmdb_id) AS named
WHERE EXISTS (FROM {discovered_movies} AS x WHERE x.tmdb_id = named.tmdb_id)
   OR EXISTS (FROM {tmdb_details} AS d WHERE d.tmdb_id = named.tmdb_id)
ORDER BY 1
"""

_LAST_NAMED = """
SELECT c.changed_on, c.tmdb_id, coalesce(d.title, x.title) AS title,
  coalesce(d.release_year, x.release_year) AS release_year
FROM {tmdb_changes} AS c
LEFT JOIN {tmdb_details} AS d USING (tmdb_id)
LEFT JOIN {discovered_movies} AS x USING (tmdb_id)
ORDER BY c.changed_on DESC, coalesce(d.popularity, x.popularity) DESC NULLS LAST, c.tmdb_id
LIMIT $most
"""


class ChangeQueries(MovieQueries):
    """Questions about the change feed to one warehouse."""

    def days_read(self) -> list[date]:
        """The days read to their end, oldest first."""
        rows = self._rows("SELECT changed_on FROM {change_days} ORDER BY changed_on", {})
        return [row["changed_on"] for row in rows]

    def names_films(self) -> bool:
        """Whether any day read named a film, known here or not."""
        return bool(
            self._rows("SELECT 1 AS n FROM {change_days} WHERE films_named > 0 LIMIT 1", {})
        )

    def known_films(self, tmdb_ids: Collection[int]) -> list[int]:
        """Which of these films were discovered here or have details, ascending."""
        return [row["tmdb_id"] for row in self._rows(_KNOWN, {"ids": list(tmdb_ids)})]

    def figures_per_day(self) -> pd.DataFrame:
        """The days read, oldest first: `changed_on`, `films_named`, `films_known`."""
        sql = "SELECT changed_on, films_named, films_known FROM {change_days} ORDER BY changed_on"
        return self._frame(sql, {})

    def last_named(self, most: int) -> pd.DataFrame:
        """Films named last, best known first: `changed_on`, `tmdb_id`, `title`, `release_year`."""
        return self._frame(_LAST_NAMED, {"most": most})

    def rows_stored(self) -> int:
        """Rows of `tmdb_changes`."""
        found: list[dict[str, Any]] = self._rows("SELECT count(*) AS n FROM {tmdb_changes}", {})
        return found[0]["n"]


def forget_days(
    warehouse: Warehouse, before: date, mirror: ParquetMirror | None, *, purpose: str
) -> int:
    """Take what is older out of both tables and their mirror.

    Args:
        warehouse: Where.
        before: The first day that stays.
        mirror: Where the mirror lies, if there is one.
        purpose: Who does it, for others who wait.

    Returns:
        Days that left.

    Raises:
        WarehouseBusy: Others held the file for too long; nothing was taken out.
    """
    tables = (CHANGE_DAYS, TMDB_CHANGES)
    if not {table.name for table in tables} <= warehouse.table_names():
        return 0
    older = "WHERE changed_on < $before"
    days = warehouse.qualified(CHANGE_DAYS.name)
    [old] = warehouse.rows(f"SELECT count(*) AS days FROM {days} {older}", {"before": before})
    if not old["days"]:
        return 0
    with warehouse.writing(f"{purpose}, old days") as connection:
        with transaction(connection):
            for table in tables:
                connection.execute(
                    f"DELETE FROM {warehouse.qualified(table.name)} {older}", {"before": before}
                )
                if mirror is not None:
                    mirror.owe(table, ())
        if mirror is not None:
            mirror.catch_up(connection, tables, warehouse.qualified)
    return old["days"]
