"""`refresh_state` of a warehouse that has only the history it sums up.

Lives here: the one rebuild. Not here: what a state is (`domain/refresh_states.py`) and how it is
kept after that (`domain/refreshing.py`, written with every refresh).
"""

from collections.abc import Container, Iterator
from itertools import islice
from typing import Any

import duckdb
import pyarrow as pa

from ayne_dagster.domain.frame_check import arrow_schema
from ayne_dagster.domain.refresh_states import StateRules, states_of_history
from ayne_dagster.domain.tables import REFRESH_HISTORY, REFRESH_STATE
from ayne_dagster.storage.table_writes import write_rows
from ayne_dagster.storage.warehouse import Warehouse, table_names, transaction

_ROWS_AT_ONCE = 20_000
_COLUMNS = ("source", "tmdb_id", "imdb_id", "fetched_at", "outcome", "is_first", "changed_fields")


def lacks_states(tables: Container[str]) -> bool:
    """Whether these tables are those of a warehouse whose states are still to be summed up."""
    return REFRESH_HISTORY.name in tables and REFRESH_STATE.name not in tables


def rebuild_refresh_state(warehouse: Warehouse, rules: StateRules | None = None) -> int:
    """Sum up `refresh_history` where `refresh_state` is missing; do nothing otherwise.

    Args:
        warehouse: Where.
        rules: The numbers of the step; its defaults where none are given.

    Returns:
        States written.

    Raises:
        WarehouseBusy: Others held the file for too long; nothing was written.
    """
    if not lacks_states(warehouse.table_names()):
        return 0
    with warehouse.writing("refresh_state, summed up from refresh_history") as connection:
        # Asked again: another process may have done it while this one waited.
        if not lacks_states(table_names(connection, warehouse.schema)):
            return 0
        columns = ", ".join(f'"{name}"' for name in _COLUMNS)
        connection.execute(
            f"SELECT {columns} FROM {warehouse.qualified(REFRESH_HISTORY.name)} "
            "ORDER BY source, tmdb_id, fetched_at"
        )
        schema = arrow_schema(REFRESH_STATE)
        states = states_of_history(_rows(connection), rules or StateRules())
        batches = []
        while some := list(islice(states, _ROWS_AT_ONCE)):
            batches.append(pa.RecordBatch.from_pylist(some, schema=schema))
        table = pa.Table.from_batches(batches, schema=schema)
        with transaction(connection):
            qualified = warehouse.qualified(REFRESH_STATE.name)
            return write_rows(connection, REFRESH_STATE, table, qualified, stored={}).inserted


def _rows(connection: duckdb.DuckDBPyConnection) -> Iterator[dict[str, Any]]:
    while rows := connection.fetchmany(_ROWS_AT_ONCE):
        for row in rows:
            yield dict(zip(_COLUMNS, row, strict=True))
