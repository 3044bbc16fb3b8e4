"""Every recorded answer of the services is read into its model or gets its verdict.

The recordings belong to the services and are not part of the project: absent, these are skipped.
"""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from ayne_dagster.domain.tables import DISCOVERED_MOVIES, MOVIE_LISTS, OMDB_RATINGS, TMDB_DETAILS
from ayne_dagster.domain.tables.contract import ColumnType, TableContract
from ayne_dagster.sources import tmdb_payloads as shapes
from ayne_dagster.sources.classification import CLASSIFIERS, Verdict
from ayne_dagster.sources.omdb_payloads import TitlePayload, ratings_row
from ayne_dagster.sources.tmdb_rows import details_row, listed_row

RECORDED = Path(__file__).parents[3] / "shared" / "recorded"
FILES = (
    sorted(row["file"] for row in csv.DictReader((RECORDED / "index.csv").open(encoding="utf-8")))
    if (RECORDED / "index.csv").exists()
    else []
)
AT = datetime(2026, 11, 20, tzinfo=UTC)
ADDED_LATER = {"release_year", "stable_fingerprint", "changed_at", "gone_at"}
PYTHON_TYPES: dict[ColumnType, str] = {
    ColumnType.BIGINT: "int",
    ColumnType.INTEGER: "int",
    ColumnType.DOUBLE: "float",
    ColumnType.BOOLEAN: "bool",
    ColumnType.VARCHAR: "str",
    ColumnType.DATE: "date",
    ColumnType.TIMESTAMPTZ: "datetime",
    ColumnType.BIGINT_LIST: "list",
    ColumnType.VARCHAR_LIST: "list",
}
pytestmark = pytest.mark.skipif(
    not FILES, reason="the recorded answers belong to the services and are not in the project"
)

EXPECTED_ERRORS = {
    "omdb/error_getting_data_200_01.json": Verdict.NOT_FOUND,
    "omdb/invalid_api_key_401_01.json": Verdict.BAD_CREDENTIAL,
    "omdb/movie_not_found_200_02.json": Verdict.NOT_FOUND,
    "omdb/movie_not_found_200_03.json": Verdict.NOT_FOUND,
    "omdb/request_limit_reached_401_01.json": Verdict.QUOTA_EXHAUSTED,
    "omdb/s_200_01.json": Verdict.NOT_FOUND,
    "tmdb/any_401_01.json": Verdict.BAD_CREDENTIAL,
    "tmdb/any_404_02.json": Verdict.NOT_FOUND,
    "tmdb/any_429_06.json": Verdict.SLOW_DOWN,
    "tmdb/any_None_05.json": Verdict.NOT_FOUND,
    "tmdb/discover_movie_400_09.json": Verdict.INVALID_REQUEST,
    "tmdb/movie_999999999_404_01.json": Verdict.NOT_FOUND,
    "tmdb/movie_999999999_keywords_404_01.json": Verdict.NOT_FOUND,
    "tmdb/movie_now_playing_422_05.json": Verdict.INVALID_REQUEST,
}


def model_of(path: str) -> type[BaseModel] | None:
    """The model of a TMDB path; None for what the platform never asks."""
    parts = path.removeprefix("/3/").split("/")
    if parts == ["movie", "changes"]:
        return shapes.ChangesPage
    if parts[0] in ("find", "genre") or parts[-1] == "changes":
        return None
    if len(parts) == 3 and parts[-1] in shapes.APPENDED:
        return shapes.APPENDED[parts[-1]]
    if parts[0] == "movie" and (parts[1].isdecimal() or parts[1] == "{id}"):
        return shapes.MovieDetails
    return shapes.MoviePage


def violations(row: dict[str, Any], table: TableContract, later: set[str]) -> list[str]:
    """What of a row does not fit its contract."""
    found = (
        [f"columns {set(row) ^ (set(table.column_names) - later)}"]
        if (set(row) != set(table.column_names) - later)
        else []
    )
    for name, value in row.items():
        column = table.column(name)
        if value is None:
            found += [] if column.nullable else [f"{name} is NULL"]
            continue
        if type(value).__name__ != PYTHON_TYPES[column.type]:
            found.append(f"{name} is a {type(value).__name__}")
        elif column.minimum is not None and value < column.minimum:
            found.append(f"{name} {value} < {column.minimum}")
        elif column.maximum is not None and value > column.maximum:
            found.append(f"{name} {value} > {column.maximum}")
    return found


@pytest.mark.parametrize("file", FILES)
def test_a_recorded_answer_is_read_or_gets_its_verdict(file: str) -> None:
    recorded = json.loads((RECORDED / file).read_text(encoding="utf-8"))
    service, path = file.split("/")[0], recorded["path"]
    body = json.dumps(recorded["body"]).encode()
    status = recorded["status"] or 404
    classification = CLASSIFIERS[service](status, recorded["headers"] or {}, body)
    if file in EXPECTED_ERRORS:
        assert classification.verdict is EXPECTED_ERRORS[file]
        return
    assert classification.verdict is Verdict.USABLE
    if service == "omdb":
        check_omdb(file, recorded["body"])
    else:
        check_tmdb(path, recorded["body"])


def check_omdb(file: str, body: dict[str, Any]) -> None:
    if "Episodes" in body:
        with pytest.raises(ValueError, match="imdbID"):
            TitlePayload.model_validate(body)
        return
    row = ratings_row(TitlePayload.model_validate(body), AT)
    later = ADDED_LATER | {"tmdb_id"}
    assert violations(row, OMDB_RATINGS, later - {"gone_at"}) == [], file
    assert row["imdb_id"] == body["imdbID"]
    assert (row["imdb_votes"] is None) == (body["imdbVotes"] == "N/A")
    assert (row["us_box_office_usd"] is None) == (body.get("BoxOffice", "N/A") == "N/A")
    assert (row["awards"] is None) == (row["award_wins"] is None)


def check_tmdb(path: str, body: dict[str, Any]) -> None:
    model = model_of(path)
    if model is None:
        return
    value = model.model_validate(body)
    if isinstance(value, shapes.MovieDetails):
        row = details_row(value, AT)
        assert violations(row, TMDB_DETAILS, ADDED_LATER | {"etag"}) == []
        assert row["title"] == body["title"]
        assert len(row["genres"]) == len(body["genres"])
        assert len(row["cast_ids"]) == len(row["cast_names"]) <= 15
        if "credits" in body:
            assert row["directors"]
        if "release_dates" in body:
            assert row["us_certification"] in ("R", "PG-13")
            assert row["us_release_date"] is not None
    if isinstance(value, shapes.MoviePage):
        assert len(value.results) == len(body["results"])
        for position, movie in enumerate(value.results, 1):
            row = listed_row(movie)
            listed = {"list_name": "popular", "position": position, "seen_at": AT, **row}
            assert violations(listed, MOVIE_LISTS, set()) == []
            seen = {"sources": ["discover"], "first_seen_at": AT, "last_seen_at": AT, **row}
            assert violations(seen, DISCOVERED_MOVIES, {"release_year"}) == []


def test_the_recorded_awards_are_counted_as_a_person_would() -> None:
    """ "Won 1 Oscar. 178 wins" has one Oscar in it, and "Award2 wins" is two wins."""
    by_id = {}
    for file in FILES:
        body = json.loads((RECORDED / file).read_text(encoding="utf-8"))["body"]
        if file.startswith("omdb/") and "imdbID" in body:
            row = ratings_row(TitlePayload.model_validate(body), AT)
            by_id[row["imdb_id"]] = tuple(
                row[f"{kind}"]
                for kind in ("oscar_wins", "oscar_nominations", "award_wins", "award_nominations")
            )
    assert by_id["tt1065073"] == (1, 0, 178, 220)
    assert by_id["tt0100802"] == (0, 2, 7, 16)
    assert by_id["tt0048605"] == (0, 0, 2, 3)
    assert by_id["tt0076759"] == (6, 0, 45, 28)
    assert by_id["tt15357942"] == (0, 0, 0, 1)
    assert by_id["tt0050610"] == (None, None, None, None)
