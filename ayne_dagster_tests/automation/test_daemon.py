"""Days pass, and a real daemon asks for what came due: the sandbox, the daemon, the code location
and every run are processes of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import InstigatorTick, TickStatus

from ayne_dagster.defs.partitions import release_year_partitions
from ayne_dagster.defs.resources import build_resources
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.release_years import contiguous_blocks
from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.server import running_sandbox
from ayne_dagster.settings import load_settings
from ayne_dagster_tests.automation.daemon_process import Daemon, running_daemon
from ayne_dagster_tests.defs.world import PLANTED_OMDB_KEY, PLANTED_TMDB_KEY, THIS_YEAR, World

FIRST_YEAR = THIS_YEAR - 6
NEVER = "0 0 29 2 *"
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
FILM = "/3/movie/{id}"


@dataclass
class Platform:
    """A world and the daemon that keeps it fresh."""

    world: World
    daemon: Daemon

    def due(self, source: Source) -> dict[str, int]:
        """Films due now by release year, asked film by film."""
        with self.world.environment({}):
            resources = build_resources(load_settings())
        queries, keys = resources["queries"], release_year_partitions().get_partition_keys()
        films = queries.due(source, keys, self.world.sandbox.now(), resources["policy"])
        return films.groupby("release_year").size().to_dict()

    def skipped(self, words: str) -> InstigatorTick | None:
        """The newest tick, if it was skipped with a reason that has these words."""
        tick = next(iter(self.daemon.ticks("refresh_due")), None)
        if tick is not None:
            assert tick.status is not TickStatus.FAILURE, tick.error
        return tick if tick and words in (tick.skip_reason or "") else None

    def asked(self) -> dict[str, int]:
        """Requests by endpoint since the statistics were reset."""
        services: dict[str, Any] = self.world.sandbox.stats()["services"]
        return {
            endpoint: sum(statuses.values())
            for service in services.values()
            for endpoint, statuses in service["by_endpoint"].items()
        }


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """A filled world with its daemon; the daily update comes at the first minute after 45 s."""
    folder = tmp_path_factory.mktemp("automation")
    # The daemon's own clock is this machine's: only what the platform calls now can be moved.
    daily_at = datetime.now(UTC) + timedelta(seconds=45 + 59)
    config = SandboxConfig(
        films=90,
        seed=5,
        first_year=FIRST_YEAR,
        last_year=THIS_YEAR + 1,
        tmdb_requests_per_second=0,
        omdb_daily_quota=0,
        tmdb_keys=(PLANTED_TMDB_KEY,),
        omdb_keys=(PLANTED_OMDB_KEY,),
        clock_start=datetime.now(UTC).replace(microsecond=0).isoformat(),
        clock_speed=0,
    )
    with running_sandbox(config) as sandbox:
        world = World(
            folder,
            sandbox,
            {
                "CLOCK_URL": sandbox.clock_url,
                "CHANGES__IS_ENABLED": "false",
                "AUTOMATION__IS_ON": "true",
                "AUTOMATION__REFRESH_DUE_SECONDS": "1",
                "AUTOMATION__DAILY_CRON": f"{daily_at.minute} {daily_at.hour} * * *",
                "AUTOMATION__QUICK_CRON": NEVER,
                "AUTOMATION__WEEKLY_CRON": NEVER,
                "AUTOMATION__TRAINING_CRON": NEVER,
            },
        )
        with running_daemon(folder / "home", world.variables({})) as daemon:
            world.run("collect", (str(FIRST_YEAR), "undated"), instance=daemon.instance)
            yield Platform(world, daemon)


@pytest.mark.slow
def test_when_days_pass_exactly_the_due_years_are_asked_for_and_no_film_twice(
    platform: Platform,
) -> None:
    daemon, sandbox = platform.daemon, platform.world.sandbox
    tick = daemon.wait_for("a tick", lambda: platform.skipped("nothing is due; next: "), 60)
    assert tick.skip_reason is not None
    assert not platform.due(Source.TMDB), tick.skip_reason
    sandbox.reset_stats()
    # New films are asked for every 5 days and older ones every 15, 30 or 90: a tenth more or less.
    now = sandbox.advance(timedelta(days=6))
    due = {source: platform.due(source) for source in Source}
    years = {*due[Source.TMDB], *due[Source.OMDB]}
    keys = release_year_partitions().get_partition_keys()
    assert years
    assert not years.issuperset(str(year) for year in range(FIRST_YEAR, THIS_YEAR + 1))

    daemon.wait_for("the runs that were due", lambda: _ended(daemon, "refresh"), 60)
    tick = daemon.wait_for("nothing due again", lambda: platform.skipped("nothing is due"), 30)
    assert sorted(
        (run.tags[RANGE[0]], run.tags[RANGE[1]]) for run in daemon.runs("refresh")
    ) == sorted((block[0], block[-1]) for block in contiguous_blocks(sorted(years), keys))
    assert {run.status for run in daemon.runs("refresh")} == {dg.DagsterRunStatus.SUCCESS}
    assert {run.tags["ayne/kind"] for run in daemon.runs("refresh")} == {"sensor"}
    asked = platform.asked()
    assert asked[FILM] == sum(due[Source.TMDB].values())
    # Exactly these films were asked for, each once, and nothing else was: no list, no discover.
    assert sum(asked.values()) == sum(count for found in due.values() for count in found.values())
    # The time that the reason names is when the next film comes due, and not before.
    next_at = _named_time(tick.skip_reason)
    assert next_at > now
    before = len(daemon.runs("refresh"))
    sandbox.advance(next_at - now - timedelta(minutes=1))
    assert not platform.due(Source.TMDB)
    assert not platform.due(Source.OMDB)
    sandbox.advance(timedelta(minutes=2))
    assert platform.due(Source.TMDB) or platform.due(Source.OMDB)
    daemon.wait_for("the run named ahead", lambda: len(daemon.runs("refresh")) > before, 30)


@pytest.mark.slow
def test_the_daily_update_comes_at_its_time_and_reads_lists_and_recent_years(
    platform: Platform,
) -> None:
    daemon, now = platform.daemon, platform.world.sandbox.now()
    (run,) = daemon.wait_for("the daily update", lambda: _ended(daemon, "daily_update"), 120)
    assert run.status is dg.DagsterRunStatus.SUCCESS
    assert (run.tags[RANGE[0]], run.tags[RANGE[1]]) == (str(now.year - 1), "undated")
    assert run.tags["ayne/kind"] == "schedule"
    asked = platform.asked()
    assert {"/3/movie/popular", "/3/discover/movie"} <= asked.keys()


def _ended(daemon: Daemon, job: str) -> list[dg.DagsterRun] | None:
    """All runs of a job, once there are some and all have ended."""
    runs = daemon.runs(job)
    return runs if runs and all(run.is_finished for run in runs) else None


def _named_time(reason: str | None) -> datetime:
    """The earliest time a skip reason names."""
    assert reason is not None
    words = reason.replace(",", "").split()
    return min(
        datetime.fromisoformat(f"{day} {hour}+00:00")
        for day, hour, zone in zip(words, words[1:], words[2:], strict=False)
        if zone.startswith("UTC")
    )
