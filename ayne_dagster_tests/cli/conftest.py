"""A runner of `ayne` and a database with a few rows, without any run of Dagster."""

import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import pandas as pd
import pytest
from click.testing import CliRunner, Result
from filelock import FileLock

from ayne_dagster.cli.main import ayne
from ayne_dagster.domain.frame_check import empty_frame
from ayne_dagster.domain.tables import DISCOVERED_MOVIES, FROZEN_FLAGS
from ayne_dagster.storage.duckdb_io_manager import write_batch
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.cli.modelled_films import make_modelled_films
from ayne_dagster_tests.conftest import PROJECT

AT = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
Invoke = Callable[..., Result]


@pytest.fixture
def invoke(project: Path) -> Invoke:
    """Run `ayne` in a project folder of the test's own."""

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(ayne, list(arguments))

    return run


@pytest.fixture
def database(project: Path) -> Path:
    """The database of the settings, with three films of two years."""
    path = project / "data" / "ayne.duckdb"
    path.parent.mkdir()
    rows = pd.DataFrame(
        [
            {
                "tmdb_id": number,
                "release_year": year,
                "title": f"Film {number}",
                "release_date": date(int(year), 3, 2),
                "sources": ["discover", "popular"],
                "first_seen_at": AT,
                "last_seen_at": AT,
            }
            for number, year in ((1, "2001"), (2, "2001"), (3, "2002"))
        ],
        columns=DISCOVERED_MOVIES.column_names,
        dtype=object,
    )
    write_batch(
        Warehouse(path),
        DISCOVERED_MOVIES,
        rows,
        years=["2001", "2002"],
        also={FROZEN_FLAGS: empty_frame(FROZEN_FLAGS)},
        purpose="a test",
    )
    return path


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The platform in a folder of its own, as after an installation: its root is that folder."""
    root = tmp_path / "installed"
    no_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(PROJECT / "ayne_dagster", root / "ayne_dagster", ignore=no_caches)
    shutil.copytree(PROJECT / "dagster_home", root / "dagster_home",
                    ignore=lambda _, names: [n for n in names if n != "dagster.yaml"])  # fmt: skip
    shutil.copy(PROJECT / "pyproject.toml", root)
    shutil.copy(PROJECT / "workspace.yaml", root)
    return root


@pytest.fixture(scope="session")
def modelled_folder(empty_mlflow_store: Path, for_all_workers: Path) -> Path:
    """Invented films with features and two models of 2011; nobody may change it."""
    folder = for_all_workers / "modelled"
    with FileLock(f"{folder}.lock"):
        if not folder.exists():
            made = folder.with_name("modelled_in_the_making")
            made.mkdir()
            make_modelled_films(made, empty_mlflow_store)
            made.rename(folder)
    return folder


@pytest.fixture
def modelled(modelled_folder: Path, project: Path) -> Path:
    """The same as the project's own data: a copy that a test may change."""
    shutil.copytree(modelled_folder, project / "data")
    return project / "data"
