"""The Parquet catalogue: what is missing becomes what the service sends; damage is named."""

from __future__ import annotations

import time
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ayne_dagster.sandbox.parquet_catalogue import load_parquet_catalogue, made_id
from ayne_dagster.sandbox.parquet_tables import SCHEMAS, CatalogueError
from ayne_dagster_tests.sandbox.conftest import SHARED, Client

REAL = SHARED / "catalogue"
NEEDS_REAL = pytest.mark.skipif(
    not (REAL / "movies.parquet").is_file(), reason=f"no catalogue in {REAL}"
)


def write(folder: Path, name: str, rows: list[dict[str, Any]], **other: Any) -> None:
    schema = pa.schema([(column, kind) for column, kind in SCHEMAS[name].items()])
    complete = [{column: row.get(column) for column in schema.names} for row in rows]
    table = pa.Table.from_pylist(complete, schema=schema)
    for column, values in other.items():
        place = table.schema.get_field_index(column)
        table = table.set_column(place, column, values)
    pq.write_table(table, folder / f"{name}.parquet")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    films = [
        {"tmdb_id": 7, "title": "Sparse"},
        {
            "tmdb_id": 3, "title": "Full", "imdb_id": "tt0000003", "release_date": "1999-05-06",
            "budget": 10, "revenue": 30, "runtime": 99, "popularity": 1.5, "vote_average": 7.25,
            "vote_count": 12, "original_language": "fr", "genres": [{"id": None, "name": "Drama"}],
            "production_companies": [{"id": None, "name": "Invented"}],
            "production_countries": [{"iso_3166_1": "FR", "name": "France"}],
            "spoken_languages": [{"iso_639_1": "fr", "name": "Français"}],
            "us_certification": "PG", "trailer_youtube_key": "abc",
        },
        {"tmdb_id": 5, "title": "Later", "release_date": "2001-01-01"},
    ]  # fmt: skip
    write(tmp_path, "movies", films)
    person = {"tmdb_id": 3, "kind": "cast", "name": "A Person", "department": "Acting"}
    director = {
        "tmdb_id": 3, "kind": "crew", "name": "B Person", "department": "Directing",
        "job": "Director", "person_id": 44,
    }  # fmt: skip
    write(tmp_path, "credits", [director, {**person, "cast_order": 1}, {**person, "cast_order": 0}])
    write(tmp_path, "keywords", [{"tmdb_id": 3, "name": "farm"}, {"tmdb_id": 9, "name": "other"}])
    ratings = {"imdb_id": "tt0000003", "imdb_rating": 7.0, "imdb_votes": 1234, "box_office": 5678}
    write(tmp_path, "ratings", [ratings])
    return tmp_path


def load(folder: Path, **more: Any) -> Client:
    return Client(load_parquet_catalogue(folder, as_of=date(2026, 1, 1), **more), frozen_world=True)


def test_what_is_missing_becomes_what_the_service_sends(folder: Path) -> None:
    body = load(folder).tmdb("movie/7", append_to_response="credits,keywords,videos").json()
    assert (body["release_date"], body["overview"], body["homepage"]) == ("", "", "")
    assert (body["budget"], body["revenue"], body["runtime"], body["vote_count"]) == (0, 0, 0, 0)
    assert (body["imdb_id"], body["poster_path"], body["belongs_to_collection"]) == (None,) * 3
    assert body["genres"] == body["production_companies"] == body["origin_country"] == []
    assert body["original_title"] == "Sparse"
    assert body["credits"] == {"cast": [], "crew": []}
    assert body["keywords"] == {"keywords": []}


def test_a_film_of_a_genre_tmdb_no_longer_has_still_has_similar_films(tmp_path: Path) -> None:
    """ "Foreign" (10769) was a genre once; some real rows still carry it."""
    foreign = [{"id": 10769, "name": "Foreign"}]
    write(tmp_path, "movies", [{"tmdb_id": 7, "title": "Old", "genres": foreign},
                               {"tmdb_id": 8, "title": "Other"}])  # fmt: skip
    for name in ("credits", "keywords", "ratings"):
        write(tmp_path, name, [])
    body = load(tmp_path).tmdb("movie/7", append_to_response="similar,recommendations").json()
    assert [film["id"] for film in body["similar"]["results"]] == [8]


def test_what_is_there_is_served_as_it_is(folder: Path) -> None:
    client = load(folder)
    append = "credits,keywords,release_dates,videos"
    body = client.tmdb("movie/3", append_to_response=append).json()
    assert (body["budget"], body["revenue"], body["popularity"]) == (10, 30, 1.5)
    assert (body["vote_average"], body["vote_count"]) == (7.25, 12)
    assert body["genres"] == [{"id": 18, "name": "Drama"}]
    assert body["spoken_languages"][0]["english_name"] == "French"
    assert [person["order"] for person in body["credits"]["cast"]] == [0, 1]
    assert body["credits"]["crew"][0]["id"] == 44
    us = {r["iso_3166_1"]: r["release_dates"] for r in body["release_dates"]["results"]}["US"]
    assert us[0]["certification"] == "PG"
    assert body["videos"]["results"][0]["key"] == "abc"
    rating = client.omdb(i="tt0000003").json()
    assert (rating["imdbVotes"], rating["BoxOffice"], rating["Rated"]) == ("1,234", "$5,678", "N/A")


def test_ids_made_from_names_are_stable_and_high(folder: Path) -> None:
    body = load(folder).tmdb("movie/3", append_to_response="credits,keywords").json()
    assert body["credits"]["cast"][0]["id"] == made_id("A Person") > 10**9
    assert body["production_companies"][0]["id"] == made_id("Invented")
    assert body["keywords"]["keywords"][0]["id"] == made_id("farm")


def test_years_limit_what_is_loaded(folder: Path) -> None:
    assert load(folder, years=[2001]).catalogue.columns.id.tolist() == [5]
    with pytest.raises(CatalogueError, match="no film in the years"):
        load(folder, years=[1950])


def test_only_movies_are_needed(folder: Path) -> None:
    for name in ("credits", "keywords", "ratings"):
        (folder / f"{name}.parquet").unlink()
    client = load(folder)
    assert client.tmdb("movie/3/credits").json() == {"id": 3, "cast": [], "crew": []}
    assert client.omdb(i="tt0000003").json()["Error"] == "Error getting data."
    (folder / "movies.parquet").unlink()
    with pytest.raises(CatalogueError, match=r"movies\.parquet: there is no such file"):
        load(folder)


def test_a_damaged_file_is_named(folder: Path) -> None:
    path = folder / "credits.parquet"
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CatalogueError, match=r"credits\.parquet: this is no readable"):
        load(folder)


def test_a_wrong_or_missing_column_is_named(folder: Path) -> None:
    film = {"tmdb_id": 1, "title": "One"}
    write(folder, "movies", [film], budget=pa.array(["much"]))
    with pytest.raises(CatalogueError, match=r"movies\.parquet: column budget is string"):
        load(folder)
    write(folder, "movies", [{**film, "release_date": "in May"}])
    with pytest.raises(CatalogueError, match="column release_date holds no dates"):
        load(folder)
    write(folder, "movies", [film, film])
    with pytest.raises(CatalogueError, match="same film twice"):
        load(folder)
    write(folder, "movies", [{"tmdb_id": 1}])
    with pytest.raises(CatalogueError, match="column title holds empty values"):
        load(folder)
    pq.write_table(pa.table({"tmdb_id": [1]}), folder / "movies.parquet")
    with pytest.raises(CatalogueError, match=r"movies\.parquet: missing column imdb_id"):
        load(folder)


@NEEDS_REAL
def test_the_real_catalogue_loads_in_seconds_and_answers() -> None:
    start = time.process_time()
    client = load(REAL)
    assert time.process_time() - start < 4
    assert len(client.catalogue) == 24_274
    for row in range(0, 24_274, 997):
        film_id = int(client.catalogue.columns.id[row])
        body = client.tmdb(f"movie/{film_id}", append_to_response="credits,keywords,similar").json()
        assert body["id"] == film_id
        assert len(body["similar"]["results"]) == 20
    year = client.tmdb("discover/movie", primary_release_year="2019").json()
    assert year["total_results"] == len(load(REAL, years=[2019]).catalogue) == 769
