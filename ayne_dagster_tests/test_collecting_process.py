"""The processes of the benchmarks see what goes wrong: one that cannot fail proves nothing."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.server import running_sandbox
from benchmarks.collecting_process import Account
from benchmarks.collecting_runs import process_context, start_collecting
from benchmarks.collecting_world import CollectingWorld

YEARS = ("2019", "2020")
CONFIG = SandboxConfig(
    films=30, seed=3, first_year=2019, last_year=2020, frozen_world=True, omdb_daily_quota=0
)


@pytest.mark.slow
def test_a_process_tells_what_it_deferred_and_keeps_the_day_it_was_given(tmp_path: Path) -> None:
    tomorrow = timedelta(days=1)
    day = (datetime.now(UTC) + tomorrow).date()
    with running_sandbox(CONFIG) as sandbox:
        world = CollectingWorld(tmp_path, sandbox.url, 2019, {"OMDB__DAILY_QUOTA": "7"})
        told = start_collecting(
            world, YEARS, "all", context=process_context(), ahead=tomorrow
        ).account()
    assert told.is_green
    assert told.errors == []
    assert any("the rest is deferred" in words for words in told.warnings)
    assert not any("Started execution" in words for words in told.warnings)
    assert told.requests["omdb_ratings"] == world.requests_counted_on(day, "omdb") == 7
    with duckdb.connect(str(world.database), read_only=True) as connection:
        [(wanted, days)] = connection.execute(
            "SELECT count(DISTINCT imdb_id), list(DISTINCT fetched_at::DATE::VARCHAR) "
            "FROM tmdb_details"
        ).fetchall()
    assert told.deferred["omdb_ratings"] == wanted - 7 > 0
    assert days == [day.isoformat()]
    assert told.file_waits
    assert told.turn_waits


@pytest.mark.slow
def test_a_run_that_fails_and_one_that_never_ends_its_story_are_not_green(tmp_path: Path) -> None:
    with running_sandbox(CONFIG) as sandbox:
        context = process_context()
        refused = CollectingWorld(tmp_path / "a", sandbox.url, 2019, {"TMDB__API_KEY": "0" * 32})
        told = start_collecting(refused, YEARS, "all", context=context).account()
        killed = start_collecting(
            CollectingWorld(tmp_path / "b", sandbox.url, 2019), YEARS, "all", context=context
        )
        killed.kill()
    assert not told.is_green
    assert any("Check the setting `TMDB__API_KEY`" in words for words in told.errors)
    assert killed.account() == Account(errors=["ended with -9: "])
