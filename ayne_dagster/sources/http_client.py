"""The one way to ask a service: budget, send, classify, retry, and an answer or a typed exception.

Lives here: the loop around every request. Not here: what answers mean (`classification.py`), how
long to wait (`retrying.py`), what is asked (`tmdb.py`, `omdb.py`).

The retry loop is our own, and not httpx-retries below the client, because a retry here depends on
the body (TMDB's code 25 and 21, OMDb's texts), each case has its own number of tries, every retry
must take its turn in the shared budget, and a complaint must slow down all processes. A transport
sees none of that.
"""

import asyncio
import json
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, Generic, NoReturn, Self, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from ayne_dagster.redaction import guard_http_logs, redact, register_secret
from ayne_dagster.sources.attempt import Attempt
from ayne_dagster.sources.classification import CLASSIFIERS, Classification, Verdict
from ayne_dagster.sources.credentials import Credential, CredentialTransport
from ayne_dagster.sources.failures import (
    BadCredential,
    CircuitOpen,
    InvalidRequest,
    LedgerUnusable,
    NotFound,
    NotModified,
    QuotaExhausted,
    ServiceUnavailable,
    SourceError,
    UnusableAnswer,
)
from ayne_dagster.sources.request_budget import RequestBudget
from ayne_dagster.sources.retrying import CircuitBreaker, RetryPolicy, retry_after_seconds

logger = logging.getLogger(__name__)

M = TypeVar("M", bound=BaseModel)

_DEADLINE_FACTOR = 3
_QUOTED = 120
"""Most characters of an answer that a log line quotes."""

USER_AGENT = "ayne-dagster/0.1 (python-httpx)"
_FAILURES: dict[Verdict, type[SourceError]] = {
    Verdict.UNCHANGED: NotModified,
    Verdict.NOT_FOUND: NotFound,
    Verdict.BAD_CREDENTIAL: BadCredential,
    Verdict.QUOTA_EXHAUSTED: QuotaExhausted,
    Verdict.SLOW_DOWN: ServiceUnavailable,
    Verdict.INVALID_REQUEST: InvalidRequest,
    Verdict.UNUSABLE: UnusableAnswer,
    Verdict.UNAVAILABLE: ServiceUnavailable,
}


@dataclass(frozen=True)
class Answer(Generic[M]):
    """A usable answer.

    Attributes:
        value: Read into its model.
        payload: The JSON object as sent.
        answered_at: When it arrived, UTC.
        tries: Requests sent for it.
        etag: Its validator, where the service sent one.
    """

    value: M
    payload: dict[str, Any] = field(repr=False)
    answered_at: datetime
    tries: int
    etag: str | None = None


@dataclass
class RequestStats:
    """Requests of one client: how many were sent, and what each came to."""

    service: str
    by_outcome: Counter[str] = field(default_factory=Counter)

    @property
    def requests(self) -> int:
        """Requests sent, retries included."""
        return sum(self.by_outcome.values())


class ServiceClient:
    """Asks one service over HTTP. Use it as an async context manager, in one event loop.

    Args:
        service: `tmdb` or `omdb`; names the budget and the classifier.
        base_url: Address the paths are put behind.
        credential: The key; registered for masking.
        credential_setting: Name of the setting a person has to correct when the key is refused.
        budget: Asked before every send, retries included; closed with the client.
        now: Clock, UTC.
        max_connections: Most requests under way at once in this process.
        timeout_seconds: For connecting, and for each silence while reading; a whole request may
            take three times as long, so that an answer that drips in keeps no place for ever.
        policy: How stubborn.
        transport: Replaces the network in tests.
        sleep: Replaces `asyncio.sleep` between tries in tests.
        seed: Of the jitter; None: from the system.
    """

    def __init__(
        self,
        *,
        service: str,
        base_url: str,
        credential: Credential,
        credential_setting: str,
        budget: RequestBudget,
        now: Callable[[], datetime],
        max_connections: int = 10,
        timeout_seconds: float = 30.0,
        policy: RetryPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] | None = None,
        seed: int | None = None,
        breaker_rest: timedelta = timedelta(minutes=1),
    ) -> None:
        register_secret(credential.secret)
        guard_http_logs()
        self.service = service
        self.stats = RequestStats(service)
        self._credential = credential
        self._credential_setting = credential_setting
        self._budget = budget
        self.now = now
        self._classify = CLASSIFIERS[service]
        self._policy = policy or RetryPolicy()
        self._sleep = sleep or asyncio.sleep
        self._jitter = random.Random(seed)  # noqa: S311 - spreads retries, guards nothing
        self._breaker = CircuitBreaker(rest=breaker_rest, now=now)
        self._deadline_seconds = _DEADLINE_FACTOR * timeout_seconds
        self._under_way = asyncio.Semaphore(max_connections)
        limits = httpx.Limits(max_connections=max_connections)
        self._http = httpx.AsyncClient(
            base_url=base_url,
            transport=CredentialTransport(
                transport or httpx.AsyncHTTPTransport(limits=limits), credential
            ),
            # The semaphore is the queue; a request in it must not time out waiting for the pool.
            timeout=httpx.Timeout(timeout_seconds, pool=None),
            headers={
                "User-Agent": USER_AGENT,
                "Accept": "application/json",
                "Accept-Encoding": "gzip",
            },
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close all connections, those of the budget too; what is used again opens again."""
        await self._http.aclose()
        self._budget.close()

    async def ask(
        self, path: str, params: Mapping[str, Any], model: type[M], *, etag: str | None = None
    ) -> Answer[M]:
        """Ask once, with as many retries as the case is worth.

        Args:
            path: Behind the base URL, without a leading slash.
            params: Query, in the order to be sent; the key is added below.
            model: What a usable answer is read into; another shape is an unusable answer.
            etag: Validator of an earlier answer; the service may then say that it still holds.

        Raises:
            NotModified: It still holds.
            BadCredential: The service refuses the key, or there is none.
            QuotaExhausted: The day's quota is used up.
            NotFound: The service does not know it.
            InvalidRequest: The request is wrong.
            UnusableAnswer: Not readable, after its retries.
            ServiceUnavailable: No answer after all tries.
            CircuitOpen: Not asked, after too many asks in a row without an answer.
        """
        if not self._credential.is_sendable:
            raise BadCredential(self.service, self._credential_advice("none is set"))
        await _load_network()
        failures: Counter[Verdict] = Counter()
        tries = 0
        try:
            while True:
                if self._breaker.is_open:
                    raise self._circuit_open(tries)
                last = await self._try_once(path, params, etag)
                tries += 1
                value: M | None = None
                if last.classification.verdict is Verdict.USABLE:
                    value, classification = self._read(last.classification, model)
                    last = replace(last, classification=classification)
                classification = last.classification
                self._count(classification, last.headers)
                if value is not None and classification.payload is not None:
                    return Answer(value, classification.payload, self.now(), tries, last.etag)
                failures[classification.verdict] += 1
                if failures[classification.verdict] > self._policy.retries_for(classification):
                    await self._give_up(last, tries, path)
                await self._wait_before_retry(classification, last.headers, failures, path)
        except (QuotaExhausted, LedgerUnusable) as failure:
            # The budget may end it between two tries: those before were sent all the same.
            failure.tries = tries
            raise

    async def _try_once(self, path: str, params: Mapping[str, Any], etag: str | None) -> Attempt:
        """Send one request in its turn."""
        validator = {} if etag is None else {"If-None-Match": etag}
        async with self._under_way, self._budget.turn(self.service) as turn:
            try:
                async with asyncio.timeout(self._deadline_seconds):
                    response = await self._http.get(path, params=dict(params), headers=validator)
            except TimeoutError:
                words = f"no whole answer within {self._deadline_seconds:g} s"
                return Attempt(Classification(Verdict.UNAVAILABLE, words), turn.day)
            except httpx.DecodingError as error:
                words = f"damaged encoding: {error}"
                damage = Classification(Verdict.UNUSABLE, words, is_damaged=True)
                return Attempt(damage, turn.day)
            except httpx.RequestError as error:
                # Only the words go on: the exception holds the request.
                words = redact(f"{type(error).__name__}: {error}")
                return Attempt(Classification(Verdict.UNAVAILABLE, words), turn.day)
        headers, body = response.headers, response.content
        classification = self._classify(
            response.status_code, headers, body, is_conditional=etag is not None
        )
        return Attempt(classification, turn.day, headers, body)

    def _read(
        self, classification: Classification, model: type[M]
    ) -> tuple[M | None, Classification]:
        """The model, or the verdict that this is another shape than expected."""
        try:
            return model.model_validate(classification.payload), classification
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            shape = json.dumps(sorted(classification.payload or ()))[:200]
            detail = f"wrong shape: {where}: {first['msg']}; keys {shape}"
            return None, Classification(Verdict.UNUSABLE, detail, classification.payload)

    def _count(self, classification: Classification, headers: Mapping[str, str] | None) -> None:
        self.stats.by_outcome[classification.verdict.value] += 1
        is_answer = headers is not None and classification.verdict is not Verdict.UNAVAILABLE
        if is_answer:
            self._breaker.record_answer()

    async def _wait_before_retry(
        self,
        classification: Classification,
        headers: Mapping[str, str] | None,
        failures: Counter[Verdict],
        path: str,
    ) -> None:
        asked_for = retry_after_seconds(headers or {}, self.now())
        own = self._policy.wait_seconds(failures.total(), self._jitter)
        seconds = asked_for if asked_for is not None else own
        logger.warning(
            "%s: %s (%s), next try in %.1f s",
            f"{self.service} {redact(path)}".rstrip(),
            classification.verdict.value,
            redact(classification.detail or "")[:_QUOTED],
            seconds,
        )
        if classification.verdict is Verdict.SLOW_DOWN:
            # The pause holds for every process, this one included: its next turn comes after it.
            await self._budget.slow_down(self.service, max(seconds, 1.0))
        else:
            await self._sleep(seconds)

    async def _give_up(self, last: Attempt, tries: int, path: str) -> NoReturn:
        """Raise what the last try means."""
        classification = last.classification
        verdict, detail = classification.verdict, classification.detail or "no details"
        if verdict is Verdict.QUOTA_EXHAUSTED:
            await self._budget.exhaust(self.service, last.counted_on)
        if verdict is Verdict.UNAVAILABLE:
            self._breaker.record_failure()
        if verdict is Verdict.BAD_CREDENTIAL:
            detail = self._credential_advice(detail)
        elif verdict is not Verdict.QUOTA_EXHAUSTED:
            detail = f"{detail} ({path or '/'}, {tries} {'try' if tries == 1 else 'tries'})"
        failure = _FAILURES[verdict](self.service, detail)
        failure.tries = tries
        failure.payload, failure.raw = classification.payload, last.raw
        # The validator of anything else than "unchanged" must never be asked with.
        failure.etag = last.etag if verdict is Verdict.UNCHANGED else None
        failure.is_transient = classification.is_damaged or isinstance(failure, ServiceUnavailable)
        raise failure

    def _circuit_open(self, tries: int) -> ServiceUnavailable:
        words = "several requests in a row came to nothing; it is left alone for a while"
        failure = (
            CircuitOpen(self.service, words)
            if tries == 0
            else ServiceUnavailable(self.service, words)
        )
        failure.tries = tries
        failure.is_transient = tries > 0
        return failure

    def _credential_advice(self, words: str) -> str:
        advice = f"{words.rstrip('.')}. Check the setting `{self._credential_setting}`"
        if self.service == "omdb":
            advice += " (a new key works only after the link in OMDb's mail was opened)"
        return advice


async def _load_network() -> None:
    """Load what the first send would load.

    httpx imports its network backend with the first connection. That took 50 ms between the turn
    and the request; several processes that began together sent their first requests at once.
    """
    import anyio

    await anyio.sleep(0)
