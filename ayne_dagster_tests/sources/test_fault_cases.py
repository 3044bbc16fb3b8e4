"""The whole table of fault cases (`docs/services.md`): the sandbox shows each, the client acts.

One row per case and variant: what the ask comes to, how many requests that takes, and what is kept.
Bulk files (21 to 23) have tests of their own; 24 and 25 are asked by nobody here.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from ayne_dagster.domain.outcomes import FetchOutcome
from ayne_dagster.sandbox.app import create_app
from ayne_dagster.sandbox.catalogue import Catalogue
from ayne_dagster.sandbox.clock import SandboxClock
from ayne_dagster.sandbox.config import SANDBOX_OMDB_KEY, SANDBOX_TMDB_KEY
from ayne_dagster.sandbox.faults.cases import CASES, FaultCase, find_case
from ayne_dagster.sandbox.faults.plan import FaultPlan
from ayne_dagster.sandbox.generated_catalogue import generate_catalogue
from ayne_dagster.sources.failures import (
    BadCredential,
    InvalidRequest,
    QuotaExhausted,
    ServiceUnavailable,
    SourceError,
    UnusableAnswer,
)
from ayne_dagster.sources.fetch_result import FetchResult
from ayne_dagster.sources.omdb import OmdbClient
from ayne_dagster.sources.tmdb import TmdbClient
from ayne_dagster_tests.sources.fakes import Clock, CountingBudget

NOW = datetime(2026, 5, 20, 12, tzinfo=UTC)
O = FetchOutcome  # noqa: E741 - reads like the table it stands in
Expected = tuple[FetchOutcome | type[SourceError], int]

TMDB_FILM: dict[int, Expected] = {
    1: (BadCredential, 1),
    2: (O.NOT_FOUND, 1),
    3: (ServiceUnavailable, 6),
    5: (InvalidRequest, 1),
    6: (InvalidRequest, 1),
    7: (ServiceUnavailable, 6),
    8: (O.UNUSABLE, 3),
    9: (O.UNUSABLE, 3),
    10: (O.ROW, 1),
    12: (O.UNUSABLE, 3),
    13: (O.ROW, 2),
    14: (ServiceUnavailable, 6),
}
OMDB_TITLE: dict[int, Expected] = {
    8: (O.UNUSABLE, 3),
    14: (ServiceUnavailable, 4),
    15: (QuotaExhausted, 1),
    16: (BadCredential, 1),
    17: (O.NOT_FOUND, 1),
    18: (O.UNUSABLE, 1),
    19: (ServiceUnavailable, 4),
    20: (O.UNUSABLE, 1),
}
EXCEPTIONS: dict[tuple[int, str], Expected] = {
    # The content type is not looked at: the body is the film's.
    (8, "wrong_type"): (O.ROW, 1),
}
BY_CHANCE = frozenset((8, 3, 7, 14, 19))
"""Chance: asked for once more at the end of a run."""


def variants(expected: dict[int, Expected]) -> list[Any]:
    """Every form of every case, one after the other."""
    rows = []
    for number, usual in expected.items():
        case = find_case(number)
        assert isinstance(case, FaultCase)
        options = (
            ("kinds", case.kinds),
            ("statuses", case.statuses),
            ("retry_after", ("absent", "zero", "seconds", "date", "huge")
             if case.has_retry_after else ()),
        )  # fmt: skip
        forms = [(name, form) for name, found in options for form in found] or [("rate", 1)]
        for name, form in forms:
            what = EXCEPTIONS.get((number, str(form)), usual)
            fault = {"case": number, name: form} | ({"seconds": 0} if number == 14 else {})
            rows.append(pytest.param(fault, *what, id=f"{number}-{case.name}-{form}"))
    return rows


class InProcess(httpx.AsyncBaseTransport):
    """The sandbox's app without a network; a connection it breaks is one that broke."""

    def __init__(self, catalogue: Catalogue, *faults: dict[str, Any]) -> None:
        plan = FaultPlan.of({"faults": faults}) if faults else None
        app = create_app(catalogue, clock=SandboxClock(NOW, 0), faults=plan,
                         tmdb_requests_per_second=0, omdb_daily_quota=0)  # fmt: skip
        self._app = httpx.ASGITransport(app)
        self.asked: list[httpx.Request] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        try:
            return await self._app.handle_async_request(request)
        except ConnectionResetError as error:
            raise httpx.ReadError("reset", request=request) from error


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return generate_catalogue(films=60, seed=7, as_of=date(2026, 1, 1))


@pytest.fixture(scope="module")
def film(catalogue: Catalogue) -> int:
    return int(catalogue.columns.id[0])


@pytest.fixture(scope="module")
def title(catalogue: Catalogue) -> str:
    columns = catalogue.columns
    pairs = zip(columns.imdb_id, columns.has_rating, strict=True)
    return next(imdb_id for imdb_id, is_rated in pairs if imdb_id and is_rated)


class Asking:
    """One client on one app, and what it did."""

    def __init__(self, catalogue: Catalogue, *faults: dict[str, Any]) -> None:
        self.network = InProcess(catalogue, *faults)
        self.budget = CountingBudget()
        self.clock = Clock(NOW)
        self._common: dict[str, Any] = {
            "budget": self.budget, "now": self.clock, "transport": self.network,
            "sleep": self.clock.sleep,
        }  # fmt: skip

    def tmdb(self, work: Callable[[TmdbClient], Any]) -> Any:
        async def run() -> Any:
            async with TmdbClient(credential=SecretStr(SANDBOX_TMDB_KEY), **self._common) as tmdb:
                return await work(tmdb)

        return asyncio.run(run())

    def movie(self, tmdb_id: int, etag: str | None = None) -> FetchResult:
        return self.tmdb(lambda tmdb: tmdb.movie(tmdb_id, etag=etag))

    def title(self, imdb_id: str) -> FetchResult:
        async def run() -> FetchResult:
            async with OmdbClient(credential=SecretStr(SANDBOX_OMDB_KEY), **self._common) as omdb:
                return await omdb.title(imdb_id)

        return asyncio.run(run())


def check(
    asking: Asking,
    ask: Callable[[], FetchResult],
    number: int,
    expected: FetchOutcome | type[SourceError],
    requests: int,
) -> None:
    """That an ask comes to this, in so many requests, and keeps what there is to keep."""
    if not isinstance(expected, FetchOutcome):
        with pytest.raises(SourceError) as raised:
            ask()
        assert type(raised.value) is expected
        assert raised.value.tries == len(asking.network.asked) == requests
        assert raised.value.is_transient == (number in BY_CHANCE)
        return
    result = ask()
    assert result.outcome is expected
    assert result.requests == len(asking.network.asked) == requests
    assert asking.budget.acquired.total() == requests
    assert (result.row is not None) == (expected is O.ROW)
    if expected is O.UNUSABLE:
        assert result.is_transient == (number in BY_CHANCE)
    if expected in (O.UNUSABLE, O.NOT_FOUND) and number in (2, 9, 17, 20):
        assert result.payload


@pytest.mark.parametrize(("fault", "expected", "requests"), variants(TMDB_FILM))
def test_a_film_asked_for_comes_to_what_the_table_says(
    catalogue: Catalogue, film: int, fault: dict[str, Any], expected: Any, requests: int
) -> None:
    asking = Asking(catalogue, fault)
    check(asking, lambda: asking.movie(film), fault["case"], expected, requests)


@pytest.mark.parametrize(("fault", "expected", "requests"), variants(OMDB_TITLE))
def test_a_title_asked_for_comes_to_what_the_table_says(
    catalogue: Catalogue, title: str, fault: dict[str, Any], expected: Any, requests: int
) -> None:
    asking = Asking(catalogue, fault)
    check(asking, lambda: asking.title(title), fault["case"], expected, requests)
    exhausted = [service for service, _ in asking.budget.exhausted]
    assert exhausted == (["omdb"] if fault["case"] == 15 else [])


def test_every_case_a_service_can_answer_with_has_a_row_here() -> None:
    lists_only = {4, 11}
    answered = {case.number for case in CASES if {"tmdb", "omdb"} & set(case.services)} - {None}
    assert answered == {*TMDB_FILM, *OMDB_TITLE, *lists_only}


@pytest.mark.parametrize("number", sorted({*TMDB_FILM, *OMDB_TITLE} & {3, 7, 8, 9, 12, 14, 19}))
def test_what_is_worth_asking_again_is_good_at_the_second_try(
    catalogue: Catalogue, film: int, title: str, number: int
) -> None:
    fault = {"case": number, "first": 1} | ({"seconds": 0} if number == 14 else {})
    fault |= {"kinds": ["html", "truncated", "empty"]} if number == 8 else {}
    asking = Asking(catalogue, fault)
    result = asking.title(title) if number == 19 else asking.movie(film)
    assert (result.outcome, result.requests) == (O.ROW, 2)
    quiet = Asking(catalogue)
    same = quiet.title(title) if number == 19 else quiet.movie(film)
    assert {**(result.row or {}), "fetched_at": None} == {**(same.row or {}), "fetched_at": None}


@pytest.mark.parametrize(
    ("form", "seconds", "low", "high"),
    [("absent", 9, 1, 1), ("zero", 9, 1, 1), ("seconds", 9, 9, 9), ("huge", 9, 60, 60)],
)
def test_a_complaint_pauses_everybody_as_long_as_it_says_within_bounds(
    catalogue: Catalogue, film: int, form: str, seconds: int, low: float, high: float
) -> None:
    fault = {"case": 3, "first": 1, "retry_after": form, "seconds": seconds}
    asking = Asking(catalogue, fault)
    assert asking.movie(film).outcome is O.ROW
    [pause] = asking.budget.pauses
    assert low <= pause <= high


def test_a_page_out_of_range_ends_the_list_and_is_not_asked_again(catalogue: Catalogue) -> None:
    asking = Asking(catalogue, {"case": 4})
    with pytest.raises(InvalidRequest):
        asking.tmdb(lambda tmdb: tmdb.movie_list("popular", 2))
    assert len(asking.network.asked) == 1


def test_a_list_that_drifts_has_each_film_once(catalogue: Catalogue) -> None:
    asking = Asking(catalogue, {"case": 11, "kinds": ["repeated", "total_moved"]})
    rows = asking.tmdb(lambda tmdb: tmdb.movie_list("popular", 3))
    ids = [row["tmdb_id"] for row in rows]
    assert len(ids) == len(set(ids)) > 50


def test_a_list_with_empty_pages_is_no_list(catalogue: Catalogue) -> None:
    asking = Asking(catalogue, {"case": 11, "kinds": ["empty"]})
    with pytest.raises(UnusableAnswer, match="without films, twice"):
        asking.tmdb(lambda tmdb: tmdb.movie_list("popular", 3))
    assert len(asking.network.asked) == 2


def test_a_film_is_unchanged_for_who_asks_with_its_validator(
    catalogue: Catalogue, film: int
) -> None:
    asking = Asking(catalogue)
    first = asking.movie(film)
    assert first.etag is not None
    again = asking.movie(film, etag=first.etag)
    assert (again.outcome, again.requests, again.etag) == (O.UNCHANGED, 1, first.etag)
    changed = asking.movie(film, etag='W/"of-last-year"')
    assert (changed.outcome, changed.etag) == (O.ROW, first.etag)
    strong = first.etag.removeprefix("W/")
    assert asking.movie(film, etag=strong).outcome is O.UNCHANGED


def test_five_asks_without_an_answer_in_a_row_end_the_asking(
    catalogue: Catalogue, film: int
) -> None:
    asking = Asking(catalogue, {"case": 14, "seconds": 0})

    async def many(tmdb: TmdbClient) -> list[str]:
        kinds = []
        for _ in range(7):
            try:
                await tmdb.movie(film)
            except SourceError as error:
                kinds.append(type(error).__name__)
        return kinds

    found = asking.tmdb(many)
    assert found == ["ServiceUnavailable"] * 5 + ["CircuitOpen"] * 2
    assert len(asking.network.asked) == 30
