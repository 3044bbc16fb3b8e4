"""Which years exist, which of them a date belongs to, and which of them are neighbours."""

from datetime import date
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayne_dagster.domain.release_years import (
    UNDATED,
    UnknownReleaseYear,
    calendar_years,
    contiguous_blocks,
    keys_between,
    release_year_keys,
    release_year_of,
)

TODAY = date(2026, 5, 20)
KEYS = release_year_keys(1900, TODAY)


def test_keys_run_from_the_first_year_to_three_years_ahead_and_end_undated():
    assert KEYS[0] == "1900"
    assert KEYS[-2:] == ["2029", UNDATED]
    assert len(KEYS) == 2029 - 1900 + 2
    assert len(set(KEYS)) == len(KEYS)


def test_new_years_day_adds_a_year():
    assert release_year_keys(2000, date(2026, 12, 31))[-2] == "2029"
    assert release_year_keys(2000, date(2027, 1, 1))[-2] == "2030"


@pytest.mark.parametrize("first", [1887, 0, -1, 2027])
def test_a_first_year_before_film_or_after_today_is_refused(first: int):
    with pytest.raises(ValueError, match="must lie between 1888 and 2026"):
        release_year_keys(first, TODAY)


@pytest.mark.parametrize("first", [1888, 2026])
def test_the_outermost_first_years_are_kept(first: int):
    assert release_year_keys(first, TODAY)[0] == str(first)


@pytest.mark.parametrize(
    ("released", "key"),
    [
        (date(1900, 1, 1), "1900"),
        (date(1899, 12, 31), UNDATED),
        (date(2029, 12, 31), "2029"),
        (date(2030, 1, 1), UNDATED),
        (date(1, 1, 1), UNDATED),
        (None, UNDATED),
    ],
)
def test_a_film_without_a_year_of_its_own_lives_in_undated(released: date | None, key: str):
    """A film of 1899 in a platform from 1900 on must not vanish, nor stand in a key of no run."""
    assert release_year_of(released, KEYS) == key


@given(st.dates() | st.none())
def test_every_film_has_exactly_one_home(released: date | None):
    assert release_year_of(released, KEYS) in KEYS


def test_undated_is_no_calendar_year():
    assert calendar_years([UNDATED, "2001", "1999"]) == [1999, 2001]
    assert calendar_years([UNDATED]) == []


def test_a_range_is_inclusive():
    assert keys_between(1999, 2001, KEYS) == ["1999", "2000", "2001"]
    assert keys_between(2029, 2029, KEYS) == ["2029"]


@pytest.mark.parametrize(
    ("first", "last", "words"),
    [
        (2001, 2000, "2001 is after the last year 2000"),
        (1899, 2000, r"1899 is not a release year the platform keeps \(1900-2029\)"),
        (2000, 2030, "2030 is not a release year"),
    ],
)
def test_a_range_that_leaves_the_years_kept_is_named(first: int, last: int, words: str):
    with pytest.raises(UnknownReleaseYear, match=words):
        keys_between(first, last, KEYS)


def test_neighbours_share_a_block_and_gaps_split_it():
    chosen = ["2005", "1999", "2001", "2000", "2005"]
    assert contiguous_blocks(chosen, KEYS) == [["1999", "2000", "2001"], ["2005"]]


def test_undated_is_the_neighbour_of_the_last_year():
    assert contiguous_blocks([UNDATED, "2029"], KEYS) == [["2029", UNDATED]]


@given(st.sets(st.sampled_from(KEYS)))
def test_blocks_hold_every_key_once_and_cannot_be_joined(chosen: set[str]):
    blocks = contiguous_blocks(sorted(chosen), KEYS)
    position = {key: index for index, key in enumerate(KEYS)}
    assert sorted(key for block in blocks for key in block) == sorted(chosen)
    for block in blocks:
        numbers = [position[key] for key in block]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))
    for left, right in pairwise(blocks):
        assert position[right[0]] > position[left[-1]] + 1
