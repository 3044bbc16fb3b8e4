"""What `discovered_movies` holds, counted where it lies: the table can hold a million films.

Lives here: SQL that counts, for figures and pictures. Not here: what other assets ask
(`movie_queries.py`) and writes (`table_writes.py`). The table exists: who asks has just written it.
"""

from collections.abc import Sequence

import pandas as pd

from ayne_dagster.domain.tables import DISCOVERED_MOVIES
from ayne_dagster.storage.warehouse import Warehouse

_OF_THESE_YEARS = "WHERE release_year IN (SELECT unnest($years))"


def films_per_year(warehouse: Warehouse, years: Sequence[str]) -> dict[str, int]:
    """Films known per release year; every year asked for is there."""
    rows = warehouse.rows(
        f"SELECT release_year, count(*) AS films FROM {_table(warehouse)} {_OF_THESE_YEARS} "
        "GROUP BY ALL",
        {"years": list(years)},
    )
    return dict.fromkeys(years, 0) | {row["release_year"]: row["films"] for row in rows}


def films_per_month(warehouse: Warehouse, years: Sequence[str]) -> pd.DataFrame:
    """Films known per month of release: `month` (its first day, missing: undated) and `films`."""
    return warehouse.frame(
        f"SELECT date_trunc('month', release_date)::DATE AS month, count(*) AS films "
        f"FROM {_table(warehouse)} {_OF_THESE_YEARS} GROUP BY ALL ORDER BY month",
        {"years": list(years)},
    )


def best_known_films(warehouse: Warehouse, years: Sequence[str], limit: int = 10) -> pd.DataFrame:
    """The most popular films of these years, all columns."""
    columns = ", ".join(f'"{name}"' for name in DISCOVERED_MOVIES.column_names)
    return warehouse.frame(
        f"SELECT {columns} FROM {_table(warehouse)} {_OF_THESE_YEARS} "
        "ORDER BY popularity DESC NULLS LAST, tmdb_id LIMIT $most",
        {"years": list(years), "most": limit},
    )


def _table(warehouse: Warehouse) -> str:
    return warehouse.qualified(DISCOVERED_MOVIES.name)
