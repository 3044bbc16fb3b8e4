"""The services' limits: TMDB's requests per second, OMDb's requests per key and day.

One of each serves all connections. Seconds are real ones, days are those of the sandbox's clock.
Counting for the statistics page happens elsewhere.
"""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Callable
from email.utils import formatdate
from typing import Literal, get_args

from ayne_dagster.sandbox.clock import SandboxClock

RetryAfterMode = Literal["absent", "zero", "seconds", "date"]
RETRY_AFTER_MODES: tuple[str, ...] = get_args(RetryAfterMode)


class PaceLimiter:
    """At most `per_second` requests in any window of one second; 0 means no limit.

    Only requests let through count, so a client that keeps knocking is not locked out for ever.
    """

    def __init__(self, per_second: int, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.per_second = per_second
        self._monotonic = monotonic
        self._passed: deque[float] = deque()

    def try_pass(self) -> float:
        """Return 0.0 and count the request, or the seconds until one would be let through."""
        if self.per_second == 0:
            return 0.0
        now = self._monotonic()
        while self._passed and self._passed[0] <= now - 1.0:
            self._passed.popleft()
        if len(self._passed) < self.per_second:
            self._passed.append(now)
            return 0.0
        return self._passed[0] + 1.0 - now


class DailyQuota:
    """At most `per_day` requests per key and UTC day of the sandbox's clock; 0 means no limit."""

    def __init__(self, per_day: int, clock: SandboxClock) -> None:
        self.per_day = per_day
        self._clock = clock
        self._counts: dict[str, dict[str, int]] = {}

    def try_pass(self, key: str) -> bool:
        """Count a request of `key` when its quota has room; tell whether it had."""
        days = self._counts.setdefault(key, {})
        today = self._clock.today().isoformat()
        used = days.get(today, 0)
        if self.per_day and used >= self.per_day:
            return False
        days[today] = used + 1
        return True

    def counts(self) -> dict[str, dict[str, int]]:
        """Return requests let through, by key and day."""
        return {key: dict(days) for key, days in self._counts.items()}


def retry_after(mode: RetryAfterMode, wait_seconds: float) -> str | None:
    """Return the Retry-After header for a wait, None when the mode leaves it out."""
    whole = max(1, math.ceil(wait_seconds))
    if mode == "absent":
        return None
    if mode == "zero":
        return "0"
    # HTTP dates are read against the client's clock, so they follow real time.
    return str(whole) if mode == "seconds" else formatdate(time.time() + whole, usegmt=True)
