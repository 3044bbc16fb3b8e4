"""Partitions counted and sampled: what pictures and figures need of years too large to load.

Lives here: reads of one table. Not here: the platform's questions about films
(`movie_queries.py`).
"""

from collections.abc import Sequence

import pandas as pd

from ayne_dagster.domain.tables import DISCOVERED_MOVIES, TMDB_DETAILS
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.storage.table_writes import stored_columns
from ayne_dagster.storage.warehouse import Warehouse

MOST_SAMPLED = 50_000
"""Rows a picture is drawn from; more would not change it by a pixel."""


def count_rows(
    warehouse: Warehouse, contract: TableContract, years: Sequence[str]
) -> dict[str, int]:
    """Rows of each of these partitions, in their order; 0 where the table does not exist yet."""
    counts = dict.fromkeys(years, 0)
    if not warehouse.exists:
        return counts
    qualified, year = warehouse.qualified(contract.name), f'"{contract.year_column}"'
    with warehouse.reading() as connection:
        if stored_columns(connection, qualified):
            counted = connection.execute(
                f"SELECT {year}, count(*) FROM {qualified} WHERE {year} IN (SELECT unnest(?)) "
                "GROUP BY 1",
                [list(years)],
            ).fetchall()
            counts.update(counted)
    return counts


def count_films(warehouse: Warehouse, years: Sequence[str]) -> dict[str, int]:
    """Films known of each of these years, by the table that has more of them.

    An estimate from below, made to size groups: a film may be in one of both tables only.
    """
    discovered = count_rows(warehouse, DISCOVERED_MOVIES, years)
    detailed = count_rows(warehouse, TMDB_DETAILS, years)
    return {year: max(discovered[year], detailed[year]) for year in years}


def sample_rows(
    warehouse: Warehouse,
    contract: TableContract,
    years: Sequence[str],
    columns: Sequence[str],
    most: int = MOST_SAMPLED,
) -> pd.DataFrame:
    """All rows of these partitions, or a random sample of them where there are too many.

    The rows with the lowest hash of their key are taken: the same rows in whatever order they were
    stored and however many threads look, which DuckDB's own sampling does not promise.

    Args:
        warehouse: Where.
        contract: The table.
        years: Partitions wanted.
        columns: Columns wanted, in that order.
        most: Rows of the sample.

    Returns:
        At most so many rows; none where the table does not exist yet.
    """
    chosen = [column.name for column in contract.select(columns)]
    qualified, year = warehouse.qualified(contract.name), f'"{contract.year_column}"'
    names = ", ".join(f'"{name}"' for name in chosen)
    key = ", ".join(f'"{name}"' for name in contract.key)
    if warehouse.exists:
        with warehouse.reading() as connection:
            if stored_columns(connection, qualified):
                return connection.execute(
                    f"SELECT {names} FROM (SELECT * FROM {qualified} WHERE {year} IN "
                    f"(SELECT unnest(?)) ORDER BY hash({key}), {key} LIMIT {most}) "
                    f"ORDER BY {key}",
                    [list(years)],
                ).df()
    return pd.DataFrame(columns=chosen, dtype=object)
