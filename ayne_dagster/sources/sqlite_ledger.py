"""The ledger's file: opened when needed, one transaction at a time, and what to do when it fails.

Lives here: tables, locks, and the words for a file that cannot be used. Not here: what is written
into it (`sqlite_budget.py`).
"""

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ayne_dagster.sources.failures import LedgerUnusable
from ayne_dagster.sources.waiting_line import Busy

_LONGEST_WAIT_SECONDS = 30.0
_PAGES_UNTIL_CHECKPOINT = 4000
_SCHEMA = (
    """create table if not exists pace (
        service text primary key,
        next_send_at real not null default 0,
        paused_until real not null default 0
    ) without rowid""",
    """create table if not exists used (
        service text not null,
        key_hash text not null,
        day text not null,
        requests integer not null default 0,
        is_over integer not null default 0,
        last_sent_at real,
        primary key (service, key_hash, day)
    ) without rowid""",
    """create table if not exists askers (
        service text not null,
        holder text not null,
        places integer not null default 0,
        lives_until real not null default 0,
        ticket integer,
        due_at real not null default 0,
        primary key (service, holder)
    ) without rowid""",
    # For people: times as text, one line per service, key and day.
    """create view if not exists budget as select
        service, day, requests as used, is_over, key_hash,
        strftime('%Y-%m-%dT%H:%M:%SZ', last_sent_at, 'unixepoch') as last_sent_at,
        (select case when paused_until > 0
            then strftime('%Y-%m-%dT%H:%M:%SZ', paused_until, 'unixepoch') end
            from pace where pace.service = used.service) as last_pause_ended_at
        from used""",
)


class Ledger:
    """One SQLite file, its connection opened on use and again after `close` or a fork.

    Args:
        path: The file; made when missing, with its folder.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._owner_pid = 0

    @contextmanager
    def transaction(self, is_patient: bool) -> Iterator[sqlite3.Connection]:
        """One transaction that holds the file from its first read to its end.

        Threads share the connection: one transaction at a time is the caller's part.

        Args:
            is_patient: Wait while another holds the file.

        Raises:
            Busy: Another holds it, and not to be waited for.
            LedgerUnusable: The file is damaged, cannot be opened or written, or stays locked;
                nothing of the transaction is in it then.
        """
        try:
            ledger = self._open()
            _when_free("begin immediate", ledger, is_patient)
            try:
                yield ledger
                ledger.execute("commit")
            except BaseException:
                # SQLite ends some failed transactions itself, and leaves others open.
                if ledger.in_transaction:
                    ledger.execute("rollback")
                raise
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        except OSError as error:
            raise LedgerUnusable(f"request ledger {self._path}: {error}; {_FOLDER}") from error

    def close(self) -> None:
        """Let go of the file; a parent's connection is left to the parent."""
        if self._connection is not None and self._owner_pid == os.getpid():
            self._connection.close()
        self._connection = None

    def _open(self) -> sqlite3.Connection:
        # A connection must not cross a fork: the child opens its own.
        if self._connection is not None and self._owner_pid == os.getpid():
            return self._connection
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self._path, timeout=0, isolation_level=None, check_same_thread=False
        )
        try:
            # Small pages and rare checkpoints: fewer and shorter stops of whoever sends.
            connection.execute("pragma page_size = 1024")
            _when_free("pragma journal_mode = wal", connection)
            connection.execute("pragma synchronous = normal")
            connection.execute(f"pragma wal_autocheckpoint = {_PAGES_UNTIL_CHECKPOINT}")
            _when_free("begin immediate", connection)
            for statement in _SCHEMA:
                connection.execute(statement)
            columns = [row[1] for row in connection.execute("pragma table_info(used)")]
            if "last_sent_at" not in columns:  # a ledger of version 0.1.0
                connection.execute("alter table used add column last_sent_at real")
            connection.execute("commit")
        except sqlite3.Error:
            connection.close()
            raise
        self._connection, self._owner_pid = connection, os.getpid()
        return connection

    def _unusable(self, error: sqlite3.Error) -> LedgerUnusable:
        """What is wrong with the file, and what to do about it."""
        words = str(error)
        if "locked" in words or "busy" in words:
            advice = "another process holds it; end that process and try again"
        elif isinstance(error, sqlite3.OperationalError) and not any(
            sign in words for sign in _SIGNS_OF_DAMAGE
        ):
            advice = _FOLDER
        else:
            advice = (
                "it is damaged: delete it together with its -wal and -shm files while no run is "
                "active; today's count then starts at 0, so wait for the next UTC day where the "
                "quota matters"
            )
        return LedgerUnusable(f"request ledger {self._path}: {words}; {advice}")


_FOLDER = "check that its folder exists, is writable, on a local disk and not full"
_SIGNS_OF_DAMAGE = (
    "malformed",
    "no such column",
    "no such table",
    "has no column",
    "views may not",
)


def _when_free(statement: str, connection: sqlite3.Connection, is_patient: bool = True) -> None:
    """Run a statement that another process's lock may refuse.

    Waiting is ours: SQLite refuses the switch to WAL at once, and its own waiting has pauses of
    up to 100 ms, long after a transaction of this ledger is over.
    """
    deadline = time.monotonic() + _LONGEST_WAIT_SECONDS
    while True:
        try:
            connection.execute(statement)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            if not is_patient:
                raise Busy from None
            time.sleep(0.001)
        else:
            return
