"""A figure a service has lost for a while is kept: unknown does not replace known."""

from datetime import date
from typing import Any

import pytest

from ayne_dagster.domain.tables import OMDB_RATINGS, TMDB_DETAILS
from ayne_dagster.domain.tables.contract import Column, ColumnType, TableContract, WriteMode
from ayne_dagster_tests.domain.test_refreshing import (
    NOW,
    ROW,
    THEN,
    answer,
    apply,
    apply_omdb,
    details,
    ratings,
    stored,
)

OMDB_FIGURES: dict[str, Any] = {
    "title": "Film 7",
    "year_text": "2001",
    "media_type": "movie",
    "rated": "PG-13",
    "released_on": date(2001, 3, 2),
    "imdb_rating": 7.1,
    "imdb_votes": 900,
    "rotten_tomatoes_percent": 88,
    "metascore": 71,
    "us_box_office_usd": 5_000,
    "runtime_minutes": 99,
    "awards": "Won 1 Oscar. 3 wins & 2 nominations total",
    "oscar_wins": 1,
    "oscar_nominations": 0,
    "award_wins": 3,
    "award_nominations": 2,
}
TMDB_FIGURES: dict[str, Any] = {
    "title": "Film 7",
    "original_title": "Film 7",
    "original_language": "en",
    "status": "Released",
    "popularity": 3.5,
    "us_certification": "R",
    "imdb_id": "tt0000007",
    "wikidata_id": "Q7",
    "runtime_minutes": 99,
    "budget_usd": 4_000,
    "revenue_usd": 9_000,
    "vote_average": 6.5,
    "vote_count": 40,
}


def test_an_answer_that_lost_its_figures_takes_none_away_and_is_no_change() -> None:
    """OMDb answered N/A for every box office for months."""
    known = stored(ratings("tt0000007", 7, **OMDB_FIGURES))
    lost = ratings("tt0000007", 7, **dict.fromkeys(OMDB_FIGURES))
    made = apply_omdb(answer(ROW, 7, lost), known={"tt0000007": known})
    row = made.rows.iloc[0]
    assert {name: row[name] for name in OMDB_FIGURES} == OMDB_FIGURES
    assert (row["changed_at"], row["fetched_at"], made.changed) == (THEN, NOW, 0)
    assert row["stable_fingerprint"] == known["stable_fingerprint"]
    assert made.history["changed_fields"].tolist() == [[]]


def test_tmdb_losing_an_id_or_a_budget_takes_none_away() -> None:
    known = stored(details(7, **TMDB_FIGURES))
    made = apply(answer(ROW, row=details(7, **dict.fromkeys(TMDB_FIGURES))), known={7: known})
    row = made.rows.iloc[0]
    assert {name: row[name] for name in TMDB_FIGURES} == TMDB_FIGURES
    assert made.changed == 0


def test_a_new_figure_replaces_the_known_one_and_a_withdrawn_date_is_news() -> None:
    known = stored(details(7, **TMDB_FIGURES, release_date=date(2001, 3, 2), tagline="Old"))
    new = details(7, **{**TMDB_FIGURES, "budget_usd": 5_000}, release_date=None, tagline=None)
    made = apply(answer(ROW, row=new), known={7: known})
    row = made.rows.iloc[0]
    assert (row["budget_usd"], row["release_date"], row["tagline"]) == (5_000, None, None)
    assert made.history["changed_fields"].tolist() == [["tagline", "release_date", "budget_usd"]]


PEOPLE: dict[str, Any] = {
    "director_ids": [1],
    "directors": ["Ann"],
    "writer_ids": [2, 3],
    "writers": ["Bo", "Cy"],
    "cast_ids": [4],
    "cast_names": ["Di"],
}
NOBODY: dict[str, Any] = {name: [] for name in PEOPLE}


def test_credits_that_come_empty_take_no_people_away_and_are_no_change() -> None:
    """The credits of an answer can be there and hold nobody, for an hour."""
    known = stored(details(7, **PEOPLE))
    made = apply(answer(ROW, row=details(7, **NOBODY)), known={7: known})
    row = made.rows.iloc[0]
    assert {name: row[name] for name in PEOPLE} == PEOPLE
    assert (row["changed_at"], made.changed) == (THEN, 0)


def test_a_writer_taken_out_of_credits_that_name_others_is_news() -> None:
    known = stored(details(7, **PEOPLE))
    fewer = details(7, **{**PEOPLE, "writer_ids": [], "writers": []})
    made = apply(answer(ROW, row=fewer), known={7: known})
    assert (made.rows.iloc[0]["writers"], made.rows.iloc[0]["directors"]) == ([], ["Ann"])
    assert made.history["changed_fields"].tolist() == [["writer_ids", "writers"]]


def test_a_us_release_lost_as_a_whole_is_kept_and_a_date_withdrawn_alone_is_news() -> None:
    """Upcoming films have a date and no certification yet: a date that goes was postponed."""
    us_date = date(2001, 3, 9)
    for certification, kept in (("R", us_date), (None, None)):
        us = {"us_certification": certification, "us_release_date": us_date}
        known = stored(details(7, **us))
        made = apply(answer(ROW, row=details(7, **dict.fromkeys(us))), known={7: known})
        row = made.rows.iloc[0]
        assert (row["us_certification"], row["us_release_date"]) == (certification, kept)
        assert made.changed == (kept is None)


def test_parts_of_an_answer_name_columns_of_the_table() -> None:
    known = {"name": "t", "title": "x", "grain": "x", "key": ("a",), "year_column": None}
    column = Column("a", ColumnType.BIGINT, "x", nullable=False)
    with pytest.raises(ValueError, match="'t' has no column 'b'"):
        TableContract(
            **known, columns=(column,), write_mode=WriteMode.MERGE, kept_parts=(("a", "b"),)
        )


def test_the_columns_that_keep_what_is_known_are_these() -> None:
    kept = [{c.name for c in t.columns if c.keeps_known} for t in (TMDB_DETAILS, OMDB_RATINGS)]
    assert kept == [set(TMDB_FIGURES), set(OMDB_FIGURES)]
    with pytest.raises(ValueError, match="'title': what is never unknown has nothing to keep"):
        Column("title", ColumnType.VARCHAR, "x", nullable=False, keeps_known=True)
