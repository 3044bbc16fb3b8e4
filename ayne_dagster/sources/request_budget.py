"""Pace and daily quota of requests: what a client asks before every send.

Lives here: the protocol, limits, and status in numbers. Not here: the ledger all processes of a
machine share (`sqlite_budget.py`). Another backend needs the five methods and nothing else.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from pydantic import SecretStr


@dataclass(frozen=True)
class ServiceLimits:
    """What one service allows with one key.

    Attributes:
        requests_per_second: Pace shared by all processes; None or 0: none.
        daily_quota: Requests per UTC day with this key; None: no limit.
        key_hash: Which key the quota belongs to (`key_hash`); never the key itself.
    """

    requests_per_second: float | None = None
    daily_quota: int | None = None
    key_hash: str = ""

    def __post_init__(self) -> None:
        if (self.requests_per_second or 0) < 0 or (self.daily_quota or 0) < 0:
            raise ValueError("limits are not negative")


@dataclass(frozen=True)
class BudgetStatus:
    """A service's budget at a moment.

    Attributes:
        service: Whose.
        day: The UTC day counted.
        used: Requests granted that day, by all processes.
        daily_quota: Requests allowed that day; None: no limit.
        left: Requests left that day; None: no limit; 0 too when the service said it is over.
        requests_per_second: Pace; None: none.
        next_send_at: When the next request may go out, UTC; None: at once.
    """

    service: str
    day: date
    used: int
    daily_quota: int | None
    left: int | None
    requests_per_second: float | None
    next_send_at: datetime | None


class RequestBudget(Protocol):
    """Who may send when. Shared by everything that asks the same service with the same key."""

    async def acquire(self, service: str) -> None:
        """Wait for a send slot and count the request.

        Counted when reserved: a request that is then not sent (cancelled, crashed) stays counted,
        so the count is never lower than what was sent.

        Raises:
            QuotaExhausted: The UTC day's quota is used up; nothing was counted.
        """
        ...

    async def slow_down(self, service: str, seconds: float) -> None:
        """The service said it is too much: nobody sends for so long, then slower for a while."""
        ...

    async def exhaust(self, service: str) -> None:
        """The service said the day's quota is used up: no more today, whatever was counted."""
        ...

    def left_today(self, service: str, now: datetime | None = None) -> int | None:
        """Requests left on the UTC day of `now` (default: the budget's clock); None: no limit."""
        ...

    def status(self, now: datetime | None = None) -> list[BudgetStatus]:
        """All services in numbers."""
        ...


def key_hash(key: SecretStr) -> str:
    """A short name of a key that does not give it away: 12 hex digits of its SHA-256."""
    return hashlib.sha256(key.get_secret_value().strip().encode()).hexdigest()[:12]
