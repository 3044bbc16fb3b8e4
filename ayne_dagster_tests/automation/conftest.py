"""A platform whose sensors and schedules tick when a test says so."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from ayne_dagster.domain.tables import OMDB_RATINGS, REFRESH_HISTORY, TMDB_DETAILS
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.automation.ticking import Ticking
from ayne_dagster_tests.storage.film_rows import asked, detailed, put, rated

STOCKED_YEARS = {1: "1999", 2: "2000", 3: "2001", 4: "2002", 5: "2010"}


@pytest.fixture
def ticking(tmp_path: Path) -> Iterator[Ticking]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield Ticking(tmp_path, instance)


@pytest.fixture(scope="session")
def stocked_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    warehouse = Warehouse(tmp_path_factory.mktemp("stocked") / "ayne.duckdb")
    films = STOCKED_YEARS.items()
    put(warehouse, TMDB_DETAILS, *(detailed(number, year) for number, year in films))
    put(warehouse, OMDB_RATINGS, *(rated(number, year) for number, year in films))
    answers = [asked(source, number, 1) for number, _ in films for source in ("tmdb", "omdb")]
    put(warehouse, REFRESH_HISTORY, *answers)
    return warehouse.path


@pytest.fixture
def stocked(ticking: Ticking, stocked_file: Path) -> Ticking:
    """Films of 1999 to 2002 and of 2010, all answered yesterday."""
    # Small writes lie in DuckDB's log, beside the file.
    for path in stocked_file.parent.glob("ayne.duckdb*"):
        shutil.copy(path, ticking.folder)
    return ticking
