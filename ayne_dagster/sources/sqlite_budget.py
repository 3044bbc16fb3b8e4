"""The request budget all processes of one machine share: a small SQLite file.

Lives here: reservation of send slots and the day's count, in one transaction. Not here: what a
budget is (`request_budget.py`). The file must lie on a local disk: SQLite's locks need it.
"""

import asyncio
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from ayne_dagster.sources.failures import LedgerUnusable, QuotaExhausted
from ayne_dagster.sources.request_budget import BudgetStatus, ServiceLimits

T = TypeVar("T")

SLOWER_SECONDS = 60.0
"""How long the pace stays halved after the service complained."""
_LONGEST_WAIT_SECONDS = 30.0
_LONGEST_PLAUSIBLE_QUEUE_SECONDS = 3600.0
_SCHEMA = (
    """create table if not exists pace (
        service text primary key,
        next_send_at real not null default 0,
        paused_until real not null default 0,
        slower_until real not null default 0
    ) without rowid""",
    """create table if not exists used (
        service text not null,
        key_hash text not null,
        day text not null,
        requests integer not null default 0,
        is_over integer not null default 0,
        primary key (service, key_hash, day)
    ) without rowid""",
)


class _Busy(Exception):
    """Another holds the ledger at this moment."""


class SqliteRequestBudget:
    """Exact over all processes of the machine, and after restarts and kills.

    Every caller reserves the next free send time, so the pace is smooth, and in the same
    transaction counts against the UTC day of that send time. Slots are reserved one at a time:
    it costs about 0.3 ms, and a process that dies takes at most one with it. WAL with
    `synchronous=normal` survives the death of a process; a power cut may forget the last moments.

    Args:
        path: The ledger; made when missing.
        limits: What each service allows. Asking for another service is a KeyError.
        now: Clock, UTC; the processes must share it, as they share the machine.
        sleep: Replaces `asyncio.sleep` in tests.
    """

    def __init__(
        self,
        path: Path,
        limits: Mapping[str, ServiceLimits],
        *,
        now: Callable[[], datetime],
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        self._path = path
        self._limits = dict(limits)
        self._now = now
        self._sleep = sleep or asyncio.sleep
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._owner_pid = 0
        # For the moments another process holds the ledger: the event loop must not wait for it.
        self._thread: ThreadPoolExecutor | None = None

    async def acquire(self, service: str) -> None:
        """See `RequestBudget.acquire`."""
        send_at, now = await self._run(partial(self._reserve, service, True))
        while send_at > now:
            await self._wait(send_at - now)
            # Whoever waited does not rush into a pause that was declared meanwhile.
            paused_until = await self._run(partial(self._paused_until, service))
            if paused_until <= send_at:
                return
            now = send_at
            send_at, _ = await self._run(partial(self._reserve, service, False))

    async def slow_down(self, service: str, seconds: float) -> None:
        """See `RequestBudget.slow_down`; the pace is halved for a minute after the pause."""
        await self._run(partial(self._pause, service, seconds))

    async def exhaust(self, service: str) -> None:
        """See `RequestBudget.exhaust`."""
        await self._run(partial(self._mark_over, service))

    def left_today(self, service: str, now: datetime | None = None) -> int | None:
        """See `RequestBudget.left_today`."""
        return self._status_of(service, now or self._now()).left

    def status(self, now: datetime | None = None) -> list[BudgetStatus]:
        """See `RequestBudget.status`."""
        return [self._status_of(service, now or self._now()) for service in sorted(self._limits)]

    def close(self) -> None:
        """Let go of the file; the next use opens it again."""
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None
        with self._lock:
            if self._connection is not None and self._owner_pid == os.getpid():
                self._connection.close()
            self._connection = None

    def _reserve(self, service: str, is_counted: bool, is_patient: bool) -> tuple[float, float]:
        """Reserve a slot; the send time and the time now, both in seconds since 1970."""
        limits = self._limits[service]
        with self._transaction(is_patient) as ledger:
            now = self._now().timestamp()
            next_send_at, paused_until, slower_until = self._pace(ledger, service)
            if next_send_at - now > _LONGEST_PLAUSIBLE_QUEUE_SECONDS:
                next_send_at = now  # the clock was set back: nobody queues for an hour
            send_at = max(now, next_send_at, paused_until)
            if is_counted:
                self._count(ledger, service, limits, send_at)
            pace = limits.requests_per_second
            interval = 1 / pace if pace else 0.0
            if send_at < slower_until:
                interval *= 2
            ledger.execute(
                "insert into pace (service, next_send_at) values (?, ?) "
                "on conflict do update set next_send_at = excluded.next_send_at",
                (service, send_at + interval),
            )
        return send_at, now

    def _count(
        self, ledger: sqlite3.Connection, service: str, limits: ServiceLimits, send_at: float
    ) -> None:
        """Count a request on the UTC day it is sent; a refused one rolls everything back."""
        day = _utc_day(send_at)
        used, is_over = self._used(ledger, service, day)
        quota = limits.daily_quota
        if is_over or (quota is not None and used >= quota):
            words = f"{used} of {quota} requests" if quota is not None else f"{used} requests"
            raise QuotaExhausted(
                service, f"the quota of {day} (UTC) is used up after {words}; the rest stays due"
            )
        ledger.execute(
            "insert into used (service, key_hash, day, requests) values (?, ?, ?, 1) "
            "on conflict do update set requests = requests + 1",
            (service, limits.key_hash, day),
        )

    def _pause(self, service: str, seconds: float, is_patient: bool) -> None:
        with self._transaction(is_patient) as ledger:
            until = self._now().timestamp() + seconds
            ledger.execute(
                "insert into pace (service, paused_until, slower_until) values (?, ?, ?) "
                "on conflict do update set paused_until = max(paused_until, excluded.paused_until),"
                " slower_until = max(slower_until, excluded.slower_until)",
                (service, until, until + SLOWER_SECONDS),
            )

    def _mark_over(self, service: str, is_patient: bool) -> None:
        with self._transaction(is_patient) as ledger:
            ledger.execute(
                "insert into used (service, key_hash, day, is_over) values (?, ?, ?, 1) "
                "on conflict do update set is_over = 1",
                (service, self._limits[service].key_hash, _utc_day(self._now().timestamp())),
            )

    def _paused_until(self, service: str, is_patient: bool) -> float:
        with self._transaction(is_patient) as ledger:
            return self._pace(ledger, service)[1]

    def _status_of(self, service: str, now: datetime) -> BudgetStatus:
        limits = self._limits[service]
        day = _utc_day(now.timestamp())
        with self._transaction(is_patient=True) as ledger:
            used, is_over = self._used(ledger, service, day)
            next_send_at, paused_until, _ = self._pace(ledger, service)
        free_at = max(next_send_at, paused_until)
        left = None if limits.daily_quota is None else max(limits.daily_quota - used, 0)
        return BudgetStatus(
            service=service,
            day=datetime.fromisoformat(day).date(),
            used=used,
            daily_quota=limits.daily_quota,
            left=0 if is_over else left,
            requests_per_second=limits.requests_per_second or None,
            next_send_at=(
                datetime.fromtimestamp(free_at, UTC) if free_at > now.timestamp() else None
            ),
        )

    def _pace(self, ledger: sqlite3.Connection, service: str) -> tuple[float, float, float]:
        rows = ledger.execute(
            "select next_send_at, paused_until, slower_until from pace where service = ?",
            (service,),
        ).fetchall()
        return rows[0] if rows else (0.0, 0.0, 0.0)

    def _used(self, ledger: sqlite3.Connection, service: str, day: str) -> tuple[int, bool]:
        rows = ledger.execute(
            "select requests, is_over from used where service = ? and key_hash = ? and day = ?",
            (service, self._limits[service].key_hash, day),
        ).fetchall()
        return (rows[0][0], bool(rows[0][1])) if rows else (0, False)

    @contextmanager
    def _transaction(self, is_patient: bool) -> Iterator[sqlite3.Connection]:
        """One transaction that holds the ledger from its first read to its end.

        Args:
            is_patient: Wait while another holds the ledger.

        Raises:
            _Busy: Another holds it, and not to be waited for.
            LedgerUnusable: The file is damaged, cannot be opened, or stays locked.
        """
        if not self._lock.acquire(blocking=is_patient):
            raise _Busy
        try:
            ledger = self._open()
            _when_free("begin immediate", ledger, is_patient)
            try:
                yield ledger
            except BaseException:
                ledger.execute("rollback")
                raise
            ledger.execute("commit")
        except sqlite3.Error as error:
            raise self._unusable(error) from error
        finally:
            self._lock.release()

    def _open(self) -> sqlite3.Connection:
        # A connection must not cross a fork: the child opens its own.
        if self._connection is not None and self._owner_pid == os.getpid():
            return self._connection
        self._path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(
            self._path,
            timeout=0,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            _when_free("pragma journal_mode = wal", connection)
            connection.execute("pragma synchronous = normal")
            _when_free("begin immediate", connection)
            for statement in _SCHEMA:
                connection.execute(statement)
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
        elif isinstance(error, sqlite3.OperationalError) and "malformed" not in words:
            advice = "check that its folder exists, is writable, on a local disk and not full"
        else:
            advice = (
                "it is damaged: delete it together with its -wal and -shm files while no run is "
                "active; today's count then starts at 0, so wait for the next UTC day where the "
                "quota matters"
            )
        return LedgerUnusable(f"request ledger {self._path}: {words}; {advice}")

    async def _run(self, work: Callable[[bool], T]) -> T:
        """Do it here, as it takes a fraction of a millisecond; in a thread where it has to wait."""
        try:
            return work(False)
        except _Busy:
            if self._thread is None or self._owner_pid not in (0, os.getpid()):
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="request-ledger")
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, True)

    async def _wait(self, seconds: float) -> None:
        done = self._sleep(seconds)
        if asyncio.iscoroutine(done):
            await done


def _utc_day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).date().isoformat()


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
                raise _Busy from None
            time.sleep(0.001)
        else:
            return
