"""Every contract is sound, and says enough for the DDL, the checks and the docs made from it."""

import re

import pytest

from ayne_dagster.domain.frame_check import ARROW_TYPES
from ayne_dagster.domain.tables import ASSET_TABLES, OPERATION_TABLES, RELEASE_YEAR, TABLES
from ayne_dagster.domain.tables.contract import (
    Column,
    ColumnType,
    OnMerge,
    TableContract,
    WriteMode,
    tmdb_id_column,
)
from ayne_dagster_tests.conftest import PROJECT

EVERY_TABLE = pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))
EVERY_COLUMN = [column for table in TABLES.values() for column in table.columns]
NUMBERS = (ColumnType.BIGINT, ColumnType.INTEGER, ColumnType.DOUBLE)


def contract(*columns: Column, **more: object) -> TableContract:
    given = {"name": "films", "key": ("tmdb_id",), "year_column": None, **more}
    return TableContract(title="t", grain="g", columns=columns, write_mode=WriteMode.MERGE, **given)


def test_every_table_is_registered_once():
    assert len(TABLES) == len(ASSET_TABLES) + len(OPERATION_TABLES)


@EVERY_TABLE
def test_every_table_says_what_it_is_and_what_a_row_is(table: TableContract):
    assert len(table.title) > 10
    assert table.grain.startswith("one ")


@EVERY_TABLE
def test_every_table_has_its_key_first_or_next_to_its_other_ids(table: TableContract):
    assert table.column_names[0] in table.key


@EVERY_TABLE
def test_newest_by_and_moving_rows_belong_to_merged_tables_only(table: TableContract):
    """A replace that lets rows move would empty years it was not asked about."""
    if table.newest_by is not None or table.rows_may_move:
        assert table.write_mode is WriteMode.MERGE
    if table.newest_by is not None:
        column = table.column(table.newest_by)
        assert column.type in (ColumnType.TIMESTAMPTZ, ColumnType.DATE)
        assert not column.nullable


@EVERY_TABLE
def test_release_year_is_the_partition_wherever_it_is_a_column(table: TableContract):
    assert (RELEASE_YEAR in table.column_names) == (table.year_column == RELEASE_YEAR)


def test_every_column_has_a_type_arrow_knows_and_a_sentence():
    for column in EVERY_COLUMN:
        assert column.type in ARROW_TYPES
        assert column.description.endswith((".", ")"))


def test_names_end_in_their_unit_or_role():
    """`budget` was dollars in one table and millions in another."""
    for column in EVERY_COLUMN:
        name = column.name
        if column.type is ColumnType.TIMESTAMPTZ:
            assert name.endswith(("_at", "_since"))
        if column.type is ColumnType.BOOLEAN:
            assert name.startswith(("is_", "has_"))
        if name.endswith(("_at", "_since")):
            assert column.type is ColumnType.TIMESTAMPTZ
        if name.endswith(("_usd", "_minutes", "_percent", "_count", "_votes", "_wins", "_cycles")):
            assert column.type in NUMBERS
        if "dollar" in column.description.lower():
            assert name.endswith(("_usd", "_reported"))
        if "minutes" in column.description.lower():
            assert name.endswith("_minutes")
        if name.endswith("_ids"):
            assert column.type is ColumnType.BIGINT_LIST


def test_limits_lie_on_columns_that_can_have_them():
    for column in EVERY_COLUMN:
        if column.minimum is not None or column.maximum is not None:
            assert column.type in NUMBERS
        if column.one_of or column.pattern:
            assert column.type is ColumnType.VARCHAR
        if column.pattern:
            re.compile(column.pattern)
        if column.minimum is not None and column.maximum is not None:
            assert column.minimum < column.maximum


def test_lists_that_are_facts_are_empty_rather_than_unknown():
    for column in EVERY_COLUMN:
        if column.type in (ColumnType.BIGINT_LIST, ColumnType.VARCHAR_LIST):
            assert not column.nullable


def test_mistake_9_money_of_zero_cannot_be_stored():
    """Budget 0 and revenue 0 were taken as numbers; they mean unknown."""
    for name in ("budget_usd", "revenue_usd"):
        assert TABLES["tmdb_details"].column(name).minimum == 1
    assert TABLES["omdb_ratings"].column("us_box_office_usd").minimum == 1


def test_mistake_1_the_first_sighting_of_a_film_is_kept_by_contract():
    """Re-discovery wiped frozen flags and timestamps and gave a film a new id."""
    table = TABLES["discovered_movies"]
    assert table.key == ("tmdb_id",)
    assert table.column("first_seen_at").on_merge is OnMerge.KEEP
    assert table.column("sources").on_merge is OnMerge.UNION
    assert "is_frozen" not in table.column_names


def test_the_docs_name_every_table_and_every_column():
    """A table that is missing in the docs is missing for everybody but its author."""
    page = PROJECT / "docs" / "tables.md"
    if not page.exists():
        pytest.skip("docs/tables.md is not written yet; it is generated from the contracts")
    text = page.read_text(encoding="utf-8")
    absent = [
        f"{table.name}.{column.name}"
        for table in TABLES.values()
        for column in table.columns
        if table.name not in text or f"`{column.name}`" not in text
    ]
    assert not absent


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Column("Title", ColumnType.VARCHAR, "x"), "'Title' is not a lower-case"),
        (lambda: Column("a; drop", ColumnType.VARCHAR, "x"), "not a lower-case identifier"),
        (
            lambda: Column("title", ColumnType.VARCHAR, "x", on_merge=OnMerge.UNION),
            "only lists can be united",
        ),
        (lambda: contract(tmdb_id_column(), name="Films"), "'Films' is not a lower-case"),
        (lambda: contract(tmdb_id_column(), tmdb_id_column()), "names a column twice"),
        (lambda: contract(tmdb_id_column(), key=("imdb_id",)), "has no column 'imdb_id'"),
        (lambda: contract(tmdb_id_column(), year_column="release_year"), "no column 'release_ye"),
        (
            lambda: contract(Column("tmdb_id", ColumnType.BIGINT, "x")),
            "'tmdb_id' must not be nullable",
        ),
    ],
)
def test_an_unsound_contract_does_not_come_into_being(make, words: str):
    with pytest.raises(ValueError, match=words):
        make()


def test_columns_are_found_by_name_and_selected_in_the_order_asked_for():
    table = TABLES["forecasts"]
    assert [c.name for c in table.select(["title", "tmdb_id"])] == ["title", "tmdb_id"]
    with pytest.raises(KeyError, match="table 'forecasts' has no column 'colour'"):
        table.column("colour")


def test_bookkeeping_is_no_value():
    values = {column.name for column in TABLES["trained_model"].value_columns}
    assert "trained_at" not in values
    assert "release_year" not in values
    assert "rmsle" in values


def test_only_a_journal_is_mirrored_by_month():
    """A table whose rows change would keep old values in the months nobody writes again."""
    moment = Column("seen_at", ColumnType.TIMESTAMPTZ, "When.", nullable=False)
    with pytest.raises(ValueError, match="journals"):
        contract(tmdb_id_column(), moment, mirror_month_of="seen_at")


def test_what_joined_the_features_later_may_be_unknown_in_stored_rows():
    """A column that must have a value cannot join a table that is there: no upgrade would run."""
    from_the_start = {
        "tmdb_id", "release_year", "release_date", "release_month", "release_day_of_year",
        "release_weekday", "genres", "is_sequel", "collection_films_before", "is_unit_suspect",
        "is_labelled", "is_settled",
    }  # fmt: skip
    must_be_there = {c.name for c in TABLES["features"].columns
                     if not c.nullable and c.default is None}  # fmt: skip
    assert must_be_there <= from_the_start
