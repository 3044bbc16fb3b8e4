"""Discovery as runs: what a killed or deferred one leaves, and where the next one goes on."""

import json
import subprocess
import sys
import time
import urllib.request
from dataclasses import replace
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ayne_dagster.defs.assets.discovered_movies import discovered_movies
from ayne_dagster.defs.assets.movie_lists import movie_lists
from ayne_dagster.defs.resources import build_resources
from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.server import RunningSandbox, running_sandbox
from ayne_dagster.settings import load_settings
from ayne_dagster_tests.defs.world import PLANTED_TMDB_KEY, YEARS, World, _pictures
from ayne_dagster_tests.sources.fakes import MemoryJournal

MANY_YEARS = ("1971", "2020")


def discover(world: World, journal: MemoryJournal, **overrides: str) -> dict[str, Any]:
    """Discover the years of the world; the figures of `discovered_movies`."""
    with world.environment(overrides), _pictures(False):
        resources = dict(build_resources(load_settings()))
        fetching = resources["fetching"]
        services = replace(fetching.services, journal=journal)
        resources["fetching"] = replace(fetching, services=services)
        assets: list[Any] = [movie_lists, discovered_movies]
        result = dg.materialize(
            assets,
            resources=resources,
            tags={
                "dagster/asset_partition_range_start": YEARS[0],
                "dagster/asset_partition_range_end": YEARS[-1],
            },
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        )
    events = result.asset_materializations_for_node("discovered_movies")
    assert len(events) == len(YEARS)
    return {name: value.value for name, value in events[-1].metadata.items()}


@pytest.mark.slow
def test_a_day_used_up_in_the_middle_of_a_year_is_gone_on_with_from_its_pages(
    empty_world: World,
):
    """The pages of unfinished years were asked for again, out of the next day's quota."""
    journal = MemoryJournal()
    first = discover(empty_world, journal, TMDB__DAILY_QUOTA="22")
    assert first["years deferred"] > 0
    assert journal.pages
    second = discover(empty_world, journal)
    assert second["years deferred"] == 0
    assert second["pages from the journal"] > 0
    assert not journal.pages
    offered, stored = films_offered(empty_world.sandbox), films_stored(empty_world)
    assert {year: stored.get(year) for year in YEARS} == {year: offered[year] for year in YEARS}
    # Of the lists' requests none is in these: they are another asset's.
    walks = empty_world.rows("SELECT sum(requests), sum(pages_from_journal) FROM discovery_walks")
    assert walks[0][0] <= first["requests"] + second["requests"]


def films_offered(sandbox: RunningSandbox) -> dict[str, int]:
    with urllib.request.urlopen(f"{sandbox.url}/_sandbox/catalogue") as answer:
        return json.load(answer)["films_by_year"]


def films_stored(world: World) -> dict[str, int]:
    return dict(world.rows("SELECT release_year, count(*) FROM discovered_movies GROUP BY ALL"))


@pytest.fixture(scope="module")
def many_films() -> Any:
    config = SandboxConfig(
        films=16_000, seed=3, first_year=1971, last_year=2020, tmdb_requests_per_second=0,
        is_drifting=True, frozen_world=True, tmdb_keys=(PLANTED_TMDB_KEY,),
    )  # fmt: skip
    with running_sandbox(config) as running:
        yield running


@pytest.mark.slow
def test_a_killed_run_loses_the_unfinished_years_only(many_films: RunningSandbox, tmp_path: Path):
    """Eighty years were written in one go at the end: a kill in the last one lost all of them."""
    world = World(tmp_path, many_films)
    command = [
        sys.executable, "-m", "ayne_dagster_tests.defs.discovery_process",
        many_films.url, str(tmp_path), *MANY_YEARS,
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list(world.mirror.glob("discovery_walks/*/part.parquet")):
        assert process.poll() is None, "the run ended before it stored anything"
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.kill()
    process.wait()

    stored = world.rows(
        "SELECT w.release_year, w.films_seen, count(x.tmdb_id) FROM discovery_walks AS w "
        "LEFT JOIN discovered_movies AS x USING (release_year) GROUP BY ALL"
    )
    years = int(MANY_YEARS[1]) - int(MANY_YEARS[0]) + 1
    assert 0 < len(stored) < years
    assert all(seen <= films for _, seen, films in stored)

    run = world.run("collect", MANY_YEARS, assets=["movie_lists", "discovered_movies"])
    assert run.success, run.failure_words()
    assert run.figures("discovered_movies")["years walked"] == years - len(stored)
    offered, counted = films_offered(many_films), films_stored(world)
    # Undated films are known as far as they are on a list.
    assert counted | {"undated": 0} == offered | {"undated": 0}
    assert world.value("SELECT sum(films_missing) FROM discovery_walks") == 0
