"""How often and after how long an answer is asked for again; when a service is left alone.

Lives here: the retry policy, `Retry-After`, the circuit breaker. Not here: the loop that uses them
(`http_client.py`). All times are arguments, jitter comes from a generator handed in.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from ayne_dagster.sources.classification import Classification, Verdict

SHORTEST_WAIT_SECONDS = 1.0
LONGEST_WAIT_SECONDS = 60.0


@dataclass(frozen=True)
class RetryPolicy:
    """How stubborn a client is; the numbers are those of the fault cases in `docs/services.md`.

    Attributes:
        unavailable: Retries after a server error or a broken connection.
        slow_down: Retries after a rate limit: 6 tries in all.
        unusable: Retries after an answer that cannot be read.
        base_seconds: Wait before the first retry; doubles with each.
        cap_seconds: Longest wait of our own choice.
    """

    unavailable: int = 5
    slow_down: int = 5
    unusable: int = 2
    base_seconds: float = 1.0
    cap_seconds: float = 30.0

    def retries_for(self, classification: Classification) -> int:
        """How often such an answer may be asked for again in all."""
        if classification.retries is not None:
            return classification.retries
        return {
            Verdict.UNAVAILABLE: self.unavailable,
            Verdict.SLOW_DOWN: self.slow_down,
            Verdict.UNUSABLE: self.unusable,
        }.get(classification.verdict, 0)

    def wait_seconds(self, failures: int, jitter: random.Random) -> float:
        """Wait before the next try after so many failures: doubling, between half and all of it.

        Args:
            failures: Failed tries so far, from 1.
            jitter: Source of chance, so that clients that failed together do not return together.
        """
        longest = min(self.base_seconds * 2 ** (failures - 1), self.cap_seconds)
        return longest * (0.5 + jitter.random() / 2)


def retry_after_seconds(headers: Mapping[str, str], now: datetime) -> float | None:
    """What `Retry-After` asks for, in seconds between 1 and 60; None where it says nothing usable.

    Seconds and HTTP dates are both allowed (RFC 9110, 10.2.3). TMDB is known to send 0, which
    would mean to ask again at once, and nothing may hold a run for hours.
    """
    value = (headers.get("retry-after") or "").strip()
    if not value:
        return None
    if value.isascii() and value.isdigit():
        seconds = float(value[:9])
    else:
        try:
            until = parsedate_to_datetime(value)
        except (TypeError, ValueError, OverflowError):
            return None
        if until.tzinfo is None:
            until = until.replace(tzinfo=UTC)
        seconds = (until - now).total_seconds()
    return min(max(seconds, SHORTEST_WAIT_SECONDS), LONGEST_WAIT_SECONDS)


class CircuitBreaker:
    """Leaves a service alone for a while after several asks in a row came to nothing.

    An ask counts once, after all its tries: ten connections that break in the same moment are one
    incident each, and any answer at all (a 404, too) starts the count again.

    Args:
        failures: Asks in a row that trip it.
        rest: How long it stays open; the first ask after that is the probe.
        now: Clock, UTC.
    """

    def __init__(self, *, failures: int = 5, rest: timedelta, now: Callable[[], datetime]) -> None:
        self._limit = failures
        self._rest = rest
        self._now = now
        self._in_a_row = 0
        self._open_until: datetime | None = None

    @property
    def is_open(self) -> bool:
        """Whether nothing may be asked now."""
        return self._open_until is not None and self._now() < self._open_until

    def record_answer(self) -> None:
        """The service answered."""
        self._in_a_row = 0
        self._open_until = None

    def record_failure(self) -> None:
        """An ask came to nothing after all its tries."""
        self._in_a_row += 1
        if self._in_a_row >= self._limit:
            self._open_until = self._now() + self._rest
