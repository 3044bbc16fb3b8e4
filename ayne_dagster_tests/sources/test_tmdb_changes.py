"""Days of TMDB's change feed: whole, or not at all."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from ayne_dagster.sources.failures import InvalidRequest, ServiceUnavailable, UnusableAnswer
from ayne_dagster.sources.tmdb import TmdbClient
from ayne_dagster.sources.tmdb_changes import ChangedFilms, DayOutOfReach, EmptyDay
from ayne_dagster_tests.sources.fakes import TMDB_KEY, Clock, CountingBudget, json_answer, service

TODAY = date(2026, 11, 20)
DAY = date(2026, 11, 18)


class Feed:
    """A feed of films per day whose pages can be tampered with.

    Args:
        films: Ids of each day.
        is_end_included: Whether `end_date` belongs to the window.
        tamper: Changes a page, given its number and how often that page was asked for.
    """

    def __init__(
        self,
        films: dict[date, list[int]],
        *,
        is_end_included: bool = True,
        tamper: Callable[[dict[str, Any], int, int], Any] = lambda page, number, time: page,
    ) -> None:
        self.films, self.is_end_included, self.tamper = films, is_end_included, tamper
        self.asked: list[tuple[str, str, int]] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        params = request.url.params
        number = int(params["page"])
        self.asked.append((params["start_date"], params["end_date"], number))
        first, last = (date.fromisoformat(params[f"{end}_date"]) for end in ("start", "end"))
        days = [
            d
            for d in self.films
            if first <= d and (d < last or (self.is_end_included and d == last))
        ]
        ids = sorted(
            {film for day in days for film in self.films[day]}, key=lambda i: i * 7919 % 9973
        )
        page = {
            "results": [{"id": i, "adult": None} for i in ids[100 * (number - 1) : 100 * number]],
            "page": number,
            "total_pages": max(1, -(-len(ids) // 100)),
            "total_results": len(ids),
        }
        answer = self.tamper(page, number, Counter(self.asked)[self.asked[-1]])
        return answer if isinstance(answer, httpx.Response) else json_answer(answer)


def read(feed: Feed, day: date = DAY, *, names_films: bool = True) -> ChangedFilms:
    clock = Clock(datetime(2026, 11, 20, 12, tzinfo=UTC))

    async def ask() -> ChangedFilms:
        client = TmdbClient(
            credential=SecretStr(TMDB_KEY),
            budget=CountingBudget(),
            now=clock,
            transport=service(feed),
            sleep=clock.sleep,
        )
        async with client as tmdb:
            return await tmdb.changed_films(day, names_films=names_films)

    return asyncio.run(ask())


def test_a_day_is_all_its_pages_each_film_once():
    feed = Feed({DAY: list(range(1, 251)), DAY + timedelta(days=1): [900]})
    found = read(feed)
    assert found.tmdb_ids == tuple(range(1, 251))
    assert found.day == DAY
    assert sorted(feed.asked) == [("2026-11-18", "2026-11-18", page) for page in (1, 2, 3)]


def test_a_day_is_complete_where_the_end_date_does_not_belong_to_the_window():
    """Nobody has confirmed whether it does; a day must not be empty for it."""
    feed = Feed({DAY: [1, 2], DAY + timedelta(days=1): [3]}, is_end_included=False)
    assert read(feed).tmdb_ids == (1, 2)
    assert [end for _, end, _ in feed.asked] == ["2026-11-18", "2026-11-19"]


def moved(page: dict[str, Any], _number: int, time: int) -> dict[str, Any]:
    """A film leaves between page 1 and page 2: the first of page 2 moves to page 1, unseen."""
    if time == 1 and page["page"] == 2:
        return {**page, "total_results": 149, "results": page["results"][1:]}
    return page


def test_pages_that_moved_are_read_once_more_and_nothing_is_missed():
    feed = Feed({DAY: list(range(1, 151))}, tamper=moved)
    assert read(feed).tmdb_ids == tuple(range(1, 151))
    assert len(feed.asked) == 4


@pytest.mark.parametrize(
    "tamper",
    [
        pytest.param(
            lambda page, number, time: {**page, "total_results": 150 + number}, id="totals move"
        ),
        pytest.param(
            lambda page, number, time: {**page, "results": []} if number == 2 else page,
            id="a page comes without films",
        ),
    ],
)
def test_a_day_that_moves_twice_is_not_believed(tamper: Callable[..., Any]):
    with pytest.raises(UnusableAnswer, match="2026-11-18 moved while it was read, twice"):
        read(Feed({DAY: list(range(1, 151))}, tamper=tamper))


def test_a_film_named_twice_for_good_does_not_make_the_day_unreadable():
    """A service that repeats an entry in every walk would otherwise end the feed for ever."""

    def repeat(page: dict[str, Any], number: int, time: int) -> dict[str, Any]:
        return {**page, "total_results": 151, "results": [{"id": 1}, *page["results"]]}

    assert read(Feed({DAY: list(range(1, 151))}, tamper=repeat)).tmdb_ids == tuple(range(1, 151))


def test_half_a_day_is_no_day():
    """A page that does not come makes the day unread, not shorter."""

    def break_down(page: dict[str, Any], number: int, time: int) -> Any:
        return httpx.Response(503) if number == 2 else page

    with pytest.raises(ServiceUnavailable):
        read(Feed({DAY: list(range(1, 251))}, tamper=break_down))


def test_a_day_beyond_the_last_page_there_is_fails_and_is_not_cut():
    feed = Feed({DAY: [1]}, tamper=lambda page, number, time: {**page, "total_pages": 501})
    with pytest.raises(UnusableAnswer, match="501 pages, and TMDB answers 500 at most"):
        read(feed)
    assert len(feed.asked) == 1


@pytest.mark.parametrize(("days_back", "expected"), [(14, DayOutOfReach), (3, InvalidRequest)])
def test_a_refused_window_is_out_of_reach_only_at_the_edge(
    days_back: int, expected: type[InvalidRequest]
):
    """Everywhere else it is a mistake, and passing over it would lose days in silence."""
    body = {"success": False, "status_code": 20, "status_message": "Invalid date range"}
    feed = Feed({}, tamper=lambda page, number, time: json_answer(body, 422))
    with pytest.raises(InvalidRequest) as caught:
        read(feed, TODAY - timedelta(days=days_back))
    assert type(caught.value) is expected


@pytest.mark.parametrize("days_back", [1, 2])
def test_a_day_that_names_nobody_is_no_answer_while_the_feed_may_be_late(days_back: int):
    """It hid every edit of that day until the films' re-verification, months later."""
    feed, day = Feed({DAY - timedelta(days=9): [1]}), TODAY - timedelta(days=days_back)
    with pytest.raises(EmptyDay, match=f"{day} names no film, as other days do, and may be late"):
        read(feed, day)
    assert read(feed, day, names_films=False).tmdb_ids == (), "no day ever named a film here"


def test_a_day_that_names_nobody_two_days_later_is_believed():
    """A small service has such days, and they must not stay unread for ever."""
    assert read(Feed({}), TODAY - timedelta(days=3)).tmdb_ids == ()
