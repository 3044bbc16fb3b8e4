"""What stands for each table in a query: the table, an empty one, or one with columns to come.

Lives here: reading a warehouse whose tables are not yet what the contracts say. Not here: the
questions (`movie_queries.py`) and bringing a table up to its contract, which a write does
(`table_writes.py`).
"""

from collections.abc import Mapping

import duckdb

from ayne_dagster.domain.tables import TABLES
from ayne_dagster.domain.tables.contract import Column, TableContract
from ayne_dagster.storage.table_writes import literal
from ayne_dagster.storage.warehouse import Warehouse


def stored_tables(connection: duckdb.DuckDBPyConnection, schema: str) -> dict[str, frozenset[str]]:
    """Names of the columns of every table of a schema."""
    found = connection.execute(
        "SELECT table_name, list(column_name) FROM duckdb_columns() "
        "WHERE database_name = current_database() AND schema_name = ? GROUP BY table_name",
        [schema],
    ).fetchall()
    return {table: frozenset(columns) for table, columns in found}


def table_sources(warehouse: Warehouse, stored: Mapping[str, frozenset[str]]) -> dict[str, str]:
    """For every contract, what a query can select from.

    Args:
        warehouse: Where.
        stored: What `stored_tables` found.

    Returns:
        By table name: its qualified name; a subquery that adds the columns its contract has gained
        since it was last written; or a subquery without rows, where there is no such table.
    """
    sources = {}
    for name, contract in TABLES.items():
        if name not in stored:
            sources[name] = _nothing(contract)
            continue
        qualified = warehouse.qualified(name)
        gained = [column for column in contract.columns if column.name not in stored[name]]
        more = "".join(f", {_value_to_come(column)}" for column in gained)
        sources[name] = f"(SELECT *{more} FROM {qualified})" if gained else qualified
    return sources


def _nothing(contract: TableContract) -> str:
    columns = ", ".join(f"NULL::{c.type.value} AS {c.name}" for c in contract.columns)
    return f"(SELECT {columns} WHERE false)"


def _value_to_come(column: Column) -> str:
    return f"{literal(column)}::{column.type.value} AS {column.name}"
