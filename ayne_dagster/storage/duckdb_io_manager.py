"""The I/O manager: contract first, one transaction, merge by key, columns by name.

Lives here: the seam between Dagster and the warehouse, a subclass of the stock one. Not here: SQL
of a write (`table_writes.py`) and the file (`warehouse.py`). What the stock manager loses, and why
this one does not, is a test each (`ayne_dagster_tests/storage/test_stock_traps.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pyarrow as pa
from dagster._core.storage.db_io_manager import DbIOManager
from dagster_duckdb.io_manager import DuckDbClient
from dagster_duckdb_pandas import DuckDBPandasIOManager
from pydantic import Field

from ayne_dagster.domain.frame_check import check_frame
from ayne_dagster.domain.tables import TABLES
from ayne_dagster.domain.tables.contract import Column, ColumnType, TableContract
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.table_writes import (
    WriteReport,
    delete_rows,
    stored_columns,
    write_rows,
)
from ayne_dagster.storage.warehouse import Warehouse, transaction


class NoContract(LookupError):
    """An asset without a table contract; nothing is written by guessing."""


class UpstreamMissing(LookupError):
    """An upstream table does not exist yet."""


@dataclass(frozen=True)
class TableBatch:
    """Rows of an asset together with rows of operation tables, written in one transaction.

    Attributes:
        rows: The asset's own rows.
        also: Rows of other tables by name (`refresh_history`, `discovery_walks`).
    """

    rows: pd.DataFrame
    also: Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Leaving:
    """Rows that leave a table with one key column, in the transaction that keeps them elsewhere.

    Attributes:
        keys: Their keys.
        unless_in: A table with that column: what it names at that moment stays after all.
    """

    keys: Sequence[Any]
    unless_in: TableContract

    def delete(
        self, connection: duckdb.DuckDBPyConnection, contract: TableContract, warehouse: Warehouse
    ) -> WriteReport:
        """Delete them; what that did."""
        return delete_rows(
            connection,
            contract,
            warehouse.qualified(contract.name),
            pa.table({contract.key[0]: list(self.keys)}),
            unless_named_in=warehouse.qualified(self.unless_in.name),
        )


class WarehouseIOManager(DuckDBPandasIOManager):
    """Stores frames in DuckDB without ever losing a committed row.

    Against the stock manager: the frame is checked before the table is touched; a write is one
    transaction; columns are matched by name; fetched tables are merged by key; the connection is
    always closed; reads open the file read-only; touched partitions are mirrored to Parquet.
    """

    wait_seconds: float = Field(
        default=120.0, description="Seconds to wait for a held database file."
    )
    mirror_folder: str | None = Field(
        default=None, description="Folder of the Parquet mirror; none: no mirror."
    )

    @staticmethod
    def contracts() -> Mapping[str, TableContract]:
        """The contracts of the tables this manager stores, by table name."""
        return TABLES

    def create_io_manager(self, context: dg.InitResourceContext) -> "ContractIOManager":
        """The manager of one run."""
        warehouse = Warehouse(
            path=Path(self.database),
            schema=self.schema_ or "main",
            wait_seconds=self.wait_seconds,
            connection_config=tuple(sorted(self.connection_config.items())),
        )
        mirror = ParquetMirror(Path(self.mirror_folder)) if self.mirror_folder else None
        return ContractIOManager(warehouse, mirror, self.contracts())


class ContractIOManager(DbIOManager):
    """Writes and loads by table contract; made by `WarehouseIOManager`."""

    def __init__(
        self,
        warehouse: Warehouse,
        mirror: ParquetMirror | None,
        contracts: Mapping[str, TableContract],
    ) -> None:
        super().__init__(
            type_handlers=DuckDBPandasIOManager.type_handlers(),
            db_client=DuckDbClient(),
            database=str(warehouse.path),
            schema=warehouse.schema,
            io_manager_name="WarehouseIOManager",
            default_load_type=pd.DataFrame,
        )
        self._warehouse = warehouse
        self._mirror = mirror
        self._contracts = contracts

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Check the frame, then write it and its mirror.

        Raises:
            ContractViolation: The frame breaks its contract; nothing was written.
            WarehouseBusy: The file was held for too long; nothing was written.
        """
        batch = obj if isinstance(obj, TableBatch) else None
        frame = batch.rows if batch else obj
        if not isinstance(frame, pd.DataFrame):
            raise TypeError(
                f"{context.asset_key.to_user_string()} returned {type(obj).__name__}; return a "
                "pandas DataFrame or a TableBatch"
            )
        contract = self._contract(context.asset_key)
        years = list(context.asset_partition_keys) if context.has_asset_partitions else None
        run_id = context.run_id
        report = write_batch(
            self._warehouse,
            contract,
            frame,
            years=years,
            also={
                self._contracts[name]: rows for name, rows in (batch.also if batch else {}).items()
            },
            mirror=self._mirror,
            purpose=f"{contract.name}, run {run_id[:8]}",
        )
        context.add_output_metadata(write_metadata(report, self._warehouse, contract))

    def load_input(self, context: dg.InputContext) -> pd.DataFrame:
        """The upstream rows of the partitions asked for, by contract, without taking a write lock.

        Raises:
            UpstreamMissing: The upstream table does not exist.
        """
        contract = self._contract(context.asset_key)
        columns = (context.definition_metadata or {}).get("columns")
        years = list(context.asset_partition_keys) if context.has_asset_partitions else None
        return load_frame(self._warehouse, contract, years=years, columns=columns)

    def _contract(self, asset_key: dg.AssetKey) -> TableContract:
        name = asset_key.path[-1]
        try:
            return self._contracts[name]
        except KeyError:
            raise NoContract(
                f"asset {name!r} has no table contract; add one in ayne_dagster/domain/tables"
            ) from None


def write_batch(
    warehouse: Warehouse,
    contract: TableContract,
    frame: pd.DataFrame,
    *,
    years: Sequence[str] | None,
    also: Mapping[TableContract, pd.DataFrame] | None = None,
    mirror: ParquetMirror | None = None,
    is_mirrored_later: bool = False,
    leaving: Leaving | None = None,
    purpose: str,
) -> WriteReport:
    """Check and write rows of one or more tables in one transaction, then mirror what changed.

    Args:
        warehouse: Where.
        contract: The main table.
        frame: Its rows.
        years: Partitions of the run, None for unpartitioned tables.
        also: Rows of other tables for the same transaction.
        mirror: Where the mirror lies, if there is one.
        is_mirrored_later: Only note what is to be mirrored: one of many writes, `mirror_owed` comes
            after the last. Otherwise each would write whole partitions for a few rows.
        leaving: Rows of the main table that leave it in the same transaction.
        purpose: Who writes, for others who wait.

    Returns:
        What happened to the main table.

    Raises:
        ContractViolation: A frame breaks its contract; nothing was written.
    """
    rows = check_frame(frame, contract, years=years if contract.year_column else None)
    others = {
        other: check_frame(more, other, years=years if other.year_column else None)
        for other, more in (also or {}).items()
    }
    reports: dict[TableContract, WriteReport] = {}

    def mirror_changes(connection: Any) -> None:
        for table, report in reports.items():
            if mirror is not None and table.is_mirrored and not is_mirrored_later:
                qualified = warehouse.qualified(table.name)
                mirror.write(connection, table, qualified, report.touched_years)

    with warehouse.writing(purpose, after_commit=mirror_changes) as connection:
        writes = {contract: rows, **others}
        stored = {
            table: stored_columns(connection, warehouse.qualified(table.name)) for table in writes
        }
        with transaction(connection):
            for table, checked in writes.items():
                qualified = warehouse.qualified(table.name)
                reports[table] = write_rows(
                    connection, table, checked, qualified, years, stored=stored[table]
                )
            if leaving is not None and stored[contract]:
                reports[contract] += leaving.delete(connection, contract, warehouse)
            for table, report in reports.items():
                if mirror is not None and table.is_mirrored and report.is_changed:
                    mirror.owe(table, report.touched_years)
    return reports[contract]


def mirror_owed(
    warehouse: Warehouse, mirror: ParquetMirror, tables: Sequence[TableContract], *, purpose: str
) -> None:
    """Mirror what earlier writes of these tables only noted, or were killed before mirroring."""
    if any(mirror.is_owed(table) for table in tables):
        with warehouse.writing(f"{purpose}, mirror") as connection:
            mirror.catch_up(connection, tables, warehouse.qualified)


def load_frame(
    warehouse: Warehouse,
    contract: TableContract,
    *,
    years: Sequence[str] | None = None,
    columns: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Rows of a table with stable dtypes: what is nullable is nullable in every frame.

    Args:
        warehouse: Where.
        contract: The table.
        years: Partitions wanted; None: all.
        columns: Columns wanted, in that order; None: all of the contract.

    Raises:
        UpstreamMissing: The table does not exist.
        KeyError: A column the contract does not know.
    """
    chosen = contract.select(columns) if columns else list(contract.columns)
    missing = UpstreamMissing(
        f"{contract.name} has never been materialized in {warehouse.path}; materialize it first"
    )
    if not warehouse.exists:
        raise missing
    qualified = warehouse.qualified(contract.name)
    where, parameters = "", []
    if years is not None and contract.year_column:
        where = f' WHERE "{contract.year_column}" IN (SELECT unnest(?))'
        parameters = [list(years)]
    # Opening the file costs more than reading a year: one connection for both questions.
    with warehouse.reading() as connection:
        stored = stored_columns(connection, qualified)
        if not stored:
            raise missing
        # A column the contract has gained stands in the table after its next write.
        names = ", ".join(
            f'"{c.name}"' if c.name in stored else f'NULL::{c.type.value} AS "{c.name}"'
            for c in chosen
        )
        frame = connection.execute(f"SELECT {names} FROM {qualified}{where}", parameters).df()
    return with_nullable_types(frame, chosen)


def with_nullable_types(frame: pd.DataFrame, columns: Sequence[Column]) -> pd.DataFrame:
    """A frame as DuckDB gives it, with what is nullable by contract as pandas' nullable types.

    DuckDB's own types depend on the rows: whole numbers become floats where one is missing, truth
    values objects.
    """
    nullable = {
        ColumnType.BIGINT: "Int64",
        ColumnType.INTEGER: "Int32",
        ColumnType.BOOLEAN: "boolean",
    }
    return frame.astype(
        {c.name: nullable[c.type] for c in columns if c.nullable and c.type in nullable}
    )


def write_metadata(
    report: WriteReport, warehouse: Warehouse, contract: TableContract
) -> dict[str, Any]:
    """What a write did, as figures for the UI."""
    return {
        "dagster/table_name": f"{warehouse.schema}.{contract.name}",
        "dagster/storage_kind": "duckdb",
        "rows inserted": report.inserted,
        "rows updated": report.updated,
        "rows unchanged": report.unchanged,
        "rows deleted": report.deleted,
        "rows moved to another year": report.moved,
    }
