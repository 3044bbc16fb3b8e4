"""A table as one file for people: Parquet or CSV, whole or not at all."""

import os
from pathlib import Path
from typing import Any

from ayne_dagster.domain.tables.contract import ColumnType, TableContract
from ayne_dagster.storage.duckdb_io_manager import UpstreamMissing
from ayne_dagster.storage.parquet_mirror import ROW_GROUP_ROWS
from ayne_dagster.storage.warehouse import Warehouse, table_names

_LISTS = (ColumnType.BIGINT_LIST, ColumnType.VARCHAR_LIST)


def export_table(
    warehouse: Warehouse,
    contract: TableContract,
    target: Path,
    *,
    first_year: int | None = None,
    last_year: int | None = None,
) -> int:
    """Write a table, or some of its years, to a file.

    Args:
        warehouse: Where from.
        contract: The table.
        target: A `.parquet` or `.csv` file; replaced when it is there.
        first_year: First release year; None: from the first.
        last_year: Last release year; None: to the last.

    Returns:
        Rows written.

    Raises:
        UpstreamMissing: The table does not exist yet.
        ValueError: The ending is neither `.parquet` nor `.csv`.
    """
    if target.suffix == ".parquet":
        columns = [f'"{column.name}"' for column in contract.columns]
        options = f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP_ROWS}"
    elif target.suffix == ".csv":
        columns = [
            f"array_to_string(\"{c.name}\", '|') AS \"{c.name}\"" if c.type in _LISTS
            else f'"{c.name}"'
            for c in contract.columns
        ]  # fmt: skip
        options = "FORMAT csv, HEADER"
    else:
        raise ValueError(f"{target}: only .parquet and .csv can be written")
    conditions, parameters = _year_range(contract, first_year, last_year)
    key = ", ".join(f'"{name}"' for name in contract.key)
    query = (
        f"SELECT {', '.join(columns)} FROM {warehouse.qualified(contract.name)}"
        f"{conditions} ORDER BY {key}"
    )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    escaped = str(partial).replace("'", "''")
    try:
        with warehouse.reading() as connection:
            if contract.name not in table_names(connection, warehouse.schema):
                raise UpstreamMissing(
                    f"{contract.name} has never been materialized in {warehouse.path}"
                )
            written = connection.execute(f"COPY ({query}) TO '{escaped}' ({options})", parameters)
            rows = written.fetchall()[0][0]
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return rows


def _year_range(
    contract: TableContract, first_year: int | None, last_year: int | None
) -> tuple[str, list[Any]]:
    """The condition on the year column; with a bound `undated` is left out."""
    if contract.year_column is None or (first_year is None and last_year is None):
        return "", []
    return (
        f' WHERE try_cast("{contract.year_column}" AS INTEGER) BETWEEN ? AND ?',
        [first_year or 0, last_year or 9999],
    )
