"""What the checks count in rows that came past the I/O manager, by hand or by an older contract."""

import pytest

from ayne_dagster.domain.tables import TABLES
from ayne_dagster.domain.tables.contract import Column, ColumnType, TableContract
from ayne_dagster.storage.contract_checks import check_stored_rows
from ayne_dagster.storage.duckdb_io_manager import write_batch
from ayne_dagster.storage.table_writes import create_table_sql
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.storage.conftest import films, films_contract

CONTRACT = films_contract(
    more=[
        Column("month", ColumnType.INTEGER, "Month.", minimum=1, maximum=12),
        Column("colour", ColumnType.VARCHAR, "Colour.", one_of=("red", "blue")),
        Column("code", ColumnType.VARCHAR, "Code.", pattern=r"tt\d+"),
    ]
)


def by_hand(warehouse: Warehouse, sql: str) -> None:
    with warehouse.writing("a hand") as connection:
        connection.execute(sql)


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    frame = films("2001", 1, 2, 3, month=12, colour="red", code="tt1")
    write_batch(warehouse, CONTRACT, frame, years=["2001"], purpose="a test")
    return warehouse


def test_rows_that_passed_the_contract_have_no_findings(filled: Warehouse) -> None:
    found = check_stored_rows(filled, CONTRACT)
    assert (found.rows, found.repeated_keys, found.missing, found.implausible) == (3, 0, {}, {})


def test_unknown_values_are_not_implausible(filled: Warehouse) -> None:
    by_hand(filled, "UPDATE films SET month = NULL, colour = NULL, code = NULL, score = NULL")
    assert check_stored_rows(filled, CONTRACT).implausible == {}


def test_repeated_keys_are_counted(filled: Warehouse) -> None:
    by_hand(filled, "INSERT INTO films SELECT * FROM films WHERE film_id = 1")
    found = check_stored_rows(filled, CONTRACT)
    assert (found.rows, found.repeated_keys) == (4, 1)


def test_a_column_the_contract_gained_is_missing_in_every_row_until_it_is_written(
    filled: Warehouse,
) -> None:
    """Lists that need not be read are not written: their checks failed on the new column."""
    gained = films_contract(
        more=[
            Column("month", ColumnType.INTEGER, "Month.", minimum=1, maximum=12),
            Column("stars", ColumnType.INTEGER, "Gained, may be unknown.", minimum=0),
            Column("origin", ColumnType.VARCHAR, "Gained, must be known.", nullable=False),
        ]
    )
    found = check_stored_rows(filled, gained)
    assert (found.missing, found.implausible) == ({"origin": 3}, {})


def test_missing_values_are_counted_by_column(filled: Warehouse) -> None:
    by_hand(filled, "ALTER TABLE films ALTER film_id DROP NOT NULL")
    by_hand(filled, "UPDATE films SET film_id = NULL WHERE film_id > 1")
    assert check_stored_rows(filled, CONTRACT).missing == {"film_id": 2}


@pytest.mark.parametrize(
    ("change", "column"),
    [
        ("month = 0", "month"),
        ("month = 13", "month"),
        ("colour = 'green'", "colour"),
        ("code = 'xtt1'", "code"),
        ("code = 'tt1 '", "code"),
        ("score = 'nan'", "score"),
        ("score = 'inf'", "score"),
        ("release_year = 'soon'", "release_year"),
    ],
)
def test_implausible_values_are_counted_by_column(
    filled: Warehouse, change: str, column: str
) -> None:
    by_hand(filled, f"UPDATE films SET {change} WHERE film_id = 2")
    assert check_stored_rows(filled, CONTRACT).implausible == {column: 1}


@pytest.mark.parametrize("contract", TABLES.values(), ids=TABLES)
def test_every_real_contract_makes_a_check_that_runs(
    warehouse: Warehouse, contract: TableContract
) -> None:
    """A pattern or limit DuckDB reads differently would fail the first run of that asset."""
    by_hand(warehouse, create_table_sql(contract, warehouse.qualified(contract.name)))
    found = check_stored_rows(warehouse, contract)
    assert (found.rows, found.missing, found.implausible) == (0, {}, {})
