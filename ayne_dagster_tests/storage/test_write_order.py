"""Whatever the order of writes and moves, each film is there once and its newest answer stands."""

import tempfile
from datetime import timedelta
from pathlib import Path

import pandas as pd
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ayne_dagster.domain.tables.contract import WriteMode
from ayne_dagster.storage.duckdb_io_manager import write_batch
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.storage.conftest import NOON, films, films_contract

CONTRACT = films_contract(WriteMode.MERGE, rows_may_move=True)
ANSWERS = st.tuples(
    st.integers(1, 4),  # film
    st.sampled_from(["2000", "2001", "undated"]),
    st.integers(0, 5),  # asked so many hours after noon
)
BATCHES = st.lists(
    st.lists(ANSWERS, min_size=1, max_size=4, unique_by=lambda answer: answer[0]),
    min_size=1, max_size=5,
)  # fmt: skip


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(BATCHES)
def test_each_film_is_there_once_with_its_newest_answer(
    batches: list[list[tuple[int, str, int]]],
) -> None:
    """Runs over different years overlap, finish in any order, and carry films between years."""
    expected: dict[int, tuple[str, int, int]] = {}
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(Path(folder) / "warehouse.duckdb")
        mirror = ParquetMirror(Path(folder) / "mirror")
        for number, batch in enumerate(batches):
            rows = [
                films(year, film, votes=number, seen_at=NOON + timedelta(hours=hour))
                for film, year, hour in batch
            ]
            frame = pd.concat(rows, ignore_index=True)
            write_batch(warehouse, CONTRACT, frame, years=["2000"], mirror=mirror, purpose="a test")
            for film, year, hour in batch:
                if film not in expected or hour >= expected[film][1]:
                    expected[film] = (year, hour, number)
        stored = warehouse.frame("SELECT film_id, release_year, votes FROM films")
        files = [
            pd.read_parquet(path).assign(release_year=path.parent.name.split("=")[1])
            for path in mirror.folder.rglob("part.parquet")
        ]
    right = sorted((film, year, number) for film, (year, _, number) in expected.items())
    assert sorted(stored.itertuples(index=False, name=None)) == right
    mirrored = pd.concat(files)[["film_id", "release_year", "votes"]]
    assert sorted(mirrored.itertuples(index=False, name=None)) == right
