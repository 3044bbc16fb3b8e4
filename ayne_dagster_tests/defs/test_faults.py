"""What goes wrong outside stays outside: quotas, keys, poisoned tables."""

from pathlib import Path

import dagster as dg
import pytest

from ayne_dagster.defs.job_options import RunOptions
from ayne_dagster.sandbox.server import RunningSandbox
from ayne_dagster_tests.defs.world import PLANTED_OMDB_KEY, PLANTED_TMDB_KEY, YEARS, World

YEAR = YEARS[1]
ONE_YEAR = (YEAR, YEAR)
WRONG_TMDB_KEY = "badbadbadbadbadbadbadbadbadbad00"
WRONG_OMDB_KEY = "badbad00"
FORCED = RunOptions(force=True)


@pytest.fixture(scope="module")
def collected(sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world with the films of one year."""
    made = World(tmp_path_factory.mktemp("collected"), sandbox)
    run = made.run("collect", ONE_YEAR)
    assert run.success, run.failure_words()
    return made


@pytest.fixture
def world(collected: World, tmp_path: Path) -> World:
    """The same, to be changed without harm."""
    return collected.copied_to(tmp_path / "world")


def ratings_of(world: World) -> int:
    return world.value("SELECT count(*) FROM omdb_ratings WHERE release_year = ?", YEAR)


@pytest.mark.slow
def test_a_spent_quota_ends_the_asking_not_the_run_and_the_next_run_goes_on(empty_world: World):
    """A spent quota was a failed run, and the films it had fetched were lost with it."""
    run = empty_world.run("collect", ONE_YEAR, OMDB__DAILY_QUOTA="4")
    assert run.success, run.failure_words()
    figures = run.figures("omdb_ratings")
    due = figures["films due"]
    assert figures["requests"] == 4
    assert figures["deferred"] > 0
    assert "quota" in figures["deferred by"]
    fetched = ratings_of(empty_world)
    assert 0 < fetched <= 4

    still_spent = empty_world.run("collect", ONE_YEAR, OMDB__DAILY_QUOTA="4")
    assert still_spent.success
    assert still_spent.figures("omdb_ratings")["requests"] == 0
    assert ratings_of(empty_world) == fetched

    onward = empty_world.run("collect", ONE_YEAR, OMDB__DAILY_QUOTA="")
    assert onward.figures("omdb_ratings")["requests"] == due - 4
    assert onward.figures("omdb_ratings")["deferred"] == 0


@pytest.mark.slow
def test_mistake_7_a_limit_defers_films_and_drops_none(empty_world: World):
    """A cap on enrichment dropped the films beyond it for good."""
    first = empty_world.run("collect", ONE_YEAR, REFRESH__LIMIT_PER_RUN="3")
    figures = first.figures("tmdb_details")
    assert (figures["answers with a row"], figures["deferred"]) == (3, figures["films known"] - 3)
    assert figures["deferred by"] == "the run's limit"
    second = empty_world.run("collect", ONE_YEAR)
    assert second.figures("tmdb_details")["answers with a row"] == figures["films known"] - 3
    held = empty_world.value("SELECT count(*) FROM tmdb_details WHERE release_year = ?", YEAR)
    assert held == figures["films known"]


def test_without_an_omdb_key_the_graph_goes_on_and_a_check_says_so(empty_world: World):
    run = empty_world.run("collect", ONE_YEAR, OMDB__API_KEY="")
    assert run.success, run.failure_words()
    check = run.check("omdb_ratings", "omdb_key_works")
    assert not check.passed
    assert check.severity.value == "WARN"
    assert "OMDB__API_KEY is not set" in str(check.metadata["reason"].value)
    assert "frozen_flags" in run.materialized
    assert run.figures("omdb_ratings")["requests"] == 0
    assert ratings_of(empty_world) == 0


def test_a_refused_omdb_key_is_an_error_in_a_check_and_wipes_no_rating(world: World):
    before = world.contents()["omdb_ratings"]
    run = world.run("collect", ONE_YEAR, options=FORCED, OMDB__API_KEY=WRONG_OMDB_KEY)
    assert run.success, run.failure_words()
    check = run.check("omdb_ratings", "omdb_key_works")
    assert not check.passed
    assert check.severity.value == "ERROR"
    assert "OMDB__API_KEY" in str(check.metadata["reason"].value)
    assert WRONG_OMDB_KEY not in str(check.metadata)
    assert "frozen_flags" in run.materialized
    assert world.contents()["omdb_ratings"] == before


def test_a_refused_tmdb_key_fails_the_run_in_words_and_loses_nothing(world: World):
    before = world.contents()
    run = world.run(years=ONE_YEAR, options=FORCED, TMDB__API_KEY=WRONG_TMDB_KEY)
    assert not run.success
    assert "TMDB__API_KEY" in run.failure_words()
    assert "frozen_flags" not in run.materialized
    assert world.contents() == before
    events = "\n".join(repr(event) for event in run.events)
    for key in (WRONG_TMDB_KEY, PLANTED_OMDB_KEY, PLANTED_TMDB_KEY):
        assert key not in events


def test_without_a_tmdb_key_the_run_says_which_setting_is_missing(empty_world: World):
    run = empty_world.run("collect", ONE_YEAR, TMDB__API_KEY="")
    assert not run.success
    assert "TMDB__API_KEY is not set" in run.failure_words()
    assert run.materialized == set()


@pytest.mark.slow
def test_a_blocking_check_stops_what_would_be_poisoned(world: World):
    """Mistake 4: a repeated key went on into the model as two films."""
    world.execute(
        "INSERT INTO tmdb_details SELECT * FROM tmdb_details WHERE release_year = ? LIMIT 1", YEAR
    )
    run = world.run(years=ONE_YEAR)
    assert not run.success
    assert "tmdb_details.key_is_unique" in run.failed_checks()
    assert not {"features", "trained_model", "forecasts"} & run.materialized


def test_mistake_8_a_failed_run_is_never_reported_as_a_success(world: World):
    """A manual run always reported SUCCESS, whatever had happened in it."""
    with dg.DagsterInstance.ephemeral() as instance:
        world.run("collect", ONE_YEAR, instance=instance, options=FORCED,
                  TMDB__API_KEY=WRONG_TMDB_KEY)  # fmt: skip
        (failed,) = instance.get_run_records()
        assert failed.dagster_run.status is dg.DagsterRunStatus.FAILURE
        assert failed.end_time is not None
        world.run("collect", ONE_YEAR, instance=instance)
        latest = instance.get_run_records(limit=1)[0]
        assert latest.dagster_run.status is dg.DagsterRunStatus.SUCCESS
