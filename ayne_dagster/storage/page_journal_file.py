"""Pages of walks under way, in one SQLite file: a walk that was killed goes on where it stopped.

Lives here: the file behind `sources/page_journal.py`. Each page is on disk before the next is asked
for, and several processes may keep pages at once. Nothing in it is needed for long: a file that is
damaged is set aside, and its pages are asked for again.
"""

import json
import logging
import sqlite3
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

logger = logging.getLogger(__name__)

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


@dataclass(frozen=True)
class PageJournalFile:
    """The file.

    Attributes:
        path: Where it lies, on a local disk.
        now: Clock, UTC.
        oldest: Older pages are dropped when pages are forgotten.
    """

    path: Path
    now: Callable[[], datetime]
    oldest: timedelta = timedelta(days=1)

    def recall(self, path: str, params: Mapping[str, Any], newer_than: datetime) -> KeptPage | None:
        """The newest answer to this query, unless there is none newer than that."""
        if not self.path.exists():
            return None
        with closing(self._open()) as connection:
            found = connection.execute(
                "select payload, answered_at from pages "
                "where path = ? and query = ? and answered_at > ?",
                (path, _query(params), newer_than.timestamp()),
            ).fetchall()
        if not found:
            return None
        payload, answered_at = found[0]
        return KeptPage(
            json.loads(zlib.decompress(payload)), datetime.fromtimestamp(answered_at, UTC)
        )

    def keep(
        self, path: str, params: Mapping[str, Any], payload: dict[str, Any], answered_at: datetime
    ) -> None:
        """Keep an answer in place of an older one to the same query."""
        packed = zlib.compress(json.dumps(payload).encode(), 1)
        with closing(self._open()) as connection, connection:
            connection.execute(
                "insert or replace into pages (path, query, answered_at, payload) "
                "values (?, ?, ?, ?)",
                (path, _query(params), answered_at.timestamp(), packed),
            )

    def forget(self, path: str, is_done: Callable[[Mapping[str, Any]], bool]) -> None:
        """Drop the answers whose query is done with, and whatever is too old to be recalled."""
        if not self.path.exists():
            return
        oldest = (self.now() - self.oldest).timestamp()
        with closing(self._open()) as connection, connection:
            queries = connection.execute("select query from pages where path = ?", (path,))
            done = [(path, q) for (q,) in queries.fetchall() if is_done(json.loads(q))]
            connection.executemany("delete from pages where path = ? and query = ?", done)
            connection.execute("delete from pages where answered_at < ?", (oldest,))

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(self.path, timeout=_WAIT_SECONDS)
        try:
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
            connection.execute(_SCHEMA)
        except sqlite3.DatabaseError as error:
            connection.close()
            if isinstance(error, sqlite3.OperationalError):
                raise
            aside = self.path.with_name(f"damaged-{self.path.name}")
            logger.error("%s is damaged (%s); set aside as %s", self.path, error, aside.name)
            self.path.replace(aside)
            return self._open()
        return connection


def _query(params: Mapping[str, Any]) -> str:
    return json.dumps(dict(params), sort_keys=True)
