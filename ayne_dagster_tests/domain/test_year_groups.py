"""Groups keep years whole and in order, and stay small."""

from ayne_dagster.domain.year_groups import group_partitions


def test_years_are_grouped_up_to_the_limit_and_none_is_left_out():
    rows = {"2001": 40, "2002": 60, "2003": 1, "undated": 0}
    assert group_partitions(rows, most=100) == [["2001", "2002"], ["2003", "undated"]]


def test_a_year_above_the_limit_is_a_group_of_its_own():
    """It can only be written as a whole; cutting it would leave half a partition behind a kill."""
    assert group_partitions({"2001": 5, "2002": 500, "2003": 5}, most=100) == [
        ["2001"], ["2002"], ["2003"]
    ]  # fmt: skip


def test_empty_years_are_in_a_group_so_that_what_is_stored_of_them_goes():
    assert group_partitions({"2001": 0, "2002": 0}) == [["2001", "2002"]]
    assert group_partitions({}) == []
