"""Which fields count as a change, and that equal rows look equal on every machine."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ayne_dagster.domain.fingerprints import (
    VOLATILE_FIELDS,
    changed_fields,
    comparable,
    stable_fields,
    stable_fingerprint,
)
from ayne_dagster.domain.tables import OMDB_RATINGS, TABLES, TMDB_DETAILS
from ayne_dagster.domain.tables.contract import TableContract

FETCHED = [TMDB_DETAILS, OMDB_RATINGS]
VALUES = st.one_of(
    st.none(), st.integers(-(2**53), 2**53), st.floats(allow_nan=False),
    st.text(max_size=5), st.dates(), st.lists(st.text(max_size=3), max_size=3),
)  # fmt: skip


@pytest.mark.parametrize("contract", FETCHED, ids=lambda c: c.name)
def test_volatile_fields_are_fields_of_the_table(contract: TableContract):
    assert VOLATILE_FIELDS[contract.name] <= set(contract.column_names)
    assert set(VOLATILE_FIELDS) <= set(TABLES)


def test_popularity_votes_and_ratings_are_no_change():
    """They move every day: with them no film would ever freeze."""
    assert not {"popularity", "vote_average", "vote_count"} & set(stable_fields(TMDB_DETAILS))
    assert not {"imdb_rating", "imdb_votes"} & set(stable_fields(OMDB_RATINGS))


def test_facts_of_the_film_are_a_change():
    tmdb, omdb = stable_fields(TMDB_DETAILS), stable_fields(OMDB_RATINGS)
    assert {"release_date", "revenue_usd", "budget_usd", "status", "cast_ids"} <= set(tmdb)
    assert {"us_box_office_usd", "awards", "rotten_tomatoes_percent", "metascore"} <= set(omdb)


@pytest.mark.parametrize("contract", FETCHED, ids=lambda c: c.name)
def test_bookkeeping_and_key_are_no_change(contract: TableContract):
    """A fingerprint over fetched_at differs at every refresh."""
    fields = set(stable_fields(contract))
    assert not fields & {"fetched_at", "changed_at", "gone_at", "stable_fingerprint"}
    assert not fields & set(contract.key)


def test_changed_fields_are_named_in_column_order():
    old = {"title": "A", "runtime_minutes": 90, "genres": ["Drama"]}
    new = {"title": "B", "runtime_minutes": 90, "genres": ["Drama", "War"]}
    assert changed_fields(new, old, ["title", "runtime_minutes", "genres"]) == ["title", "genres"]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ([1, 2], (1, 2)),
        (90, 90.0),
        (date(2001, 3, 2), "2001-03-02"),
        ([date(2001, 3, 2)], ["2001-03-02"]),
        ([90.0], [90]),
    ],
)
def test_the_same_fact_in_two_forms_is_no_change(left: Any, right: Any):
    """A value read back from the warehouse has another type than the one just fetched."""
    assert comparable(left) == comparable(right)
    assert not changed_fields({"x": left}, {"x": right}, ["x"])


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (None, 0), (None, ""), (None, []), ([1, 2], [2, 1]), (90, 91), ("a", "A"), ("90", 90),
    ],
)  # fmt: skip
def test_different_facts_are_a_change(left: Any, right: Any):
    assert changed_fields({"x": left}, {"x": right}, ["x"]) == ["x"]
    assert stable_fingerprint({"x": left}, ["x"]) != stable_fingerprint({"x": right}, ["x"])


def test_a_missing_field_equals_an_unknown_one():
    assert stable_fingerprint({}, ["title"]) == stable_fingerprint({"title": None}, ["title"])


def test_the_fingerprint_is_the_same_on_every_machine():
    """A hash salted per process would make every film changed at every start."""
    row = {"title": "Amélie", "release_date": date(2001, 4, 25), "genres": ["Comedy"], "x": None}
    assert stable_fingerprint(row, list(row)) == "78026a0d71d7d9aade6dadf0"


def test_times_are_compared_by_their_text():
    at = datetime(2026, 5, 20, tzinfo=UTC)
    assert comparable(at) == "2026-05-20T00:00:00+00:00"


@given(
    st.dictionaries(st.sampled_from("abc"), VALUES), st.dictionaries(st.sampled_from("abc"), VALUES)
)
def test_rows_without_changed_fields_have_one_fingerprint_and_others_do_not(
    new: dict[str, Any], old: dict[str, Any]
):
    fields = list("abc")
    same = stable_fingerprint(new, fields) == stable_fingerprint(old, fields)
    assert same is not bool(changed_fields(new, old, fields))


def test_whose_ratings_they_are_is_no_change_of_the_ratings():
    """Two films sharing an imdb id took turns as its owner; it never counted as unchanged."""
    assert "tmdb_id" not in stable_fields(OMDB_RATINGS)
