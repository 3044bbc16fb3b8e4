"""What merge, replace and append do to stored rows, and what a write reports."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pandas as pd
import pytest

from ayne_dagster.domain.frame_check import ContractViolation
from ayne_dagster.domain.tables.contract import Column, ColumnType, TableContract, WriteMode
from ayne_dagster.storage.duckdb_io_manager import load_frame, write_batch
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.table_writes import SchemaConflict, WriteReport
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.storage.conftest import JOURNAL, NOON, SIGHTINGS, films, films_contract

MERGED = films_contract(WriteMode.MERGE)
MOVING = films_contract(WriteMode.MERGE, rows_may_move=True)
REPLACED = films_contract()
LATER, EARLIER = NOON + timedelta(days=1), NOON - timedelta(days=1)


def write(
    warehouse: Warehouse, contract: TableContract, frame: pd.DataFrame, *years: str
) -> WriteReport:
    return write_batch(
        warehouse, contract, frame, years=years if contract.year_column else None, purpose="a test"
    )


def sighting(year: str, title: str, at: datetime, *sources: str) -> pd.DataFrame:
    row = {"film_id": 1, "release_year": year, "title": title, "sources": list(sources),
           "first_seen_at": at, "last_seen_at": at}  # fmt: skip
    return pd.DataFrame([row])


def events(*at: datetime, words: str = "asked") -> pd.DataFrame:
    return pd.DataFrame({"film_id": 1, "happened_at": list(at), "words": words})


def column(warehouse: Warehouse, contract: TableContract, name: str) -> list[object]:
    sql = f"SELECT {name} FROM {contract.name} ORDER BY ALL"
    return [row[name] for row in warehouse.rows(sql)]


def test_a_merge_inserts_updates_and_leaves_the_rest(warehouse: Warehouse) -> None:
    assert write(warehouse, MERGED, films("2001", 1, 2), "2001").inserted == 2
    frame = pd.concat([films("2001", 2, votes=7), films("2001", 3)], ignore_index=True)
    report = write(warehouse, MERGED, frame, "2001")
    assert report == WriteReport(1, 1, 0, 0, 0, ("2001",))
    assert column(warehouse, MERGED, "film_id") == [1, 2, 3]
    assert column(warehouse, MERGED, "votes") == [7, 100, 100]


def test_the_same_rows_again_change_nothing(warehouse: Warehouse) -> None:
    """An unchanged write must not touch the mirror, or analysts see files change all day."""
    frame = films("2001", 1, 2, score=None, title=None)
    write(warehouse, MERGED, frame, "2001")
    report = write(warehouse, MERGED, frame, "2001")
    assert report == WriteReport(0, 0, 2, 0, 0, ())
    assert not report.is_changed


def test_a_value_that_becomes_unknown_is_a_change(warehouse: Warehouse) -> None:
    write(warehouse, MERGED, films("2001", 1), "2001")
    assert write(warehouse, MERGED, films("2001", 1, title=None), "2001").updated == 1
    assert column(warehouse, MERGED, "title") == [None]


def test_a_replace_clears_its_years_and_no_others(warehouse: Warehouse) -> None:
    write(warehouse, REPLACED, films("2001", 1, 2), "2001")
    write(warehouse, REPLACED, films("2002", 3), "2002")
    report = write(warehouse, REPLACED, films("2001", 2, votes=7), "2001")
    assert report == WriteReport(0, 1, 0, 1, 0, ("2001",))
    assert column(warehouse, REPLACED, "film_id") == [2, 3]


def test_a_replace_of_two_years_with_rows_of_one_empties_the_other(warehouse: Warehouse) -> None:
    write(warehouse, REPLACED, pd.concat([films("2001", 1), films("2002", 2)]), "2001", "2002")
    report = write(warehouse, REPLACED, films("2001", 1), "2001", "2002")
    assert (report.deleted, report.touched_years) == (1, ("2002",))
    assert column(warehouse, REPLACED, "film_id") == [1]


def test_an_unpartitioned_replace_is_the_whole_table(warehouse: Warehouse) -> None:
    journal = TableContract(
        name="journal", title="", grain="one event", key=JOURNAL.key, columns=JOURNAL.columns,
        write_mode=WriteMode.REPLACE, year_column=None,
    )  # fmt: skip
    write(warehouse, journal, events(NOON, LATER))
    report = write(warehouse, journal, events(LATER))
    assert (report.deleted, report.unchanged) == (1, 1)


def test_an_append_never_touches_what_is_there(warehouse: Warehouse) -> None:
    """A replayed batch of answers must not rewrite history."""
    write(warehouse, JOURNAL, events(NOON))
    report = write(warehouse, JOURNAL, events(NOON, LATER, words="replayed"))
    assert (report.inserted, report.updated) == (1, 0)
    assert column(warehouse, JOURNAL, "words") == ["asked", "replayed"]


def test_first_seen_stays_and_sources_are_united(warehouse: Warehouse) -> None:
    """Re-discovery once wiped both, and films looked new every day."""
    write(warehouse, SIGHTINGS, sighting("2001", "Heat", NOON, "popular", "discover"), "2001")
    write(warehouse, SIGHTINGS, sighting("2001", "Heat", LATER, "discover", "upcoming"), "2001")
    [row] = warehouse.rows("SELECT * FROM sightings")
    assert (row["first_seen_at"], row["last_seen_at"]) == (NOON, LATER)
    assert row["sources"] == ["discover", "popular", "upcoming"]


def test_an_older_answer_never_overwrites_a_newer_one(warehouse: Warehouse) -> None:
    """Runs finish in another order than they asked."""
    write(warehouse, SIGHTINGS, sighting("2001", "Heat", NOON, "popular"), "2001")
    report = write(warehouse, SIGHTINGS, sighting("2000", "Haet", EARLIER, "popular"), "2000")
    assert (report.updated, report.moved, report.touched_years) == (0, 0, ())
    [row] = warehouse.rows("SELECT title, release_year FROM sightings")
    assert row == {"title": "Heat", "release_year": "2001"}


def test_an_answer_of_the_same_moment_may_correct_the_row(warehouse: Warehouse) -> None:
    write(warehouse, SIGHTINGS, sighting("2001", "Haet", NOON, "popular"), "2001")
    write(warehouse, SIGHTINGS, sighting("2001", "Heat", NOON, "popular"), "2001")
    assert column(warehouse, SIGHTINGS, "title") == ["Heat"]


def test_a_moved_film_exists_once_and_both_years_are_mirrored(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    mirror = ParquetMirror(tmp_path / "mirror")

    def store(frame: pd.DataFrame, year: str) -> WriteReport:
        return write_batch(warehouse, MOVING, frame, years=[year], mirror=mirror, purpose="a test")

    store(films("2001", 1, 2), "2001")
    report = store(films("2002", 2, seen_at=LATER), "2001")
    assert (report.updated, report.moved) == (1, 1)
    assert report.touched_years == ("2001", "2002")
    mirrored = {
        year: pd.read_parquet(mirror.path(MOVING, year))["film_id"].tolist()
        for year in ("2001", "2002")
    }
    assert mirrored == {"2001": [1], "2002": [2]}


def test_a_film_replaced_into_a_year_leaves_its_old_one(warehouse: Warehouse) -> None:
    """Flags follow a film whose date moved; its row must not stay behind in the old year."""
    write(warehouse, REPLACED, films("2001", 1), "2001")
    report = write(warehouse, REPLACED, films("2002", 1), "2002")
    assert (report.updated, report.moved, report.touched_years) == (1, 1, ("2001", "2002"))


def test_bookkeeping_alone_is_no_change(warehouse: Warehouse) -> None:
    """A model trained again on the same rows is the same model, whatever the clock says."""
    made_at = Column("made_at", ColumnType.TIMESTAMPTZ, "When.", is_bookkeeping=True)
    contract = films_contract(more=[made_at])
    write(warehouse, contract, films("2001", 1, made_at=NOON), "2001")
    assert write(warehouse, contract, films("2001", 1, made_at=LATER), "2001").unchanged == 1
    write(warehouse, contract, films("2001", 1, made_at=LATER, votes=7), "2001")
    assert column(warehouse, contract, "made_at") == [LATER]


def test_a_stored_type_that_contradicts_the_contract_stops_the_write(warehouse: Warehouse) -> None:
    write(warehouse, MERGED, films("2001", 1), "2001")
    with warehouse.writing("a hand") as connection:
        connection.execute("ALTER TABLE films ALTER votes TYPE VARCHAR")
    with pytest.raises(SchemaConflict, match="votes is stored as VARCHAR, the contract says BIG"):
        write(warehouse, MERGED, films("2001", 1, 2), "2001")
    assert column(warehouse, MERGED, "film_id") == [1]


def test_a_gained_column_that_must_have_a_value_needs_a_default(warehouse: Warehouse) -> None:
    """It was added without one, and the rows that were there broke their own contract."""
    write(warehouse, MERGED, films("2001", 1), "2001")
    strict = films_contract(
        WriteMode.MERGE, more=[Column("is_seen", ColumnType.BOOLEAN, "Seen.", nullable=False)]
    )
    with pytest.raises(SchemaConflict, match=r"films is stored without is_seen.*`default`"):
        write(warehouse, strict, films("2001", 2, is_seen=True), "2001")
    assert column(warehouse, MERGED, "film_id") == [1]


@pytest.mark.parametrize(
    ("type_", "default", "stored"),
    [
        (ColumnType.BOOLEAN, False, False),
        (ColumnType.BIGINT, 7, 7),
        (ColumnType.VARCHAR, "it's", "it's"),
        (ColumnType.VARCHAR_LIST, (), []),
        (ColumnType.BIGINT_LIST, (1, 2), [1, 2]),
    ],
)
def test_rows_that_are_there_take_the_default_of_a_gained_column(
    warehouse: Warehouse, type_: ColumnType, default: object, stored: object
) -> None:
    write(warehouse, MERGED, films("2001", 1), "2001")
    gained = Column("gained", type_, "New.", nullable=False, default=default)  # pyright: ignore[reportArgumentType]
    later = films_contract(WriteMode.MERGE, more=[gained])
    write(warehouse, later, films("2001", 2).assign(gained=[stored]), "2001")
    assert column(warehouse, later, "gained") == [stored, stored]
    with (
        pytest.raises(duckdb.ConstraintException),
        warehouse.writing("a hand") as connection,
    ):
        connection.execute("INSERT INTO films (film_id, release_year) VALUES (3, '2001')")


def test_a_batch_is_written_whole_or_not_at_all(warehouse: Warehouse) -> None:
    """A row without its history would be asked for again, or never."""
    with pytest.raises(ContractViolation, match="journal"):
        write_batch(
            warehouse, MERGED, films("2001", 1), years=["2001"], purpose="a test",
            also={JOURNAL: events(NOON, NOON)},
        )  # fmt: skip
    assert warehouse.table_names() == set()


def test_a_batch_that_fails_in_its_second_table_writes_nothing_of_the_first(
    warehouse: Warehouse,
) -> None:
    write(warehouse, JOURNAL, events(NOON))
    with warehouse.writing("a hand") as connection:
        connection.execute("ALTER TABLE journal ALTER words TYPE BLOB")
    with pytest.raises(SchemaConflict):
        write_batch(
            warehouse, MERGED, films("2001", 1), years=["2001"], purpose="a test",
            also={JOURNAL: events(LATER)},
        )  # fmt: skip
    assert warehouse.table_names() == {"journal"}


def test_what_is_stored_comes_back_as_it_was(warehouse: Warehouse) -> None:
    """Whole numbers beside unknown ones went through floats, and large ids lost their last digits.

    2^53 + 1 is the first whole number a float cannot hold.
    """
    frame = films("2001", 1, 2, votes=pd.Series([2**53 + 1, None], dtype="Int64"),
                  released_on=None, genres=None)  # fmt: skip
    write(warehouse, MERGED, frame, "2001")
    loaded = load_frame(warehouse, MERGED, years=["2001"]).sort_values("film_id")
    assert loaded["votes"].tolist() == [2**53 + 1, pd.NA]
    assert loaded["votes"].dtype == "Int64"
    assert loaded["released_on"].isna().all()
    assert loaded["seen_at"].dt.tz is not None
    assert loaded["seen_at"].iloc[0] == datetime(2024, 5, 1, 12, tzinfo=UTC)


def test_the_reason_of_a_failed_write_is_told(warehouse: Warehouse) -> None:
    """The clean-up after a failed statement failed too, and hid what had gone wrong."""
    write(warehouse, MERGED, films("2001", 1), "2001")
    with warehouse.writing("a test") as connection:
        connection.execute(f"DELETE FROM {MERGED.name}")
        connection.execute(f"ALTER TABLE {MERGED.name} ADD COLUMN extra INTEGER")
        connection.execute(f"ALTER TABLE {MERGED.name} ALTER COLUMN extra SET NOT NULL")
    with pytest.raises(duckdb.ConstraintException, match="extra"):
        write(warehouse, MERGED, films("2001", 2), "2001")


def test_a_table_of_nothing_but_its_key_can_be_merged(warehouse: Warehouse) -> None:
    key = Column("film_id", ColumnType.BIGINT, "The key.", nullable=False)
    contract = TableContract(
        "names", "Names", "one name", ("film_id",), (key,), WriteMode.MERGE, year_column=None
    )
    frame = pd.DataFrame({"film_id": [1, 2]})
    assert write(warehouse, contract, frame).inserted == 2
    assert write(warehouse, contract, frame).unchanged == 2
