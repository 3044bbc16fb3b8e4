"""The questions that assets, sensors and the command line ask the warehouse.

Lives here: SQL that reads. Not here: what the answers mean (`domain/refresh_policy.py`) and writes
(`table_writes.py`). A table that does not exist yet answers like an empty one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pandas as pd

from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy, due_films
from ayne_dagster.domain.tables import ASSET_TABLES, TABLES
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.storage.warehouse import Warehouse, rows_of, table_names

_FILMS_TO_PLAN = """
WITH films AS (
  SELECT
    coalesce(d.tmdb_id, x.tmdb_id) AS tmdb_id,
    CASE WHEN d.tmdb_id IS NULL THEN x.release_year ELSE d.release_year END AS release_year,
    CASE WHEN d.tmdb_id IS NULL THEN x.release_date ELSE d.release_date END AS release_date,
    coalesce(x.popularity, d.popularity) AS popularity,
    d.imdb_id
  FROM {discovered_movies} AS x FULL JOIN {tmdb_details} AS d ON x.tmdb_id = d.tmdb_id
),
chosen AS (
  SELECT * FROM films WHERE release_year IN (SELECT unnest($years))
),
answers AS (
  SELECT h.*,
    max(CASE WHEN h.outcome = 'row' THEN h.fetched_at END) OVER film AS last_row_at,
    max(CASE WHEN h.outcome = 'row' AND (h.is_first OR len(h.changed_fields) > 0)
        THEN h.fetched_at END) OVER film AS last_change_at
  FROM {refresh_history} AS h JOIN chosen AS c ON c.tmdb_id = h.tmdb_id
  -- An answer for another imdb id says nothing about the one the film has now.
  WHERE h.source = 'tmdb' OR h.imdb_id = c.imdb_id
  WINDOW film AS (PARTITION BY h.source, h.tmdb_id)
),
summary AS (
  SELECT source, tmdb_id,
    max(fetched_at) AS answered_at,
    arg_max(outcome, fetched_at) AS outcome,
    min(CASE WHEN outcome = 'not_found' AND (last_row_at IS NULL OR fetched_at > last_row_at)
        THEN fetched_at END) AS not_found_since,
    count(*) FILTER (WHERE outcome = 'row' AND fetched_at > last_change_at) AS unchanged_cycles
  FROM answers GROUP BY source, tmdb_id
)
SELECT c.*,
  t.answered_at AS tmdb_answered_at, t.outcome AS tmdb_outcome,
  t.not_found_since AS tmdb_not_found_since,
  coalesce(t.unchanged_cycles, 0) AS tmdb_unchanged_cycles,
  o.answered_at AS omdb_answered_at, o.outcome AS omdb_outcome,
  o.not_found_since AS omdb_not_found_since,
  coalesce(o.unchanged_cycles, 0) AS omdb_unchanged_cycles,
  r.imdb_id IS NOT NULL AS has_ratings,
  -- Films can share an imdb id: the ratings belong to the one with the lowest id.
  coalesce(own.tmdb_id, c.tmdb_id) AS ratings_tmdb_id,
  coalesce(own.release_year, c.release_year) AS ratings_release_year,
  coalesce(f.is_frozen, false) AS is_frozen
FROM chosen AS c
LEFT JOIN summary AS t ON t.tmdb_id = c.tmdb_id AND t.source = 'tmdb'
LEFT JOIN summary AS o ON o.tmdb_id = c.tmdb_id AND o.source = 'omdb'
LEFT JOIN {omdb_ratings} AS r ON r.imdb_id = c.imdb_id
LEFT JOIN (SELECT imdb_id, min(tmdb_id) AS tmdb_id, arg_min(release_year, tmdb_id) AS release_year
           FROM {tmdb_details} WHERE imdb_id IS NOT NULL GROUP BY imdb_id) AS own
  ON own.imdb_id = c.imdb_id
LEFT JOIN {frozen_flags} AS f ON f.tmdb_id = c.tmdb_id
ORDER BY c.tmdb_id
"""

_RATINGS_TO_REHOME = """
SELECT r.* REPLACE (d.release_year AS release_year, d.tmdb_id AS tmdb_id)
FROM {omdb_ratings} AS r
JOIN (SELECT imdb_id, min(tmdb_id) AS tmdb_id, arg_min(release_year, tmdb_id) AS release_year
      FROM {tmdb_details} WHERE imdb_id IS NOT NULL GROUP BY imdb_id) AS d
  ON d.imdb_id = r.imdb_id
WHERE (d.release_year <> r.release_year OR d.tmdb_id <> r.tmdb_id)
  AND d.release_year IN (SELECT unnest($years))
"""


@dataclass(frozen=True)
class MovieQueries:
    """Questions to one warehouse.

    Attributes:
        warehouse: Where.
    """

    warehouse: Warehouse

    def films_to_plan(self, years: Sequence[str]) -> pd.DataFrame:
        """Every film known for the years, with what the refresh policy needs to know of it.

        Returns:
            One row per film: `tmdb_id`, `release_year`, `release_date`, `popularity`, `imdb_id`,
            `has_ratings`, `is_frozen` and per source `<source>_answered_at`, `_outcome`,
            `_not_found_since`, `_unchanged_cycles`.
        """
        return self._frame(_FILMS_TO_PLAN, {"years": list(years)})

    def due(
        self,
        source: Source,
        years: Sequence[str],
        now: datetime,
        policy: RefreshPolicy,
        limit: int | None = None,
    ) -> pd.DataFrame:
        """The films of these years that are due at a source, the most urgent first."""
        films = due_films(self.films_to_plan(years), source, now, policy)
        return films if limit is None else films.head(limit)

    def stored_rows(
        self, contract: TableContract, keys: Iterable[Any]
    ) -> dict[Any, dict[str, Any]]:
        """Stored rows of a table by key, as plain Python values."""
        key = contract.key[0]
        columns = ", ".join(f'"{name}"' for name in contract.column_names)
        sql = f'SELECT {columns} FROM {{{contract.name}}} WHERE "{key}" IN (SELECT unnest($keys))'
        return {row[key]: row for row in self._rows(sql, {"keys": list(keys)})}

    def ratings_to_rehome(self, years: Sequence[str]) -> list[dict[str, Any]]:
        """Ratings whose film has moved into one of these years, as rows of the new year."""
        return self._rows(_RATINGS_TO_REHOME, {"years": list(years)})

    def walks(self, years: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The last discover walk of each year."""
        rows = self._rows(
            "SELECT * FROM {discovery_walks} WHERE release_year IN (SELECT unnest($years))",
            {"years": list(years)},
        )
        return {row["release_year"]: row for row in rows}

    def lists_seen_at(self) -> datetime | None:
        """When the lists were last read."""
        return self._rows("SELECT max(seen_at) AS seen_at FROM {movie_lists}", {})[0]["seen_at"]

    def listed_films(self) -> list[dict[str, Any]]:
        """The films on the lists, as plain Python values."""
        return self._rows("SELECT * FROM {movie_lists} ORDER BY list_name, position", {})

    def films_per_year(self) -> pd.DataFrame:
        """Films per release year in each stage: columns release_year and one per table."""
        counts = " FULL JOIN ".join(
            f"(SELECT release_year, count(*) AS {name} FROM {{{name}}} GROUP BY ALL) AS {name}"
            + ("" if index == 0 else " USING (release_year)")
            for index, name in enumerate(_STAGES)
        )
        columns = ", ".join(f"coalesce({name}, 0)::BIGINT AS {name}" for name in _STAGES)
        return self._frame(
            f"SELECT release_year, {columns} FROM {counts} ORDER BY release_year", {}
        )

    def details_coverage(self) -> tuple[int, int]:
        """Discovered films of the years walked or detailed, and how many of them have details.

        A film that TMDB did not know when asked counts as done: it has none to give.
        """
        row = self._rows(
            "SELECT count(*) AS discovered, "
            "count(*) FILTER (WHERE x.tmdb_id IN (SELECT tmdb_id FROM {tmdb_details}) OR "
            "x.tmdb_id IN (SELECT tmdb_id FROM {refresh_history} WHERE outcome = 'not_found')) "
            "AS detailed FROM {discovered_movies} AS x "
            "WHERE x.release_year IN (SELECT release_year FROM {discovery_walks} "
            "UNION SELECT release_year FROM {tmdb_details})",
            {},
        )[0]
        return row["discovered"], row["detailed"]

    def unit_mistakes(self) -> list[dict[str, Any]]:
        """Films whose budget or revenue lies between 1 and 999 dollars."""
        return self._rows(
            "SELECT tmdb_id, title, budget_usd, revenue_usd FROM {tmdb_details} "
            "WHERE budget_usd BETWEEN 1 AND 999 OR revenue_usd BETWEEN 1 AND 999 ORDER BY tmdb_id",
            {},
        )

    def rows_older_than(self, contract: TableContract, now: datetime, days: int) -> int:
        """Rows of a fetched table whose answer is older than so many days; gone films left out."""
        alive = " AND gone_at IS NULL" if "gone_at" in contract.column_names else ""
        return self._rows(
            f"SELECT count(*) AS old FROM {{{contract.name}}} WHERE fetched_at < $oldest{alive}",
            {"oldest": now - timedelta(days=days)},
        )[0]["old"]

    def forecasts_outside_interval(self) -> int:
        """Forecasts that do not lie inside their own interval."""
        return self._rows(
            "SELECT count(*) AS films FROM {forecasts} "
            "WHERE predicted_revenue_usd NOT BETWEEN lower_usd AND upper_usd",
            {},
        )[0]["films"]

    def labelled_unit_mistakes(self) -> int:
        """Films that carry a label although their figures are unit mistakes."""
        return self._rows(
            "SELECT count(*) AS films FROM {features} WHERE is_labelled AND "
            "(is_unit_suspect OR revenue_usd < 1000)",
            {},
        )[0]["films"]

    def distinct_films(self, years: Sequence[str]) -> dict[str, int]:
        """Rows and different films of `tmdb_details`, and imdb ids of `omdb_ratings`."""
        return self._rows(
            "SELECT (SELECT count(*) FROM {tmdb_details} WHERE release_year IN "
            '(SELECT unnest($years))) AS "rows", '
            "(SELECT count(DISTINCT tmdb_id) FROM {tmdb_details} WHERE release_year IN "
            '(SELECT unnest($years))) AS "films", '
            "(SELECT count(DISTINCT imdb_id) FROM {omdb_ratings} WHERE release_year IN "
            '(SELECT unnest($years))) AS "imdb ids"',
            {"years": list(years)},
        )[0]

    def model_scores(self, years: Sequence[str]) -> list[dict[str, Any]]:
        """The model of each year with its scores."""
        return self._rows(
            "SELECT * FROM {trained_model} WHERE release_year IN (SELECT unnest($years)) "
            "ORDER BY release_year",
            {"years": list(years)},
        )

    def top_forecasts(self, years: Sequence[str], limit: int) -> list[dict[str, Any]]:
        """The highest forecasts of films without an outcome yet."""
        return self._rows(
            "SELECT * FROM {forecasts} WHERE revenue_usd IS NULL AND "
            "release_year IN (SELECT unnest($years)) "
            "ORDER BY predicted_revenue_usd DESC, tmdb_id LIMIT $most",
            {"years": list(years), "most": limit},
        )

    def due_counts(self, now: datetime) -> list[dict[str, Any]]:
        """Per source: films due now and within a week by the last flags, and frozen films."""
        return self._rows(
            " UNION ALL ".join(
                f"SELECT '{source}' AS source, "
                f"count(*) FILTER (WHERE {source}_due_at <= $now) AS now, "
                f"count(*) FILTER (WHERE {source}_due_at > $now AND {source}_due_at <= $soon) "
                "AS next_7_days, count(*) FILTER (WHERE is_frozen) AS frozen FROM {frozen_flags}"
                for source in Source
            ),
            {"now": now, "soon": now + timedelta(days=7)},
        )

    def table_sizes(self) -> dict[str, int]:
        """Rows per asset table; tables that do not exist yet count 0."""
        counts = ", ".join(
            f"(SELECT count(*) FROM {{{table.name}}}) AS {table.name}" for table in ASSET_TABLES
        )
        return self._rows(f"SELECT {counts}", {})[0]

    def _frame(self, sql: str, parameters: Mapping[str, Any]) -> pd.DataFrame:
        with self._reading() as connection:
            return connection.execute(self._bound(sql, connection), parameters or None).df()

    def _rows(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        with self._reading() as connection:
            return rows_of(connection.execute(self._bound(sql, connection), parameters or None))

    @contextmanager
    def _reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """The warehouse, or an empty one in memory where nothing was ever written."""
        if self.warehouse.exists:
            with self.warehouse.reading() as connection:
                yield connection
        else:
            with duckdb.connect(":memory:") as connection:
                yield connection

    def _bound(self, sql: str, connection: duckdb.DuckDBPyConnection) -> str:
        """The query with table names put in; a missing table becomes an empty one of its shape."""
        existing = table_names(connection, self.warehouse.schema)
        return sql.format(
            **{
                name: self.warehouse.qualified(name) if name in existing else _nothing(contract)
                for name, contract in TABLES.items()
            }
        )


_STAGES = (
    "discovered_movies",
    "tmdb_details",
    "omdb_ratings",
    "frozen_flags",
    "features",
    "forecasts",
)


def _nothing(contract: TableContract) -> str:
    columns = ", ".join(f"NULL::{c.type.value} AS {c.name}" for c in contract.columns)
    return f"(SELECT {columns} WHERE false)"
