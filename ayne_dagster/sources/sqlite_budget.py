"""The request budget all processes of one machine share: a small SQLite file.

Lives here: the ledger, its tables, and each step on it as one transaction. Not here: what a budget
is (`request_budget.py`), who is next (`budget_rules.py`), how the file is opened and locked
(`sqlite_ledger.py`).
"""

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path

from ayne_dagster.sources import budget_rules as rules
from ayne_dagster.sources.budget_rules import Asker, Pace
from ayne_dagster.sources.failures import LedgerUnusable
from ayne_dagster.sources.request_budget import BudgetStatus, ServiceLimits, Turn
from ayne_dagster.sources.sqlite_ledger import Ledger
from ayne_dagster.sources.waiting_line import Busy, SharedBudget


class SqliteRequestBudget(SharedBudget):
    """Exact over all processes of the machine, and after restarts and kills.

    One transaction looks who is next, checks and counts the quota, takes a place and moves the
    pace: about 0.1 ms. Nothing is reserved ahead, so a process that dies takes at most the place of
    its requests with it, until their lease ends. WAL with `synchronous=normal` survives the death
    of a process; a power cut may forget the last moments.

    Args:
        path: The ledger; made when missing. It must lie on a local disk: SQLite's locks need it.
        limits: What each service allows. Asking for another service is a KeyError.
        now: Clock, UTC; the processes must share it, as they share the machine.
        days: Clock by whose UTC day the quota is counted; None: `now`. Another one where days pass
            on command, which the seconds between two requests never do.
        sleep: Replaces `asyncio.sleep` in tests.
    """

    def __init__(
        self,
        path: Path,
        limits: Mapping[str, ServiceLimits],
        *,
        now: Callable[[], datetime],
        days: Callable[[], datetime] | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        super().__init__(limits, sleep)
        self._ledger = Ledger(path)
        self._now = now
        self._days = days or now

    def _ask(self, service: str, is_patient: bool) -> Turn | float:
        with self._alone(is_patient):
            answer = self._decide(service, is_patient)
            # Only now is the place written: one counted before could be held for ever.
            if isinstance(answer, Turn):
                self._held[service] += 1
            return answer

    def _decide(self, service: str, is_patient: bool) -> Turn | float:
        """The transaction of `_ask`."""
        limits, holder = self._limits[service], self._me
        with self._ledger.transaction(is_patient) as ledger:
            now = self._now().timestamp()
            day = rules.utc_day(self._days().timestamp())
            used, is_over = self._used(ledger, service, day)
            rules.refuse_when_over(service, limits, day, used, is_over)
            stored = _pace(ledger, service)
            pace = stored.plausible(limits, now)
            interval = rules.interval_seconds(limits, now, pace.paused_until)
            others = _askers(ledger, service)
            me = others.pop(holder, None) or Asker()
            for name in [name for name, other in others.items() if other.is_gone(now)]:
                del others[name]
                ledger.execute("delete from askers where holder = ?", (name,))
            if me.ticket is None or not me.due_at <= now + 2 * rules.LONGEST_NAP_SECONDS:
                me.ticket = rules.next_ticket(others.values(), now)
            me.places = self._held[service]
            nap = rules.nap_seconds(pace, others.values(), me, limits, now)
            if nap:
                me.due_at = now + nap
                _keep_asker(ledger, service, holder, me, now)
                if pace != stored:
                    _keep_pace(ledger, service, pace)
                return nap
            self._count(ledger, service, day, now)
            _keep_pace(
                ledger, service, Pace(max(pace.next_send_at, now) + interval, pace.paused_until)
            )
            _keep_asker(ledger, service, holder, Asker(me.places + 1), now)
            return Turn(day)

    def _tell(self, service: str, returned: int, is_patient: bool) -> None:
        with self._alone(is_patient):
            holder = self._me
            left = max(0, self._held[service] - returned)
            try:
                with self._ledger.transaction(is_patient) as ledger:
                    now = self._now().timestamp()
                    ledger.execute(
                        "insert into askers (service, holder, places, lives_until) "
                        "values (?, ?, ?, ?) on conflict do update set "
                        "places = excluded.places, lives_until = excluded.lives_until",
                        (service, holder, left, now + rules.LEASE_SECONDS),
                    )
            except LedgerUnusable:
                # The request is over all the same; what is told next says so.
                self._held[service] = left
                raise
            self._held[service] = left

    def _pause(self, service: str, seconds: float, is_patient: bool) -> None:
        with self._alone(is_patient), self._ledger.transaction(is_patient) as ledger:
            now = self._now().timestamp()
            pace = _pace(ledger, service).plausible(self._limits[service], now)
            until = now + min(seconds, rules.LONGEST_PAUSE_SECONDS)
            pace.paused_until = max(pace.paused_until, until)
            _keep_pace(ledger, service, pace)

    def _mark_over(self, service: str, day: date, is_patient: bool) -> None:
        with self._alone(is_patient), self._ledger.transaction(is_patient) as ledger:
            ledger.execute(
                "insert into used (service, key_hash, day, is_over) values (?, ?, ?, 1) "
                "on conflict do update set is_over = 1",
                (service, self._limits[service].key_hash, day.isoformat()),
            )

    def _read(self, service: str, now: datetime | None) -> BudgetStatus:
        moment = (now or self._now()).timestamp()
        day = rules.utc_day((now or self._days()).timestamp())
        with self._lock, self._ledger.transaction(is_patient=True) as ledger:
            used, is_over = self._used(ledger, service, day)
            return rules.status_of(
                service,
                self._limits[service],
                moment,
                day=day,
                pace=_pace(ledger, service),
                used=used,
                is_over=is_over,
                places_in_use=sum(
                    asker.places_held(moment) for asker in _askers(ledger, service).values()
                ),
            )

    def _let_go(self) -> None:
        self._ledger.close()

    @contextmanager
    def _alone(self, is_patient: bool) -> Iterator[None]:
        """Hold the lock: threads share the connection and the places.

        Raises:
            Busy: Another thread holds it, and not to be waited for.
        """
        if not self._lock.acquire(blocking=is_patient):
            raise Busy
        try:
            yield
        finally:
            self._lock.release()

    def _used(self, ledger: sqlite3.Connection, service: str, day: date) -> tuple[int, bool]:
        rows = ledger.execute(
            "select requests, is_over from used where service = ? and key_hash = ? and day = ?",
            (service, self._limits[service].key_hash, day.isoformat()),
        ).fetchall()
        return (rows[0][0], bool(rows[0][1])) if rows else (0, False)

    def _count(self, ledger: sqlite3.Connection, service: str, day: date, now: float) -> None:
        ledger.execute(
            "insert into used (service, key_hash, day, requests, last_sent_at) "
            "values (?, ?, ?, 1, ?) on conflict do update set "
            "requests = requests + 1, last_sent_at = excluded.last_sent_at",
            (service, self._limits[service].key_hash, day.isoformat(), now),
        )


def _pace(ledger: sqlite3.Connection, service: str) -> Pace:
    rows = ledger.execute(
        "select next_send_at, paused_until from pace where service = ?", (service,)
    ).fetchall()
    return Pace(*rows[0]) if rows else Pace()


def _keep_pace(ledger: sqlite3.Connection, service: str, pace: Pace) -> None:
    ledger.execute(
        "insert into pace (service, next_send_at, paused_until) values (?, ?, ?) "
        "on conflict do update set next_send_at = excluded.next_send_at, "
        "paused_until = excluded.paused_until",
        (service, pace.next_send_at, pace.paused_until),
    )


def _askers(ledger: sqlite3.Connection, service: str) -> dict[str, Asker]:
    rows = ledger.execute(
        "select holder, places, lives_until, ticket, due_at from askers where service = ?",
        (service,),
    ).fetchall()
    return {holder: Asker(*rest) for holder, *rest in rows}


def _keep_asker(
    ledger: sqlite3.Connection, service: str, holder: str, asker: Asker, now: float
) -> None:
    ledger.execute(
        "insert into askers (service, holder, places, lives_until, ticket, due_at) "
        "values (?, ?, ?, ?, ?, ?) on conflict do update set places = excluded.places, "
        "lives_until = excluded.lives_until, ticket = excluded.ticket, due_at = excluded.due_at",
        (service, holder, asker.places, now + rules.LEASE_SECONDS, asker.ticket, asker.due_at),
    )
