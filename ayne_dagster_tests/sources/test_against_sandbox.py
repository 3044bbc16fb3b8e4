"""The clients against the sandbox: a real process, real sockets, real time."""

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from ayne_dagster.domain.outcomes import FetchOutcome
from ayne_dagster.sandbox.faults.plan_files import read_plan
from ayne_dagster.sources.collecting import CollectReport, collect
from ayne_dagster.sources.discovery import DiscoverWalk
from ayne_dagster.sources.failures import BadCredential
from ayne_dagster.sources.fetch_result import FetchResult
from ayne_dagster.sources.omdb import OmdbClient
from ayne_dagster.sources.request_budget import RequestBudget, ServiceLimits, key_hash
from ayne_dagster.sources.sqlite_budget import SqliteRequestBudget
from ayne_dagster.sources.tmdb import LIST_PATHS, TmdbClient
from ayne_dagster_tests.sources.fakes import CountingBudget

server = pytest.importorskip("ayne_dagster.sandbox.server")
config = pytest.importorskip("ayne_dagster.sandbox.config")

QUOTA = 30


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Any]:
    settings = config.SandboxConfig(
        films=600, omdb_daily_quota=QUOTA, tmdb_requests_per_second=0, frozen_world=True
    )
    with server.running_sandbox(settings) as running:
        yield running


@pytest.fixture
def budget(tmp_path: Path, sandbox: Any) -> Iterator[RequestBudget]:
    ledger = SqliteRequestBudget(
        tmp_path / "budget.sqlite",
        {
            "tmdb": ServiceLimits(),
            "omdb": ServiceLimits(None, 1000, key_hash(SecretStr(sandbox.omdb_key))),
        },
        now=now,
    )
    yield ledger
    ledger.close()


def tmdb_client(sandbox: Any, budget: RequestBudget, key: str | None = None) -> TmdbClient:
    return TmdbClient(
        credential=SecretStr(key or sandbox.tmdb_key), base_url=sandbox.tmdb_base_url,
        budget=budget, now=now,
    )  # fmt: skip


def discover(sandbox: Any, budget: RequestBudget, **options: Any) -> DiscoverWalk:
    async def run() -> DiscoverWalk:
        async with tmdb_client(sandbox, budget) as tmdb:
            return await tmdb.discover_window(date(1950, 1, 1), date(2035, 12, 31), **options)

    return asyncio.run(run())


def test_every_key_of_the_sandbox_is_good_and_another_is_refused(
    sandbox: Any, budget: RequestBudget
) -> None:
    async def check(key: str) -> None:
        async with tmdb_client(sandbox, budget, key) as tmdb:
            await tmdb.movie_list("popular", 1)

    for key in sandbox.config.tmdb_keys:
        asyncio.run(check(key))
    with pytest.raises(BadCredential):
        asyncio.run(check("0" * 32))


def test_split_and_unsplit_walks_see_the_same_films(sandbox: Any, budget: RequestBudget) -> None:
    whole = discover(sandbox, budget)
    split = discover(sandbox, budget, max_window_pages=4)
    assert whole.films_seen > 500
    assert whole.gap == split.gap == 0
    assert not whole.is_truncated
    assert not split.is_truncated
    assert split.windows > 4
    assert {r["tmdb_id"] for r in whole.rows} == {r["tmdb_id"] for r in split.rows}


def test_all_five_lists_are_read(sandbox: Any, budget: RequestBudget) -> None:
    async def run() -> None:
        async with tmdb_client(sandbox, budget) as tmdb:
            for name in LIST_PATHS:
                rows = await tmdb.movie_list(name, 2)
                # Of 600 films none may be coming next week.
                assert rows or name in ("upcoming", "now_playing")
                assert [row["position"] for row in rows] == list(range(1, len(rows) + 1))

    asyncio.run(run())


def test_films_become_rows_and_the_quota_of_the_day_defers_the_rest(
    sandbox: Any, budget: RequestBudget
) -> None:
    ids = [row["tmdb_id"] for row in discover(sandbox, budget, max_pages=4).rows]

    async def run() -> tuple[CollectReport, CollectReport]:
        fetched: list[FetchResult] = []
        async with tmdb_client(sandbox, budget) as tmdb:
            films = await collect(
                [*ids, 999_999_999], tmdb.movie, concurrency=8, on_results=fetched.extend
            )
        rows = [result.row for result in fetched if result.row is not None]
        titles = [row["imdb_id"] for row in rows if row["imdb_id"]]
        async with OmdbClient(
            credential=SecretStr(sandbox.omdb_key), base_url=sandbox.omdb_base_url,
            budget=budget, now=now,
        ) as omdb:  # fmt: skip
            return films, await collect(titles, omdb.title, concurrency=4)

    films, ratings = asyncio.run(run())
    assert films.counts[FetchOutcome.ROW] == len(ids) == 80
    assert films.counts[FetchOutcome.NOT_FOUND] == 1
    assert films.requests == 81
    answered = sum(n for outcome, n in ratings.counts.items() if outcome.is_answer)
    assert 0 < answered <= QUOTA
    assert ratings.deferred > 0
    assert "limit" in (ratings.stopped_by or "").lower()
    assert budget.left_today("omdb") == 0


def drifting_years(seed: int, films: int, years: range, min_votes: int) -> None:
    """Walk the years at once in a drifting and in a calm sandbox of the same films; compare."""
    seen = []
    for is_drifting in (False, True):
        settings = config.SandboxConfig(
            films=films, seed=seed, first_year=years[0], last_year=years[-1],
            tmdb_requests_per_second=0, frozen_world=True, is_drifting=is_drifting,
        )  # fmt: skip
        with server.running_sandbox(settings) as running:
            walks = asyncio.run(walk_years(running, years, min_votes))
        assert sum(walk.gap for walk in walks) == 0
        assert not any(walk.is_truncated for walk in walks)
        seen.append({row["tmdb_id"] for walk in walks for row in walk.rows})
        # One page-sized part holds about nine films when a whole window is taken apart.
        total = sum(walk.films_seen for walk in walks)
        assert sum(walk.requests for walk in walks) <= total / 20 + total / 6 + 3 * len(years)
    assert len(seen[0]) > films // 2
    assert seen[1] == seen[0]


async def walk_years(sandbox: Any, years: range, min_votes: int) -> list[DiscoverWalk]:
    async with TmdbClient(
        credential=SecretStr(sandbox.tmdb_key), base_url=sandbox.tmdb_base_url,
        budget=CountingBudget(), now=now,
    ) as tmdb:  # fmt: skip
        return await asyncio.gather(
            *(tmdb.discover_year(year, min_votes=min_votes) for year in years)
        )


def test_no_film_is_missed_although_pages_drift() -> None:
    """27 of 2,930 films were on no page, and stayed unseen for a month."""
    settings = config.SandboxConfig(
        films=300, first_year=2020, last_year=2020, tmdb_requests_per_second=0,
        frozen_world=True, is_drifting=True,
    )  # fmt: skip
    with server.running_sandbox(settings) as running:
        with urllib.request.urlopen(f"{running.url}/_sandbox/catalogue") as answer:
            offered = json.load(answer)["films_by_year"]["2020"]
        (walk,) = asyncio.run(walk_years(running, range(2020, 2021), 0))
    assert (walk.films_seen, walk.gap) == (offered, 0)
    assert offered > 280


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2])
@pytest.mark.parametrize(
    ("films", "years", "min_votes"),
    [
        (2_000, range(2020, 2021), 0),
        (2_000, range(1986, 2026), 0),
        (5_000, range(2019, 2021), 10),
        (9_000, range(2020, 2021), 0),
    ],
    ids=["one year", "forty small years", "with votes", "days of many films"],
)
def test_no_film_of_thousands_is_missed_although_pages_drift(
    seed: int, films: int, years: range, min_votes: int
) -> None:
    drifting_years(seed=seed, films=films, years=years, min_votes=min_votes)


@pytest.mark.slow
def test_a_rough_day_leaves_the_same_rows_as_a_quiet_one(tmp_path: Path) -> None:
    """Real sockets, real waits: one request in three fails, and no film is poorer for it."""
    plan = read_plan("rough_day")
    quiet, calm = rows_of_a_day(tmp_path / "quiet.sqlite", None)
    rough, met = rows_of_a_day(tmp_path / "rough.sqlite", plan)
    assert len(quiet) > 50
    assert rough == quiet
    assert calm == {}
    assert {"server_error", "too_many_requests", "damaged_body"} <= set(met)


def rows_of_a_day(
    ledger: Path, plan: dict[str, Any] | None
) -> tuple[dict[Any, Any], dict[str, int]]:
    """Rows of all films by id, times aside, and the faults that were met."""
    settings = config.SandboxConfig(
        films=60, tmdb_requests_per_second=0, frozen_world=True, as_of="2026-01-01", faults=plan
    )
    rows: dict[Any, Any] = {}

    def gather(batch: list[FetchResult]) -> None:
        rows.update((r.key, {**(r.row or {}), "fetched_at": None}) for r in batch)

    async def run(sandbox: Any, budget: RequestBudget) -> CollectReport:
        ids = [row["tmdb_id"] for row in found]
        async with tmdb_client(sandbox, budget) as tmdb:
            return await collect(ids, tmdb.movie, concurrency=6, on_results=gather)

    with server.running_sandbox(settings) as sandbox:
        budget = SqliteRequestBudget(ledger, {"tmdb": ServiceLimits()}, now=now)
        found = discover(sandbox, budget).rows
        report = asyncio.run(run(sandbox, budget))
        budget.close()
        assert report.counts == {FetchOutcome.ROW: len(found)}
        assert report.stopped_by is None
        return rows, sandbox.stats()["faults"]
