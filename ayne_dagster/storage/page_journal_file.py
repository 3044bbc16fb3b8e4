"""Pages of walks under way, in one SQLite file: a walk that was killed goes on where it stopped.

Lives here: the file behind `sources/page_journal.py`. Each page is on disk before the next is asked
for, and several processes may keep pages at once. Nothing in it is needed for long: a file that is
damaged is set aside, whenever it is noticed, and its pages are asked for again.
"""

import json
import logging
import os
import sqlite3
import threading
import weakref
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

logger = logging.getLogger(__name__)

T = TypeVar("T")

_WAIT_SECONDS = 30.0
_SCHEMA = """create table if not exists pages (
    path text not null,
    query text not null,
    answered_at real not null,
    payload blob not null,
    primary key (path, query)
) without rowid"""


@dataclass(frozen=True)
class KeptPage:
    """A page as it was kept; what `JournaledPage` of the sources is.

    Attributes:
        payload: The JSON object as the service sent it.
        answered_at: When it arrived, UTC.
    """

    payload: dict[str, Any] = field(repr=False)
    answered_at: datetime


class PageJournalFile:
    """The file, for any thread; its connection stays open, and a forked child opens its own.

    Args:
        path: Where it lies, on a local disk.
        now: Clock, UTC.
        oldest: Older pages are dropped when pages are forgotten.
    """

    def __init__(
        self, path: Path, now: Callable[[], datetime], oldest: timedelta = timedelta(days=1)
    ) -> None:
        self.path = path
        self._now = now
        self._oldest = oldest
        self._lock = threading.Lock()
        self._owner_pid = os.getpid()
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._closing: weakref.finalize[..., PageJournalFile] | None = None

    def recall(self, path: str, params: Mapping[str, Any], newer_than: datetime) -> KeptPage | None:
        """The newest answer to this query, unless there is none newer than that."""
        query = _query(params)

        def read(connection: sqlite3.Connection) -> KeptPage | None:
            found = connection.execute(
                "select payload, answered_at from pages "
                "where path = ? and query = ? and answered_at > ?",
                (path, query, newer_than.timestamp()),
            ).fetchall()
            if not found:
                return None
            payload, answered_at = found[0]
            return KeptPage(
                json.loads(zlib.decompress(payload)), datetime.fromtimestamp(answered_at, UTC)
            )

        return self._do(read) if self.path.exists() else None

    def keep(
        self, path: str, params: Mapping[str, Any], payload: dict[str, Any], answered_at: datetime
    ) -> None:
        """Keep an answer in place of an older one to the same query."""
        packed = zlib.compress(json.dumps(payload).encode(), 1)
        row = path, _query(params), answered_at.timestamp(), packed

        def write(connection: sqlite3.Connection) -> None:
            with connection:
                connection.execute(
                    "insert or replace into pages (path, query, answered_at, payload) "
                    "values (?, ?, ?, ?)",
                    row,
                )

        self._do(write)

    def forget(self, path: str, is_done: Callable[[Mapping[str, Any]], bool]) -> None:
        """Drop the answers whose query is done with, and whatever is too old to be recalled."""
        if not self.path.exists():
            return
        oldest = (self._now() - self._oldest).timestamp()

        def read(connection: sqlite3.Connection) -> list[tuple[str, dict[str, Any]]]:
            queries = connection.execute("select query from pages where path = ?", (path,))
            return [(query, json.loads(query)) for (query,) in queries.fetchall()]

        done = [(path, query) for query, params in self._do(read) if is_done(params)]

        def drop(connection: sqlite3.Connection) -> None:
            with connection:
                connection.executemany("delete from pages where path = ? and query = ?", done)
                connection.execute("delete from pages where answered_at < ?", (oldest,))

        self._do(drop)

    def close(self) -> None:
        """Let go of the file; what is used again opens it again."""
        if self._owner_pid == os.getpid():
            with self._lock:
                self._close()

    def _do(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Do it; where the file turns out to be damaged, once more with a fresh one."""
        if self._owner_pid != os.getpid():
            # Neither a connection nor a lock another thread may have held crosses a fork.
            self._owner_pid, self._lock = os.getpid(), threading.Lock()
            self._connection = self._file = None
            if self._closing is not None:
                self._closing.detach()
        with self._lock:
            try:
                return work(self._open())
            except (sqlite3.DatabaseError, zlib.error, ValueError) as error:
                if not _is_damage(error):
                    raise
                self._set_aside(error)
                return work(self._open())

    def _open(self) -> sqlite3.Connection:
        # Another process may have set the file aside: what is kept in it then is kept nowhere.
        if self._connection is not None and self._file == _identity(self.path):
            return self._connection
        self._close()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=_WAIT_SECONDS, check_same_thread=False)
        self._connection = connection
        self._closing = weakref.finalize(self, connection.close)
        self._file = _identity(self.path)
        connection.execute("pragma journal_mode = wal")
        connection.execute("pragma synchronous = normal")
        connection.execute(_SCHEMA)
        # SQLite makes a missing file with the first statement.
        self._file = self._file or _identity(self.path)
        return connection

    def _close(self) -> None:
        if self._closing is not None:
            self._closing()
        self._connection = self._closing = None

    def _set_aside(self, error: Exception) -> None:
        """Move the file away, unless another process was faster and this is a fresh one."""
        self._close()
        if self._file != _identity(self.path):
            return
        logger.error("%s is damaged (%s); set aside as damaged-*", self.path, error)
        # The file itself comes last: it must never lie beside the log of another.
        for end in ("-wal", "-shm", ""):
            part = self.path.with_name(self.path.name + end)
            try:
                part.replace(part.with_name(f"damaged-{part.name}"))
            except FileNotFoundError:
                continue


def _is_damage(error: Exception) -> bool:
    """Whether the file is to blame: not a full disk, a lock that stays, or missing rights.

    A table of another shape is an operational error to Python, and as useless as a damaged one.
    """
    if not isinstance(error, sqlite3.OperationalError):
        return True
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) == sqlite3.SQLITE_ERROR


def _identity(path: Path) -> tuple[int, int] | None:
    """Which file lies there now; None: none."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino


def _query(params: Mapping[str, Any]) -> str:
    return json.dumps(dict(params), sort_keys=True)
