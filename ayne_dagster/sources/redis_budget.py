"""The request budget processes of several machines share: a few keys in Redis.

Lives here: connection, keys, reading for people, and words for what goes wrong. Not here: the steps
themselves, which Redis does inside (`redis_scripts.py`).
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from ayne_dagster.redaction import redact, register_secret
from ayne_dagster.sources import budget_rules as rules
from ayne_dagster.sources.budget_rules import Pace
from ayne_dagster.sources.failures import LedgerUnusable
from ayne_dagster.sources.redis_address import NO_REDIS_ADDRESS, is_redis_address
from ayne_dagster.sources.redis_scripts import ASK, MARK_OVER, PAUSE, READ, TELL
from ayne_dagster.sources.request_budget import BudgetStatus, ServiceLimits, Turn
from ayne_dagster.sources.waiting_line import Busy, SharedBudget

if TYPE_CHECKING:
    from redis import Redis

_ANSWER_SECONDS = 3.0
"""A script takes well under a millisecond: a Redis that is silent for so long is not there."""
_NO_LIMIT = -1


class RedisRequestBudget(SharedBudget):
    """Exact over all processes of all machines that share the Redis.

    Each step is one script, which Redis runs alone. The time is Redis's own, so the machines'
    clocks need not agree. How much of the count survives a restart of Redis is a setting of Redis:
    switch on `appendonly`.

    Args:
        url: `redis://user:password@host:port/db`, or `rediss://` for TLS; it is masked in texts.
        limits: What each service allows. Asking for another service is a KeyError.
        now: Clock, UTC; None: Redis's own.
        sleep: Replaces `asyncio.sleep` in tests.
    """

    def __init__(
        self,
        url: SecretStr,
        limits: Mapping[str, ServiceLimits],
        *,
        now: Callable[[], datetime] | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        super().__init__(limits, sleep)
        register_secret(url)
        address = url.get_secret_value()
        password = urlsplit(address).password if is_redis_address(address) else None
        if password:
            register_secret(SecretStr(unquote(password)))
        self._url = url
        self._now = now
        self._redis: Redis | None = None
        self._owner_pid = 0

    def _ask(self, service: str, is_patient: bool) -> Turn | float:
        limits = self._limits[service]
        quota, places = limits.daily_quota, limits.max_connections
        with self._answering(is_patient):
            verdict, nap, day, used, is_over = self._run(
                ASK,
                service,
                self._me,
                self._held[service],
                limits.requests_per_second or 0,
                _NO_LIMIT if quota is None else quota,
                _NO_LIMIT if places is None else places,
            )
            if verdict == "go":
                self._held[service] += 1
                return Turn(date.fromisoformat(day))
        rules.refuse_when_over(
            service, limits, date.fromisoformat(day), int(used), bool(int(is_over))
        )
        return float(nap)

    def _tell(self, service: str, returned: int, is_patient: bool) -> None:
        with self._answering(is_patient):
            holder = self._me
            self._held[service] = max(0, self._held[service] - returned)
            self._run(TELL, service, holder, self._held[service])

    def _pause(self, service: str, seconds: float, is_patient: bool) -> None:
        with self._answering(is_patient):
            self._run(PAUSE, service, min(seconds, rules.LONGEST_PAUSE_SECONDS))

    def _mark_over(self, service: str, day: date, is_patient: bool) -> None:
        with self._answering(is_patient):
            self._run(MARK_OVER, service, day.isoformat())

    def _read(self, service: str, now: datetime | None) -> BudgetStatus:
        with self._answering(is_patient=True):
            moment, next_send_at, paused_until, used, is_over, places = self._run(
                READ, service, now=now
            )
        return rules.status_of(
            service,
            self._limits[service],
            float(moment),
            day=rules.utc_day(float(moment)),
            pace=Pace(float(next_send_at), float(paused_until)),
            used=int(used),
            is_over=bool(int(is_over)),
            places_in_use=int(places),
        )

    def _let_go(self) -> None:
        if self._redis is not None and self._owner_pid == os.getpid():
            self._redis.close()
        self._redis = None

    @contextmanager
    def _answering(self, is_patient: bool) -> Iterator[None]:
        """One question at a time, never in the event loop, and failures in our words.

        Raises:
            Busy: Not to be waited for; an answer over the network always is.
            LedgerUnusable: Redis is not there or refuses, or its package is missing.
        """
        if not is_patient:
            raise Busy
        try:
            from redis.exceptions import RedisError
        except ImportError:
            raise LedgerUnusable(
                "request budget in Redis: the package `redis` is missing; install the platform "
                "with its extra `redis`, or set BUDGET__BACKEND=file"
            ) from None
        with self._lock:
            try:
                yield
            except (RedisError, OSError, ValueError) as error:
                # Only the words go on: the exception may hold the address with its password.
                raise LedgerUnusable(
                    f"request budget in Redis: {redact(str(error))}; check that it runs and that "
                    "BUDGET__REDIS_URL is right, or set BUDGET__BACKEND=file on a single machine"
                ) from None

    def _run(
        self, script: str, service: str, *arguments: str | float, now: datetime | None = None
    ) -> Any:
        """Run a script on the keys of a service; its first argument is the time, or none."""
        moment = now or (self._now() if self._now else None)
        seconds = "" if moment is None else f"{moment.timestamp():.6f}"
        # The braces keep the keys of a service on one node of a cluster: a script needs that.
        name = f"ayne:budget:{{{service}}}"
        keys = (f"{name}:pace", f"{name}:askers", f"{name}:used:{self._limits[service].key_hash}")
        return self._open().register_script(script)(keys=keys, args=[seconds, *arguments])

    def _open(self) -> "Redis":
        # A connection must not cross a fork: the child opens its own.
        if self._redis is None or self._owner_pid != os.getpid():
            if not is_redis_address(self._url.get_secret_value()):
                # The client's own error would quote a piece of it.
                raise LedgerUnusable(
                    f"request budget in Redis: BUDGET__REDIS_URL {NO_REDIS_ADDRESS}"
                )
            from redis import Redis
            from redis.backoff import NoBackoff
            from redis.retry import Retry

            self._redis = Redis.from_url(
                self._url.get_secret_value(),
                decode_responses=True,
                socket_timeout=_ANSWER_SECONDS,
                socket_connect_timeout=_ANSWER_SECONDS,
                # The client asks again by itself unless told not to. A question whose answer was
                # lost may have been counted, and asked again it would be counted twice.
                retry=Retry(NoBackoff(), 0),
            )
            self._owner_pid = os.getpid()
        return self._redis
