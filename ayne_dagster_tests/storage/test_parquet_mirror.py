"""The mirror shows what is committed, whole files only, and catches up where it fell behind."""

from pathlib import Path

import duckdb
import pandas as pd
import pytest

from ayne_dagster.domain.frame_check import ContractViolation
from ayne_dagster.storage.duckdb_io_manager import write_batch
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.storage.conftest import JOURNAL, NOON, films, films_contract

FILMS = films_contract()


@pytest.fixture
def mirror(tmp_path: Path) -> ParquetMirror:
    return ParquetMirror(tmp_path / "it's mirrored")


def store(warehouse: Warehouse, mirror: ParquetMirror, frame: pd.DataFrame, *years: str) -> None:
    write_batch(warehouse, FILMS, frame, years=years, mirror=mirror, purpose="a test")


def files(mirror: ParquetMirror) -> list[str]:
    """Every file below the mirror, hidden ones included."""
    return sorted(str(p.relative_to(mirror.folder)) for p in mirror.folder.rglob("*")
                  if p.is_file())  # fmt: skip


def mirrored(mirror: ParquetMirror) -> list[tuple[int, str]]:
    """What a notebook sees that reads the whole folder."""
    with duckdb.connect() as connection:
        return connection.execute(
            "SELECT film_id, release_year FROM read_parquet(?, hive_partitioning = true, "
            "hive_types_autocast = false) ORDER BY ALL",
            [str(mirror.folder / "films" / "*" / "*.parquet")],
        ).fetchall()


def test_each_year_is_one_file_that_reads_as_one_table(
    warehouse: Warehouse, mirror: ParquetMirror
) -> None:
    both = pd.concat([films("2001", 2, 1), films("undated", 3)])
    store(warehouse, mirror, both, "2001", "undated")
    assert files(mirror) == [
        "films/release_year=2001/part.parquet",
        "films/release_year=undated/part.parquet",
    ]
    assert mirrored(mirror) == [(1, "2001"), (2, "2001"), (3, "undated")]
    year = pd.read_parquet(mirror.path(FILMS, "2001"))
    assert year["film_id"].tolist() == [1, 2]
    assert list(year["genres"].iloc[0]) == ["Drama", "Crime"]


def test_an_unpartitioned_table_is_one_file(warehouse: Warehouse, mirror: ParquetMirror) -> None:
    events = pd.DataFrame({"film_id": [1], "happened_at": [NOON], "words": ["asked"]})
    write_batch(warehouse, JOURNAL, events, years=None, mirror=mirror, purpose="a test")
    assert files(mirror) == ["journal/part.parquet"]


def test_a_year_that_became_empty_loses_its_file(
    warehouse: Warehouse, mirror: ParquetMirror
) -> None:
    """Films that had moved away were still read from the file of their old year."""
    store(warehouse, mirror, films("2001", 1), "2001")
    store(warehouse, mirror, films("2001"), "2001")
    assert files(mirror) == []


def test_years_that_did_not_change_keep_their_file(
    warehouse: Warehouse, mirror: ParquetMirror
) -> None:
    store(warehouse, mirror, pd.concat([films("2001", 1), films("2002", 2)]), "2001", "2002")
    before = mirror.path(FILMS, "2002").stat().st_ino
    store(warehouse, mirror, films("2001", 1, votes=7), "2001")
    assert mirror.path(FILMS, "2002").stat().st_ino == before
    assert pd.read_parquet(mirror.path(FILMS, "2001"))["votes"].tolist() == [7]


def test_a_refused_frame_leaves_the_mirror_alone(
    warehouse: Warehouse, mirror: ParquetMirror
) -> None:
    store(warehouse, mirror, films("2001", 1), "2001")
    with pytest.raises(ContractViolation):
        store(warehouse, mirror, films("2001", 1, votes="many"), "2001")
    assert mirrored(mirror) == [(1, "2001")]


def test_a_mirror_that_could_not_be_written_catches_up_with_the_next_write(
    warehouse: Warehouse, mirror: ParquetMirror
) -> None:
    """A full disk or a kill after the commit left an old file behind for good.

    The rerun finds its rows already stored, changes nothing, and so mirrored nothing.
    """
    store(warehouse, mirror, films("2001", 1), "2001")
    target = mirror.path(FILMS, "2001")
    target.unlink()
    target.mkdir()
    with pytest.raises(OSError, match=r"part\.parquet"):
        store(warehouse, mirror, films("2001", 1, 2), "2001")
    target.rmdir()
    store(warehouse, mirror, films("2001", 1, 2), "2001")
    assert mirrored(mirror) == [(1, "2001"), (2, "2001")]
    assert files(mirror) == ["films/release_year=2001/part.parquet"]


def test_no_half_written_file_is_left_or_seen(warehouse: Warehouse, mirror: ParquetMirror) -> None:
    target = mirror.path(FILMS, "2001")
    target.mkdir(parents=True)
    with pytest.raises(OSError, match=r"part\.parquet"):
        store(warehouse, mirror, films("2001", 1), "2001")
    assert [name for name in files(mirror) if "parquet" in name] == []
