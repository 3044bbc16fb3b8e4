"""The mirror shows what is committed, whole files only, and catches up where it fell behind."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from ayne_dagster.domain.frame_check import ContractViolation
from ayne_dagster.storage import parquet_mirror
from ayne_dagster.storage.duckdb_io_manager import write_batch
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.storage.conftest import JOURNAL, NOON, films, films_contract

FILMS = films_contract()
BY_MONTH = replace(JOURNAL, mirror_month_of="happened_at")
MARCH, APRIL = datetime(2024, 3, 31, 23, 59, tzinfo=UTC), datetime(2024, 4, 1, tzinfo=UTC)


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


def note(warehouse: Warehouse, mirror: ParquetMirror, *moments: datetime) -> None:
    """Append events to the journal that is mirrored by month."""
    events = pd.DataFrame({"film_id": 1, "happened_at": moments, "words": "asked"})
    write_batch(warehouse, BY_MONTH, events, years=None, mirror=mirror, purpose="a test")


def catch_up(warehouse: Warehouse, mirror: ParquetMirror) -> None:
    with warehouse.writing("a test") as connection:
        mirror.catch_up(connection, [FILMS, BY_MONTH], warehouse.qualified)


def test_a_journal_is_written_in_the_months_that_gained_rows(
    warehouse: Warehouse, mirror: ParquetMirror
) -> None:
    """Every batch of answers rewrote the whole history: a million films wrote it 20,000 times."""
    note(warehouse, mirror, MARCH, APRIL)
    march, april = (mirror.path(BY_MONTH, month) for month in ("2024-03", "2024-04"))
    assert files(mirror) == [str(p.relative_to(mirror.folder)) for p in (march, april)]
    before = march.stat().st_ino
    note(warehouse, mirror, APRIL.replace(day=2))
    assert march.stat().st_ino == before
    assert len(pd.read_parquet(april)) == 2
    note(warehouse, mirror, MARCH.replace(day=1))
    assert pd.read_parquet(march)["happened_at"].is_monotonic_increasing
    assert len(pd.read_parquet(march)) == 2


def test_the_one_file_a_journal_once_was_gives_way_to_its_months(
    warehouse: Warehouse, mirror: ParquetMirror
) -> None:
    """A glob over the table's folder would have counted every answer twice."""
    old = mirror.folder / "journal" / "part.parquet"
    old.parent.mkdir(parents=True)
    old.write_bytes(b"of an earlier version")
    note(warehouse, mirror, MARCH)
    assert files(mirror) == ["journal/month=2024-03/part.parquet"]


@pytest.mark.parametrize("damage", [b"", b"PAR1 and no more"])
def test_a_month_whose_file_cannot_be_read_is_written_anew(
    warehouse: Warehouse, mirror: ParquetMirror, damage: bytes
) -> None:
    note(warehouse, mirror, MARCH, APRIL)
    mirror.path(BY_MONTH, "2024-03").write_bytes(damage)
    note(warehouse, mirror, APRIL.replace(day=2))
    assert len(pd.read_parquet(mirror.path(BY_MONTH, "2024-03"))) == 1


def test_many_years_in_several_copies_are_whole_and_sorted(
    warehouse: Warehouse, mirror: ParquetMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet_mirror, "ROWS_AT_ONCE", 3)
    frames = [films("2001", 9, 4, 6, 5), films("2002", 1), films("2003", 3, 2)]
    store(warehouse, mirror, pd.concat(frames), "2001", "2002", "2003")
    assert len(mirrored(mirror)) == 7
    assert pd.read_parquet(mirror.path(FILMS, "2001"))["film_id"].tolist() == [4, 5, 6, 9]


@pytest.mark.parametrize("damage", [b"", b"2001\n20", b"\xff\x00"])
def test_a_damaged_note_owes_every_year_and_removes_strays(
    warehouse: Warehouse, mirror: ParquetMirror, damage: bytes
) -> None:
    """A note cut short by a full disk named a year of two digits and forgot the rest."""
    both = pd.concat([films("2001", 1), films("2002", 2)])
    store(warehouse, mirror, both, "2001", "2002")
    stray = mirror.path(FILMS, "1999")
    stray.parent.mkdir()
    stray.write_bytes(b"")
    mirror.path(FILMS, "2002").unlink()
    (mirror.folder / "films" / ".owed").write_bytes(damage)
    mirror.owe(FILMS, ["2001"])
    catch_up(warehouse, mirror)
    assert mirrored(mirror) == [(1, "2001"), (2, "2002")]
    assert not stray.parent.exists()
    assert not (mirror.folder / "films" / ".owed").exists()


def test_what_a_dead_process_left_half_done_is_removed(
    warehouse: Warehouse, mirror: ParquetMirror
) -> None:
    table = mirror.folder / "films"
    (table / ".4711.partial" / "release_year=2001").mkdir(parents=True)
    (table / ".4711.partial" / "release_year=2001" / "data_0.parquet").write_bytes(b"half")
    (table / ".owed.partial").write_text("20")
    store(warehouse, mirror, films("2001", 1), "2001")
    assert files(mirror) == ["films/release_year=2001/part.parquet"]
    assert [path.name for path in table.iterdir()] == ["release_year=2001"]


def test_catching_up_writes_what_any_table_owes(
    warehouse: Warehouse, mirror: ParquetMirror
) -> None:
    """Runs of many small writes mirror once, at their end; a kill before it leaves the notes."""
    write_batch(warehouse, FILMS, films("2001", 1), years=["2001"], purpose="a test")
    mirror.owe(FILMS, ["2001"])
    mirror.owe(BY_MONTH, [])
    catch_up(warehouse, mirror)
    assert files(mirror) == ["films/release_year=2001/part.parquet"]
    untouched = mirror.path(FILMS, "2001").stat().st_ino
    catch_up(warehouse, mirror)
    assert mirror.path(FILMS, "2001").stat().st_ino == untouched
