"""The lists are replaced by lists, never by what a service in trouble says."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from ayne_dagster.defs.assets import movie_lists
from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.defs.job_options import Category, RunOptions
from ayne_dagster.defs.resources import build_resources
from ayne_dagster.domain.tables import MOVIE_LISTS
from ayne_dagster.domain.tables.fetched import LIST_NAMES
from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.server import RunningSandbox, running_sandbox
from ayne_dagster.settings import load_settings
from ayne_dagster.sources.failures import (
    CircuitOpen,
    QuotaExhausted,
    ServiceUnavailable,
    SourceError,
)
from ayne_dagster_tests.defs.world import FIRST_YEAR, LAST_YEAR, PLANTED_TMDB_KEY, World
from ayne_dagster_tests.storage.film_rows import NOW, row_of

FORCED = RunOptions(force=True, pages_per_category=2)


def read_with(world: World, **options: Any) -> tuple[int, int]:
    """Requests sent for the lists, and the films stored of them, after a run with options."""
    run = world.run("collect", assets=["movie_lists"], options=RunOptions(**options))
    assert run.success, run.failure_words()
    return int(run.figures("movie_lists")["requests"]), world.value(
        "SELECT count(*) FROM movie_lists"
    )


def read(folder: Path, sandbox: RunningSandbox) -> tuple[bool, str, list[tuple]]:
    world = World(folder, sandbox)
    run = world.run("collect", assets=["movie_lists"], options=FORCED)
    words = str(run.figures("movie_lists")["reason"]) if run.success else run.failure_words()
    is_stored = world.database.exists() and world.value(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'movie_lists'"
    )
    return run.success, words, world.rows("FROM movie_lists ORDER BY ALL") if is_stored else []


@pytest.mark.parametrize("kind", ["empty", "no_results"])
def test_lists_that_come_empty_leave_those_stored_as_they_were(
    sandbox: RunningSandbox, tmp_path: Path, kind: str
) -> None:
    """One empty page, and the list that was stored was gone."""
    is_good, _, stored = read(tmp_path, sandbox)
    assert is_good
    assert stored
    config = SandboxConfig(
        films=120, seed=5, first_year=FIRST_YEAR, last_year=LAST_YEAR, tmdb_requests_per_second=0,
        tmdb_keys=(PLANTED_TMDB_KEY,), faults={"faults": [{"case": 11, "kinds": [kind]}]},
    )  # fmt: skip
    with running_sandbox(config) as in_trouble:
        is_good, reason, left = read(tmp_path, in_trouble)
        assert is_good
        assert "lists kept" in reason
        assert "without films" in reason
        assert left == stored
        if kind == "empty":
            is_good, words, _ = read(tmp_path / "new", in_trouble)
            assert not is_good
            assert "without films" in words


@pytest.mark.parametrize("kind", ["empty", "no_results"])
def test_one_list_that_comes_empty_keeps_its_films_and_stops_no_other(
    sandbox: RunningSandbox, tmp_path: Path, kind: str
) -> None:
    """An emptied list kept all five as they were, run after run."""
    _, _, before = read(tmp_path, sandbox)
    fault = {"case": 11, "kinds": [kind], "path": "*/movie/top_rated"}
    config = SandboxConfig(
        films=120, seed=5, first_year=FIRST_YEAR, last_year=LAST_YEAR, tmdb_requests_per_second=0,
        tmdb_keys=(PLANTED_TMDB_KEY,), faults={"faults": [fault]},
    )  # fmt: skip
    with running_sandbox(config) as in_trouble:
        world = World(tmp_path, in_trouble)
        run = world.run("collect", assets=["movie_lists"], options=FORCED)
        assert run.success, run.failure_words()
        after = world.rows("FROM movie_lists ORDER BY ALL")
        figures = run.figures("movie_lists")
    assert figures["lists kept"] == "top_rated"
    assert "top_rated" not in str(figures["lists read"])
    assert "without films" in str(figures["reason"])
    kept = [row for row in before if "top_rated" in row]
    assert kept == [row for row in after if "top_rated" in row]
    others = set(after) - set(kept)
    assert others
    assert not others & set(before)


def test_a_list_is_read_once_and_again_when_more_of_it_is_wanted(empty_world: World) -> None:
    """One page counted as the whole list for hours; a list that ends sooner is no shorter one."""
    both = [Category.popular, Category.popular]
    assert read_with(empty_world, categories=both, pages_per_category=1) == (1, 20)
    assert read_with(empty_world, categories=both, pages_per_category=2) == (2, 40)
    requests, films = read_with(empty_world, categories=both, pages_per_category=90)
    assert requests == films / 20 < 90
    assert read_with(empty_world, categories=both, pages_per_category=90) == (0, films)


def test_a_list_without_films_is_read_once_like_the_others(tmp_path: Path) -> None:
    """It leaves no row that says when: the demo of past years sent requests every time."""
    config = SandboxConfig(
        films=60, seed=5, first_year=2015, last_year=2017, tmdb_requests_per_second=0,
        tmdb_keys=(PLANTED_TMDB_KEY,),
    )  # fmt: skip
    with running_sandbox(config) as of_the_past:
        world = World(tmp_path, of_the_past)
        first, films = read_with(world)
        assert first > 0
        assert world.value("SELECT count(*) FROM list_readings WHERE films = 0") > 0
        assert read_with(world) == (0, films)


@dataclass
class Lists:
    """What TMDB says of its lists: films of each, or what goes wrong."""

    films: dict[str, int | Exception]
    requests: int = 0

    @property
    def stats(self) -> "Lists":
        return self

    @asynccontextmanager
    async def tmdb(self) -> AsyncIterator["Lists"]:
        yield self

    def now(self) -> datetime:
        return NOW

    async def movie_list(self, name: str, pages: int) -> list[dict[str, Any]]:
        self.requests += pages
        films = self.films[name]
        if isinstance(films, Exception):
            raise films
        return [
            row_of(MOVIE_LISTS, list_name=name, position=n, tmdb_id=n) for n in range(1, films + 1)
        ]


def read_from(fetching: Fetching, **changed: int | Exception) -> tuple[dict[str, int], Any]:
    """Films stored per list after a reading of all, forced, and the figures it gave."""
    services: Any = Lists({**dict.fromkeys(LIST_NAMES, 2), **changed})
    reading = replace(fetching, services=services)
    options = RunOptions(force=True, pages_per_category=1, categories=list(Category))
    _, figures = movie_lists._read_if_old(options, reading, "a test")
    stored = fetching.queries.listed_films()
    return {name: sum(f["list_name"] == name for f in stored) for name in LIST_NAMES}, figures


@pytest.fixture
def fetching(project: Path) -> Fetching:
    return build_resources(load_settings(), now=lambda: NOW)["fetching"]


@pytest.mark.parametrize("error", [ServiceUnavailable, CircuitOpen, QuotaExhausted])
def test_one_list_that_is_not_answered_keeps_its_films_and_stops_no_other(
    fetching: Fetching, error: type[SourceError]
) -> None:
    """Five times a server error for one list, and the day's run failed with the other four."""
    assert set(read_from(fetching)[0].values()) == {2}
    three = dict.fromkeys(LIST_NAMES, 3)
    stored, figures = read_from(
        fetching, **{**three, "upcoming": error("tmdb", "500: not that list")}
    )
    assert stored == {**three, "upcoming": 2}
    assert figures["lists kept"] == "upcoming"
    assert "500: not that list" in figures["reason"]
    read_at = fetching.queries.list_readings()
    assert set(read_at) == set(LIST_NAMES)
    assert figures["requests"] == len(LIST_NAMES)


def test_a_list_that_never_was_answered_is_asked_for_again(fetching: Fetching) -> None:
    stored, _ = read_from(fetching, upcoming=ServiceUnavailable("tmdb", "500"))
    assert stored["upcoming"] == 0
    assert "upcoming" not in fetching.queries.list_readings()


def test_an_outage_of_every_list_is_a_failure_whatever_is_stored(fetching: Fetching) -> None:
    read_from(fetching)
    nothing = dict.fromkeys(LIST_NAMES, ServiceUnavailable("tmdb", "503: back soon"))
    with pytest.raises(ServiceUnavailable, match="back soon"):
        read_from(fetching, **nothing)
    spent = dict.fromkeys(LIST_NAMES, QuotaExhausted("tmdb", "the day is used up"))
    stored, figures = read_from(fetching, **spent)
    assert set(stored.values()) == {2}
    assert "the day is used up" in figures["reason"]


def test_the_one_list_that_is_left_to_read_does_not_fail_the_run(fetching: Fetching) -> None:
    """The others are fresh: TMDB answers, but for this list, run after run."""
    read_from(fetching, upcoming=ServiceUnavailable("tmdb", "500"))
    services: Any = Lists({"upcoming": ServiceUnavailable("tmdb", "500: not that list")})
    _, figures = movie_lists._read_if_old(
        RunOptions(pages_per_category=1, categories=list(Category)),
        replace(fetching, services=services),
        "a test",
    )
    assert figures["lists kept"] == "upcoming"
