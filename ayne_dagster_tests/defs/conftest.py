"""One sandbox and one populated world for all tests of definitions; each test changes a copy."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from filelock import FileLock

from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.server import RunningSandbox, running_sandbox
from ayne_dagster_tests.defs.world import (
    FIRST_YEAR,
    LAST_YEAR,
    PLANTED_OMDB_KEY,
    PLANTED_TMDB_KEY,
    Run,
    World,
    log_file,
    requests_served,
)


@pytest.fixture(scope="session")
def sandbox() -> Iterator[RunningSandbox]:
    config = SandboxConfig(
        films=120,
        seed=5,
        first_year=FIRST_YEAR,
        last_year=LAST_YEAR,
        tmdb_requests_per_second=0,
        omdb_daily_quota=0,
        tmdb_keys=(PLANTED_TMDB_KEY,),
        omdb_keys=(PLANTED_OMDB_KEY,),
    )
    with running_sandbox(config) as running:
        yield running


@pytest.fixture(scope="session")
def first_run(
    sandbox: RunningSandbox, empty_mlflow_store: Path, for_all_workers: Path
) -> tuple[World, Run]:
    """The whole graph over all years, once, with everything Dagster and the loggers say kept.

    Once for all workers: each has a sandbox of its own with the same films.
    """
    folder = for_all_workers / "populated"
    world, kept = World(folder, sandbox), folder / "run.json"
    with FileLock(f"{folder}.lock"):
        if kept.exists():
            return world, Run.read(kept)
        home = folder / "instance"
        home.mkdir(parents=True)
        world.with_mlflow_store(empty_mlflow_store)
        with (
            log_file(folder / "everything.log"),
            dg.DagsterInstance.local_temp(str(home)) as instance,
        ):
            run = world.run(instance=instance, is_drawn=True)
        return world, run.kept_in(kept)


@pytest.fixture
def world(first_run: tuple[World, Run], tmp_path: Path) -> World:
    """A populated world of the test's own."""
    return first_run[0].copied_to(tmp_path / "world")


@pytest.fixture
def empty_world(sandbox: RunningSandbox, empty_mlflow_store: Path, tmp_path: Path) -> World:
    """A world in which nothing was ever fetched."""
    return World(tmp_path / "world", sandbox).with_mlflow_store(empty_mlflow_store)


@pytest.fixture(scope="session")
def second_run(
    first_run: tuple[World, Run], tmp_path_factory: pytest.TempPathFactory
) -> tuple[World, World, Run, int]:
    """The world before, the world after, the same run again, and the requests it sent."""
    before = first_run[0]
    after = before.copied_to(tmp_path_factory.mktemp("again"))
    served = requests_served(before.sandbox)
    run = after.run()
    return before, after, run, requests_served(before.sandbox) - served
