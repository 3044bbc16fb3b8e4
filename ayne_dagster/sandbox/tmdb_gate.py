"""TMDB's door: credential, then pace, for every path under /3, before any routing.

Without a valid credential even nonsense paths answer 401, as with the service.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import parse_qs

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from ayne_dagster.sandbox.answers import TmdbError
from ayne_dagster.sandbox.limiter import PaceLimiter, RetryAfterMode, retry_after
from ayne_dagster.sandbox.request_statistics import service_of


class TmdbGate:
    """Lets through what carries a known key or token and keeps the pace."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        keys: Sequence[str],
        limiter: PaceLimiter,
        retry_after_mode: RetryAfterMode,
    ) -> None:
        self._app = app
        # A v3 key goes into the query, a token (a JWT, so with dots) into the header.
        self._tokens = frozenset(key for key in keys if "." in key)
        self._keys = frozenset(keys) - self._tokens
        self._limiter = limiter
        self._mode: RetryAfterMode = retry_after_mode

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI request."""
        if scope["type"] != "http" or service_of(scope["path"]) != "tmdb":
            await self._app(scope, receive, send)
            return
        if not self._has_credential(scope):
            await TmdbError(7).response()(scope, receive, send)
            return
        wait_seconds = self._limiter.try_pass()
        if wait_seconds > 0:
            limit = self._limiter.per_second
            value = retry_after(self._mode, wait_seconds)
            headers = {"retry-after": value} if value is not None else None
            error = TmdbError(25, count=limit + 1, limit=limit)
            await error.response(headers)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _has_credential(self, scope: Scope) -> bool:
        scheme, _, token = Headers(scope=scope).get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and token.strip() in self._tokens:
            return True
        query = scope["query_string"]
        if b"api_key=" not in query:
            return False
        return parse_qs(query.decode("latin-1")).get("api_key", [""])[0] in self._keys
