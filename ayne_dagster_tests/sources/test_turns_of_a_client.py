"""How the client uses its turns: the day they count on, the tries it tells, nothing in between."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path

from pydantic import SecretStr

from ayne_dagster.sources.credentials import omdb_credential
from ayne_dagster.sources.failures import QuotaExhausted
from ayne_dagster_tests.sources.fakes import (
    NOON,
    OMDB_KEY,
    Clock,
    CountingBudget,
    json_answer,
    script,
)
from ayne_dagster_tests.sources.test_http_client import ERROR_500, client, failure_of

ROOT = Path(__file__).parents[2]


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


def test_nothing_is_imported_between_a_turn_and_its_request() -> None:
    """httpx loaded its network with the first connection: 50 ms late, four processes were one
    burst, and the service refused some of their first requests."""
    code = """
import asyncio, sys
from contextlib import asynccontextmanager
from pydantic import BaseModel, SecretStr
from ayne_dagster.sources.credentials import tmdb_credential
from ayne_dagster.sources.failures import ServiceUnavailable
from ayne_dagster.sources.http_client import ServiceClient
from ayne_dagster.sources.retrying import RetryPolicy
from ayne_dagster_tests.sources.fakes import Clock, CountingBudget

class Watching(CountingBudget):
    @asynccontextmanager
    async def turn(self, service):
        async with super().turn(service) as turn:
            known = set(sys.modules)
            yield turn
            print(sorted(set(sys.modules) - known))

async def ask():
    client = ServiceClient(service="tmdb", base_url="http://127.0.0.1:9", now=Clock(),
        credential=tmdb_credential(SecretStr("0" * 32)), credential_setting="x",
        budget=Watching(), policy=RetryPolicy(unavailable=0))
    try:
        async with client:
            await client.ask("thing", {}, BaseModel)
    except ServiceUnavailable:
        pass

asyncio.run(ask())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == "[]\n", done.stderr
