"""What the stock I/O manager does to columns and types, and ours does not.

Every test is one behaviour run on both managers; on the stock one it is proven to fail. Sibling:
`test_stock_traps_rows.py` (lost and doubled rows), `test_stock_traps_locks.py` (who may open the
file). The trap of time-window partitions has no test: years are static keys on purpose, and a
window over a text column deletes the neighbour year; that static keys load with gaps is tested with
the rows.
"""

from datetime import datetime

import pandas as pd
import pytest

from ayne_dagster.domain.frame_check import ContractViolation
from ayne_dagster.domain.tables.contract import Column, ColumnType
from ayne_dagster_tests.storage.conftest import (
    NOON,
    Shelf,
    films,
    films_contract,
    on_both_managers,
)


def objects(*values: object) -> pd.Series:
    return pd.Series(list(values), dtype=object)


def assert_refused(shelf: Shelf, frame: pd.DataFrame, *words: str) -> None:
    """The write fails, says which column, and the year is what it was."""
    before = shelf.query("SELECT * FROM films ORDER BY film_id")
    error = shelf.error_of(frame, "2001")
    assert isinstance(error, ContractViolation), error
    for word in words:
        assert word in str(error)
    assert shelf.query("SELECT * FROM films ORDER BY film_id") == before


@on_both_managers("columns are matched by position")
def test_columns_in_another_order_land_in_their_own_column(shelf: Shelf) -> None:
    """Titles once stood in the column of original titles, and every run was green."""
    shelf.store(films("2001", 1), "2001")
    swapped = films("2001", 2)
    names = list(swapped.columns)
    first, second = names.index("title"), names.index("original_title")
    names[first], names[second] = names[second], names[first]
    shelf.store(swapped[names], "2001")
    assert shelf.values("title")[-1] == "Film 2"
    assert shelf.values("original_title")[-1] == "Original 2"


@on_both_managers("the partition key lands in whatever column stands there")
def test_a_year_column_that_moved_still_holds_the_year(shelf: Shelf) -> None:
    """The key in another column is never deleted again: each rerun doubled the year."""
    shelf.store(films("2001", 1), "2001")
    frame = films("2001", 1)
    frame = frame[["film_id", "title", "release_year", *frame.columns[3:]]]
    shelf.store(frame, "2001")
    shelf.store(frame, "2001")
    assert shelf.query("SELECT release_year, count(*) FROM films GROUP BY ALL") == [("2001", 1)]


@on_both_managers("insert casts '300' to a number")
def test_a_text_is_not_stored_as_a_number(shelf: Shelf) -> None:
    shelf.store(films("2001", 1), "2001")
    assert_refused(shelf, films("2001", 1, votes="300"), "votes")


@on_both_managers("insert casts 5 to a text")
def test_a_number_is_not_stored_as_a_text(shelf: Shelf) -> None:
    shelf.store(films("2001", 1), "2001")
    assert_refused(shelf, films("2001", 1, title=5), "title")


@on_both_managers("the type comes from the first frame, and 3.7 is rounded to 4")
def test_a_fraction_is_not_rounded_into_a_whole_number(shelf: Shelf) -> None:
    shelf.store(films("2001", 1, votes=3), "2001")
    assert_refused(shelf, films("2001", 1, votes=3.7), "votes", "3.7")


@on_both_managers("the type comes from the first frame: whole numbers made the column BIGINT")
def test_whole_numbers_first_do_not_spoil_a_column_of_fractions(shelf: Shelf) -> None:
    """A year whose scores happened to be whole numbers rounded all later years."""
    shelf.store(films("2001", 1, score=3), "2001")
    shelf.store(films("2002", 2, score=3.7), "2002")
    assert shelf.values("score") == [3.0, 3.7]


@on_both_managers("a column of nothing but None gets the type NULL, every later value fails")
def test_a_column_without_values_first_takes_values_later(shelf: Shelf) -> None:
    shelf.store(films("2001", 1, title=None), "2001")
    assert shelf.error_of(films("2002", 2), "2002") is None
    assert shelf.values("title") == [None, "Film 2"]


@on_both_managers('empty lists get the type "NULL"[], every later list fails')
def test_empty_lists_first_take_full_lists_later(shelf: Shelf) -> None:
    shelf.store(films("2001", 1, genres=objects([])), "2001")
    assert shelf.error_of(films("2002", 2), "2002") is None
    assert shelf.values("genres") == [[], ["Drama", "Crime"]]


@on_both_managers("[1, 2] becomes ['1', '2']")
def test_a_list_of_numbers_is_not_stored_as_texts(shelf: Shelf) -> None:
    shelf.store(films("2001", 1), "2001")
    assert_refused(shelf, films("2001", 1, genres=objects([1, 2])), "genres")


@on_both_managers("a time without zone is taken for one of the session's zone")
def test_a_time_without_zone_is_refused(shelf: Shelf) -> None:
    """Local times once stood between UTC ones, hours wrong, and nobody could tell which."""
    shelf.store(films("2001", 1), "2001")
    assert_refused(shelf, films("2001", 1, seen_at=datetime(2024, 5, 1, 12)), "seen_at", "UTC")  # noqa: DTZ001


@pytest.mark.parametrize("shelf", ["ours"], indirect=True)
def test_times_with_and_without_zone_in_one_column_are_refused(shelf: Shelf) -> None:
    """Only ours: the stock manager cannot even read such a frame."""
    shelf.store(films("2001", 1, 2), "2001")
    mixed = objects(NOON, NOON.replace(tzinfo=None))
    assert_refused(shelf, films("2001", 1, 2, seen_at=mixed), "seen_at", "UTC")


@on_both_managers("a category becomes an ENUM, and next year's value is not in it")
def test_a_category_is_stored_as_its_values(shelf: Shelf) -> None:
    shelf.store(films("2001", 1, title=pd.Series(["Heat"], dtype="category")), "2001")
    later = films("2002", 2, title=pd.Series(["Ran"], dtype="category"))
    assert shelf.error_of(later, "2002") is None
    assert shelf.values("title") == ["Heat", "Ran"]


@on_both_managers("a dict becomes a STRUCT, and a new key is dropped without a word")
def test_a_dict_is_never_stored_with_a_key_missing(shelf: Shelf) -> None:
    """No contract has a type for dicts, so they are refused at the first write, not the second."""
    first = films("2001", 1, title=objects({"name": "Heat"}))
    later = films("2002", 2, title=objects({"name": "Ran", "language": "ja"}))
    if shelf.error_of(first, "2001") is None and shelf.error_of(later, "2002") is None:
        assert shelf.values("title")[-1] == {"name": "Ran", "language": "ja"}
    else:
        assert not shelf.path.exists()


@on_both_managers("dicts without a common key fail after the delete")
def test_dicts_without_a_common_key_do_not_cost_the_year(shelf: Shelf) -> None:
    shelf.store(films("2001", 1), "2001")
    shelf.error_of(films("2001", 1, title=objects({"a": 1}), votes=objects({"b": 1})), "2001")
    assert shelf.ids("2001") == [1]


@on_both_managers("more columns than the table: BinderException after the delete")
def test_a_contract_that_gained_a_column_keeps_old_rows_and_takes_new_ones(shelf: Shelf) -> None:
    """The year that first brought the new column was deleted, then the insert failed."""
    shelf.store(films("2000", 1), "2000")
    shelf.store(films("2001", 2), "2001")
    shelf.contract = films_contract(more=[Column("tagline", ColumnType.VARCHAR, "New.")])
    assert shelf.error_of(films("2001", 2, tagline="A tale"), "2001") is None
    assert shelf.values("tagline") == [None, "A tale"]


@on_both_managers("fewer columns than the table: BinderException after the delete")
def test_a_frame_without_a_column_is_refused_before_the_year_is_touched(shelf: Shelf) -> None:
    shelf.store(films("2001", 1), "2001")
    assert_refused(shelf, films("2001", 1).drop(columns="votes"), "votes")


@on_both_managers("more columns than the table: BinderException after the delete")
def test_a_column_the_contract_does_not_know_is_refused(shelf: Shelf) -> None:
    shelf.store(films("2001", 1), "2001")
    assert_refused(shelf, films("2001", 1, rating="PG"), "rating")
