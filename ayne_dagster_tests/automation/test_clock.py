"""The platform's clock: one that tells the time over HTTP, so that days pass on command."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ayne_dagster.cli.ports import free_port
from ayne_dagster.defs.clock import platform_clock
from ayne_dagster.defs.resources import build_resources
from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.server import running_sandbox
from ayne_dagster.settings import Settings
from ayne_dagster.sources.remote_clock import ClockUnreachable, Reading, RemoteClock

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def test_a_clock_is_asked_once_a_second_and_goes_on_at_its_speed_in_between() -> None:
    real, asked = [0.0], []

    def read(url: str) -> Reading:
        asked.append((url, real[0]))
        return Reading(NOON + timedelta(days=len(asked)), speed=3600)

    clock = RemoteClock("http://here", read=read, monotonic=lambda: real[0])
    shown = []
    for second in (0.0, 0.5, 0.9, 1.0, 1.5):
        real[0] = second
        shown.append(clock())
    assert asked == [("http://here", 0.0), ("http://here", 1.0)]
    first, second = NOON + timedelta(days=1), NOON + timedelta(days=2)
    half_an_hour = timedelta(minutes=30)
    assert shown == [
        first, first + half_an_hour, first + timedelta(minutes=54), second, second + half_an_hour
    ]  # fmt: skip


def test_days_that_pass_in_the_sandbox_pass_for_the_platform_and_its_quota(tmp_path: Path) -> None:
    """With the clock standing still: a pace that waited for it would never send again."""
    config = SandboxConfig(films=50, clock_start="2024-02-29T23:00:00+00:00", clock_speed=0)
    with running_sandbox(config) as sandbox:
        settings = Settings.model_validate(
            {
                "clock_url": sandbox.clock_url,
                "request_ledger": tmp_path / "ledger.sqlite",
                "archive": {"folder": tmp_path / "answers"},
                "omdb": {"daily_quota": 1_000, "requests_per_second": 100},
            }
        )
        services = build_resources(settings)["services"]
        assert services.now() == datetime(2024, 2, 29, 23, tzinfo=UTC)
        budget = services.budget()

        async def send_three() -> None:
            for _ in range(3):
                async with budget.turn("omdb") as turn:
                    assert turn.day.isoformat() == "2024-02-29"

        asyncio.run(asyncio.wait_for(send_three(), 5))
        assert budget.left_today("omdb") == 997
        budget.close()
        sandbox.advance(timedelta(days=1))
        # A process that starts now; the clock of this one is asked again within a second.
        fresh = RemoteClock(sandbox.clock_url)
        assert fresh() == datetime(2024, 3, 1, 23, tzinfo=UTC)
        assert budget.left_today("omdb", fresh()) == 1_000
        budget.close()


def test_a_clock_that_does_not_answer_is_an_error_that_names_the_setting() -> None:
    url = f"http://127.0.0.1:{free_port()}/_sandbox/clock"
    clock = platform_clock(Settings.model_validate({"clock_url": url}))
    with pytest.raises(ClockUnreachable, match=f"CLOCK_URL: the clock at {url}"):
        clock()


def test_without_a_clock_of_its_own_the_platform_uses_this_machines() -> None:
    shown = platform_clock(Settings())()
    assert abs(shown - datetime.now(UTC)) < timedelta(seconds=5)
