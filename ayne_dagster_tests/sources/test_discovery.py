"""Walking discover: splitting, drift, caps, and the record of what could not be seen."""

import asyncio
from collections import Counter
from datetime import date, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from ayne_dagster.sources.discovery import DiscoverWalk
from ayne_dagster.sources.failures import ServiceUnavailable
from ayne_dagster.sources.languages import TMDB_LANGUAGES
from ayne_dagster.sources.tmdb import TmdbClient
from ayne_dagster_tests.sources.fakes import TMDB_KEY, Clock, CountingBudget, json_answer

LAST_PAGE = 500


class FakeDiscover:
    """Films with a date, a language and votes, 20 a page, in the order asked for."""

    def __init__(self, films: list[dict[str, Any]]) -> None:
        self.films = films
        self.asked: list[dict[str, str]] = []
        self.broken_page: int | None = None
        self.empty_answers = 0
        self.hidden_once: set[int] = set()
        self.answers: dict[tuple[tuple[str, str], ...], list[dict[str, Any]]] = {}

    def __call__(self, request: httpx.Request) -> httpx.Response:
        params = dict(request.url.params.multi_items())
        self.asked.append(params)
        page = int(params["page"])
        assert 1 <= page <= LAST_PAGE
        assert "region" not in params
        if page == self.broken_page:
            return json_answer({"success": False, "status_code": 11}, 500)
        found = [] if len(self.asked) <= self.empty_answers else self.found(params)
        shown = found[20 * (page - 1) : 20 * page]
        hidden = [film for film in shown if film["id"] in self.hidden_once]
        for film in hidden:  # moved to a page that was already read: its neighbour comes twice
            self.hidden_once.discard(film["id"])
            shown = [other if other is not film else shown[0] for other in shown]
        return json_answer(
            {
                "page": page,
                "results": shown,
                "total_pages": max(-(-len(found) // 20), 1),
                "total_results": len(found),
            }
        )

    def found(self, params: dict[str, str]) -> list[dict[str, Any]]:
        query = tuple(sorted((k, v) for k, v in params.items() if k not in ("page", "api_key")))
        if query not in self.answers:
            found = [film for film in self.films if self.fits(film, params)]
            if params["sort_by"] == "popularity.desc":
                found.sort(key=lambda film: -film["popularity"])
            else:
                assert params["sort_by"] == "primary_release_date.asc"
                found.sort(key=lambda film: film["release_date"])
            self.answers[query] = found
        return self.answers[query]

    @staticmethod
    def fits(film: dict[str, Any], params: dict[str, str]) -> bool:
        return (
            params["primary_release_date.gte"]
            <= film["release_date"]
            <= params["primary_release_date.lte"]
            and film["vote_count"] >= int(params.get("vote_count.gte", 0))
            and film["vote_count"] <= int(params.get("vote_count.lte", 10**9))
            and film["original_language"]
            == params.get("with_original_language", film["original_language"])
        )


def film(tmdb_id: int, day: date, *, language: str = "en", votes: int = 0) -> dict[str, Any]:
    return {
        "id": tmdb_id,
        "title": f"Film {tmdb_id}",
        "release_date": day.isoformat(),
        "original_language": language,
        "vote_count": votes,
        "vote_average": 5.0 if votes else 0.0,
        "popularity": float(tmdb_id % 97),
    }


def spread(count: int, days: int = 365) -> list[dict[str, Any]]:
    first = date(2020, 1, 1)
    step = days / (count + 1)
    return [film(n, first + timedelta(days=int(n * step))) for n in range(1, count + 1)]


def walk(service: FakeDiscover, **options: Any) -> DiscoverWalk:
    clock = Clock()

    async def run() -> DiscoverWalk:
        async with TmdbClient(
            credential=SecretStr(TMDB_KEY), budget=CountingBudget(), now=clock,
            transport=httpx.MockTransport(service), sleep=clock.sleep,
        ) as tmdb:  # fmt: skip
            return await tmdb.discover_year(2020, **options)

    return asyncio.run(run())


def ids(found: DiscoverWalk) -> set[int]:
    return {row["tmdb_id"] for row in found.rows}


def test_a_calm_year_is_one_window_and_no_page_is_asked_for_twice() -> None:
    """Page 1 was once fetched twice, for its total and for its films."""
    service = FakeDiscover(spread(495))
    found = walk(service)
    assert ids(found) == set(range(1, 496))
    assert (found.windows, found.requests, found.is_truncated, found.gap) == (1, 25, False, 0)
    assert (found.films_reported, found.films_seen) == (495, 495)
    assert sorted(int(asked["page"]) for asked in service.asked) == list(range(1, 26))
    assert found.rows[0]["sources"] == ["discover"]
    assert service.asked[0]["include_adult"] == "false"


def test_a_year_of_few_pages_is_read_in_parts_of_one_page() -> None:
    """The totals of two pages can both be one too low; a page that is not full cannot lie."""
    service = FakeDiscover(spread(95))
    found = walk(service)
    assert ids(found) == set(range(1, 96))
    assert (found.requests, found.is_truncated, found.gap) == (9, False, 0)
    assert {asked["page"] for asked in service.asked} == {"1"}


def test_a_full_page_is_not_taken_for_everything() -> None:
    """A list of 21 that lost one for a moment looks like a whole list of 20."""

    class OneTooFew(FakeDiscover):
        def found(self, params: dict[str, str]) -> list[dict[str, Any]]:
            whole = super().found(params)
            return whole[1:] if len(whole) > 20 else whole

    assert ids(walk(OneTooFew(spread(21)))) == set(range(1, 22))


@pytest.mark.parametrize("max_pages", [None, 1])
def test_an_empty_year_is_believed_when_it_says_so_twice(max_pages: int | None) -> None:
    found = walk(FakeDiscover([]), max_pages=max_pages)
    assert (found.rows, found.requests, found.films_reported) == ([], 2, 0)
    assert not found.is_truncated


@pytest.mark.parametrize("max_pages", [None, 1])
def test_a_year_that_came_empty_once_is_walked(max_pages: int | None) -> None:
    """One empty answer, and the year was not looked at for a month."""
    service = FakeDiscover(spread(15))
    service.empty_answers = 1
    found = walk(service, max_pages=max_pages)
    assert (ids(found), found.requests, found.gap) == (set(range(1, 16)), 2, 0)


def test_a_window_too_large_is_halved_until_every_part_can_be_seen() -> None:
    service = FakeDiscover(spread(400))
    found = walk(service, max_window_pages=3)
    assert ids(found) == set(range(1, 401))
    assert found.windows >= 7
    assert not found.is_truncated
    assert found.films_reported == 400
    asked = Counter(tuple(sorted(params.items())) for params in service.asked)
    assert max(asked.values()) == 1
    # A window that is split costs its first page; a part never asks beyond the limit.
    assert max(int(params["page"]) for params in service.asked) <= 3


def test_a_day_too_large_is_split_by_language_and_then_by_votes() -> None:
    day = date(2020, 1, 1)
    films = [film(n, day, language="en", votes=n % 7 * 40) for n in range(1, 151)]
    films += [film(n, day, language="fr") for n in range(200, 220)]
    found = walk(FakeDiscover(films), max_window_pages=2, languages=("en", "fr"))
    assert ids(found) == {one["id"] for one in films}
    assert not found.is_truncated
    assert found.gap == 0


def test_films_of_a_language_nobody_listed_are_a_gap_and_not_a_silence() -> None:
    day = date(2020, 1, 1)
    films = [film(n, day) for n in range(1, 31)]
    films += [film(n, day, language="qq") for n in range(100, 130)]
    found = walk(FakeDiscover(films), max_window_pages=2, languages=("en",))
    assert (found.films_seen, found.films_reported, found.gap) == (30, 60, 30)
    assert found.is_truncated


def test_what_cannot_be_split_any_further_is_said_to_be_truncated() -> None:
    films = [film(n, date(2020, 1, 1), votes=5) for n in range(1, 10_101)]
    service = FakeDiscover(films)
    found = walk(service, languages=("en",))
    assert found.is_truncated
    assert found.films_seen == 10_000
    assert found.gap == 100


@pytest.mark.parametrize("films", [700, 3_000])
def test_a_film_that_moved_between_pages_is_found_by_halving(films: int) -> None:
    """The service is no snapshot: a film seen on two pages means another one on none."""
    service = FakeDiscover(spread(films))
    service.hidden_once = {333}
    found = walk(service)
    assert ids(found) == set(range(1, films + 1))
    assert found.gap == 0
    # Two totals a level, then a window of up to ten pages: not the whole walk again.
    assert found.requests <= films // 20 + 2 * 7 + 25


def test_many_films_that_moved_are_found_without_halving_for_each() -> None:
    service = FakeDiscover(spread(1_000))
    service.hidden_once = set(range(5, 1_000, 40))
    found = walk(service)
    assert ids(found) == set(range(1, 1_001))
    assert found.requests <= 50 + 1_000 // 10


@pytest.mark.parametrize("films", [95, 1_000])
def test_a_film_that_is_counted_and_on_no_page_is_recorded(films: int) -> None:
    class Lossy(FakeDiscover):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            self.hidden_once = {50}
            return super().__call__(request)

    found = walk(Lossy(spread(films)))
    assert (found.films_seen, found.films_reported, found.gap) == (films - 1, films, 1)
    assert not found.is_truncated
    assert found.requests <= films // 20 + 2 * 5 + 25


def test_a_film_deleted_meanwhile_is_no_gap_and_costs_a_bounded_search() -> None:
    class Shrinking(FakeDiscover):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            if len(self.asked) == 10:
                self.films = [film for film in self.films if film["id"] != 900]
                self.answers.clear()
            return super().__call__(request)

    found = walk(Shrinking(spread(1_000)))
    assert ids(found) >= set(range(1, 1_001)) - {900}
    assert found.gap == 0
    assert found.requests <= 50 + 1_000 // 10


def test_films_of_one_day_are_told_apart_by_votes_and_language() -> None:
    """Sixty films a day with the same date: no day can be halved to find the one that moved."""
    day = date(2020, 5, 1)
    films = [film(n, day, votes=n % 3, language=("en", "fr")[n % 2]) for n in range(1, 61)]
    service = FakeDiscover(films)
    service.hidden_once = {7, 44}
    found = walk(service)
    assert ids(found) == set(range(1, 61))
    assert found.gap == 0


def test_a_day_that_nothing_can_cut_is_walked_a_few_times_and_no_more() -> None:
    class Lossy(FakeDiscover):
        def __call__(self, request: httpx.Request) -> httpx.Response:
            self.hidden_once = {7}
            return super().__call__(request)

    found = walk(Lossy([film(n, date(2020, 5, 1), votes=3) for n in range(1, 61)]))
    assert (found.films_seen, found.gap) == (59, 1)
    assert found.requests <= 60


def test_a_service_that_does_not_heed_a_filter_ends_the_search_all_the_same() -> None:
    """Ten million numbers of votes can be cut for a long time."""

    class Heedless(FakeDiscover):
        @staticmethod
        def fits(film: dict[str, Any], params: dict[str, str]) -> bool:
            return params["primary_release_date.gte"] <= film["release_date"] and (
                film["release_date"] <= params["primary_release_date.lte"]
            )

    service = Heedless([film(n, date(2020, 5, 1), votes=n) for n in range(1, 61)])
    service.hidden_once = {7}
    found = walk(service)
    assert ids(found) == set(range(1, 61))
    assert found.requests <= 20 * 60


def test_a_day_that_is_truncated_does_not_end_the_search_elsewhere() -> None:
    day = date(2020, 1, 1)
    films = [film(n, day, language="qq") for n in range(10_000, 10_500)]
    service = FakeDiscover([*films, *spread(700, days=364)[1:]])
    service.hidden_once = {600}
    found = walk(service, max_window_pages=20, languages=("en",))
    assert found.is_truncated
    assert 600 in ids(found)


def test_a_page_that_fails_fails_the_walk() -> None:
    """A failed page was once logged and dropped, and twenty films were never discovered."""
    service = FakeDiscover(spread(495))
    service.broken_page = 3
    with pytest.raises(ServiceUnavailable):
        walk(service)


def test_few_pages_bring_the_best_known_films_and_are_truncated() -> None:
    service = FakeDiscover(spread(300))
    found = walk(service, max_pages=2)
    best = sorted(service.films, key=lambda one: -one["popularity"])[:40]
    assert ids(found) == {one["id"] for one in best}
    assert found.is_truncated
    assert found.requests == 2
    assert found.gap == 260


def test_a_cap_that_is_not_reached_truncates_nothing() -> None:
    found = walk(FakeDiscover(spread(30)), max_pages=5)
    assert (found.films_seen, found.requests, found.is_truncated) == (30, 2, False)


def test_a_large_cap_ends_a_walk_in_windows() -> None:
    service = FakeDiscover(spread(400))
    found = walk(service, max_window_pages=3, max_pages=10)
    assert len(service.asked) == found.requests <= 10
    assert found.is_truncated


def test_a_cap_of_no_pages_is_refused() -> None:
    with pytest.raises(ValueError, match="max_pages"):
        walk(FakeDiscover([]), max_pages=0)


def test_a_window_that_ends_before_it_begins_is_refused() -> None:
    async def run() -> None:
        async with TmdbClient(
            credential=SecretStr(TMDB_KEY), budget=CountingBudget(), now=Clock()
        ) as tmdb:
            await tmdb.discover_window(date(2020, 1, 2), date(2020, 1, 1))

    with pytest.raises(ValueError, match="before it begins"):
        asyncio.run(run())


def test_min_votes_are_asked_for() -> None:
    service = FakeDiscover([film(n, date(2020, 3, 1), votes=n) for n in range(1, 11)])
    assert ids(walk(service, min_votes=6)) == {6, 7, 8, 9, 10}


def test_languages_are_codes_and_each_once() -> None:
    assert len(set(TMDB_LANGUAGES)) == len(TMDB_LANGUAGES) > 180
    assert all(len(code) == 2 and code.islower() for code in TMDB_LANGUAGES)
