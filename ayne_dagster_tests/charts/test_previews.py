"""Previews stay tables whatever the cells hold."""

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import pytest

from ayne_dagster.charts.previews import format_cell, markdown_table, preview


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (float("nan"), ""),
        (pd.NA, ""),
        (pd.NaT, ""),
        (True, "yes"),
        (np.bool_(False), "no"),
        (1_234_567, "1,234,567"),
        (1_234_567.0, "1,234,567"),
        (0.123456, "0.1235"),
        (date(2020, 1, 2), "2020-01-02"),
        (pd.Timestamp("2020-01-02"), "2020-01-02"),
        (datetime(2020, 1, 2, 3, 4, tzinfo=UTC), "2020-01-02 03:04"),
        (["a", "b", "c", "d", "e"], "a, b, c (+2)"),
        (np.array([1, 2]), "1, 2"),
        ([], ""),
        ("two\nlines", "two lines"),
        ("x" * 50, "x" * 39 + "…"),
    ],
)
def test_a_cell_reads_as_people_write_it(value: object, text: str):
    assert format_cell(value, "anything") == text


def test_ids_and_years_have_no_thousands_separators():
    assert format_cell(1234567, "tmdb_id") == "1234567"
    assert format_cell(2020, "year") == "2020"


def test_a_title_with_a_pipe_or_a_tag_stays_in_its_cell():
    """A pipe ends a Markdown cell and shifts all columns after it."""
    table = markdown_table(pd.DataFrame({"title": ["Face|Off <b>"], "n": [1]}))
    assert table.splitlines()[2] == r"| Face\|Off &lt;b> | 1 |"


def test_numbers_are_aligned_and_the_rest_is_counted():
    table = markdown_table(pd.DataFrame({"title": list("abc"), "votes": [1, 2, 3]}), rows=2)
    lines = table.splitlines()
    assert lines[1] == "| --- | ---: |"
    assert len(lines) == 6
    assert lines[-1] == "2 of 3 rows."


def test_an_empty_frame_says_so():
    assert preview(pd.DataFrame({"a": []})).value == "No rows."


def test_a_few_rows_of_many_say_how_many_there_are():
    frame = pd.DataFrame({"tmdb_id": range(10)})
    assert markdown_table(frame, of=1_000_000).endswith("10 of 1,000,000 rows.")
