"""The app: all services in one Starlette application, with their doors and the sandbox's pages.

Here the parts are put together; what they answer stands in the route modules. The slot for
further ASGI layers lies between the statistics and the doors.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from ayne_dagster.sandbox.admin_routes import AdminRoutes
from ayne_dagster.sandbox.answers import TmdbError
from ayne_dagster.sandbox.catalogue import Catalogue
from ayne_dagster.sandbox.clock import SandboxClock
from ayne_dagster.sandbox.config import (
    SANDBOX_OMDB_KEY,
    SANDBOX_TMDB_KEY,
    SANDBOX_TMDB_TOKEN,
)
from ayne_dagster.sandbox.export_routes import ExportRoutes
from ayne_dagster.sandbox.faults.layer import FaultCounts, FaultLayer
from ayne_dagster.sandbox.faults.plan import FaultPlan
from ayne_dagster.sandbox.limiter import DailyQuota, PaceLimiter, RetryAfterMode
from ayne_dagster.sandbox.omdb_routes import OmdbRoutes
from ayne_dagster.sandbox.request_statistics import RequestStatistics, StatisticsLayer, service_of
from ayne_dagster.sandbox.tmdb_gate import TmdbGate
from ayne_dagster.sandbox.tmdb_routes import MAX_PAGE, TmdbRoutes
from ayne_dagster.sandbox.world import World


def create_app(
    catalogue: Catalogue,
    *,
    clock: SandboxClock | None = None,
    tmdb_requests_per_second: int = 40,
    retry_after_mode: RetryAfterMode = "seconds",
    omdb_daily_quota: int = 1_000,
    latency_seconds: float = 0.0,
    tmdb_keys: Sequence[str] = (SANDBOX_TMDB_KEY, SANDBOX_TMDB_TOKEN),
    omdb_keys: Sequence[str] = (SANDBOX_OMDB_KEY,),
    frozen_world: bool = False,
    page_cap: int = MAX_PAGE,
    is_drifting: bool = False,
    faults: FaultPlan | None = None,
    layers: Sequence[Middleware] = (),
) -> Starlette:
    """Build the sandbox app.

    Args:
        catalogue: the films it answers about.
        clock: decides the day; by default real time.
        tmdb_requests_per_second: TMDB's limit over all connections, 0 for none.
        retry_after_mode: what a 429 says about waiting: absent, zero, seconds or date.
        omdb_daily_quota: OMDb requests per key and UTC day of the clock, 0 for none.
        latency_seconds: how long every service waits before it answers.
        tmdb_keys: accepted v3 keys (query) and, with dots, read access tokens (Bearer).
        omdb_keys: accepted OMDb keys.
        frozen_world: when true films never change.
        page_cap: highest page TMDB answers.
        is_drifting: when true, lists move between two pages.
        faults: what goes wrong, and how often; by default nothing.
        layers: further ASGI layers around the services, outermost first.
    """
    clock = SandboxClock() if clock is None else clock
    world = World(catalogue, frozen=frozen_world)
    statistics = RequestStatistics()
    quota = DailyQuota(omdb_daily_quota, clock)
    counts = FaultCounts()
    going_wrong = [] if faults is None else [Middleware(FaultLayer, plan=faults, counts=counts)]
    return Starlette(
        routes=[
            *TmdbRoutes(world, clock, page_cap=page_cap, is_drifting=is_drifting).routes(),
            *OmdbRoutes(world, clock, keys=omdb_keys, quota=quota).routes(),
            *ExportRoutes(world, clock).routes(),
            *AdminRoutes(world, clock, statistics, quota, counts).routes(),
        ],
        middleware=[
            Middleware(StatisticsLayer, statistics=statistics),
            *layers,
            Middleware(LatencyLayer, seconds=latency_seconds),
            *going_wrong,
            Middleware(
                TmdbGate,
                keys=tmdb_keys,
                limiter=PaceLimiter(tmdb_requests_per_second),
                retry_after_mode=retry_after_mode,
            ),
        ],
        exception_handlers={
            TmdbError: _answer_tmdb_error,
            404: _answer_unknown_path,
            405: _answer_wrong_method,
        },
    )


class LatencyLayer:
    """Waits before a service answers, as a network would."""

    def __init__(self, app: ASGIApp, *, seconds: float) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI request."""
        is_service = scope["type"] == "http" and service_of(scope["path"]) != "sandbox"
        if is_service and self._seconds > 0:
            await asyncio.sleep(self._seconds)
        await self._app(scope, receive, send)


async def _answer_tmdb_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, TmdbError)
    return error.response()


async def _answer_unknown_path(request: Request, error: Exception) -> Response:
    if service_of(request.url.path) == "tmdb":
        return TmdbError(34).response()
    return PlainTextResponse("Not Found", 404)


async def _answer_wrong_method(request: Request, error: Exception) -> Response:
    if service_of(request.url.path) == "tmdb":
        return TmdbError(42).response()
    headers = error.headers if isinstance(error, HTTPException) else None
    return PlainTextResponse("Method Not Allowed", 405, headers=headers)
