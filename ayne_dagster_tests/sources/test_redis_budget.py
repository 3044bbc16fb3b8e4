"""The budget in Redis: its clock, its failures, and that its password stays secret."""

import asyncio
import select
import socket
import sys
import threading
from datetime import UTC, datetime
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from ayne_dagster.sources.failures import LedgerUnusable
from ayne_dagster.sources.redis_address import is_redis_address
from ayne_dagster.sources.redis_budget import RedisRequestBudget
from ayne_dagster.sources.request_budget import RequestBudget, ServiceLimits

LIMITS = {"omdb": ServiceLimits(100, 10, "k1", 5)}


def send(budget: RequestBudget) -> datetime:
    async def work() -> datetime:
        async with budget.turn("omdb") as turn:
            return datetime(turn.day.year, turn.day.month, turn.day.day, tzinfo=UTC)

    try:
        return asyncio.run(work())
    finally:
        budget.close()


def test_the_day_is_that_of_the_clock_of_redis(empty_redis: str) -> None:
    budget = RedisRequestBudget(SecretStr(empty_redis), LIMITS)
    days = {datetime.now(UTC).date(), send(budget).date(), datetime.now(UTC).date()}
    assert len(days) <= 2
    assert budget.left_today("omdb") == 9
    budget.close()


@pytest.mark.parametrize("day", ["1970-01-01", "2024-02-29", "2026-12-31", "2027-03-01"])
def test_days_are_named_as_in_the_calendar(empty_redis: str, day: str) -> None:
    now = datetime.fromisoformat(f"{day}T23:59:59+00:00")
    assert send(RedisRequestBudget(SecretStr(empty_redis), LIMITS, now=lambda: now)).date() == (
        now.date()
    )


def test_people_find_days_and_counts_under_plain_names(empty_redis: str) -> None:
    from redis import Redis

    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    send(RedisRequestBudget(SecretStr(empty_redis), LIMITS, now=lambda: now))
    with Redis.from_url(empty_redis, decode_responses=True) as connection:
        assert connection.hgetall("ayne:budget:{omdb}:used:k1") == {"2026-11-20": "1"}


def test_a_redis_that_is_not_there_says_what_to_do_and_no_password() -> None:
    budget = RedisRequestBudget(SecretStr("redis://:a-long-password@127.0.0.1:1/0"), LIMITS)
    with pytest.raises(LedgerUnusable, match="BUDGET__REDIS_URL") as raised:
        send(budget)
    assert "a-long-password" not in f"{raised.value!r} {budget!r} {vars(budget)}"
    assert raised.value.__cause__ is None


def test_a_wrong_password_says_what_to_do(redis_url: str) -> None:
    url = redis_url.replace("not-a-secret", "wrong")
    with pytest.raises(LedgerUnusable, match="check that it runs"):
        send(RedisRequestBudget(SecretStr(url), LIMITS))


@pytest.mark.parametrize(
    "url",
    [
        "redis://:s3cretPassw/ord@127.0.0.1:1",
        "redis://:s3cretPassw#ord@127.0.0.1:1",
        "redis://:s3cretPassw?ord@127.0.0.1:1",
        "redis://:65001/s3cretPassw@127.0.0.1:1",
        "redis://:[s3cretPassw@127.0.0.1:1",
        "redis://:ok@127.0.0.1:s3cretPassw",
        "http://:s3cretPassw@127.0.0.1/",
        "127.0.0.1:6379",
    ],
)
def test_what_is_no_address_of_a_redis_is_refused_and_never_quoted(url: str) -> None:
    """A password with a slash was read as a port, and the error showed it up to the slash."""
    with pytest.raises(LedgerUnusable, match="percent-encode the password") as raised:
        send(RedisRequestBudget(SecretStr(url), LIMITS))
    assert "s3cret" not in f"{raised.value!r} {raised.value.__context__!r}"
    assert "65001" not in str(raised.value)


@pytest.mark.parametrize(
    "url", ["redis://127.0.0.1", "rediss://me:a%2Fb@[::1]:6379/2", "unix:///r"]
)
def test_a_redis_may_have_any_address_its_client_knows(url: str) -> None:
    assert is_redis_address(url)


def test_without_the_package_it_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "redis.exceptions", None)
    with pytest.raises(LedgerUnusable, match="extra `redis`"):
        send(RedisRequestBudget(SecretStr("redis://127.0.0.1:1"), LIMITS))


class LosesAnswers:
    """Hands everything on to Redis, and hangs up on each answer to a script, which ran."""

    def __init__(self, url: str) -> None:
        self._there = urlsplit(url)
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = url.replace(f":{self._there.port}", f":{self._server.getsockname()[1]}")
        self.scripts = 0
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(5)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with client, socket.create_connection(("127.0.0.1", self._there.port or 0)) as redis:
                self._hand_on(client, redis)

    def _hand_on(self, client: socket.socket, redis: socket.socket) -> None:
        is_script = False
        while True:
            for side in select.select([client, redis], [], [])[0]:
                data = side.recv(65536)
                if not data or (is_script and side is redis):
                    return
                if side is client:
                    is_script = b"EVALSHA" in data
                    self.scripts += is_script
                (redis if side is client else client).sendall(data)


def test_a_question_whose_answer_was_lost_is_not_asked_again(empty_redis: str) -> None:
    """The client's own retries counted one request several times, a place for each."""
    # No pace: a question that came too soon after the first would be told to wait, uncounted.
    limits = {"omdb": ServiceLimits(None, 10, "k1", 5)}
    direct = RedisRequestBudget(SecretStr(empty_redis), limits)
    send(direct)
    loses = LosesAnswers(empty_redis)
    try:
        with pytest.raises(LedgerUnusable, match="check that it runs"):
            send(RedisRequestBudget(SecretStr(loses.url), limits))
    finally:
        loses.close()
    assert loses.scripts == 1
    assert direct.left_today("omdb") == 8
    direct.close()
