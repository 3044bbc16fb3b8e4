"""What a write does to a table: one statement per meaning, inside the caller's transaction.

Lives here: DDL from contracts, merge, replace, append. Not here: opening the file (`warehouse.py`)
and checking the frame (`domain/frame_check.py`), which has happened before.

Every identifier comes from a table contract, which allows lower-case identifiers only; every value
is a parameter or a column of the registered frame.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from ayne_dagster.domain.tables.contract import Column, TableContract, WriteMode
from ayne_dagster.storage.merging import STAGED, clear_rows, merge_sql, rows_met


class SchemaConflict(RuntimeError):
    """The stored table and its contract disagree in a way that no write can mend."""


@dataclass(frozen=True)
class WriteReport:
    """What a write did.

    Attributes:
        inserted: New rows.
        updated: Rows whose values changed.
        unchanged: Rows of the frame that were already there, value by value.
        deleted: Rows a replace removed.
        moved: Rows that changed their partition.
        touched_years: Partitions in which anything changed; empty for unpartitioned tables.
        is_changed: Whether anything changed at all.
    """

    inserted: int
    updated: int
    unchanged: int
    deleted: int
    moved: int
    touched_years: tuple[str, ...]

    def __add__(self, other: "WriteReport") -> "WriteReport":
        """Both writes to one table as one."""
        return WriteReport(
            inserted=self.inserted + other.inserted,
            updated=self.updated + other.updated,
            unchanged=self.unchanged + other.unchanged,
            deleted=self.deleted + other.deleted,
            moved=self.moved + other.moved,
            touched_years=tuple(sorted({*self.touched_years, *other.touched_years})),
        )

    @property
    def is_changed(self) -> bool:
        """Whether the table differs from before."""
        return bool(self.inserted or self.updated or self.deleted)


def stored_columns(connection: duckdb.DuckDBPyConnection, qualified: str) -> dict[str, str]:
    """Names and types of the stored table's columns; empty where there is no such table.

    Asked outside a transaction: DuckDB aborts a transaction in which a name is not found, and its
    catalog views cost ten times what DESCRIBE does.
    """
    try:
        described = connection.execute(f"DESCRIBE {qualified}").fetchall()
    except duckdb.CatalogException:
        return {}
    return {row[0]: row[1] for row in described}


def ensure_table(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    qualified: str,
    stored: Mapping[str, str],
) -> None:
    """Create the table if it is missing, or add the columns its contract gained.

    Args:
        connection: An open transaction.
        contract: The table.
        qualified: Its quoted name with its schema.
        stored: What `stored_columns` found.

    Raises:
        SchemaConflict: A stored column has another type than the contract's, or a column that must
            have a value was gained and says no default for the rows that are there.
    """
    if not stored:
        connection.execute(f"CREATE SCHEMA IF NOT EXISTS {qualified.split('.')[0]}")
        connection.execute(create_table_sql(contract, qualified))
        return
    for column in contract.columns:
        if column.name not in stored:
            _add_column(connection, contract, qualified, column)
        elif stored[column.name] != column.type.value:
            raise SchemaConflict(
                f"{contract.name}.{column.name} is stored as {stored[column.name]}, the contract "
                f"says {column.type.value}; nothing was written. Export the table, drop it, and "
                "materialize it again"
            )


def _add_column(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    qualified: str,
    column: Column,
) -> None:
    if column.default is None and not column.nullable:
        raise SchemaConflict(
            f"{contract.name} is stored without {column.name}, which must have a value in every "
            "row; nothing was written. Give the column of the contract a `default` for the rows "
            "that are there, or export the table, drop it, and materialize it again"
        )
    connection.execute(
        f'ALTER TABLE {qualified} ADD COLUMN "{column.name}" {column.type.value} '
        f"DEFAULT {literal(column)}"
    )
    if not column.nullable:
        connection.execute(f'ALTER TABLE {qualified} ALTER "{column.name}" SET NOT NULL')
    # From here on every row says its own value, as in a table made today.
    connection.execute(f'ALTER TABLE {qualified} ALTER "{column.name}" DROP DEFAULT')


def literal(column: Column) -> str:
    """A column's default as SQL; NULL where it has none."""
    if isinstance(column.default, tuple):
        return f"[{', '.join(_text(value) for value in column.default)}]"
    return "NULL" if column.default is None else _text(column.default)


def _text(value: str | float) -> str:
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(value)


def create_table_sql(contract: TableContract, qualified: str) -> str:
    """The DDL of a contract.

    There is no primary key in it: DuckDB's unique index slows every write and rejects an update
    that deletes and inserts a key in one transaction. The merge keeps keys unique instead.
    """
    columns = ", ".join(
        f'"{column.name}" {column.type.value}{"" if column.nullable else " NOT NULL"}'
        for column in contract.columns
    )
    return f"CREATE TABLE {qualified} ({columns})"


def write_rows(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    rows: pa.Table,
    qualified: str,
    years: Sequence[str] | None = None,
    *,
    stored: Mapping[str, str],
) -> WriteReport:
    """Write checked rows as the contract's write mode says.

    Args:
        connection: An open transaction.
        contract: The table.
        rows: Rows from `check_frame`.
        qualified: The table's quoted name with its schema.
        years: Partitions of the run; what a replace clears. None: the whole table.
        stored: What `stored_columns` found before the transaction.

    Returns:
        What changed.
    """
    ensure_table(connection, contract, qualified, stored)
    connection.register(STAGED, rows)
    if stored:
        report = _merge(connection, contract, rows, qualified, years)
    else:
        connection.execute(f"INSERT INTO {qualified} BY NAME SELECT * FROM {STAGED}")
        touched = _distinct(connection, contract.year_column, STAGED)
        report = WriteReport(rows.num_rows, 0, 0, 0, 0, touched)
    # Not in a finally: in an aborted transaction this fails too and would hide the first error;
    # closing the connection drops the frame all the same.
    connection.unregister(STAGED)
    return report


def delete_rows(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    qualified: str,
    keys: pa.Table,
    *,
    unless_named_in: str | None = None,
) -> WriteReport:
    """Delete named rows, inside the transaction that puts them somewhere else.

    Args:
        connection: An open transaction.
        contract: The table; it exists.
        qualified: Its quoted name with its schema.
        keys: The key columns of the rows to delete.
        unless_named_in: A table with the same key columns: rows it names at this moment stay,
            whatever was read before.

    Returns:
        What was deleted; the partitions touched are to be mirrored.
    """
    connection.register(STAGED, keys.select(list(contract.key)))
    matches = " AND ".join(f't."{name}" = s."{name}"' for name in contract.key)
    kept = ""
    if unless_named_in is not None:
        same = " AND ".join(f't."{name}" = k."{name}"' for name in contract.key)
        kept = f" AND NOT EXISTS (SELECT 1 FROM {unless_named_in} AS k WHERE {same})"
    year = f't."{contract.year_column}"' if contract.year_column else "NULL"
    deleted = connection.execute(
        f"DELETE FROM {qualified} AS t USING {STAGED} AS s WHERE {matches}{kept} RETURNING {year}"
    ).fetchall()
    connection.unregister(STAGED)
    years = {row[0] for row in deleted} if contract.year_column else set()
    return WriteReport(0, 0, 0, len(deleted), 0, tuple(sorted(years)))


def _merge(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    rows: pa.Table,
    qualified: str,
    years: Sequence[str] | None,
) -> WriteReport:
    met = rows_met(connection, contract, qualified)
    deleted: Counter[str] = Counter()
    if contract.write_mode is WriteMode.REPLACE:
        deleted = clear_rows(connection, contract, qualified, years)
    if not met.count:
        # Nothing to compare with: three times as fast as a MERGE that inserts.
        connection.execute(f"INSERT INTO {qualified} BY NAME SELECT * FROM {STAGED}")
        changed = {*_distinct(connection, contract.year_column, STAGED), *deleted}
        return WriteReport(
            inserted=rows.num_rows,
            updated=0,
            unchanged=0,
            deleted=sum(deleted.values()),
            moved=0,
            touched_years=tuple(sorted(changed)) if contract.year_column else (),
        )
    done = connection.execute(merge_sql(contract, qualified, is_newer=not met.has_ties)).df()
    actions = done["merge_action"].value_counts().to_dict() if len(done) else {}
    inserted, updated = int(actions.get("INSERT", 0)), int(actions.get("UPDATE", 0))
    touched: set[str] = set()
    if contract.year_column and (len(done) or deleted):
        touched = {*done[contract.year_column].unique(), *met.left, *deleted}
    return WriteReport(
        inserted=inserted,
        updated=updated,
        unchanged=rows.num_rows - inserted - updated,
        deleted=sum(deleted.values()),
        moved=sum(met.left.values()),
        touched_years=tuple(sorted(touched)),
    )


def _distinct(
    connection: duckdb.DuckDBPyConnection, column: str | None, table: str
) -> tuple[str, ...]:
    if column is None:
        return ()
    found = connection.execute(f'SELECT DISTINCT "{column}" FROM {table} ORDER BY 1').fetchall()
    return tuple(row[0] for row in found)
