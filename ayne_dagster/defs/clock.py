"""The platform's clock: this machine's, or the one CLOCK_URL names.

Lives here: which clock counts. Everything that asks for the time is given this one, so that days
can pass on command (`docs/automation.md`). Not here: reading a clock (`sources/remote_clock.py`).
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache

from ayne_dagster.settings import Settings

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """This machine's clock, UTC."""
    return datetime.now(UTC)


def platform_clock(settings: Settings, wall: Clock = utc_now) -> Clock:
    """The clock these settings name.

    Args:
        settings: Where `clock_url` stands.
        wall: What counts without it.
    """
    return wall if settings.clock_url is None else _remote_clock(settings.clock_url)


@cache
def _remote_clock(url: str) -> Clock:
    """One per process: it is asked once a second, however many parts look at it."""
    from ayne_dagster.sources.remote_clock import RemoteClock

    return RemoteClock(url)
