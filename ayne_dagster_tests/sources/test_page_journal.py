"""A walk that was killed goes on from the pages it had: none is asked for twice, none is stale."""

import asyncio
from datetime import timedelta

import httpx
import pytest
from pydantic import SecretStr

from ayne_dagster.sources.discover_pages import DISCOVER_PATH, forget_year
from ayne_dagster.sources.discovery import DiscoverWalk
from ayne_dagster.sources.failures import QuotaExhausted
from ayne_dagster.sources.tmdb import TmdbClient
from ayne_dagster_tests.sources.fakes import TMDB_KEY, Clock, CountingBudget, MemoryJournal
from ayne_dagster_tests.sources.test_discovery import FakeDiscover, ids, spread

FILMS, PAGES = 495, 25


def walk(
    service: FakeDiscover, journal: MemoryJournal, clock: Clock, quota: int | None = None
) -> DiscoverWalk:
    async def run() -> DiscoverWalk:
        async with TmdbClient(
            credential=SecretStr(TMDB_KEY), budget=CountingBudget(quota), now=clock,
            transport=httpx.MockTransport(service), sleep=clock.sleep, journal=journal,
        ) as tmdb:  # fmt: skip
            return await tmdb.discover_year(2020)

    return asyncio.run(run())


def test_pages_of_a_walk_that_ended_early_are_not_asked_for_again() -> None:
    """A kill in a year of 450 pages cost all of them."""
    service, journal, clock = FakeDiscover(spread(FILMS)), MemoryJournal(), Clock()
    with pytest.raises(QuotaExhausted):
        walk(service, journal, clock, quota=15)
    had = len(journal.pages)
    assert 0 < had <= 15
    clock.time += timedelta(hours=5)
    found = walk(service, journal, clock)
    assert ids(found) == set(range(1, FILMS + 1))
    assert (found.pages_from_journal, found.requests) == (had, PAGES - had)
    assert found.gap == 0
    first = min(row["first_seen_at"] for row in found.rows)
    assert first < clock.time - timedelta(hours=4)


def test_pages_older_than_six_hours_are_asked_for_again() -> None:
    service, journal, clock = FakeDiscover(spread(FILMS)), MemoryJournal(), Clock()
    walk(service, journal, clock)
    clock.time += timedelta(hours=6, minutes=1)
    assert walk(service, journal, clock).pages_from_journal == 0


def test_a_page_that_is_doubted_is_asked_for_not_recalled() -> None:
    """A film missing in the kept pages would stay missing if the search read them again."""
    service, journal, clock = FakeDiscover(spread(FILMS)), MemoryJournal(), Clock()
    service.hidden_once = {100, 333}
    with pytest.raises(QuotaExhausted):
        walk(service, journal, clock, quota=PAGES)
    found = walk(service, journal, clock)
    assert found.pages_from_journal >= PAGES
    assert ids(found) == set(range(1, FILMS + 1))


def test_a_kept_page_of_another_shape_is_asked_for() -> None:
    service, journal, clock = FakeDiscover(spread(FILMS)), MemoryJournal(), Clock()
    walk(service, journal, clock)
    for params, page in list(journal.pages.values())[:3]:
        journal.keep(DISCOVER_PATH, params, {"pages": []}, page.answered_at)
    found = walk(service, journal, clock)
    assert (found.pages_from_journal, found.requests) == (PAGES - 3, 3)


def test_a_finished_year_leaves_and_its_neighbours_stay() -> None:
    service, journal, clock = FakeDiscover(spread(FILMS)), MemoryJournal(), Clock()
    walk(service, journal, clock)
    for days in (("2019-12-01", "2019-12-31"), ("2019-12-31", "2020-01-01")):
        query = {"primary_release_date.gte": days[0], "primary_release_date.lte": days[1]}
        journal.keep(DISCOVER_PATH, query, {}, clock.time)
    journal.keep("movie/popular", {"page": 1}, {}, clock.time)
    forget_year(journal, 2020)
    assert len(journal.pages) == 3


def test_no_kept_page_holds_the_key() -> None:
    service, journal, clock = FakeDiscover(spread(95)), MemoryJournal(), Clock()
    walk(service, journal, clock)
    assert journal.pages
    assert TMDB_KEY not in repr(list(journal.pages.items()))
