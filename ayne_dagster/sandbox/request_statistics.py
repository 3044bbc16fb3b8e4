"""What the sandbox was asked: requests by service, endpoint and status, and the busiest second.

An ASGI layer around everything else; it changes no request and no answer.
"""

from __future__ import annotations

import re
import time
from collections import Counter, deque
from collections.abc import Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

_REFERENCE = re.compile(r"/(tt\d+|\d+)(-[^/]*)?(?=/|\Z)")
_EXPORT = re.compile(r"\d\d_\d\d_\d{4}")
# Nonsense paths share one label beyond this many, so that counting needs bounded memory.
_LABELS_CAP = 200


class RequestStatistics:
    """Counts requests; the window of one second is in real time."""

    def __init__(self, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self.reset()

    def reset(self) -> None:
        """Forget all counts."""
        self._counts: dict[str, dict[str, Counter[str]]] = {}
        self._recent: dict[str, deque[float]] = {}
        self._busiest: dict[str, int] = {}
        self._first: dict[str, float] = {}
        self._last: dict[str, float] = {}

    def arrived(self, service: str) -> None:
        """Note that a request has come in."""
        now = self._monotonic()
        self._first.setdefault(service, now)
        self._last[service] = now
        recent = self._recent.setdefault(service, deque())
        recent.append(now)
        while recent[0] <= now - 1.0:
            recent.popleft()
        self._busiest[service] = max(self._busiest.get(service, 0), len(recent))

    def answered(self, service: str, endpoint: str, status: int) -> None:
        """Note how a request was answered."""
        endpoints = self._counts.setdefault(service, {})
        if endpoint not in endpoints and len(endpoints) >= _LABELS_CAP:
            endpoint = "other"
        endpoints.setdefault(endpoint, Counter())[str(status)] += 1

    def snapshot(self) -> dict[str, Any]:
        """Return all counts by service."""
        services: dict[str, Any] = {}
        for service, endpoints in self._counts.items():
            by_status: Counter[str] = Counter()
            for statuses in endpoints.values():
                by_status.update(statuses)
            services[service] = {
                "requests": by_status.total(),
                "by_status": dict(by_status),
                "by_endpoint": {name: dict(found) for name, found in endpoints.items()},
                "max_requests_in_one_second": self._busiest.get(service, 0),
                "seconds_from_first_to_last": self._last[service] - self._first[service],
            }
        return services


class StatisticsLayer:
    """Counts every request except those to the sandbox's own pages."""

    def __init__(self, app: ASGIApp, statistics: RequestStatistics) -> None:
        self._app = app
        self._statistics = statistics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI request."""
        service = service_of(scope["path"]) if scope["type"] == "http" else "sandbox"
        if service == "sandbox":
            await self._app(scope, receive, send)
            return
        self._statistics.arrived(service)
        # 0 stands for an answer that never started.
        status = 0

        async def note_status(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, note_status)
        finally:
            self._statistics.answered(service, endpoint_of(scope["path"]), status)


def service_of(path: str) -> str:
    """Return which service a path belongs to: tmdb, omdb, exports, imdb, sandbox or other."""
    if path == "/3" or path.startswith("/3/"):
        return "tmdb"
    if path == "/":
        return "omdb"
    if path.startswith("/p/exports/"):
        return "exports"
    if path.startswith("/title."):
        return "imdb"
    return "sandbox" if path.startswith("/_sandbox") else "other"


def endpoint_of(path: str) -> str:
    """Return the path with ids and dates replaced by their names."""
    if path.startswith("/3/"):
        return "/3" + _REFERENCE.sub("/{id}", path[2:])
    return _EXPORT.sub("{date}", path)
