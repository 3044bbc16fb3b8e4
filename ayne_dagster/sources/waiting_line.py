"""Waiting for a turn: the part of a shared budget that is the same wherever its numbers are kept.

Lives here: one line per process and service, the places this process holds, their renewal. Not
here: the rules (`budget_rules.py`) and the ledgers (`sqlite_budget.py`, `redis_budget.py`).
"""

import asyncio
import logging
import os
import threading
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import date, datetime
from functools import partial
from typing import TypeVar
from uuid import uuid4
from weakref import WeakKeyDictionary

from ayne_dagster.sources.budget_rules import LEASE_SECONDS
from ayne_dagster.sources.failures import LedgerUnusable
from ayne_dagster.sources.request_budget import BudgetStatus, ServiceLimits, Turn

logger = logging.getLogger(__name__)

T = TypeVar("T")
Line = dict[str, asyncio.Lock]


class Busy(Exception):
    """Another holds the ledger at this moment."""


class SharedBudget(ABC):
    """A `RequestBudget` whose numbers lie outside the process.

    Only the first request of a process asks the ledger, the others wait behind it: so a thousand
    waiting tasks cost the ledger no more than one, and no process gets more turns by waiting with
    more requests.

    A backend supplies five calls. Each is one indivisible step on the ledger, runs in any thread,
    and holds `_lock` while it uses `_held`.

    Args:
        limits: What each service allows. Asking for another service is a KeyError.
        sleep: Replaces `asyncio.sleep` in tests.
    """

    def __init__(
        self, limits: Mapping[str, ServiceLimits], sleep: Callable[[float], object] | None = None
    ) -> None:
        self._limits = dict(limits)
        self._sleep = sleep or asyncio.sleep
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()
        self._holder, self._holder_pid = "", 0
        self._lines: WeakKeyDictionary[asyncio.AbstractEventLoop, Line] = WeakKeyDictionary()
        self._renewal: asyncio.Task[None] | None = None
        # For calls that wait: the event loop must not wait with them.
        self._thread: ThreadPoolExecutor | None = None

    @asynccontextmanager
    async def turn(self, service: str) -> AsyncIterator[Turn]:
        """See `RequestBudget.turn`."""
        turn = await self._wait_for_turn(service)
        try:
            yield turn
        finally:
            await self._give_back(service)

    async def slow_down(self, service: str, seconds: float) -> None:
        """See `RequestBudget.slow_down`: half the pace after the pause, rising for a minute."""
        await self._call(partial(self._pause, service, seconds))

    async def exhaust(self, service: str, day: date) -> None:
        """See `RequestBudget.exhaust`."""
        await self._call(partial(self._mark_over, service, day))

    def left_today(self, service: str, now: datetime | None = None) -> int | None:
        """See `RequestBudget.left_today`."""
        return self._read(service, now).left

    def status(self, now: datetime | None = None) -> list[BudgetStatus]:
        """See `RequestBudget.status`."""
        return [self._read(service, now) for service in sorted(self._limits)]

    def close(self) -> None:
        """See `RequestBudget.close`."""
        if self._renewal is not None and not self._held.total():
            with suppress(RuntimeError):  # its event loop is closed
                self._renewal.cancel()
            self._renewal = None
        if self._thread is not None:
            self._thread.shutdown()
            self._thread = None
        with self._lock:
            self._let_go()

    @abstractmethod
    def _ask(self, service: str, is_patient: bool) -> Turn | float:
        """A turn, counted and with its place added to `_held`; or seconds until asking again."""

    @abstractmethod
    def _tell(self, service: str, returned: int, is_patient: bool) -> None:
        """Take so many places out of `_held`; write how many are left and renew their lease."""

    @abstractmethod
    def _pause(self, service: str, seconds: float, is_patient: bool) -> None:
        """Nobody sends for so long."""

    @abstractmethod
    def _mark_over(self, service: str, day: date, is_patient: bool) -> None:
        """No more on this day."""

    @abstractmethod
    def _read(self, service: str, now: datetime | None) -> BudgetStatus:
        """The budget in numbers."""

    @abstractmethod
    def _let_go(self) -> None:
        """Close files and connections."""

    @property
    def _me(self) -> str:
        """The name under which this budget holds places; another one in a forked child."""
        if self._holder_pid != os.getpid():
            self._holder_pid = os.getpid()
            self._holder = f"{self._holder_pid}-{uuid4().hex[:8]}"
            self._held.clear()
        return self._holder

    async def _wait_for_turn(self, service: str) -> Turn:
        async with self._line_of(service):
            while True:
                answer = await self._call(partial(self._ask, service), partial(self._undo, service))
                if isinstance(answer, Turn):
                    break
                done = self._sleep(answer)
                if asyncio.iscoroutine(done):
                    await done
        if self._renewal is None or self._renewal.done():
            self._renewal = asyncio.create_task(self._renew())
        return answer

    def _line_of(self, service: str) -> asyncio.Lock:
        """The line in this event loop; a lock serves one loop only."""
        lines = self._lines.setdefault(asyncio.get_running_loop(), {})
        return lines.setdefault(service, asyncio.Lock())

    def _undo(self, service: str, done: Future[Turn | float]) -> None:
        """Give back a turn that came when nobody waited for it any more; it stays counted."""
        if not done.cancelled() and done.exception() is None and isinstance(done.result(), Turn):
            with suppress(LedgerUnusable):
                self._tell(service, 1, True)

    async def _give_back(self, service: str) -> None:
        # An answer that has come in must not be lost over this: the lease frees the place, too.
        try:
            await self._call(partial(self._tell, service, 1))
        except LedgerUnusable as error:
            logger.warning("%s: %s", service, error)

    async def _renew(self) -> None:
        """Renew the leases of requests that take long."""
        while self._held.total():
            await asyncio.sleep(LEASE_SECONDS / 3)
            for service in [name for name, places in self._held.items() if places > 0]:
                with suppress(LedgerUnusable):
                    await self._call(partial(self._tell, service, 0))

    async def _call(
        self,
        work: Callable[[bool], T],
        abandoned: Callable[[Future[T]], None] | None = None,
    ) -> T:
        """Do it here, as it takes a fraction of a millisecond; in a thread where it has to wait.

        Args:
            work: Told whether it may wait.
            abandoned: Given the outcome where the caller was cancelled before it was there.
        """
        try:
            return work(False)
        except Busy:
            if self._thread is None or self._holder_pid not in (0, os.getpid()):
                self._thread = ThreadPoolExecutor(1, thread_name_prefix="request-budget")
            future = self._thread.submit(work, True)
            try:
                return await asyncio.shield(asyncio.wrap_future(future))
            except asyncio.CancelledError:
                if abandoned is not None:
                    future.add_done_callback(abandoned)
                raise
