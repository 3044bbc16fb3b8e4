"""The sandbox's own clock: real time by default, or any other, at any speed.

Only this clock decides what day it is for the sandbox's films and quotas. The pace limiter
does not use it: requests per second are always real seconds.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta


class SandboxClock:
    """A clock that can be moved.

    Args:
        start: time the clock shows when it is made; a naive time is taken as UTC.
            None shows the real time.
        speed: sandbox seconds per real second; 0 stands still.
        monotonic: source of real seconds (a test may give its own).

    Raises:
        ValueError: when `speed` is negative.
    """

    def __init__(
        self,
        start: datetime | None = None,
        speed: float = 1.0,
        *,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        if speed < 0:
            raise ValueError(f"the clock's speed must not be negative, got {speed}")
        self._speed = speed
        self._monotonic = monotonic
        self._shown = as_utc(start) if start is not None else datetime.now(UTC)
        self._read_at = monotonic()

    @property
    def speed(self) -> float:
        """Sandbox seconds per real second."""
        return self._speed

    def now(self) -> datetime:
        """Return the sandbox's time, aware, in UTC."""
        return self._shown + timedelta(seconds=(self._monotonic() - self._read_at) * self._speed)

    def today(self) -> date:
        """Return the sandbox's UTC day."""
        return self.now().date()

    def advance(self, step: timedelta) -> datetime:
        """Move the clock by `step` (backwards when negative) and return the new time."""
        return self.set(self.now() + step)

    def set(self, moment: datetime) -> datetime:
        """Put the clock to `moment` and return it; from there it runs on at its speed."""
        self._shown = as_utc(moment)
        self._read_at = self._monotonic()
        return self._shown


def as_utc(moment: datetime) -> datetime:
    """Return `moment` in UTC; a naive time is taken as UTC already."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
