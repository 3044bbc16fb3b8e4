"""What films share is told by ids that do not depend on which films are asked about."""

import re

import pandas as pd
import pytest

from ayne_dagster.domain.features import FEATURE_SOURCE_COLUMNS
from ayne_dagster.domain.film_entities import (
    ENTITY_KINDS,
    NOT_RATED,
    certifications,
    has_subtitle,
    is_numbered,
    series_of,
)
from ayne_dagster.domain.film_facts import FilmFacts
from ayne_dagster.domain.tables.track_records import history_columns
from ayne_dagster_tests.domain.invented_films import details, film, many_films


@pytest.mark.parametrize(
    ("title", "series"),
    [
        ("Invented Storm", "invented storm"),
        ("Invented Storm 2", "invented storm"),
        ("Invented Storm IV: The Flood", "invented storm"),
        ("Invented Storm, Part Two", "invented storm"),
        ("Invented Storm - Reloaded", "invented storm"),
        ("2 Invented", "2 invented"),
        ("1917", "1917"),
        ("", None),
        (None, None),
    ],
)
def test_a_series_is_the_title_without_what_tells_its_films_apart(title, series):
    assert series_of(title) == series


@pytest.mark.parametrize(
    ("title", "numbered", "subtitled"),
    [("Storm III", True, False), ("Storm: Origins", False, True), ("Storm", False, False)],
)
def test_number_and_subtitle_are_told_apart(title: str, numbered: bool, subtitled: bool):
    assert (is_numbered(title), has_subtitle(title)) == (numbered, subtitled)


def test_a_missing_certification_is_none_anybody_gave():
    words = certifications(pd.Series(["R", None, "", "Unrated", "Not Rated", "PG"], dtype=object))
    assert words.tolist() == ["R", *[NOT_RATED] * 4, "PG"]


def test_every_kind_gives_the_same_pairs_whatever_other_films_are_asked_about():
    """Features are made in groups of years: an id must not depend on the group."""
    frame = many_films(80)
    frame["writer_ids"] = frame["director_ids"]
    whole = FilmFacts.of(frame, FEATURE_SOURCE_COLUMNS)
    part = whole.of_years(["2004", "2005"])
    rows = {i: n for n, i in enumerate(whole.frame["tmdb_id"])}
    for kind in ENTITY_KINDS:
        of_all, of_part = kind.of(whole), kind.of(part)
        for number, tmdb_id in enumerate(part.frame["tmdb_id"]):
            here = of_part.ids[of_part.films == number].tolist()
            there = of_all.ids[of_all.films == rows[tmdb_id]].tolist()
            assert here == there, kind.name


def test_companies_in_genres_are_one_id_per_pair():
    frame = details(
        film(1, company_ids=[1, 2], genres=["Drama", "Comedy"]),
        film(2, company_ids=[2], genres=["Comedy"]),
        film(3, company_ids=[3], genres=[]),
    )
    kind = next(kind for kind in ENTITY_KINDS if kind.name == "company_genre")
    pairs = kind.of(FilmFacts.of(frame, FEATURE_SOURCE_COLUMNS))
    assert pairs.films.tolist() == [0, 0, 0, 0, 1]
    assert len(set(pairs.ids[:4])) == 4
    assert pairs.ids[4] == pairs.ids[3]


def test_what_a_track_record_is_of_is_said_in_grammatical_words():
    """The columns of a collection spoke of "its collection' films"."""
    words = [column.description for column in history_columns()]
    assert len(words) == len(ENTITY_KINDS) * 5
    assert not [one for one in words if re.search(r"[^s]' ", one)]
