"""A tiny sandbox and a way to ask it without a network."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from ayne_dagster.sandbox.app import create_app
from ayne_dagster.sandbox.catalogue import Catalogue
from ayne_dagster.sandbox.clock import SandboxClock
from ayne_dagster.sandbox.config import SANDBOX_OMDB_KEY, SANDBOX_TMDB_KEY
from ayne_dagster.sandbox.generated_catalogue import generate_catalogue

AS_OF = date(2026, 1, 1)
NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
SHARED = Path(__file__).resolve().parents[3] / "shared"

_RUNNER = asyncio.Runner()


class Client:
    """Asks a sandbox app inside the test's own process."""

    def __init__(self, catalogue: Catalogue, **knobs: Any) -> None:
        self.clock = knobs.pop("clock", None) or SandboxClock(NOW, speed=0)
        knobs.setdefault("tmdb_requests_per_second", 0)
        knobs.setdefault("omdb_daily_quota", 0)
        self.catalogue = catalogue
        self.app = create_app(catalogue, clock=self.clock, **knobs)
        self._web = httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app), base_url="http://sandbox"
        )

    def ask(self, path: str, *, method: str = "GET", **more: Any) -> httpx.Response:
        # One event loop for all questions: making one costs more than an answer.
        return _RUNNER.run(self._web.request(method, path, **more))

    def tmdb(self, path: str, **params: Any) -> httpx.Response:
        return self.ask(f"/3/{path}", params={"api_key": SANDBOX_TMDB_KEY, **params})

    def omdb(self, **params: Any) -> httpx.Response:
        return self.ask("/", params={"apikey": SANDBOX_OMDB_KEY, **params})


@pytest.fixture(scope="session")
def catalogue() -> Catalogue:
    return generate_catalogue(films=600, seed=7, as_of=AS_OF)


@pytest.fixture
def make_client(catalogue: Catalogue) -> Callable[..., Client]:
    return lambda **knobs: Client(catalogue, **knobs)


@pytest.fixture(scope="module")
def client(catalogue: Catalogue) -> Client:
    return Client(catalogue)
