"""By which rules turns are given: who is next, when, and how long to wait. Pure arithmetic.

Lives here: the decision, on numbers read from the ledger. Not here: the ledger. `redis_scripts.py`
says the same in Lua, because Redis decides inside; the tests of both backends are the same tests.

The rules:
- Requests go out one interval apart. What counts is the moment of sending, not a reserved one: a
  process that wakes late takes a later slot and never squeezes in with those that follow. Only
  `EARLY_SECONDS` of lateness are caught up, so n + 1 requests take at least n intervals less that.
- Every process has one request at the head of its own line. The heads take turns in the order in
  which they came, so each process gets the same share, however many requests wait in it. Who is
  not there at its time is passed over and keeps its place in the line.
- A place is a request under way. Places are kept by a lease that its process renews.
- Every number that lies too far ahead was written before the clock was set back, and is left out.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from ayne_dagster.sources.failures import QuotaExhausted
from ayne_dagster.sources.request_budget import BudgetStatus, ServiceLimits

EARLY_SECONDS = 0.005
"""Lateness that is caught up: timers and a busy event loop are late by some milliseconds."""
LEASE_SECONDS = 6.0
"""The places of a killed process are free again after so long; leases are renewed three times."""
LONGEST_PAUSE_SECONDS = 60.0
RECOVERY_SECONDS = 60.0
"""After a pause the pace rises from `SLOWEST_SHARE` of the agreed to all of it in so long."""
SLOWEST_SHARE = 0.5
PLACE_POLL_SECONDS = 0.010
LONGEST_NAP_SECONDS = 1.0
MISSED_SECONDS = 0.010
CLOCK_GRAIN_SECONDS = 0.0001


@dataclass
class Pace:
    """The pace of a service, in seconds since 1970.

    Attributes:
        next_send_at: When the next request is due.
        paused_until: Until when nobody sends.
    """

    next_send_at: float = 0.0
    paused_until: float = 0.0

    def plausible(self, limits: ServiceLimits, now: float) -> "Pace":
        """The same, without what a clock set back has left too far ahead."""
        is_pause = self.paused_until <= now + LONGEST_PAUSE_SECONDS
        paused_until = self.paused_until if is_pause else 0.0
        latest = now + interval_seconds(limits, now, paused_until) + EARLY_SECONDS
        return Pace(min(self.next_send_at, latest), paused_until)


@dataclass
class Asker:
    """A process that asks a service.

    Attributes:
        places: Requests it has under way.
        lives_until: End of its lease on them.
        ticket: Place of its head request in the line, lowest first; None: nobody waits.
        due_at: When its head request will ask again.
    """

    places: int = 0
    lives_until: float = 0.0
    ticket: int | None = None
    due_at: float = 0.0

    def places_held(self, now: float) -> int:
        """Places it holds; none after its lease, nor with one from a clock set back."""
        return self.places if now < self.lives_until <= now + LEASE_SECONDS else 0

    def is_waiting(self, now: float) -> bool:
        """Whether its head request will ask again in time."""
        is_there = now - MISSED_SECONDS <= self.due_at <= now + 2 * LONGEST_NAP_SECONDS
        return self.ticket is not None and is_there

    def is_gone(self, now: float) -> bool:
        """Whether it left nothing that counts, and has not been heard of for a lease."""
        last = max(self.lives_until, self.due_at + LEASE_SECONDS)
        return not now <= last <= now + 2 * LEASE_SECONDS


def pace_share(now: float, paused_until: float) -> float:
    """Share of the agreed pace: lowest right after a pause, then rising evenly."""
    recovered = (now - paused_until) / RECOVERY_SECONDS
    return min(1.0, SLOWEST_SHARE + (1 - SLOWEST_SHARE) * max(0.0, recovered))


def interval_seconds(limits: ServiceLimits, now: float, paused_until: float) -> float:
    """Time between two requests at this moment; 0 without a pace."""
    if not limits.requests_per_second:
        return 0.0
    return 1 / limits.requests_per_second / pace_share(now, paused_until)


def nap_seconds(
    pace: Pace, others: Iterable[Asker], me: Asker, limits: ServiceLimits, now: float
) -> float:
    """How long to wait before asking again; 0: it is my turn.

    Args:
        pace: Without what lies too far ahead.
        others: Everybody else who asks this service.
        me: Who asks now, with its ticket.
        limits: What the service allows.
        now: Seconds since 1970.
    """
    others = list(others)
    ticket = me.ticket or 0
    ahead = sum(o.is_waiting(now) and (o.ticket or 0) < ticket for o in others)
    slot_at = max(pace.next_send_at - EARLY_SECONDS, pace.paused_until)
    slot_at += ahead * interval_seconds(limits, now, pace.paused_until)
    nap = max(0.0, slot_at - now)
    if limits.max_connections is not None:
        in_use = me.places + sum(other.places_held(now) for other in others)
        if limits.max_connections - in_use <= ahead:
            nap = max(nap, PLACE_POLL_SECONDS * (ahead + 1))
    return min(nap, LONGEST_NAP_SECONDS) if nap > CLOCK_GRAIN_SECONDS else 0.0


def next_ticket(others: Iterable[Asker], now: float) -> int:
    """The end of the line."""
    return 1 + max((o.ticket or 0 for o in others if o.is_waiting(now)), default=0)


def refuse_when_over(
    service: str, limits: ServiceLimits, day: date, used: int, is_over: bool
) -> None:
    """Raise where nothing more may be sent on this day.

    Raises:
        QuotaExhausted: By our count, or by the service's word.
    """
    quota = limits.daily_quota
    if is_over or (quota is not None and used >= quota):
        words = f"{used} of {quota} requests" if quota is not None else f"{used} requests"
        raise QuotaExhausted(
            service, f"the quota of {day} (UTC) is used up after {words}; the rest stays due"
        )


def utc_day(now: float) -> date:
    """The UTC day of a moment."""
    return datetime.fromtimestamp(now, UTC).date()


def status_of(
    service: str,
    limits: ServiceLimits,
    now: float,
    *,
    day: date,
    pace: Pace,
    used: int,
    is_over: bool,
    places_in_use: int,
) -> BudgetStatus:
    """A budget in numbers, from what the ledger holds; `used` of that day."""
    agreed = limits.requests_per_second or None
    pace = pace.plausible(limits, now)
    recovered_at = pace.paused_until + RECOVERY_SECONDS
    free_at = max(pace.next_send_at, pace.paused_until)
    share = 0.0 if now < pace.paused_until else pace_share(now, pace.paused_until)
    left = None if limits.daily_quota is None else max(limits.daily_quota - used, 0)
    return BudgetStatus(
        service=service,
        day=day,
        used=used,
        daily_quota=limits.daily_quota,
        left=0 if is_over else left,
        requests_per_second=agreed,
        pace_now=None if agreed is None else agreed * share,
        slowed_until=_moment(recovered_at) if now < recovered_at else None,
        next_send_at=_moment(free_at) if free_at > now else None,
        places_in_use=places_in_use,
        places=limits.max_connections,
    )


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
