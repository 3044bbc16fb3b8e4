"""The clients that `fetching.py` compares, each in a process of its own.

`python -m benchmarks.fetching_clients NAME` reads its orders (one line of JSON) and says `ready`; a
second line starts it, and it ends with one line of JSON: films it got, seconds it took.
"""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
from pydantic import SecretStr

from ayne_dagster.domain.outcomes import FetchOutcome
from ayne_dagster.sources.collecting import collect
from ayne_dagster.sources.request_budget import ServiceLimits
from ayne_dagster.sources.sqlite_budget import SqliteRequestBudget
from ayne_dagster.sources.tmdb import TmdbClient
from ayne_dagster.sources.tmdb_payloads import APPENDED

CONNECTIONS = 20
_TRIES = 6


@dataclass(frozen=True)
class Orders:
    """What a client is told.

    Attributes:
        base_url: Of the stand-in, with `/3`.
        key: A v3 key.
        ids: Films to fetch.
        seconds: It begins no film after so long; those that ask for all at once take all.
        ledger: The file our processes share.
        requests_per_second: Our pace.
    """

    base_url: str
    key: str
    ids: list[int]
    seconds: float
    ledger: str
    requests_per_second: float

    def until_the_end(self) -> Iterator[int]:
        """The ids, until the time is over."""
        end = time.monotonic() + self.seconds
        for film in self.ids:
            if time.monotonic() >= end:
                return
            yield film

    @property
    def query(self) -> dict[str, str]:
        """What every plain client sends with a film: everything appended, as ours does."""
        return {"api_key": self.key, "append_to_response": ",".join(APPENDED)}


def ours(orders: Orders) -> int:
    """Our client and engine, with the shared budget."""
    limits = ServiceLimits(
        requests_per_second=orders.requests_per_second, max_connections=CONNECTIONS
    )

    def now() -> datetime:
        return datetime.now(UTC)

    async def work() -> int:
        budget = SqliteRequestBudget(Path(orders.ledger), {"tmdb": limits}, now=now)
        client = TmdbClient(
            credential=SecretStr(orders.key), budget=budget, now=now,
            base_url=orders.base_url, max_connections=CONNECTIONS,
        )  # fmt: skip
        async with client as tmdb:
            report = await collect(orders.until_the_end(), tmdb.movie, concurrency=CONNECTIONS)
        return report.counts[FetchOutcome.ROW]

    return asyncio.run(work())


def sequential(orders: Orders) -> int:
    """One film after the other."""
    with httpx.Client(base_url=orders.base_url) as http:
        return sum(
            http.get(f"movie/{film}", params=orders.query).is_success
            for film in orders.until_the_end()
        )


def gathered(orders: Orders) -> int:
    """All at once over 20 connections, each film tried 6 times, waiting as it was told to."""

    async def work() -> int:
        limits = httpx.Limits(max_connections=CONNECTIONS)
        async with httpx.AsyncClient(base_url=orders.base_url, limits=limits, timeout=None) as http:

            async def fetch(film: int) -> bool:
                for _ in range(_TRIES):
                    answer = await http.get(f"movie/{film}", params=orders.query)
                    if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                        return answer.is_success
                    await asyncio.sleep(float(answer.headers.get("retry-after", 1)))
                return False

            return sum(await asyncio.gather(*(fetch(film) for film in orders.ids)))

    return asyncio.run(work())


def tmdbsimple_methods(orders: Orders) -> int:
    """Use tmdbsimple with a method for each part."""
    return _tmdbsimple(
        orders,
        ("info", "credits", "keywords", "videos", "similar_movies", "external_ids",
         "release_dates"),
        {},
    )  # fmt: skip


def tmdbsimple_appended(orders: Orders) -> int:
    """Use tmdbsimple as those who know that `info` can carry everything appended."""
    return _tmdbsimple(
        orders, ("info",), {"append_to_response": orders.query["append_to_response"]}
    )


def _tmdbsimple(orders: Orders, methods: tuple[str, ...], options: dict[str, str]) -> int:
    import tmdbsimple

    tmdbsimple.API_KEY = orders.key
    # It still knows the path by an older name, which the stand-in does not answer.
    tmdbsimple.Movies.URLS["similar_movies"] = "/{id}/similar"
    films = 0
    for film in orders.until_the_end():
        movie = tmdbsimple.Movies(film)
        movie.base_uri = orders.base_url
        for method in methods:
            getattr(movie, method)(**options)
        films += 1
    return films


CLIENTS: dict[str, Callable[[Orders], int]] = {
    "ours": ours,
    "sequential": sequential,
    "gathered": gathered,
    "tmdbsimple_methods": tmdbsimple_methods,
    "tmdbsimple_appended": tmdbsimple_appended,
}


def main() -> None:
    """Do one client's work as told."""
    client = CLIENTS[sys.argv[1]]
    orders = Orders(**json.loads(sys.stdin.readline()))
    print("ready", flush=True)
    sys.stdin.readline()
    began = time.monotonic()
    films = client(orders)
    print(json.dumps({"films": films, "seconds": time.monotonic() - began}), flush=True)


if __name__ == "__main__":
    main()
