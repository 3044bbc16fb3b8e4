"""A clock that is read over HTTP: the sandbox's, so that days pass for every process alike.

Lives here: asking it, and going on from its answer in between. Not here: when it is used instead of
this machine's clock (`defs/clock.py`).
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

ASK_AGAIN_SECONDS = 1.0
"""A clock that was moved is noticed so much later at the latest."""
_TIMEOUT_SECONDS = 10.0


class ClockUnreachable(RuntimeError):
    """The clock of CLOCK_URL did not answer, or answered with something else than a time."""


@dataclass(frozen=True)
class Reading:
    """What a clock said.

    Attributes:
        now: Its time, UTC.
        speed: Its seconds per real second.
    """

    now: datetime
    speed: float


class RemoteClock:
    """The time of a clock elsewhere; call it for the time. For any number of threads.

    Args:
        url: Where it answers with `{"now": ISO time, "speed": seconds per second}`.
        read: Asks it once.
        monotonic: Real seconds.
    """

    def __init__(
        self,
        url: str,
        *,
        read: Callable[[str], Reading] | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = url
        self._read = read or read_clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._last: tuple[float, Reading] | None = None

    def __call__(self) -> datetime:
        """The clock's time, UTC.

        Raises:
            ClockUnreachable: It does not answer.
        """
        with self._lock:
            if self._last is None or self._monotonic() - self._last[0] >= ASK_AGAIN_SECONDS:
                self._last = (self._monotonic(), self._read(self._url))
            asked_at, reading = self._last
            return reading.now + timedelta(
                seconds=(self._monotonic() - asked_at) * reading.speed,
            )


def read_clock(url: str) -> Reading:
    """Ask a clock once.

    Raises:
        ClockUnreachable: It does not answer.
    """
    # Only who has such a clock pays for loading it.
    import httpx

    try:
        answer = httpx.get(url, timeout=_TIMEOUT_SECONDS).raise_for_status().json()
        now = datetime.fromisoformat(answer["now"])
        if now.tzinfo is None:
            raise ValueError(f"{answer['now']} is a time without a zone")
        return Reading(now.astimezone(UTC), float(answer["speed"]))
    except (httpx.HTTPError, ValueError, TypeError, KeyError) as error:
        raise ClockUnreachable(
            f"CLOCK_URL: the clock at {url} does not tell the time ({error}). Start the sandbox it "
            "belongs to, or unset CLOCK_URL: then this machine's clock counts"
        ) from error
