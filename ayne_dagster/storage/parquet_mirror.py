"""A copy of each partition as one Parquet file, for people and notebooks.

Lives here: `<folder>/<table>/release_year=<year>/part.parquet` (hive layout); a journal is split by
month instead. Reading it never blocks the platform. Files appear by atomic rename: nobody ever
sees half of one.

Everything here happens while the caller holds the warehouse's write lock. So no two processes are
ever at the notes and the files at once, and whatever is half done here was left by a dead one.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import duckdb

from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.domain.year_groups import group_partitions
from ayne_dagster.storage.table_writes import stored_columns

FILE_NAME = "part.parquet"
MONTH = "month"
ROWS_AT_ONCE = 50_000
"""Rows of one COPY: its partitions are held in memory until it ends."""
ROW_GROUP_ROWS = 20_480
"""Rows of a row group; with wide rows DuckDB's own 122,880 held hundreds of megabytes."""
_NOTE_NAME = ".owed"
_UNFINISHED = ".partial"
_YEAR = re.compile(r"\d{4}|undated")


@dataclass(frozen=True)
class ParquetMirror:
    """Where the mirror lies.

    Attributes:
        folder: Root folder; one folder per table below it.
    """

    folder: Path

    def path(self, contract: TableContract, part: str | None = None) -> Path:
        """The file of one partition (a release year, a month), or of an unpartitioned table."""
        column = _part_column(contract)
        table = self.folder / contract.name
        return table / FILE_NAME if column is None else table / f"{column}={part}" / FILE_NAME

    def owe(self, contract: TableContract, years: Sequence[str]) -> None:
        """Note, before the commit, which partitions are to be mirrored after it.

        A process that dies in between leaves the note behind, and the next write of the table, or
        `catch_up`, makes it good; a rerun alone would not, for it finds its rows stored and changes
        nothing. A run of many small writes owes with each and mirrors once, at its end.

        Args:
            contract: The table.
            years: Partitions that change; none for an unpartitioned table.
        """
        note = self._note(contract)
        owed = self._owed(contract)
        if owed == [] and contract.year_column is not None:
            return
        note.parent.mkdir(parents=True, exist_ok=True)
        # Renamed into place: half a note would forget the partitions in its other half.
        fresh = note.with_name(f"{_NOTE_NAME}{_UNFINISHED}")
        fresh.write_text("\n".join(sorted({*years, *(owed or ())})), encoding="utf-8")
        fresh.replace(note)

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
            connection: Open on the committed state, with the warehouse's write lock held.
            contract: The table.
            qualified: Its quoted name.
            years: Partitions that changed; one that has become empty loses its file. An
                unpartitioned table is written where a write of it was announced (`owe`); a journal
                only in the months in which its files differ from it.
        """
        owed = self._owed(contract)
        if owed is None and not years:
            return
        self._remove_leftovers(contract)
        if contract.mirror_month_of is not None:
            stale = self._stale_months(connection, contract, qualified)
            self._write_parts(connection, contract, qualified, stale)
            # Journals were one file once.
            (self.folder / contract.name / FILE_NAME).unlink(missing_ok=True)
        elif contract.year_column is None:
            self._write_whole(connection, contract, qualified)
        else:
            is_damaged = owed == []
            owed = self._all_years(connection, contract, qualified) if is_damaged else owed or []
            rows = _counts(connection, contract, qualified, sorted({*years, *owed}))
            self._write_parts(connection, contract, qualified, rows)
        self._note(contract).unlink(missing_ok=True)

    def catch_up(
        self,
        connection: duckdb.DuckDBPyConnection,
        contracts: Iterable[TableContract],
        qualify: Callable[[str], str],
    ) -> None:
        """Write everything that is still owed: at the end of a run, and after a process that died.

        Args:
            connection: Open on the committed state, with the warehouse's write lock held.
            contracts: The tables to look at.
            qualify: A table's quoted name with its schema (`Warehouse.qualified`).
        """
        for contract in contracts:
            if self._owed(contract) is None:
                continue
            if stored_columns(connection, qualify(contract.name)):
                self.write(connection, contract, qualify(contract.name), ())
            else:
                # The process died before the table's first commit.
                self._note(contract).unlink()

    def _note(self, contract: TableContract) -> Path:
        return self.folder / contract.name / _NOTE_NAME

    def _owed(self, contract: TableContract) -> list[str] | None:
        """Partitions owed since an earlier write; None where none was announced.

        Of a partitioned table an empty list means that the note says nothing one can trust.
        """
        try:
            names = self._note(contract).read_text(encoding="utf-8", errors="replace").split()
        except FileNotFoundError:
            return None
        return names if all(_YEAR.fullmatch(name) for name in names) else []

    def _remove_leftovers(self, contract: TableContract) -> None:
        for path in (self.folder / contract.name).glob(f".*{_UNFINISHED}"):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _stale_months(
        self, connection: duckdb.DuckDBPyConnection, contract: TableContract, qualified: str
    ) -> dict[str, int]:
        """Rows of the months whose file is missing, or holds other rows than the table.

        Rows of a journal never change, so that their number and the newest one tell two states
        apart. No note could be as sure, and the question costs one pass over one column.
        """
        figures = f'count(*), max("{contract.mirror_month_of}")'
        stored = connection.execute(
            f"SELECT {_part_sql(contract)}, {figures} FROM {qualified} GROUP BY 1"
        ).fetchall()
        rows = {month: count for month, count, _ in stored}
        folders = self._folders(contract)
        mirrored: list[tuple[str, int, object]] = []
        if folders:
            # A file that cannot be read makes all months stale; so do folders without files.
            with suppress(duckdb.Error):
                mirrored = connection.execute(
                    f"SELECT {MONTH}, {figures} FROM read_parquet(?, hive_partitioning = true, "
                    f"hive_types = {{'{MONTH}': VARCHAR}}) GROUP BY 1",
                    [str(self.folder / contract.name / f"{MONTH}=*" / FILE_NAME)],
                ).fetchall()
        differing = {month for month, *_ in set(stored) ^ set(mirrored)}
        stray = {month for month in folders if month not in rows}
        return {month: rows.get(month, 0) for month in differing | stray}

    def _all_years(
        self, connection: duckdb.DuckDBPyConnection, contract: TableContract, qualified: str
    ) -> list[str]:
        """Every year of the table or of the mirror."""
        found = connection.execute(
            f'SELECT DISTINCT "{contract.year_column}" FROM {qualified}'
        ).fetchall()
        return [*(row[0] for row in found), *self._folders(contract)]

    def _folders(self, contract: TableContract) -> list[str]:
        """The partitions that have a folder in the mirror."""
        named = (self.folder / contract.name).glob(f"{_part_column(contract)}=*")
        return [path.name.partition("=")[2] for path in named]

    def _write_parts(
        self,
        connection: duckdb.DuckDBPyConnection,
        contract: TableContract,
        qualified: str,
        rows: Mapping[str, int],
    ) -> None:
        """Write partitions, several in one COPY, for each COPY reads the whole table."""
        for part in (part for part, count in rows.items() if count == 0):
            self.path(contract, part).unlink(missing_ok=True)
            with suppress(OSError):
                self.path(contract, part).parent.rmdir()
        names = ", ".join(f'"{name}"' for name in contract.column_names)
        column, value = _part_column(contract), _part_sql(contract)
        more = "" if contract.year_column else f", {value} AS {column}"
        key = ", ".join(f'"{name}"' for name in contract.key)
        query = (
            f"SELECT {names}{more} FROM {qualified} WHERE {value} IN (SELECT unnest(?)) "
            f"ORDER BY {value}, {key}"
        )
        filled = {part: count for part, count in sorted(rows.items()) if count}
        connection.execute("SET partitioned_write_max_open_files = 10000")
        for parts in group_partitions(filled, ROWS_AT_ONCE):
            with self._staging(contract) as staging:
                _copy(connection, query, [parts], staging, f", PARTITION_BY ({column})")
                for part in parts:
                    target = self.path(contract, part)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    (staging / target.parent.name / "data_0.parquet").replace(target)

    def _write_whole(
        self, connection: duckdb.DuckDBPyConnection, contract: TableContract, qualified: str
    ) -> None:
        names = ", ".join(f'"{name}"' for name in contract.column_names)
        key = ", ".join(f'"{name}"' for name in contract.key)
        with self._staging(contract) as staging:
            copied = staging / FILE_NAME
            _copy(connection, f"SELECT {names} FROM {qualified} ORDER BY {key}", [], copied)
            copied.replace(self.path(contract))

    @contextmanager
    def _staging(self, contract: TableContract) -> Iterator[Path]:
        """A folder for files that are not complete yet.

        Its name starts with a dot, so that a glob over partitions never meets what is in it.
        """
        folder = self.folder / contract.name / f".{os.getpid()}{_UNFINISHED}"
        folder.mkdir(parents=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _part_column(contract: TableContract) -> str | None:
    """The column in the folders' names; None for a table of one file."""
    return MONTH if contract.mirror_month_of else contract.year_column


def _part_sql(contract: TableContract) -> str:
    """The partition of a row, as text."""
    if contract.year_column is not None:
        return f'"{contract.year_column}"'
    # As a plain timestamp, which is UTC: with a time zone the same costs ten times as much.
    return f"strftime(make_timestamp(epoch_us(\"{contract.mirror_month_of}\")), '%Y-%m')"


def _counts(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    qualified: str,
    years: Sequence[str],
) -> dict[str, int]:
    """Rows of each of these partitions, 0 included."""
    year = f'"{contract.year_column}"'
    counted = connection.execute(
        f"SELECT {year}, count(*) FROM {qualified} WHERE {year} IN (SELECT unnest(?)) GROUP BY 1",
        [list(years)],
    ).fetchall()
    return {**dict.fromkeys(years, 0), **dict(counted)}


def _copy(
    connection: duckdb.DuckDBPyConnection,
    query: str,
    parameters: list[list[str]],
    target: Path,
    more: str = "",
) -> None:
    escaped = str(target).replace("'", "''")
    connection.execute(
        f"COPY ({query}) TO '{escaped}' (FORMAT parquet, COMPRESSION zstd, "
        f"ROW_GROUP_SIZE {ROW_GROUP_ROWS}{more})",
        parameters,
    )
