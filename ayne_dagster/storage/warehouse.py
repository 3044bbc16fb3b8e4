"""The DuckDB file, opened for the shortest time.

Lives here: connections, the writers' queue, plain reads. Not here: what a write does to rows
(`table_writes.py`) and the questions the platform asks (`movie_queries.py`).

DuckDB lets one process write or many read. So nobody keeps the file open: reads open it read-only,
writers take a lock of ours first and wait their turn, and whoever waits too long is told who holds
it.
"""

import json
import os
import random
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
from filelock import FileLock, Timeout

from ayne_dagster.storage.attached_file import AttachedFile, attach
from ayne_dagster.storage.writers_line import standing_in_line

_ASKED_AGAIN_SECONDS = 0.02
_FIRST_WAIT_SECONDS = 0.01
_LONGEST_WAIT_SECONDS = 0.5

_HELD = (
    "Could not set lock",  # Linux, macOS
    "used by another process",  # Windows
    "different configuration",  # a connection of this process that is not ours
    "already attached",
    "Unique file handle conflict",
)

_process_locks: dict[Path, threading.RLock] = {}
_process_locks_guard = threading.Lock()


class WarehouseBusy(TimeoutError):
    """The file was held by somebody else for longer than the time limit; nothing was written."""


class WarehouseDamaged(RuntimeError):
    """The file is there but is no DuckDB database this version can read."""


class WarehouseMissing(FileNotFoundError):
    """There is no warehouse yet: nothing has been materialized."""


def _process_lock(path: Path) -> threading.RLock:
    """One lock per file and process.

    DuckDB refuses a read-only and a read-write connection to one file in one process, so threads
    of a process take turns as well.
    """
    with _process_locks_guard:
        return _process_locks.setdefault(path.resolve(), threading.RLock())


@dataclass(frozen=True)
class Warehouse:
    """The place of the DuckDB file and how long to wait for it.

    Attributes:
        path: The DuckDB file; its folder is made when needed.
        schema: Schema of all tables.
        wait_seconds: How long to wait for a held file before giving up.
        connection_config: Further DuckDB options (memory_limit, threads ...).
    """

    path: Path
    schema: str = "main"
    wait_seconds: float = 120.0
    connection_config: tuple[tuple[str, Any], ...] = ()

    @property
    def exists(self) -> bool:
        """Whether anything was ever written."""
        return self.path.exists()

    @contextmanager
    def writing(
        self,
        purpose: str,
        after_commit: Callable[[duckdb.DuckDBPyConnection], None] | None = None,
    ) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file for writing; `transaction` makes what follows one unit.

        Args:
            purpose: A few words for others who wait: which asset, which run.
            after_commit: Called with the committed state before anybody else may write; the mirror
                is made here, so that an older state can never overwrite a newer one. Not called
                when the block fails.

        Raises:
            WarehouseBusy: Others held the file for longer than `wait_seconds`.
            WarehouseDamaged: The file cannot be read.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        deadline = time.monotonic() + self.wait_seconds
        with self._turn_of_thread(deadline), self._queued(purpose, deadline):
            opened = self._open(read_only=False, deadline=deadline)
            try:
                yield opened.connection
                if after_commit is not None:
                    after_commit(opened.connection)
            finally:
                opened.close()

    @contextmanager
    def reading(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """Open the file read-only: readers share it with each other, not with a writer.

        Raises:
            WarehouseMissing: There is no file yet.
            WarehouseBusy: A writer held the file for longer than `wait_seconds`.
            WarehouseDamaged: The file cannot be read.
        """
        if not self.exists:
            raise WarehouseMissing(
                f"there is no warehouse at {self.path} yet; `ayne collect` or a materialization "
                "in the UI makes it"
            )
        deadline = time.monotonic() + self.wait_seconds
        with self._turn_of_thread(deadline):
            opened = self._open(read_only=True, deadline=deadline)
            try:
                yield opened.connection
            finally:
                opened.close()

    def frame(
        self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> pd.DataFrame:
        """The result of one read-only query."""
        with self.reading() as connection:
            return connection.execute(sql, parameters or []).df()

    def rows(
        self, sql: str, parameters: Sequence[Any] | Mapping[str, Any] | None = None
    ) -> list[dict[str, Any]]:
        """The result of one read-only query as plain Python rows (dates, lists, None)."""
        with self.reading() as connection:
            return rows_of(connection.execute(sql, parameters or []))

    def table_names(self) -> set[str]:
        """Names of the tables that exist; none where there is no file."""
        if not self.exists:
            return set()
        with self.reading() as connection:
            return table_names(connection, self.schema)

    def qualified(self, table: str) -> str:
        """The table's name with its schema, quoted."""
        return f'"{self.schema}"."{table}"'

    @contextmanager
    def _turn_of_thread(self, deadline: float) -> Iterator[None]:
        lock = _process_lock(self.path)
        if not lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise WarehouseBusy(
                f"{self.path} was held for more than {self.wait_seconds:g} s by another thread of "
                "this process; nothing was written"
            )
        try:
            yield
        finally:
            lock.release()

    @contextmanager
    def _queued(self, purpose: str, deadline: float) -> Iterator[None]:
        holder_path = _holder_path(self.path)
        lock = FileLock(self.path.with_name(self.path.name + ".lock"))
        try:
            _acquire_in_turn(lock, self.path, deadline)
        except Timeout as error:
            raise WarehouseBusy(
                f"{self.path} was held for more than {self.wait_seconds:g} s by "
                f"{_describe_holder(holder_path)}; nothing was written. Wait for it to end, or "
                "raise DATABASE__WAIT_SECONDS"
            ) from error
        try:
            holder_path.write_text(
                json.dumps(
                    {
                        "pid": os.getpid(),
                        "host": socket.gethostname(),
                        "purpose": purpose,
                        "since": datetime.now(UTC).isoformat(timespec="seconds"),
                    }
                )
            )
            yield
        finally:
            # The name is for people: where it cannot be taken away, the lock goes all the same.
            try:
                with suppress(OSError):
                    holder_path.unlink(missing_ok=True)
            finally:
                lock.release()

    def _open(self, *, read_only: bool, deadline: float) -> AttachedFile:
        return _patiently(
            lambda: attach(self.path, read_only=read_only, config=self.connection_config),
            path=self.path,
            wait_seconds=self.wait_seconds,
            deadline=deadline,
        )


def _acquire_in_turn(lock: FileLock, path: Path, deadline: float) -> None:
    """Take the lock when all who came before have had it.

    Raises:
        Timeout: That took too long.
    """
    with standing_in_line(path) as is_first:
        while not is_first():
            if time.monotonic() >= deadline:
                raise Timeout(lock.lock_file)
            time.sleep(_ASKED_AGAIN_SECONDS)
        seconds = max(0.0, deadline - time.monotonic())
        lock.acquire(timeout=seconds, poll_interval=_ASKED_AGAIN_SECONDS)


def table_names(connection: duckdb.DuckDBPyConnection, schema: str) -> set[str]:
    """Names of the tables of a schema."""
    found = connection.execute(
        "SELECT table_name FROM duckdb_tables() "
        "WHERE database_name = current_database() AND schema_name = ?",
        [schema],
    ).fetchall()
    return {row[0] for row in found}


def rows_of(cursor: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """All rows of an executed query as plain Python values: dates, lists, None."""
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


@contextmanager
def transaction(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """One unit of work: committed at the end, dropped when anything fails.

    There is no rollback here on purpose: whoever opened the file drops what was not committed when
    giving it back, and a rollback that fails here would only hide the first error.
    """
    connection.begin()
    yield
    connection.commit()


def _unreadable(path: Path, error: duckdb.Error) -> str:
    """What is the matter with a file, and what to do about it."""
    if not _has_duckdb_mark(path):
        return (
            f"{path} is no DuckDB file. Is it the right path? If it is the platform's file, it is "
            "damaged: put a copy back or move it away, the next materialization makes a new one "
            f"({error})"
        )
    return (
        f"{path} cannot be opened: {error}. If the file is damaged, put a copy back or move it "
        "away: the next materialization makes a new one"
    )


def _has_duckdb_mark(path: Path) -> bool:
    """Whether the file begins like a DuckDB file: `DUCK` behind a checksum of 8 bytes."""
    try:
        with path.open("rb") as file:
            return file.read(12)[8:] == b"DUCK"
    except OSError:
        # What cannot be looked into is not called names.
        return True


def _patiently(
    connect: Callable[[], AttachedFile],
    *,
    path: Path,
    wait_seconds: float,
    deadline: float,
) -> AttachedFile:
    """Open the file, waiting with growing, jittered pauses while another process holds it."""
    wait = _FIRST_WAIT_SECONDS
    while True:
        try:
            return connect()
        except duckdb.Error as error:
            if not _is_held(error):
                raise WarehouseDamaged(_unreadable(path, error)) from error
            if time.monotonic() >= deadline:
                raise WarehouseBusy(
                    f"{path} was held for more than {wait_seconds:g} s{_known_writer(path, error)}"
                    f": {error}. Close the program that holds it (notebooks can read the Parquet "
                    "mirror instead), or raise DATABASE__WAIT_SECONDS"
                ) from error
            # Jitter keeps waiting processes from coming back all at once.
            time.sleep(wait * random.uniform(0.5, 1.0))  # noqa: S311
            wait = min(wait * 2, _LONGEST_WAIT_SECONDS)


def _is_held(error: duckdb.Error) -> bool:
    text = str(error)
    return any(words in text for words in _HELD)


def _holder_path(path: Path) -> Path:
    return path.with_name(path.name + ".holder.json")


def _known_writer(path: Path, error: duckdb.Error) -> str:
    """Who holds the file, where DuckDB names the process that said so when it began to write."""
    described = _describe_holder(_holder_path(path))
    named = re.search(r"PID (\d+)", str(error))
    return f" by {described}" if named and f"process {named[1]} on" in described else ""


def _describe_holder(path: Path) -> str:
    try:
        holder = json.loads(path.read_text())
    except (OSError, ValueError):
        return "another process"
    return (
        f"process {holder.get('pid')} on {holder.get('host')} "
        f"({holder.get('purpose')}, since {holder.get('since')})"
    )
