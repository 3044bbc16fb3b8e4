"""Pace, connections and daily quota of requests: what a client asks before every send.

Lives here: the protocol, limits, and status in numbers. Not here: the rules by which turns are
given (`budget_rules.py`), waiting for one (`waiting_line.py`), and where the numbers are kept
(`sqlite_budget.py` for one machine, `redis_budget.py` for several).
"""

import hashlib
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from pydantic import SecretStr


@dataclass(frozen=True)
class ServiceLimits:
    """What one service allows with one key, to all processes together.

    Attributes:
        requests_per_second: Pace; None or 0: none.
        daily_quota: Requests per UTC day with this key; None: no limit.
        key_hash: Which key the quota belongs to (`key_hash`); never the key itself.
        max_connections: Requests under way at once; None: no limit.
    """

    requests_per_second: float | None = None
    daily_quota: int | None = None
    key_hash: str = ""
    max_connections: int | None = None

    def __post_init__(self) -> None:
        if (self.requests_per_second or 0) < 0 or (self.daily_quota or 0) < 0:
            raise ValueError("limits are not negative")
        if self.max_connections is not None and self.max_connections < 1:
            raise ValueError("at least one connection is needed")


@dataclass(frozen=True)
class Turn:
    """The right to send one request now.

    Attributes:
        day: The UTC day it was counted on.
    """

    day: date


@dataclass(frozen=True)
class BudgetStatus:
    """A service's budget at a moment.

    Attributes:
        service: Whose.
        day: The UTC day counted.
        used: Requests granted that day, by all processes.
        daily_quota: Requests allowed that day; None: no limit.
        left: Requests left that day; None: no limit; 0 too when the service said it is over.
        requests_per_second: Pace by the settings; None: none.
        pace_now: Pace at this moment: 0 in a pause, lower than by the settings after one.
        slowed_until: When the pace by the settings is reached again, UTC; None: it is now.
        next_send_at: When the next request may go out, UTC; None: at once.
        places_in_use: Requests under way, of all processes.
        places: Most requests under way at once; None: no limit.
    """

    service: str
    day: date
    used: int
    daily_quota: int | None
    left: int | None
    requests_per_second: float | None
    pace_now: float | None = None
    slowed_until: datetime | None = None
    next_send_at: datetime | None = None
    places_in_use: int = 0
    places: int | None = None


class RequestBudget(Protocol):
    """Who may send when. Shared by everything that asks the same service with the same key."""

    def turn(self, service: str) -> AbstractAsyncContextManager[Turn]:
        """Wait for a place and a send slot, count the request, and give the place back at the end.

        Send inside the block, first thing: the slot is now. Counted when granted: a request that is
        then not sent (cancelled, crashed) stays counted, so the count is never lower than what was
        sent.

        Raises:
            QuotaExhausted: The UTC day's quota is used up; nothing was counted.
            LedgerUnusable: The numbers cannot be read or kept; the message says what to do.
        """
        ...

    async def slow_down(self, service: str, seconds: float) -> None:
        """The service said it is too much: nobody sends for so long, then slower for a while."""
        ...

    async def exhaust(self, service: str, day: date) -> None:
        """The service said the quota is used up: no more on that day, whatever was counted.

        Args:
            service: Who said it.
            day: The day of the refused request's turn; the answer may come in on the next.
        """
        ...

    def left_today(self, service: str, now: datetime | None = None) -> int | None:
        """Requests left on the UTC day of `now` (default: the budget's clock); None: no limit."""
        ...

    def status(self, now: datetime | None = None) -> list[BudgetStatus]:
        """All services in numbers."""
        ...

    def close(self) -> None:
        """Let go of files and connections; the next use opens them again."""
        ...


def key_hash(key: SecretStr) -> str:
    """A short name of a key that does not give it away: 12 hex digits of its SHA-256."""
    return hashlib.sha256(key.get_secret_value().strip().encode()).hexdigest()[:12]
