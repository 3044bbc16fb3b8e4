"""A copy of each partition as one Parquet file, for people and notebooks.

Lives here: `<folder>/<table>/release_year=<year>/part.parquet` (hive layout). Reading it never
blocks the platform. Files appear by atomic rename: nobody ever sees half of one.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ayne_dagster.domain.tables.contract import TableContract

FILE_NAME = "part.parquet"
_NOTE_NAME = ".owed"


@dataclass(frozen=True)
class ParquetMirror:
    """Where the mirror lies.

    Attributes:
        folder: Root folder; one folder per table below it.
    """

    folder: Path

    def path(self, contract: TableContract, year: str | None = None) -> Path:
        """The file of one partition, or of an unpartitioned table."""
        table = self.folder / contract.name
        if contract.year_column is None:
            return table / FILE_NAME
        return table / f"{contract.year_column}={year}" / FILE_NAME

    def owe(self, contract: TableContract, years: Sequence[str]) -> None:
        """Note, before the commit, which partitions are to be mirrored after it.

        A process that dies in between leaves the note behind, and the next write of the table
        catches up; a rerun alone would not, for it finds its rows stored and changes nothing.
        """
        note = self._note(contract)
        note.parent.mkdir(parents=True, exist_ok=True)
        note.write_text("\n".join(sorted({*years, *(self._owed(contract) or ())})))

    def is_owed(self, contract: TableContract) -> bool:
        """Whether anything of the table waits to be mirrored."""
        return self._note(contract).exists()

    def write(
        self,
        connection: duckdb.DuckDBPyConnection,
        contract: TableContract,
        qualified: str,
        years: Sequence[str],
    ) -> None:
        """Write anew the named partitions (or the whole unpartitioned table) and those owed.

        Args:
            connection: Open on the committed state.
            contract: The table.
            qualified: Its quoted name.
            years: Partitions that changed; one that has become empty loses its file. An
                unpartitioned table is written where a write of it was announced (`owe`).
        """
        owed = self._owed(contract)
        if owed is None and not years:
            return
        self._write(connection, contract, qualified, sorted({*years, *(owed or ())}))
        self._note(contract).unlink(missing_ok=True)

    def _note(self, contract: TableContract) -> Path:
        return self.folder / contract.name / _NOTE_NAME

    def _owed(self, contract: TableContract) -> list[str] | None:
        """Partitions owed since an earlier write; None where none was announced."""
        try:
            return self._note(contract).read_text().split()
        except FileNotFoundError:
            return None

    def _write(
        self,
        connection: duckdb.DuckDBPyConnection,
        contract: TableContract,
        qualified: str,
        years: Sequence[str],
    ) -> None:
        # The year stands in the folder's name, as the hive layout wants it.
        columns = ", ".join(
            f'"{name}"' for name in contract.column_names if name != contract.year_column
        )
        key = ", ".join(f'"{name}"' for name in contract.key)
        if contract.year_column is None:
            _copy(
                connection,
                f"SELECT {columns} FROM {qualified} ORDER BY {key}",
                [],
                self.path(contract),
            )
            return
        columns = columns or f'"{contract.year_column}"'
        for year in years:
            target = self.path(contract, year)
            where = f'FROM {qualified} WHERE "{contract.year_column}" = ?'
            counted = connection.execute(f"SELECT count(*) {where}", [year]).fetchall()
            if counted[0][0] == 0:
                target.unlink(missing_ok=True)
                continue
            _copy(connection, f"SELECT {columns} {where} ORDER BY {key}", [year], target)


def _copy(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: list[str], target: Path
) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    # The name starts with a dot, so that a glob over *.parquet never meets a half-written file.
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        connection.execute(
            f"COPY ({query}) TO '{_escaped(partial)}' (FORMAT parquet, COMPRESSION zstd)",
            parameters,
        )
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _escaped(path: Path) -> str:
    return str(path).replace("'", "''")
