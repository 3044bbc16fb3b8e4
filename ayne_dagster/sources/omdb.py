"""OMDb: one title by its IMDb id.

Lives here: what is asked for, and whether the answer is for what was asked. Not here: how it is
asked (`http_client.py`) and read (`omdb_payloads.py`).
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import SecretStr

from ayne_dagster.domain.outcomes import FetchOutcome
from ayne_dagster.logs import log_context
from ayne_dagster.sources import quirks
from ayne_dagster.sources.credentials import omdb_credential
from ayne_dagster.sources.failures import InvalidRequest, NotFound, UnusableAnswer
from ayne_dagster.sources.fetch_result import FetchResult
from ayne_dagster.sources.http_client import RequestStats, ServiceClient
from ayne_dagster.sources.omdb_payloads import TitlePayload, ratings_row
from ayne_dagster.sources.request_budget import RequestBudget
from ayne_dagster.sources.retrying import RetryPolicy

SERVICE = "omdb"
DEFAULT_BASE_URL = "https://www.omdbapi.com/"
OMDB_POLICY = RetryPolicy(unavailable=3)
"""Outages of OMDb last: three spaced tries, then the circuit breaker."""


class OmdbClient:
    """Asks OMDb. Use it as an async context manager, in one event loop.

    Args:
        credential: OMDb's key; it travels in the query, OMDb knows no other way.
        base_url: OMDb's address; patrons have another host. https, so that the key is not in clear.
        budget: Pace and quota, shared with everything else that asks.
        now: Clock, UTC.
        max_connections: Most requests at once.
        timeout_seconds: For connecting, and for each silence while reading.
        credential_setting: Name of the setting to correct when OMDb refuses the key.
        policy: How stubborn.
        transport: Replaces the network in tests.
        sleep: Replaces waiting between tries in tests.
    """

    def __init__(
        self,
        *,
        credential: SecretStr,
        budget: RequestBudget,
        now: Callable[[], datetime],
        base_url: str = DEFAULT_BASE_URL,
        max_connections: int = 10,
        timeout_seconds: float = 30.0,
        credential_setting: str = "omdb.api_key",
        policy: RetryPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] | None = None,
    ) -> None:
        self._http = ServiceClient(
            service=SERVICE,
            base_url=base_url,
            credential=omdb_credential(credential),
            credential_setting=credential_setting,
            budget=budget,
            now=now,
            max_connections=max_connections,
            timeout_seconds=timeout_seconds,
            policy=policy or OMDB_POLICY,
            transport=transport,
            sleep=sleep,
        )

    @property
    def stats(self) -> RequestStats:
        """Requests sent so far, by what they came to."""
        return self._http.stats

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def title(self, imdb_id: str) -> FetchResult:
        """A title's ratings, box office and awards: one request.

        An id that is none is not sent: OMDb answers it with broken JSON and counts it.

        Returns:
            A row of `omdb_ratings` without `tmdb_id`, `release_year`, `stable_fingerprint` and
            `changed_at`; or `NOT_FOUND`, or `UNUSABLE` with the reason. OMDb is known to answer
            with another title than the one asked for: that is `UNUSABLE`.

        Raises:
            BadCredential: The key is refused.
            QuotaExhausted: The day is used up.
            InvalidRequest: The id is no IMDb id, or OMDb refused the request.
            ServiceUnavailable: No answer after all tries.
        """
        if quirks.imdb_id(imdb_id) != imdb_id:
            raise InvalidRequest(SERVICE, f"{imdb_id!r} is no IMDb id (tt and 7 to 9 digits)")
        with log_context(service=SERVICE, film=imdb_id):
            try:
                answer = await self._http.ask("", {"i": imdb_id}, TitlePayload)
            except NotFound as error:
                return self._without_row(imdb_id, FetchOutcome.NOT_FOUND, error)
            except UnusableAnswer as error:
                return self._without_row(imdb_id, FetchOutcome.UNUSABLE, error)
        if answer.value.imdb_id != imdb_id:
            error = UnusableAnswer(
                SERVICE, f"asked for {imdb_id}, the answer is {answer.value.imdb_id}"
            )
            error.tries, error.payload = answer.tries, answer.payload
            return self._without_row(imdb_id, FetchOutcome.UNUSABLE, error)
        return FetchResult(
            key=imdb_id,
            outcome=FetchOutcome.ROW,
            row=row_of(answer.payload, answer.answered_at),
            fetched_at=answer.answered_at,
            requests=answer.tries,
            payload=answer.payload,
            etag=answer.etag,
        )

    def _without_row(
        self, imdb_id: str, outcome: FetchOutcome, error: NotFound | UnusableAnswer
    ) -> FetchResult:
        return FetchResult.without_row(imdb_id, outcome, error, self._http.now())


def row_of(payload: dict[str, Any], fetched_at: datetime) -> dict[str, Any]:
    """The row of `omdb_ratings` an answer makes; the same for a live and an archived one."""
    return ratings_row(TitlePayload.model_validate(payload), fetched_at)
