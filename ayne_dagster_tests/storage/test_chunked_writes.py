"""A table written in chunks ends whole, whatever happened on the way."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

import pandas as pd
import pytest

from ayne_dagster.domain.frame_check import ContractViolation
from ayne_dagster.domain.tables import BULK_READS, DISCOVERY_WALKS, TMDB_IDS
from ayne_dagster.storage.chunked_writes import write_chunks
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.storage.film_rows import row_of

DAY = date(2026, 11, 20)


def ids(*numbers: int, day: date = DAY, title: str = "A") -> pd.DataFrame:
    rows = [
        row_of(TMDB_IDS, tmdb_id=number, original_title=title, first_exported_on=day,
               last_exported_on=day)
        for number in numbers
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=TMDB_IDS.column_names, dtype=object)


def read_whole() -> dict:
    row = ("tmdb_movie_ids", DAY, 3, 0, datetime(2026, 11, 20, 9, tzinfo=UTC))
    return {BULK_READS: pd.DataFrame([row], columns=BULK_READS.column_names, dtype=object)}


@pytest.fixture
def mirror(tmp_path) -> ParquetMirror:
    return ParquetMirror(tmp_path / "mirror")


def stored(warehouse: Warehouse) -> list[tuple]:
    return [tuple(row.values()) for row in warehouse.rows("FROM tmdb_ids ORDER BY tmdb_id")]


def test_chunks_add_up_and_are_mirrored_once(warehouse: Warehouse, mirror: ParquetMirror):
    report = write_chunks(
        warehouse, TMDB_IDS, [ids(1, 2), ids(2, 3)], at_the_end=read_whole, mirror=mirror,
        purpose="a test",
    )  # fmt: skip
    assert (report.inserted, report.updated, report.unchanged) == (3, 0, 1)
    assert pd.read_parquet(mirror.path(TMDB_IDS))["tmdb_id"].tolist() == [1, 2, 3]
    assert warehouse.rows("SELECT film_rows FROM bulk_reads") == [{"film_rows": 3}]
    assert warehouse.table_names() == {"tmdb_ids", "bulk_reads"}


def test_no_chunk_makes_an_empty_table(warehouse: Warehouse):
    write_chunks(warehouse, TMDB_IDS, [], purpose="a test")
    assert stored(warehouse) == []


def test_what_breaks_on_the_way_leaves_whole_chunks_and_no_word_that_all_are_there(
    warehouse: Warehouse, mirror: ParquetMirror
):
    def broken() -> Iterator[pd.DataFrame]:
        yield ids(1, 2)
        yield ids(3)
        raise ConnectionError("the file is gone")

    with pytest.raises(ConnectionError):
        write_chunks(
            warehouse, TMDB_IDS, broken(), at_the_end=read_whole, mirror=mirror, purpose="a test"
        )
    assert [row[0] for row in stored(warehouse)] == [1, 2]
    assert warehouse.table_names() == {"tmdb_ids"}
    write_chunks(
        warehouse, TMDB_IDS, [ids(1, 2), ids(3)], at_the_end=read_whole, mirror=mirror,
        purpose="a test",
    )  # fmt: skip
    assert [row[0] for row in stored(warehouse)] == [1, 2, 3]
    assert len(pd.read_parquet(mirror.path(TMDB_IDS))) == 3
    assert warehouse.table_names() == {"tmdb_ids", "bulk_reads"}


def test_a_mirror_that_was_owed_is_made_by_a_write_that_changes_nothing(
    warehouse: Warehouse, mirror: ParquetMirror
):
    """A process killed between its last two chunks leaves a mirror without the chunks before."""

    def killed() -> Iterator[pd.DataFrame]:
        yield ids(1, 2)
        yield ids(1)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_chunks(warehouse, TMDB_IDS, killed(), mirror=mirror, purpose="a test")
    assert not mirror.path(TMDB_IDS).exists()
    report = write_chunks(warehouse, TMDB_IDS, [ids(1, 2)], mirror=mirror, purpose="a test")
    assert not report.is_changed
    assert len(pd.read_parquet(mirror.path(TMDB_IDS))) == 2


def test_the_first_day_stays_and_the_newest_wins(warehouse: Warehouse):
    tomorrow, yesterday = date(2026, 11, 21), date(2026, 11, 19)
    for frame in (ids(1, 2), ids(1, day=tomorrow, title="B"), ids(1, 2, day=yesterday, title="C")):
        write_chunks(warehouse, TMDB_IDS, [frame], purpose="a test")
    assert [(r[0], r[1], r[4], r[5]) for r in stored(warehouse)] == [
        (1, "B", DAY, tomorrow),
        (2, "A", DAY, DAY),
    ]


def test_a_chunk_that_breaks_the_contract_is_not_written(warehouse: Warehouse):
    with pytest.raises(ContractViolation):
        write_chunks(warehouse, TMDB_IDS, [ids(1), ids(2, 2)], purpose="a test")
    assert [row[0] for row in stored(warehouse)] == [1]


def test_partitioned_tables_are_refused(warehouse: Warehouse):
    with pytest.raises(ValueError, match="in chunks"):
        write_chunks(warehouse, DISCOVERY_WALKS, [], purpose="a test")
