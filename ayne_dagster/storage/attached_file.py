"""A DuckDB file, opened for a moment by attaching it to an instance the process keeps in memory.

Lives here: attach, detach. Making a DuckDB instance costs 17 ms each time, attaching a file to one
0.5 ms; the file's lock is taken and given back all the same. Not here: whose turn it is
(`warehouse.py`).
"""

import atexit
import itertools
import os
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

_WAL_LIMIT = "2MB"

Config = tuple[tuple[str, Any], ...]

_instances: dict[tuple[int, Config], duckdb.DuckDBPyConnection] = {}
_instances_guard = threading.Lock()
_numbers = itertools.count(1)


@dataclass
class AttachedFile:
    """An open file; `close` gives it back.

    Attributes:
        connection: Statements on it see the file's tables under their plain names.
    """

    connection: duckdb.DuckDBPyConnection
    _instance_key: tuple[int, Config]
    _alias: str

    def close(self) -> None:
        """Drop what was not committed and give the file back to others."""
        try:
            _leave_transaction(self.connection)
            self.connection.execute("USE memory")
            self.connection.execute(f"DETACH {self._alias}")
        except duckdb.Error:
            # An instance that cannot let go of a file (a full disk can do that to it) is given up
            # as a whole: closing it gives the file back, and the next one starts clean.
            _give_up(self._instance_key)
            raise
        finally:
            self.connection.close()


def attach(path: Path, *, read_only: bool, config: Config) -> AttachedFile:
    """Open a file.

    Args:
        path: The DuckDB file; made when it is missing and not opened read-only.
        read_only: Share it with other readers, and write nothing.
        config: Options of the instance (`memory_limit`, `threads`).

    Raises:
        duckdb.Error: It is held by another process, or is no DuckDB file.
    """
    key = (os.getpid(), config)
    connection = _instance(key).cursor()
    alias = f"file_{next(_numbers)}"
    escaped = str(path).replace("'", "''")
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"ATTACH '{escaped}' AS {alias}{' (READ_ONLY)' if read_only else ''}")
        connection.execute(f"USE {alias}")
    except duckdb.Error:
        connection.close()
        raise
    return AttachedFile(connection, key, alias)


def _instance(key: tuple[int, Config]) -> duckdb.DuckDBPyConnection:
    """The instance of this process (a forked child must not use its parent's)."""
    with _instances_guard:
        if key not in _instances:
            instance = duckdb.connect(":memory:", config=dict(key[1]))
            # Small writes end in the write-ahead log, which a commit makes durable; folding it
            # into the file on every close would rewrite whole row groups for a few rows.
            instance.execute("PRAGMA disable_checkpoint_on_shutdown")
            instance.execute(f"SET wal_autocheckpoint = '{_WAL_LIMIT}'")
            _instances[key] = instance
        return _instances[key]


def _give_up(key: tuple[int, Config]) -> None:
    with _instances_guard:
        instance = _instances.pop(key, None)
    if instance is not None:
        instance.close()


def _leave_transaction(connection: duckdb.DuckDBPyConnection) -> None:
    try:
        connection.rollback()
    except duckdb.TransactionException:
        # There was none: it was committed, or nothing was begun.
        return


@atexit.register
def _close_instances() -> None:
    """Give everything back before the interpreter takes its modules apart."""
    for key in [key for key in _instances if key[0] == os.getpid()]:
        _give_up(key)
