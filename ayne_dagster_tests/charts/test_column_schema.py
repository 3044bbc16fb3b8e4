"""The UI shows every table as its contract says."""

import pytest

from ayne_dagster.charts.column_schema import column_schema
from ayne_dagster.domain.tables import MOVIE_LISTS, TABLES, TMDB_DETAILS, TableContract


@pytest.mark.parametrize("contract", TABLES.values(), ids=TABLES)
def test_every_column_has_its_type_and_description(contract: TableContract):
    schema = column_schema(contract)
    assert [column.name for column in schema.columns] == contract.column_names
    for column in schema.columns:
        assert column.type == contract.column(column.name).type.value
        assert column.description
        assert column.constraints.nullable == contract.column(column.name).nullable


def test_a_key_of_one_column_is_unique_and_one_of_two_is_a_constraint_of_the_table():
    by_name = {column.name: column for column in column_schema(TMDB_DETAILS).columns}
    assert by_name["tmdb_id"].constraints.unique
    lists = column_schema(MOVIE_LISTS)
    assert not any(column.constraints.unique for column in lists.columns)
    assert lists.constraints is not None
    assert "unique: list_name, tmdb_id" in lists.constraints.other


def test_limits_are_worded():
    by_name = {column.name: column for column in column_schema(MOVIE_LISTS).columns}
    assert by_name["vote_average"].constraints.other == [">= 0", "<= 10"]
    assert by_name["list_name"].constraints.other[0].startswith("one of: popular, ")
