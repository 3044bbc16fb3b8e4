"""OMDb's one endpoint: values as strings, and every failure in OMDb's own words."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from ayne_dagster.sandbox.clock import SandboxClock
from ayne_dagster.sandbox.config import SANDBOX_OMDB_KEY
from ayne_dagster_tests.sandbox.conftest import Client

MOVIE_KEYS = {
    "Title",
    "Year",
    "Rated",
    "Released",
    "Runtime",
    "Genre",
    "Director",
    "Writer",
    "Actors",
    "Plot",
    "Language",
    "Country",
    "Awards",
    "Poster",
    "Ratings",
    "Metascore",
    "imdbRating",
    "imdbVotes",
    "imdbID",
    "Type",
    "DVD",
    "BoxOffice",
    "Production",
    "Website",
    "Response",
}


def known_ids(client: Client) -> list[str]:
    columns = client.catalogue.columns
    return [i for i, known in zip(columns.imdb_id, columns.has_rating, strict=True) if known and i]


def failure(error: str) -> dict[str, str]:
    return {"Response": "False", "Error": error}


def test_everything_is_a_string_and_unknown_is_not_available(client: Client) -> None:
    bodies = [client.omdb(i=imdb_id).json() for imdb_id in known_ids(client)]
    movies = [body for body in bodies if body["Type"] == "movie"]
    assert all(set(body) == MOVIE_KEYS for body in movies)
    for body in movies:
        ratings = body.pop("Ratings")
        assert all(isinstance(value, str) and value for value in body.values())
        assert all(set(rating) == {"Source", "Value"} for rating in ratings)
        assert re.fullmatch(r"N/A|\d{1,3}(,\d{3})*", body["imdbVotes"])
        assert re.fullmatch(r"N/A|\$\d{1,3}(,\d{3})*", body["BoxOffice"])
        assert re.fullmatch(r"N/A|\d\d [A-Z][a-z]{2} \d{4}", body["Released"])
    for name in ("imdbVotes", "BoxOffice", "Metascore", "Awards"):
        assert {body[name] == "N/A" for body in movies} == {True, False}


def test_series_have_a_span_with_an_en_dash(client: Client) -> None:
    series = [
        b for b in (client.omdb(i=i).json() for i in known_ids(client)) if b["Type"] != "movie"
    ]
    assert series
    assert all(re.fullmatch("\\d{4}\u2013\\d{4}", body["Year"]) for body in series)
    assert all("totalSeasons" in body and "BoxOffice" not in body for body in series)


def test_about_seven_in_a_hundred_ids_are_unknown_to_omdb(client: Client) -> None:
    columns = client.catalogue.columns
    unknown = [
        i for i, known in zip(columns.imdb_id, columns.has_rating, strict=True) if i and not known
    ]
    assert 0.03 < len(unknown) / (len(unknown) + len(known_ids(client))) < 0.12
    answer = client.omdb(i=unknown[0])
    assert (answer.status_code, answer.json()) == (200, failure("Error getting data."))


def test_a_missing_or_wrong_key_is_401(client: Client) -> None:
    answer = client.ask("/", params={"i": "tt0000001"})
    assert (answer.status_code, answer.json()) == (401, failure("No API key provided."))
    answer = client.ask("/", params={"i": "tt0000001", "apikey": "nope"})
    assert (answer.status_code, answer.json()) == (401, failure("Invalid API key!"))


@pytest.mark.parametrize("params", [{}, {"i": "tt123"}, {"i": "nm0000001"}, {"i": ""}])
def test_a_request_without_a_usable_id_is_an_incorrect_imdb_id(
    client: Client, params: dict[str, str]
) -> None:
    answer = client.omdb(**params)
    assert (answer.status_code, answer.json()) == (200, failure("Incorrect IMDb ID."))


def test_a_malformed_id_answers_200_with_invalid_json(client: Client) -> None:
    """A recorded answer holds bare quotes; a client that trusts the status crashes on it."""
    answer = client.omdb(i="tt011f8539")
    assert answer.status_code == 200
    assert 'Conversion from string "011f8539" to type' in answer.text
    with pytest.raises(json.JSONDecodeError):
        answer.json()


def test_titles_are_found_exactly_and_by_year(client: Client) -> None:
    body = client.omdb(i=known_ids(client)[50]).json()
    assert client.omdb(t=body["Title"], y=body["Year"]).json()["Title"] == body["Title"]
    assert client.omdb(t=body["Title"], y="1850").json() == failure("Movie not found!")
    assert client.omdb(t="lsdfoweirjrpwef").json() == failure("Movie not found!")


def test_search_pages_by_ten_and_counts_in_a_string(client: Client) -> None:
    first = client.omdb(s="The ").json()
    second = client.omdb(s="The ", page="2").json()
    assert len(first["Search"]) == 10
    assert int(first["totalResults"]) > 20
    assert set(first["Search"][0]) == {"Title", "Year", "imdbID", "Type", "Poster"}
    assert not {f["imdbID"] for f in first["Search"]} & {f["imdbID"] for f in second["Search"]}
    assert client.omdb(s="a").json() == failure("Too many results.")
    assert client.omdb(s="qqqqqq").json() == failure("Movie not found!")


def test_the_daily_limit_ends_at_midnight_utc(make_client: Callable[..., Client]) -> None:
    """The limit is a 401 like a bad key; only its words tell them apart."""
    clock = SandboxClock(datetime(2026, 5, 20, 23, 59, tzinfo=UTC), speed=0)
    client = make_client(clock=clock, omdb_daily_quota=3, omdb_keys=(SANDBOX_OMDB_KEY, "second"))
    assert [client.omdb(i="tt0000000").status_code for _ in range(4)] == [200, 200, 200, 401]
    assert client.omdb(i="tt0000000").json() == failure("Request limit reached!")
    assert client.ask("/", params={"apikey": "second", "i": "tt0000000"}).status_code == 200
    clock.advance(timedelta(minutes=2))
    assert client.omdb(i="tt0000000").status_code == 200
    counts = client.ask("/_sandbox/stats").json()["omdb_requests_by_key_and_day"]
    assert counts[SANDBOX_OMDB_KEY] == {"2026-05-20": 3, "2026-05-21": 1}
