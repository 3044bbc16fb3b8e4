"""A table as one file for people: Parquet or CSV, whole or not at all."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from ayne_dagster.domain.tables.contract import Column, ColumnType, TableContract
from ayne_dagster.storage.duckdb_io_manager import UpstreamMissing
from ayne_dagster.storage.parquet_mirror import ROW_GROUP_ROWS
from ayne_dagster.storage.table_writes import stored_columns
from ayne_dagster.storage.warehouse import Warehouse

_LISTS = (ColumnType.BIGINT_LIST, ColumnType.VARCHAR_LIST)
_OPTIONS = {
    ".parquet": f"FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE {ROW_GROUP_ROWS}",
    ".csv": "FORMAT csv, HEADER",
}


@dataclass(frozen=True)
class Extract:
    """Which rows of a table are wanted.

    Attributes:
        first_year: First release year; None: from the first. With a bound `undated` is left out.
        last_year: Last release year; None: to the last.
        films: TMDB's ids; none: every film.
        since: First day (UTC) of a journal; None: from its beginning.
        until: Last day (UTC) of a journal, included; None: to its end.
    """

    first_year: int | None = None
    last_year: int | None = None
    films: Sequence[int] = ()
    since: date | None = None
    until: date | None = None

    def file_name(self, contract: TableContract) -> str:
        """A name that says what is in the file: `refresh_history-film-603-since-2025-01-01`."""
        parts = {
            "from": self.first_year,
            "to": self.last_year,
            "film": "-".join(map(str, self.films[:3])) + ("-and-more" * (len(self.films) > 3)),
            "since": self.since,
            "until": self.until,
        }
        return "-".join(
            [contract.name, *(f"{word}-{part}" for word, part in parts.items() if part)]
        )

    def conditions(self, contract: TableContract) -> tuple[str, list[Any]]:
        """The WHERE clause of these rows, empty for all, and its parameters.

        Raises:
            ValueError: The table has no column that is asked for.
        """
        found: list[str] = []
        parameters: list[Any] = []
        if self.first_year is not None or self.last_year is not None:
            if contract.year_column is None:
                raise ValueError(f"{contract.name} has no release years")
            found.append(f'try_cast("{contract.year_column}" AS INTEGER) BETWEEN ? AND ?')
            parameters += [self.first_year or 0, self.last_year or 9999]
        if self.films:
            if "tmdb_id" not in contract.column_names:
                raise ValueError(f"{contract.name} has no films")
            found.append("tmdb_id IN (SELECT unnest(?))")
            parameters.append(list(self.films))
        for day, sign, shift in ((self.since, ">=", 0), (self.until, "<", 1)):
            if day is not None:
                if contract.mirror_month_of is None:
                    raise ValueError(f"{contract.name} is no journal: its rows have no day")
                found.append(f'"{contract.mirror_month_of}" {sign} ?::TIMESTAMPTZ')
                parameters.append(f"{day + timedelta(days=shift)} 00:00:00+00")
        return (f" WHERE {' AND '.join(found)}" if found else ""), parameters


def export_table(
    warehouse: Warehouse, contract: TableContract, target: Path, extract: Extract | None = None
) -> int:
    """Write a table, or some of its rows, to a file.

    The rows go from the warehouse to the file without coming together in memory.

    Args:
        warehouse: Where from.
        contract: The table.
        target: A `.parquet` or `.csv` file; replaced when it is there.
        extract: Which rows; None: all.

    Returns:
        Rows written.

    Raises:
        UpstreamMissing: The table does not exist yet.
        ValueError: The ending is neither `.parquet` nor `.csv`, or the table has no column that is
            asked for.
    """
    if target.suffix not in _OPTIONS:
        raise ValueError(f"{target}: only .parquet and .csv can be written")
    conditions, parameters = (extract or Extract()).conditions(contract)
    qualified = warehouse.qualified(contract.name)
    key = ", ".join(f'"{name}"' for name in contract.key)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    escaped = str(partial).replace("'", "''")
    try:
        with warehouse.reading() as connection:
            stored = stored_columns(connection, qualified)
            if not stored:
                raise UpstreamMissing(
                    f"{contract.name} has never been materialized in {warehouse.path}"
                )
            columns = ", ".join(
                _value(column, target.suffix, column.name in stored) for column in contract.columns
            )
            query = f"SELECT {columns} FROM {qualified}{conditions} ORDER BY {key}"
            written = connection.execute(
                f"COPY ({query}) TO '{escaped}' ({_OPTIONS[target.suffix]})", parameters
            )
            rows = written.fetchall()[0][0]
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return rows


def _value(column: Column, suffix: str, is_stored: bool) -> str:
    """A column as the file has it; one the contract has gained since is unknown."""
    name = f'"{column.name}"'
    value = name if is_stored else f"NULL::{column.type.value}"
    if suffix == ".csv" and column.type in _LISTS:
        value = f"array_to_string({value}, '|')"
    return value if value == name else f"{value} AS {name}"
