"""The questions that assets, sensors and the command line ask the warehouse.

Lives here: SQL that reads. Not here: what is due (`due_queries.py`) and writes
(`table_writes.py`). A table that does not exist yet answers like an empty one.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pandas as pd

from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_states import StateRules
from ayne_dagster.domain.tables import ASSET_TABLES, REFRESH_STATE
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.storage.film_plans import RATINGS_TO_REHOME, RATINGS_WITHOUT_FILM
from ayne_dagster.storage.refresh_states import lacks_states, rebuild_refresh_state
from ayne_dagster.storage.table_sources import stored_tables, table_sources
from ayne_dagster.storage.warehouse import Warehouse, rows_of


@dataclass(frozen=True)
class MovieQueries:
    """Questions to one warehouse.

    Attributes:
        warehouse: Where.
        rules: How states are summed up, where only their history is there.
    """

    warehouse: Warehouse
    rules: StateRules = field(default_factory=StateRules)

    def stored_rows(
        self, contract: TableContract, keys: Iterable[Any]
    ) -> dict[Any, dict[str, Any]]:
        """Stored rows of a table by key, as plain Python values."""
        key = contract.key[0]
        columns = ", ".join(f'"{name}"' for name in contract.column_names)
        sql = f'SELECT {columns} FROM {{{contract.name}}} WHERE "{key}" IN (SELECT unnest($keys))'
        return {row[key]: row for row in self._rows(sql, {"keys": list(keys)})}

    def refresh_states(self, source: Source, tmdb_ids: Iterable[int]) -> dict[int, dict[str, Any]]:
        """Rows of `refresh_state` of a source by film, as plain Python values."""
        columns = ", ".join(f'"{name}"' for name in REFRESH_STATE.column_names)
        rows = self._rows(
            f"SELECT {columns} FROM {{refresh_state}} "
            "WHERE source = $source AND tmdb_id IN (SELECT unnest($ids))",
            {"source": source.value, "ids": list(tmdb_ids)},
        )
        return {row["tmdb_id"]: row for row in rows}

    def ratings_to_rehome(self, years: Sequence[str]) -> list[dict[str, Any]]:
        """Ratings whose film has moved into or out of one of these years, as rows of its year."""
        return self._rows(RATINGS_TO_REHOME, {"years": list(years)})

    def ratings_without_film(self, years: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """Ratings whose imdb id no film has any more (TMDB corrected it), as plain values.

        Args:
            years: Partitions the ratings lie in; None: all.
        """
        where = "" if years is None else " AND r.release_year IN (SELECT unnest($years))"
        return self._rows(
            RATINGS_WITHOUT_FILM + where, {} if years is None else {"years": list(years)}
        )

    def walks(self, years: Sequence[str]) -> dict[str, dict[str, Any]]:
        """The last discover walk of each year."""
        rows = self._rows(
            "SELECT * FROM {discovery_walks} WHERE release_year IN (SELECT unnest($years))",
            {"years": list(years)},
        )
        return {row["release_year"]: row for row in rows}

    def list_readings(self) -> dict[str, dict[str, Any]]:
        """The last reading of each list; one that came empty has a reading and no films."""
        return {row["list_name"]: row for row in self._rows("SELECT * FROM {list_readings}", {})}

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
            "x.tmdb_id IN (SELECT tmdb_id FROM {refresh_state} WHERE source = 'tmdb' "
            "AND outcome = 'not_found')) "
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
            "SELECT * FROM {forecasts} WHERE NOT is_outcome_known AND "
            "release_year IN (SELECT unnest($years)) "
            "ORDER BY predicted_revenue_usd DESC, tmdb_id LIMIT $most",
            {"years": list(years), "most": limit},
        )

    def table_sizes(self) -> dict[str, int]:
        """Rows per asset table; tables that do not exist yet count 0."""
        counts = ", ".join(
            f"(SELECT count(*) FROM {{{table.name}}}) AS {table.name}" for table in ASSET_TABLES
        )
        return self._rows(f"SELECT {counts}", {})[0]

    def _frame(self, sql: str, parameters: Mapping[str, Any]) -> pd.DataFrame:
        with self._reading() as (connection, tables):
            return connection.execute(sql.format(**tables), parameters or None).df()

    def _rows(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        with self._reading() as (connection, tables):
            return rows_of(connection.execute(sql.format(**tables), parameters or None))

    @contextmanager
    def _reading(self) -> Iterator[tuple[duckdb.DuckDBPyConnection, dict[str, str]]]:
        """The warehouse and what stands for each table in a query.

        Where nothing was ever written it is an empty one in memory; where only the history was, its
        sum is made first.
        """
        if not self.warehouse.exists:
            with duckdb.connect(":memory:") as connection:
                yield connection, table_sources(self.warehouse, {})
            return
        with self.warehouse.reading() as connection:
            stored = stored_tables(connection, self.warehouse.schema)
            if not lacks_states(stored):
                yield connection, table_sources(self.warehouse, stored)
                return
        rebuild_refresh_state(self.warehouse, self.rules)
        with self.warehouse.reading() as connection:
            stored = stored_tables(connection, self.warehouse.schema)
            yield connection, table_sources(self.warehouse, stored)


_STAGES = (
    "discovered_movies",
    "tmdb_details",
    "omdb_ratings",
    "frozen_flags",
    "features",
    "forecasts",
)
