"""What the services write, value by value. Not here: whole answers (`test_recorded_answers.py`)."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ayne_dagster.sources import quirks
from ayne_dagster.sources.quirks import Awards

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)
READERS = [
    quirks.text, quirks.omdb_text, quirks.number, quirks.whole, quirks.positive, quirks.runtime,
    quirks.count, quirks.amount, quirks.rating, quirks.percent, quirks.flag, quirks.imdb_id,
    quirks.iso_date, quirks.day_of_moment, quirks.language, quirks.omdb_date, quirks.minutes,
    quirks.us_dollars, quirks.awards,
]  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("$134,478,449", 134478449),
        ("$0", None),
        ("$1,234", 1234),
        ("$1.50", 1),
        ("N/A", None),
        ("", None),
        (None, None),
        ("&pound;270,592,504", None),
        ("£270,592,504", None),
        ("270,592,504", None),
        ("$" + "9" * 40, None),
        (134478449, None),
    ],
)
def test_us_box_office_is_read_in_dollars_only(sent: Any, read: int | None) -> None:
    """A figure in pounds was once stored as the US gross."""
    assert quirks.us_dollars(sent) == read


@pytest.mark.parametrize(
    ("sent", "read"),
    [(0, None), (-12, None), (5, 5), (63000000, 63000000), (6.3e7, 63000000), ("7", 7),
     (None, None), (True, None), (2**70, None), (float("nan"), None), ("", None), (3.7, None)],
)  # fmt: skip
def test_zero_and_negative_money_is_unknown(sent: Any, read: int | None) -> None:
    """Budget 0 was once taken as a film that cost nothing."""
    assert quirks.positive(sent) == read


@pytest.mark.parametrize(
    ("sent", "read"),
    [("142 min", 142), ("1 h 34 min", 94), ("1 h", 60), ("1,234 min", 1234), ("2h 5min", 125),
     ("0 min", None), ("N/A", None), ("", None), ("S min", None), (None, None), (95, None)],
)  # fmt: skip
def test_minutes_are_read_in_every_form_omdb_has_used(sent: Any, read: int | None) -> None:
    assert quirks.minutes(sent) == read


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("2024-02-22", date(2024, 2, 22)),
        ("2024-02-22 18:00:03 UT", None),
        ("", None),
        ("2024-02-30", None),
        ("2024", None),
        ("0000-00-00", None),
        (None, None),
        (20240222, None),
    ],
)
def test_a_date_in_another_form_is_unknown_and_never_guessed(sent: Any, read: date | None) -> None:
    """For a day in 2024 the service sent `2024-02-22 18:00:03 UT`, and clients crashed."""
    assert quirks.iso_date(sent) == read


def test_the_day_of_a_moment_is_its_day() -> None:
    assert quirks.day_of_moment("2013-02-14T00:00:00.000Z") == date(2013, 2, 14)
    assert quirks.day_of_moment("2013-02-14") == date(2013, 2, 14)
    assert quirks.day_of_moment("2013-02-14T") is None


@pytest.mark.parametrize(
    ("sent", "read"),
    [("28 Jan 2011", date(2011, 1, 28)), ("2014-01-12", date(2014, 1, 12)), ("N/A", None),
     ("31 Feb 2011", None), ("28 Jän 2011", None), ("", None)],
)  # fmt: skip
def test_omdb_dates_are_read_whatever_the_locale(sent: Any, read: date | None) -> None:
    assert quirks.omdb_date(sent) == read


@pytest.mark.parametrize(
    ("sent", "read"),
    [("tt0137523", "tt0137523"), ("tt15357942", "tt15357942"), ("", None), (None, None),
     ("tt123", None), ("nm0000093", None), (" tt0137523 ", "tt0137523"), ("tt0137523x", None)],
)  # fmt: skip
def test_an_imdb_id_is_tt_and_seven_to_nine_digits(sent: Any, read: str | None) -> None:
    assert quirks.imdb_id(sent) == read


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("Won 4 Oscars. 42 wins & 7 nominations total", Awards(4, 0, 42, 7)),
        ("Won 4 Oscars. 42 wins & 7 nominations", Awards(4, 0, 42, 7)),
        ("Won 1 Oscar. 178 wins & 220 nominations total", Awards(1, 0, 178, 220)),
        ("Won 6 Oscars. Another 39 wins & 28 nominations.", Awards(6, 0, 45, 28)),
        ("Nominated for 1 Oscar. Another 3 wins & 4 nominations.", Awards(0, 1, 3, 5)),
        ("Nominated for 1 Oscar", Awards(0, 1, 0, 1)),
        ("Nominated for 2 Oscars. 7 wins & 16 nominations total", Awards(0, 2, 7, 16)),
        ("Won 1 BAFTA Award", Awards(0, 0, 1, 0)),
        ("Won 1 BAFTA Film Award3 wins & 2 nominations total", Awards(0, 0, 3, 2)),
        ("Nominated for 1 BAFTA Award2 wins & 3 nominations total", Awards(0, 0, 2, 3)),
        ("Nominated for 1 Primetime Emmy. 1 nomination total", Awards(0, 0, 0, 1)),
        ("1 nomination total", Awards(0, 0, 0, 1)),
        ("2 wins total", Awards(0, 0, 2, 0)),
        ("1,234 wins & 2,345 nominations total", Awards(0, 0, 1234, 2345)),
        ("1 win.", Awards(0, 0, 1, 0)),
        ("N/A", Awards()),
        ("", Awards()),
        (None, Awards()),
        ("See the official site", Awards()),
    ],
)
def test_awards_are_counted_as_a_person_would(sent: Any, read: Awards) -> None:
    """ "Won 4 Oscars. 42 wins" was once read as 42 Oscars."""
    assert quirks.awards(sent) == read


@pytest.mark.parametrize(
    ("sent", "read"),
    [("8.1", 8.1), ("N/A", None), (0, 0.0), (11, None), (-1, None), ("862,056", None)],
)
def test_a_rating_is_between_0_and_10(sent: Any, read: float | None) -> None:
    assert quirks.rating(sent) == read


@pytest.mark.parametrize(
    ("sent", "read"), [("91%", 91), ("76/100", 76), ("76", 76), ("101%", None), ("N/A", None)]
)
def test_percent_comes_with_its_sign_or_without(sent: Any, read: int | None) -> None:
    assert quirks.percent(sent) == read


def test_half_a_surrogate_pair_does_not_reach_a_file() -> None:
    """`"\\ud83d"` is legal JSON; writing it to Parquet failed the whole batch."""
    cleaned = quirks.text("A film \ud83d")
    assert cleaned == "A film ?"
    cleaned.encode("utf-8")


def test_years_of_series_stay_text_with_their_en_dash() -> None:
    assert quirks.omdb_text("2011–2019") == "2011–2019"


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.__name__)
@settings(max_examples=30)
@given(value=JSON_VALUES)
def test_no_reader_raises_on_any_json_value(reader: Any, value: Any) -> None:
    reader(value)


@given(wins=st.integers(1, 400), oscars=st.integers(1, 15), nominations=st.integers(1, 500))
def test_oscars_and_wins_are_never_mixed_up(wins: int, oscars: int, nominations: int) -> None:
    read = quirks.awards(f"Won {oscars} Oscars. {wins} wins & {nominations} nominations total")
    assert (read.oscar_wins, read.award_wins, read.award_nominations) == (
        oscars, wins, nominations,
    )  # fmt: skip


@given(dollars=st.integers(1, 10**12))
def test_dollars_survive_their_commas(dollars: int) -> None:
    assert quirks.us_dollars(f"${dollars:,}") == dollars


@pytest.mark.parametrize("sent", [10**400, float("inf"), "9" * 400, "1e5", True, [], {}])
def test_numbers_no_column_could_hold_are_unknown(sent: Any) -> None:
    assert quirks.number(sent) is None
    assert quirks.whole(sent) is None
