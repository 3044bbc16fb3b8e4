"""Small stand-ins for the tests of this room: a budget that counts, a clock, a scripted service.

Lives here: what several tests share. Not here: the platform's own sandbox.
"""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx

from ayne_dagster.sources.failures import QuotaExhausted
from ayne_dagster.sources.page_journal import JournaledPage
from ayne_dagster.sources.request_budget import BudgetStatus, Turn
from ayne_dagster.storage.page_journal_file import KeptPage

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
TMDB_KEY = "0123456789abcdef0123456789abcdef"
OMDB_KEY = "deadbeef"


class Clock:
    """A clock that moves when told; `sleep` moves it."""

    def __init__(self, now: datetime = NOON) -> None:
        self.time = now
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += timedelta(seconds=seconds)


class CountingBudget:
    """Counts, and is used up after `quota`."""

    def __init__(self, quota: int | None = None) -> None:
        self.quota = quota
        self.acquired: Counter[str] = Counter()
        self.pauses: list[float] = []
        self.exhausted: list[tuple[str, date]] = []
        self.day = NOON.date()
        self.is_closed = False

    @asynccontextmanager
    async def turn(self, service: str) -> AsyncIterator[Turn]:
        if self.quota is not None and self.acquired[service] >= self.quota:
            raise QuotaExhausted(service, "the day is used up")
        self.acquired[service] += 1
        yield Turn(self.day)

    async def slow_down(self, service: str, seconds: float) -> None:
        self.pauses.append(seconds)

    async def exhaust(self, service: str, day: date) -> None:
        self.exhausted.append((service, day))

    def left_today(self, service: str, now: datetime | None = None) -> int | None:
        return None if self.quota is None else self.quota - self.acquired[service]

    def status(self, now: datetime | None = None) -> list[BudgetStatus]:
        return []

    def close(self) -> None:
        self.is_closed = True


class MemoryJournal:
    """A page journal that lives as long as the test."""

    def __init__(self) -> None:
        self.pages: dict[tuple[str, str], tuple[dict[str, Any], JournaledPage]] = {}

    def recall(
        self, path: str, params: Mapping[str, Any], newer_than: datetime
    ) -> JournaledPage | None:
        _, page = self.pages.get(_query(path, params), ({}, None))
        return page if page is not None and page.answered_at > newer_than else None

    def keep(
        self, path: str, params: Mapping[str, Any], payload: dict[str, Any], answered_at: datetime
    ) -> None:
        page = KeptPage(json.loads(json.dumps(payload)), answered_at)
        self.pages[_query(path, params)] = (dict(params), page)

    def forget(self, path: str, is_done: Callable[[Mapping[str, Any]], bool]) -> None:
        self.pages = {
            key: (params, page)
            for key, (params, page) in self.pages.items()
            if key[0] != path or not is_done(params)
        }


def _query(path: str, params: Mapping[str, Any]) -> tuple[str, str]:
    return path, json.dumps(dict(params), sort_keys=True)


def json_answer(body: Any, status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(
        status,
        content=json.dumps(body).encode(),
        headers={"Content-Type": "application/json;charset=utf-8", **headers},
    )


def script(*answers: httpx.Response | Exception) -> tuple[httpx.MockTransport, list[httpx.Request]]:
    """A service that gives these answers in turn, the last one for ever, and what it was asked."""
    asked: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        step = answers[min(len(asked), len(answers)) - 1]
        if isinstance(step, Exception):
            raise step
        return httpx.Response(step.status_code, headers=step.headers, content=step.content)

    return httpx.MockTransport(answer), asked


def service(answer: Callable[[httpx.Request], httpx.Response]) -> httpx.MockTransport:
    return httpx.MockTransport(answer)


def movie_body(tmdb_id: int = 550, **changes: Any) -> dict[str, Any]:
    """An invented film with every part appended."""
    body: dict[str, Any] = {
        "adult": False,
        "id": tmdb_id,
        "imdb_id": "tt0000001",
        "title": "The Glass Harbour",
        "original_title": "The Glass Harbour",
        "original_language": "en",
        "release_date": "2020-05-01",
        "runtime": 101,
        "budget": 1_000_000,
        "revenue": 3_000_000,
        "status": "Released",
        "popularity": 3,
        "vote_average": 6.5,
        "vote_count": 12,
        "genres": [{"id": 18, "name": "Drama"}],
        "production_companies": [],
        "production_countries": [],
        "spoken_languages": [],
        "credits": {"cast": [], "crew": []},
        "keywords": {"keywords": []},
        "videos": {"results": []},
        "similar": {"page": 1, "results": [], "total_pages": 1, "total_results": 0},
        "external_ids": {"imdb_id": "tt0000001", "wikidata_id": "Q1"},
        "release_dates": {"results": []},
    }
    return body | changes


def title_body(imdb_id: str = "tt0000001", **changes: Any) -> dict[str, Any]:
    body: dict[str, Any] = {
        "Title": "The Glass Harbour",
        "Year": "2020",
        "Runtime": "101 min",
        "Released": "01 May 2020",
        "imdbRating": "6.5",
        "imdbVotes": "1,234",
        "imdbID": imdb_id,
        "Type": "movie",
        "Response": "True",
    }
    return body | changes
