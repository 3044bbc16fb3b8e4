"""The loop around every request: budget, tries, waits, and what it raises."""

import asyncio
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from pydantic import BaseModel, SecretStr

from ayne_dagster.sources.classification import Classification, Verdict
from ayne_dagster.sources.credentials import Placement, omdb_credential, tmdb_credential
from ayne_dagster.sources.failures import (
    BadCredential,
    CircuitOpen,
    InvalidRequest,
    NotFound,
    QuotaExhausted,
    ServiceUnavailable,
    SourceError,
    UnusableAnswer,
)
from ayne_dagster.sources.http_client import Answer, ServiceClient
from ayne_dagster.sources.retrying import CircuitBreaker, RetryPolicy, retry_after_seconds
from ayne_dagster_tests.sources.fakes import (
    NOON,
    OMDB_KEY,
    TMDB_KEY,
    Clock,
    CountingBudget,
    json_answer,
    script,
)


class Thing(BaseModel):
    id: int


GOOD = json_answer({"id": 7})
ERROR_500 = json_answer({"success": False, "status_code": 11, "status_message": "x"}, 500)
TOO_MANY = {"success": False, "status_code": 25, "status_message": "too many"}


def client(
    transport: httpx.AsyncBaseTransport,
    *,
    budget: CountingBudget | None = None,
    clock: Clock | None = None,
    **options: Any,
) -> ServiceClient:
    clock = clock or Clock()
    return ServiceClient(
        **{
            "service": "tmdb",
            "base_url": "https://tmdb.example/3",
            "credential": tmdb_credential(SecretStr(TMDB_KEY)),
            "credential_setting": "tmdb_credential",
            "budget": budget or CountingBudget(),
            "now": clock,
            "transport": transport,
            "sleep": clock.sleep,
            "seed": 1,
        }
        | options
    )


def ask(service: ServiceClient, path: str = "thing") -> Answer[Thing]:
    async def once() -> Answer[Thing]:
        async with service:
            return await service.ask(path, {}, Thing)

    return asyncio.run(once())


def failure_of(service: ServiceClient) -> SourceError:
    with pytest.raises(SourceError) as raised:
        ask(service)
    return raised.value


def test_a_good_answer_is_read_and_counted() -> None:
    transport, asked = script(GOOD)
    service = client(transport)
    answer = ask(service)
    assert answer.value == Thing(id=7)
    assert (answer.tries, answer.answered_at, answer.payload) == (1, NOON, {"id": 7})
    assert service.stats.by_outcome == {"usable": 1}
    assert asked[0].url.path == "/3/thing"
    assert asked[0].headers["user-agent"].startswith("ayne-dagster")
    assert asked[0].headers["accept-encoding"] == "gzip"


@pytest.mark.parametrize(
    ("answer", "failure", "tries"),
    [
        (json_answer({"status_code": 7}, 401), BadCredential, 1),
        (json_answer({"status_code": 34}, 404), NotFound, 1),
        (json_answer({"status_code": 22}, 400), InvalidRequest, 1),
        (json_answer({"errors": ["x"]}, 422), InvalidRequest, 1),
        (ERROR_500, ServiceUnavailable, 6),
        (httpx.Response(502, content=b"<html>"), ServiceUnavailable, 6),
        (httpx.Response(200, content=b"<html>"), UnusableAnswer, 3),
        (httpx.Response(200, content=b'{"id": '), UnusableAnswer, 3),
        (json_answer({"success": False, "status_code": 21}), UnusableAnswer, 3),
        (json_answer({"name": "another shape"}), UnusableAnswer, 3),
        (json_answer(TOO_MANY, 429), ServiceUnavailable, 6),
    ],
)
def test_each_failure_has_its_type_and_its_number_of_tries(
    answer: httpx.Response, failure: type[SourceError], tries: int
) -> None:
    """401 and 404 were once retried, and a quota of 1,000 a day went into asking again."""
    transport, asked = script(answer)
    budget = CountingBudget()
    raised = failure_of(client(transport, budget=budget))
    assert type(raised) is failure
    assert raised.tries == len(asked) == budget.acquired["tmdb"] == tries


@pytest.mark.parametrize(
    "broken",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("closed"),
        httpx.ReadError("reset"),
    ],
)
def test_a_broken_connection_is_tried_again_and_then_answers(broken: Exception) -> None:
    transport, asked = script(broken, broken, GOOD)
    budget = CountingBudget()
    assert ask(client(transport, budget=budget)).tries == 3
    assert len(asked) == budget.acquired["tmdb"] == 3


def test_a_damaged_gzip_is_an_unusable_answer() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, headers={"content-encoding": "gzip"}, stream=httpx.ByteStream(b"no gzip at all")
        )

    assert isinstance(failure_of(client(httpx.MockTransport(answer))), UnusableAnswer)


def test_waits_grow_and_stay_between_half_and_all_of_the_step() -> None:
    transport, _ = script(ERROR_500)
    clock = Clock()
    failure_of(client(transport, clock=clock))
    assert len(clock.slept) == 5
    for step, slept in zip((1, 2, 4, 8, 16), clock.slept, strict=True):
        assert step / 2 <= slept <= step


def test_the_same_seed_waits_the_same() -> None:
    policy = RetryPolicy()
    waits = [policy.wait_seconds(n, random.Random(3)) for n in (1, 2)]
    assert waits == [policy.wait_seconds(n, random.Random(3)) for n in (1, 2)]
    assert policy.wait_seconds(40, random.Random(3)) <= policy.cap_seconds


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7),
        ("0", 1),
        ("3600", 60),
        ("99999999999999999999", 60),
        ("Fri, 20 Nov 2026 12:00:09 GMT", 9),
        ("Fri, 20 Nov 2026 11:00:00 GMT", 1),
        ("Fri, 20 Nov 2027 12:00:00 GMT", 60),
        ("soon", None),
        ("-5", None),
        ("", None),
    ],
)
def test_retry_after_is_honoured_in_both_forms_within_bounds(
    header: str, seconds: float | None
) -> None:
    """It was once ignored; and a literal 0 would mean to ask again at once."""
    assert retry_after_seconds({"retry-after": header}, NOON) == seconds


def test_retry_after_absent_says_nothing() -> None:
    assert retry_after_seconds({}, NOON) is None


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [({"Retry-After": "9"}, 9, 9), ({"Retry-After": "0"}, 1, 1), ({}, 1, 1)],
)
def test_a_complaint_slows_down_every_process_and_not_only_this_request(
    headers: dict[str, str], low: float, high: float
) -> None:
    transport, _ = script(json_answer(TOO_MANY, 429, **headers), GOOD)
    budget = CountingBudget()
    assert ask(client(transport, budget=budget)).tries == 2
    assert low <= budget.pauses[0] <= high


def test_code_25_is_a_complaint_whatever_the_status_says() -> None:
    transport, _ = script(json_answer(TOO_MANY, 200), GOOD)
    budget = CountingBudget()
    ask(client(transport, budget=budget))
    assert len(budget.pauses) == 1


def test_retry_after_of_a_503_is_waited_for() -> None:
    transport, _ = script(httpx.Response(503, headers={"Retry-After": "17"}), GOOD)
    clock = Clock()
    ask(client(transport, clock=clock))
    assert clock.slept == [17]


def test_a_quota_used_up_by_our_count_sends_nothing() -> None:
    transport, asked = script(GOOD)
    assert isinstance(failure_of(client(transport, budget=CountingBudget(0))), QuotaExhausted)
    assert asked == []


def test_a_quota_used_up_by_the_services_word_ends_the_day() -> None:
    transport, _ = script(
        json_answer({"Response": "False", "Error": "Request limit reached!"}, 401)
    )
    budget = CountingBudget()
    service = client(
        transport, budget=budget, service="omdb", credential=omdb_credential(SecretStr(OMDB_KEY))
    )
    raised = failure_of(service)
    assert type(raised) is QuotaExhausted
    assert raised.tries == 1
    assert budget.exhausted == [("omdb", NOON.date())]
    assert budget.is_closed


def test_a_refusal_after_midnight_ends_the_day_its_request_was_counted_on() -> None:
    """It came in after midnight once, and the new day was over before its first request."""
    transport, _ = script(
        json_answer({"Response": "False", "Error": "Request limit reached!"}, 401)
    )
    clock, budget = Clock(NOON + timedelta(hours=12)), CountingBudget()
    budget.day = NOON.date()
    service = client(
        transport, budget=budget, clock=clock,
        service="omdb", credential=omdb_credential(SecretStr(OMDB_KEY)),
    )  # fmt: skip
    failure_of(service)
    assert budget.exhausted == [("omdb", NOON.date())]


def test_requests_sent_before_the_budget_ended_it_are_told() -> None:
    """Three were sent, none was reported: the quota table and the run disagreed."""
    transport, asked = script(ERROR_500)
    raised = failure_of(client(transport, budget=CountingBudget(3)))
    assert type(raised) is QuotaExhausted
    assert raised.tries == len(asked) == 3


def test_a_refused_key_names_the_setting_to_correct() -> None:
    transport, _ = script(json_answer({"status_code": 7, "status_message": "Invalid key."}, 401))
    message = str(failure_of(client(transport)))
    assert "`tmdb_credential`" in message
    assert TMDB_KEY not in message


@pytest.mark.parametrize("secret", ["", "  ", "zwei worte", "ümlaut"])
def test_a_key_that_cannot_be_sent_is_refused_before_sending(secret: str) -> None:
    transport, asked = script(GOOD)
    service = client(transport, credential=tmdb_credential(SecretStr(secret)))
    assert isinstance(failure_of(service), BadCredential)
    assert asked == []


def test_five_asks_without_an_answer_leave_the_service_alone_for_a_minute() -> None:
    transport, asked = script(httpx.ConnectError("refused"))
    clock = Clock()
    service = client(transport, clock=clock, policy=RetryPolicy(unavailable=0))

    async def many() -> list[type[Exception]]:
        kinds: list[type[Exception]] = []
        for _ in range(7):
            try:
                await service.ask("thing", {}, Thing)
            except SourceError as error:
                kinds.append(type(error))
        return kinds

    assert asyncio.run(many()) == [ServiceUnavailable] * 5 + [CircuitOpen] * 2
    assert len(asked) == 5


def test_any_answer_closes_the_circuit() -> None:
    clock = Clock()
    breaker = CircuitBreaker(rest=timedelta(minutes=1), now=clock)
    for _ in range(4):
        breaker.record_failure()
    breaker.record_answer()
    breaker.record_failure()
    assert not breaker.is_open
    for _ in range(4):
        breaker.record_failure()
    assert breaker.is_open
    clock.time += timedelta(minutes=1)
    assert not breaker.is_open
    breaker.record_failure()
    assert breaker.is_open


def test_more_requests_than_connections_wait_their_turn_without_timing_out() -> None:
    most, under_way = 0, 0

    class Slow(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            nonlocal most, under_way
            under_way += 1
            most = max(most, under_way)
            await asyncio.sleep(0.001)
            under_way -= 1
            return httpx.Response(200, content=b'{"id": 1}')

    service = client(Slow(), max_connections=3)

    async def many() -> None:
        async with service:
            await asyncio.gather(*(service.ask("thing", {}, Thing) for _ in range(30)))

    asyncio.run(many())
    assert most == 3
    assert service.stats.requests == 30


@pytest.mark.parametrize(
    ("secret", "placement"),
    [
        (TMDB_KEY, Placement.API_KEY_PARAM),
        (TMDB_KEY.upper(), Placement.API_KEY_PARAM),
        ("eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiIxIn0.c2lnbmF0dXJl", Placement.BEARER),
        ("Bearer eyJhbGciOiJIUzI1NiJ9.eyJhdWQiOiIxIn0.c2lnbmF0dXJl", Placement.BEARER),
        ("a-token-of-the-sandbox", Placement.BEARER),
    ],
)
def test_tmdb_keys_travel_as_their_shape_says(secret: str, placement: Placement) -> None:
    transport, asked = script(GOOD)
    credential = tmdb_credential(SecretStr(secret))
    assert credential.placement is placement
    ask(client(transport, credential=credential))
    if placement is Placement.BEARER:
        assert asked[0].headers["authorization"] == f"Bearer {secret.removeprefix('Bearer ')}"
        assert "api_key" not in str(asked[0].url)
    else:
        assert asked[0].url.params["api_key"] == secret
        assert "authorization" not in asked[0].headers


def test_a_case_can_say_itself_how_often_it_is_worth_asking() -> None:
    policy = RetryPolicy()
    assert policy.retries_for(Classification(Verdict.UNUSABLE)) == 2
    assert policy.retries_for(Classification(Verdict.UNUSABLE, retries=0)) == 0
    assert policy.retries_for(Classification(Verdict.INVALID_REQUEST)) == 0


def test_a_naive_http_date_is_taken_as_utc() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    assert retry_after_seconds({"retry-after": "20 Nov 2026 12:00:05 -0000"}, now) == 5
