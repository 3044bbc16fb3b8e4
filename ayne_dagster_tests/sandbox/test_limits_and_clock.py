"""The pace limiter, its Retry-After modes, the clock, and the sandbox's own pages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

import httpx
import pytest

from ayne_dagster.sandbox.clock import SandboxClock
from ayne_dagster.sandbox.config import SANDBOX_TMDB_KEY, SANDBOX_TMDB_TOKEN, SandboxConfig
from ayne_dagster.sandbox.limiter import PaceLimiter, retry_after
from ayne_dagster_tests.sandbox.conftest import Client


class Ticks:
    """A source of seconds a test can move."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_the_window_of_the_limiter_slides() -> None:
    """A limiter that resets at full seconds would allow twice the pace across a boundary."""
    ticks = Ticks()
    limiter = PaceLimiter(2, monotonic=ticks)
    assert limiter.try_pass() == 0
    ticks.seconds += 0.6
    assert limiter.try_pass() == 0
    assert limiter.try_pass() == pytest.approx(0.4)
    ticks.seconds += 0.5
    assert limiter.try_pass() == 0
    assert limiter.try_pass() > 0


def test_too_many_requests_are_429_code_25_over_all_connections(
    make_client: Callable[..., Client],
) -> None:
    client = make_client(tmdb_requests_per_second=4)

    async def burst() -> list[httpx.Response]:
        transport = httpx.ASGITransport(client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as web:
            path = f"/3/configuration?api_key={SANDBOX_TMDB_KEY}"
            return list(await asyncio.gather(*(web.get(path) for _ in range(7))))

    answers = asyncio.run(burst())
    assert sorted(answer.status_code for answer in answers) == [200] * 4 + [429] * 3
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json() == {
        "success": False,
        "status_code": 25,
        "status_message": "Your request count (5) is over the allowed limit of (4).",
    }
    assert refused.headers["retry-after"] == "1"
    stats = client.ask("/_sandbox/stats").json()["services"]["tmdb"]
    assert stats["by_status"] == {"200": 4, "429": 3}
    assert stats["max_requests_in_one_second"] == 7
    assert 0 < stats["seconds_from_first_to_last"] < 60


def test_retry_after_has_four_modes(make_client: Callable[..., Client]) -> None:
    assert retry_after("absent", 0.4) is None
    assert retry_after("zero", 0.4) == "0"
    assert retry_after("seconds", 1.2) == "2"
    moment = parsedate_to_datetime(retry_after("date", 5.0) or "")
    assert timedelta(0) < moment - datetime.now(UTC) <= timedelta(seconds=6)
    client = make_client(tmdb_requests_per_second=1, retry_after_mode="absent")
    answers = [client.tmdb("configuration") for _ in range(2)]
    assert answers[-1].status_code == 429
    assert "retry-after" not in answers[-1].headers


def test_a_clock_runs_at_its_speed_and_can_be_moved() -> None:
    ticks = Ticks()
    clock = SandboxClock(datetime(2026, 1, 1), speed=3_600, monotonic=ticks)  # noqa: DTZ001
    ticks.seconds += 2
    assert clock.now() == datetime(2026, 1, 1, 2, tzinfo=UTC)
    clock.advance(timedelta(days=1))
    ticks.seconds += 1
    assert clock.now() == datetime(2026, 1, 2, 3, tzinfo=UTC)
    clock.set(datetime(2026, 2, 1, 1, tzinfo=timezone(timedelta(hours=1))))
    assert clock.now() == datetime(2026, 2, 1, tzinfo=UTC)
    with pytest.raises(ValueError, match="negative"):
        SandboxClock(speed=-1)


def test_a_clock_without_a_start_shows_the_real_time() -> None:
    assert abs(SandboxClock().now() - datetime.now(UTC)) < timedelta(seconds=5)


def test_the_clock_is_moved_over_http(make_client: Callable[..., Client]) -> None:
    client = make_client()
    path = "/_sandbox/clock"
    assert client.ask(path).json()["now"] == "2026-05-20T12:00:00+00:00"
    moved = client.ask(path, method="POST", json={"advance_seconds": 86_400}).json()
    assert moved["now"] == "2026-05-21T12:00:00+00:00"
    moved = client.ask(path, method="POST", json={"set": "2027-01-01T00:00:00Z"}).json()
    assert moved["now"] == "2027-01-01T00:00:00+00:00"
    for wrong in ({"set": "soon"}, {"turn": 1}, [], {"advance_seconds": "x"}):
        assert client.ask(path, method="POST", json=wrong).status_code == 400


def test_statistics_name_endpoints_without_ids_and_can_be_reset(
    make_client: Callable[..., Client],
) -> None:
    client = make_client()
    first, second = client.catalogue.columns.id[:2].tolist()
    client.tmdb(f"movie/{first}")
    client.tmdb(f"movie/{second}")
    client.tmdb(f"movie/{second}/credits")
    client.ask("/3/movie/1")
    client.omdb(i="tt0000000")
    services = client.ask("/_sandbox/stats").json()["services"]
    assert services["tmdb"]["by_endpoint"] == {
        "/3/movie/{id}": {"200": 2, "401": 1},
        "/3/movie/{id}/credits": {"200": 1},
    }
    assert services["omdb"]["requests"] == 1
    client.ask("/_sandbox/reset_stats", method="POST")
    assert client.ask("/_sandbox/stats").json()["services"] == {}


def test_health_and_catalogue_describe_the_sandbox(client: Client) -> None:
    assert client.ask("/_sandbox/health").json() == {"status": "ok", "films": 600}
    body = client.ask("/_sandbox/catalogue").json()
    assert sum(body["films_by_year"].values()) == body["films"] == 600
    assert body["films_with_ratings"] <= body["films_with_imdb_id"] < 600
    assert client.ask("/favicon.ico").status_code == 404
    assert client.ask("/_sandbox/health", method="POST").status_code == 405


def test_a_config_survives_the_way_through_json() -> None:
    config = SandboxConfig(films=5, years=(2001, 2002), clock_start="2026-01-01T00:00:00Z")
    assert SandboxConfig.from_json(config.to_json()) == config


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"film": 5}', "film"),
        ('{"films": 0}', "films must be at least 1"),
        ('{"latency_seconds": -1}', "latency_seconds"),
        ('{"retry_after_mode": "never"}', "retry_after_mode"),
        ('{"as_of": "soon"}', "soon"),
        ("[]", "JSON object"),
    ],
)
def test_a_config_names_what_is_wrong(text: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        SandboxConfig.from_json(text)


def test_the_keys_have_the_shapes_of_real_ones() -> None:
    assert len(SANDBOX_TMDB_KEY) == 32
    assert int(SANDBOX_TMDB_KEY, 16)
    assert SANDBOX_TMDB_TOKEN.count(".") == 2
