"""Days pass, and a real daemon asks for what came due: the sandbox, the daemon, the code location
and every run are processes of their own.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import psutil
import pytest
from dagster._core.scheduler.instigation import InstigatorTick, TickStatus

from ayne_dagster.defs.partitions import release_year_partitions
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.release_years import contiguous_blocks
from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.server import running_sandbox
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.automation.daemon_process import Daemon
from ayne_dagster_tests.automation.filled_world import Filled
from ayne_dagster_tests.defs.world import PLANTED_OMDB_KEY, PLANTED_TMDB_KEY, THIS_YEAR, World

FIRST_YEAR = THIS_YEAR - 6
RANGE = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
FILM = "/3/movie/{id}"
SCHEDULED_AT = ".dagster/scheduled_execution_time"
REFRESHING = {"tmdb_details", "omdb_ratings", "frozen_flags"}


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
        overrides = {
            "CLOCK_URL": sandbox.clock_url,
            "CHANGES__IS_ENABLED": "false",
            # With five pages of twenty, every film would be on a list.
            "DISCOVERY__LIST_PAGES": "2",
        }
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
    check_a_killed_run(filled, daemon)


def check_a_killed_run(filled: Filled, daemon: Daemon) -> None:
    """The run that was just requested is killed at work, and is not "started" from then on."""
    due = {source: filled.due(source) for source in Source}
    named_at = filled.world.sandbox.now()
    # It cannot go on while the test writes.
    with Warehouse(filled.world.database).writing("a test"):
        run = daemon.runs("refresh")[0]
        process = psutil.Process(daemon.wait_for("its process", lambda: daemon.pid_of(run.run_id)))
        process.kill()
    # Once it is known to be dead, the same films are asked for again, after the pause.
    killed = daemon.wait_for("its end", lambda: _if_finished(daemon, run.run_id))
    assert killed.status is dg.DagsterRunStatus.FAILURE
    row = daemon.wait_for(
        "its record", lambda: {one["run_id"]: one for one in filled.failed_runs()}.get(run.run_id)
    )
    assert row["error"]
    assert row["ended_at"] is not None
    assert filled.failed_runs() == [row]
    filled.world.sandbox.advance(timedelta(minutes=61))
    daemon.wait_for(
        "nothing due any more", lambda: not any(filled.due(source) for source in Source)
    )
    daemon.wait_for("the last run", lambda: _ended(daemon, "refresh"))
    assert any(due.values())
    assert filled.answers_per_film(named_at) == 1
    runs = daemon.runs("refresh")
    assert len({one.tags["dagster/run_key"] for one in runs}) == len(runs)


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
    assert filled.answers_per_film(now) == 1


@pytest.mark.slow
def test_the_quick_update_reads_two_lists_and_fetches_their_new_films(filled: Filled) -> None:
    with filled.daemon(
        AUTOMATION__REFRESH_DUE_SECONDS="36000", AUTOMATION__QUICK_CRON="* * * * *"
    ) as daemon:
        daemon.wait_for("a tick", lambda: daemon.ticks("refresh_due"))
        daemon.wait_for("no run", lambda: all(run.is_finished for run in daemon.runs("refresh")))
        listed, unlisted = filled.lose_two_films()
        filled.world.sandbox.reset_stats()
        # Lists read a moment ago are not read again; six hours is what lies between two updates.
        filled.world.sandbox.advance(timedelta(hours=6))
        two_lists = {"/3/movie/popular", "/3/trending/movie/week"}
        daemon.wait_for("both lists", lambda: two_lists <= filled.asked().keys())
        daemon.wait_for("the film of the lists", lambda: filled.has_details(listed[0]))
        runs = daemon.wait_for("the quick update", lambda: _ended(daemon, "quick_update"))
        by_years = {_span(run): run for run in runs}
        recent = (str(filled.world.sandbox.now().year - 1), "undated")
        assert by_years.keys() == {recent, (listed[1], listed[1])}
        assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
        assert _assets(by_years[listed[1], listed[1]]) == REFRESHING
        asked = filled.asked()
        # One film, two lists of the five, and no year is walked, however often it ran.
        assert asked[FILM] == 1
        assert not {"/3/movie/top_rated", "/3/discover/movie"} & asked.keys()
        assert not filled.has_details(unlisted[0])


@pytest.mark.slow
def test_the_weekly_enrichment_fetches_everything_due_and_trains(filled: Filled) -> None:
    with filled.daemon(
        AUTOMATION__REFRESH_DUE_SECONDS="36000", AUTOMATION__WEEKLY_CRON="* * * * *"
    ) as daemon:
        daemon.wait_for("a tick", lambda: daemon.ticks("refresh_due"))
        daemon.wait_for("no run", lambda: all(run.is_finished for run in daemon.runs("refresh")))
        # A schedule ticks at full minutes: between two of them, six days pass at once.
        daemon.wait_for("the midst of a minute", lambda: 15 < datetime.now(UTC).second < 50)
        earlier = {run.run_id for run in daemon.runs("weekly_enrichment")}
        daemon.wait_for("no week", lambda: all(_if_finished(daemon, one) for one in earlier))
        now = filled.world.sandbox.advance(timedelta(days=6))
        due = {source: filled.due(source) for source in Source}
        years = {*due[Source.TMDB], *due[Source.OMDB]}
        assert years

        def fetched() -> bool:
            return not any(filled.due(source) for source in Source)

        daemon.wait_for("all that is due", fetched)
        ended = daemon.wait_for("the week", lambda: _ended(daemon, "weekly_enrichment"))
        later = [run for run in ended if run.run_id not in earlier]
        first = min(run.tags[SCHEDULED_AT] for run in later)
        runs = [run for run in later if run.tags[SCHEDULED_AT] == first]
        keys = release_year_partitions().get_partition_keys()
        expected = [(block[0], block[-1]) for block in contiguous_blocks(sorted(years), keys)]
        modelled = (str(FIRST_YEAR), str(now.year + 1))
        assert sorted(_span(run) for run in runs) == sorted([*expected, modelled])
        assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
        [training] = [run for run in runs if "trained_model" in _assets(run)]
        assert _span(training) == modelled
        made = daemon.materialized(training.run_id)
        assert {"features", "trained_model", "forecasts", "collection_stats"} <= made
        for run in runs:
            if run is not training:
                assert {*REFRESHING, "features"} <= _assets(run)
        assert filled.answers_per_film(now) == 1


def _span(run: dg.DagsterRun) -> tuple[str, str]:
    return run.tags[RANGE[0]], run.tags[RANGE[1]]


def _assets(run: dg.DagsterRun) -> set[str]:
    return {key.to_user_string() for key in run.asset_selection or ()}


def _if_finished(daemon: Daemon, run_id: str) -> dg.DagsterRun | None:
    run = daemon.instance.get_run_by_id(run_id)
    return run if run is not None and run.is_finished else None


def _runs(daemon: Daemon) -> list[dg.DagsterRun]:
    return daemon.runs("daily_update")


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
