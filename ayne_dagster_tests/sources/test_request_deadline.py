"""A whole request has an end: an answer that drips in is no answer."""

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest

from ayne_dagster.sources.failures import ServiceUnavailable
from ayne_dagster.sources.retrying import RetryPolicy
from ayne_dagster_tests.sources.test_http_client import ask, client


class Drip(httpx.AsyncByteStream):
    """A body whose every byte comes before the timeout of a silence."""

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for byte in b'{"id": 7}' * 20:
            await asyncio.sleep(0.02)
            yield bytes([byte])

    async def aclose(self) -> None:
        pass


class Dripping(httpx.AsyncBaseTransport):
    def __init__(self, answers: int) -> None:
        self.answers = answers

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.answers -= 1
        if self.answers < 0:
            return httpx.Response(200, content=b'{"id": 7}')
        return httpx.Response(200, stream=Drip())


def test_an_answer_that_drips_in_is_given_up_and_asked_for_again() -> None:
    """It kept its connection and its place in the budget for as long as it liked."""
    started = time.monotonic()
    assert ask(client(Dripping(1), timeout_seconds=0.05)).tries == 2
    assert time.monotonic() - started < 1.5


def test_a_service_that_only_drips_is_unavailable() -> None:
    service = client(Dripping(9), timeout_seconds=0.05, policy=RetryPolicy(unavailable=1))
    with pytest.raises(ServiceUnavailable, match=r"no whole answer within 0\.15 s") as raised:
        ask(service)
    assert raised.value.is_transient
