"""Days pass, and a real daemon asks for what came due: the sandbox, the daemon, the code location
and every run are processes of their own.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import dagster as dg
import duckdb
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
REFRESHING = {"tmdb_details", "omdb_ratings", "frozen_flags"}


@dataclass
class Filled:
    """A world in which everything was fetched once, on a sandbox whose clock stands still."""

    world: World

    @contextmanager
    def daemon(self, **variables: str) -> Iterator[Daemon]:
        """A daemon on an instance of its own, with every schedule and sensor switched on."""
        given = {
            "AUTOMATION__IS_ON": "true",
            "AUTOMATION__QUICK_CRON": NEVER,
            "AUTOMATION__DAILY_CRON": NEVER,
            "AUTOMATION__WEEKLY_CRON": NEVER,
            "AUTOMATION__TRAINING_CRON": NEVER,
            **variables,
        }
        home = self.world.folder / f"home_{len(list(self.world.folder.glob('home_*')))}"
        with running_daemon(home, self.world.variables(given)) as daemon:
            yield daemon

    def due(self, source: Source) -> dict[str, int]:
        """Films due now by release year, asked film by film."""
        with self.world.environment({}):
            resources = build_resources(load_settings())
        queries, keys = resources["queries"], release_year_partitions().get_partition_keys()
        films = queries.due(source, keys, self.world.sandbox.now(), resources["policy"])
        return films.groupby("release_year").size().to_dict()

    def asked(self) -> dict[str, int]:
        """Requests by endpoint since the statistics were reset."""
        services: dict[str, Any] = self.world.sandbox.stats()["services"]
        return {
            endpoint: sum(statuses.values())
            for service in services.values()
            for endpoint, statuses in service["by_endpoint"].items()
        }


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
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
        overrides = {"CLOCK_URL": sandbox.clock_url, "CHANGES__IS_ENABLED": "false"}
        world = World(tmp_path_factory.mktemp("automation"), sandbox, overrides)
        world.run("collect", (str(FIRST_YEAR), "undated"))
        yield Filled(world)


@pytest.mark.slow
def test_when_days_pass_exactly_the_due_years_are_asked_for_and_no_film_twice(
    filled: Filled,
) -> None:
    with filled.daemon(AUTOMATION__REFRESH_DUE_SECONDS="1") as daemon:
        check_refresh_due(filled, daemon)


def check_refresh_due(filled: Filled, daemon: Daemon) -> None:
    sandbox = filled.world.sandbox
    tick = daemon.wait_for("a tick", lambda: _skipped(daemon, "nothing is due; next: "))
    assert tick.skip_reason is not None
    assert not filled.due(Source.TMDB), tick.skip_reason
    sandbox.reset_stats()
    # New films are asked for every 5 days and older ones every 15, 30 or 90: a tenth more or less.
    now = sandbox.advance(timedelta(days=6))
    due = {source: filled.due(source) for source in Source}
    years = {*due[Source.TMDB], *due[Source.OMDB]}
    keys = release_year_partitions().get_partition_keys()
    assert years
    assert not years.issuperset(str(year) for year in range(FIRST_YEAR, THIS_YEAR + 1))

    daemon.wait_for("the runs that were due", lambda: _ended(daemon, "refresh"))
    tick = daemon.wait_for("nothing due again", lambda: _skipped(daemon, "nothing is due"))
    assert sorted(
        (run.tags[RANGE[0]], run.tags[RANGE[1]]) for run in daemon.runs("refresh")
    ) == sorted((block[0], block[-1]) for block in contiguous_blocks(sorted(years), keys))
    assert {run.status for run in daemon.runs("refresh")} == {dg.DagsterRunStatus.SUCCESS}
    assert {run.tags["ayne/kind"] for run in daemon.runs("refresh")} == {"sensor"}
    asked = filled.asked()
    assert asked[FILM] == sum(due[Source.TMDB].values())
    # Exactly these films were asked for, each once, and nothing else was: no list, no discover.
    assert sum(asked.values()) == sum(count for found in due.values() for count in found.values())
    # The time that the reason names is when the next film comes due, and not before.
    next_at = _named_time(tick.skip_reason)
    assert next_at > now
    before = len(daemon.runs("refresh"))
    sandbox.advance(next_at - now - timedelta(minutes=1))
    assert not filled.due(Source.TMDB)
    assert not filled.due(Source.OMDB)
    sandbox.advance(timedelta(minutes=2))
    assert filled.due(Source.TMDB) or filled.due(Source.OMDB)
    daemon.wait_for("the run named ahead", lambda: len(daemon.runs("refresh")) > before)


@pytest.mark.slow
def test_the_daily_update_reads_recent_years_and_fetches_what_is_due_in_the_others(
    filled: Filled,
) -> None:
    # The sensor looks once, when the daemon starts, and then no more.
    every_minute = {"AUTOMATION__DAILY_CRON": "* * * * *"}
    with filled.daemon(AUTOMATION__REFRESH_DUE_SECONDS="36000", **every_minute) as daemon:
        daemon.wait_for("a tick", lambda: daemon.ticks("refresh_due"))
        daemon.wait_for("no run", lambda: all(run.is_finished for run in _runs(daemon)))
        sandbox, earlier = filled.world.sandbox, {run.run_id for run in _runs(daemon)}
        sandbox.reset_stats()
        now = sandbox.advance(timedelta(days=88))
        due = {source: filled.due(source) for source in Source}
        years = {*due[Source.TMDB], *due[Source.OMDB]}
        recent = {str(now.year - 1 + ahead) for ahead in range(5)} | {"undated"}
        assert years & recent
        assert years - recent

        def requested() -> list[dg.DagsterRun] | None:
            runs = [run for run in _runs(daemon) if run.run_id not in earlier]
            return runs if runs and all(run.is_finished for run in runs) else None

        runs = daemon.wait_for("the daily update", requested)
    by_years = {(run.tags[RANGE[0]], run.tags[RANGE[1]]): run for run in runs}
    keys = release_year_partitions().get_partition_keys()
    others = [(block[0], block[-1]) for block in contiguous_blocks(sorted(years - recent), keys)]
    assert sorted(by_years) == sorted([(str(now.year - 1), "undated"), *others])
    assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
    assert {run.tags["ayne/kind"] for run in runs} == {"schedule"}
    for block in others:
        selection = by_years[block].asset_selection
        assert {key.to_user_string() for key in selection or ()} == REFRESHING
    # Films found only today come on top of those that were due.
    asked = filled.asked()
    assert {"/3/movie/popular", "/3/discover/movie"} <= asked.keys()
    assert not filled.due(Source.TMDB)
    assert _answers_per_film(filled.world, now) == 1


def _runs(daemon: Daemon) -> list[dg.DagsterRun]:
    return daemon.runs("daily_update")


def _answers_per_film(world: World, since: datetime) -> int:
    """The most answers one source gave for one film since then."""
    with duckdb.connect(str(world.database), read_only=True) as warehouse:
        (most,) = warehouse.execute(
            "SELECT max(answers) FROM (SELECT count(*) AS answers FROM refresh_history "
            "WHERE fetched_at >= $since GROUP BY source, tmdb_id)",
            {"since": since},
        ).fetchone() or (0,)
    return most


def _skipped(daemon: Daemon, words: str) -> InstigatorTick | None:
    """The newest tick of `refresh_due`, if it was skipped with a reason that has these words."""
    tick = next(iter(daemon.ticks("refresh_due")), None)
    if tick is not None:
        assert tick.status is not TickStatus.FAILURE, tick.error
    return tick if tick and words in (tick.skip_reason or "") else None


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
