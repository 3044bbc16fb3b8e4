"""TMDB's film endpoints: details, appended parts, find, latest, credentials, headers."""

from __future__ import annotations

from typing import Any

import pytest

from ayne_dagster.sandbox.config import SANDBOX_TMDB_KEY, SANDBOX_TMDB_TOKEN
from ayne_dagster_tests.sandbox.conftest import Client

FILM_KEYS = {
    "adult",
    "backdrop_path",
    "belongs_to_collection",
    "budget",
    "genres",
    "homepage",
    "id",
    "imdb_id",
    "origin_country",
    "original_language",
    "original_title",
    "overview",
    "popularity",
    "poster_path",
    "production_companies",
    "production_countries",
    "release_date",
    "revenue",
    "runtime",
    "softcore",
    "spoken_languages",
    "status",
    "tagline",
    "title",
    "video",
    "vote_average",
    "vote_count",
}
PARTS = {
    "credits": {"cast", "crew"},
    "keywords": {"keywords"},
    "videos": {"results"},
    "similar": {"page", "results", "total_pages", "total_results"},
    "recommendations": {"page", "results", "total_pages", "total_results"},
    "release_dates": {"results"},
    "external_ids": {"imdb_id", "wikidata_id", "facebook_id", "instagram_id", "twitter_id"},
    "watch/providers": {"results"},
    "alternative_titles": {"titles"},
    "images": {"backdrops", "logos", "posters"},
    "translations": {"translations"},
    "reviews": {"page", "results", "total_pages", "total_results"},
    "lists": {"page", "results", "total_pages", "total_results"},
    "changes": {"changes"},
}
WITHOUT_ID = {"similar", "recommendations", "changes"}
UNAUTHORISED = {
    "success": False,
    "status_code": 7,
    "status_message": "Invalid API key: You must be granted a valid key.",
}
NOT_FOUND = {
    "success": False,
    "status_code": 34,
    "status_message": "The resource you requested could not be found.",
}


def film_ids(client: Client) -> list[int]:
    return client.catalogue.columns.id.tolist()


def test_every_film_answers_with_the_keys_of_the_service(client: Client) -> None:
    for film_id in film_ids(client)[::9]:
        body = client.tmdb(f"movie/{film_id}").json()
        assert set(body) == FILM_KEYS
        assert body["id"] == film_id


def test_appended_parts_have_no_id_and_stand_alone_parts_do(client: Client) -> None:
    """A client that expects the same shape in both places breaks on one of them."""
    film_id = film_ids(client)[-40]
    whole = client.tmdb(f"movie/{film_id}", append_to_response=",".join(PARTS)).json()
    assert set(whole) == FILM_KEYS | set(PARTS)
    for name, keys in PARTS.items():
        assert set(whole[name]) == keys
        alone = client.tmdb(f"movie/{film_id}/{name}").json()
        assert set(alone) == (keys if name in WITHOUT_ID else keys | {"id"})
        if name not in WITHOUT_ID:
            assert alone.pop("id") == film_id
        assert name == "changes" or alone == whole[name]


def test_twenty_parts_may_be_appended_and_no_more(client: Client) -> None:
    path = f"movie/{film_ids(client)[3]}"
    names = [f"unknown_{place}" for place in range(21)]
    assert client.tmdb(path, append_to_response=",".join(names[:20])).status_code == 200
    answer = client.tmdb(path, append_to_response=",".join(names))
    assert answer.status_code == 400
    assert answer.json()["status_code"] == 27


def test_a_film_is_found_by_its_imdb_id_too(client: Client) -> None:
    columns = client.catalogue.columns
    row = next(row for row, imdb_id in enumerate(columns.imdb_id) if imdb_id)
    assert client.tmdb(f"movie/{columns.imdb_id[row]}").json()["id"] == columns.id[row]
    found = client.tmdb(f"find/{columns.imdb_id[row]}", external_source="imdb_id").json()
    assert [film["id"] for film in found["movie_results"]] == [columns.id[row]]
    assert found["movie_results"][0]["media_type"] == "movie"
    assert len(found) == 5


def test_find_answers_empty_arrays_for_unknown_ids_and_needs_a_source(client: Client) -> None:
    found = client.tmdb("find/tt0000001", external_source="imdb_id").json()
    assert all(results == [] for results in found.values())
    assert client.tmdb("find/tt0000001").status_code == 422


@pytest.mark.parametrize("path", ["movie/999999999", "movie/999999999/keywords", "nonsense"])
def test_unknown_things_are_404_code_34(client: Client, path: str) -> None:
    answer = client.tmdb(path)
    assert (answer.status_code, answer.json()) == (404, NOT_FOUND)


def test_a_malformed_id_is_404_code_6(client: Client) -> None:
    answer = client.tmdb("movie/abc")
    assert (answer.status_code, answer.json()["status_code"]) == (404, 6)


@pytest.mark.parametrize("path", ["/3/movie/popular", "/3/nonsense", "/3/movie/1"])
def test_without_a_credential_every_path_is_401(client: Client, path: str) -> None:
    """The service checks the key before it looks at the path."""
    wrong: list[dict[str, Any]] = [
        {},
        {"params": {"api_key": "wrong"}},
        {"headers": {"Authorization": "Bearer x"}},
    ]
    for more in wrong:
        answer = client.ask(path, **more)
        assert (answer.status_code, answer.json()) == (401, UNAUTHORISED)


def test_key_and_token_are_both_accepted_each_in_its_place(client: Client) -> None:
    good = {"Authorization": f"Bearer {SANDBOX_TMDB_TOKEN}"}
    answer = client.ask("/3/authentication", headers=good)
    assert answer.json() == {"success": True, "status_code": 1, "status_message": "Success."}
    wrong_place = {"Authorization": f"Bearer {SANDBOX_TMDB_KEY}"}
    assert client.ask("/3/authentication", headers=wrong_place).status_code == 401


def test_a_wrong_method_is_405_in_the_services_words(client: Client) -> None:
    answer = client.ask("/3/movie/popular", method="POST", params={"api_key": SANDBOX_TMDB_KEY})
    assert (answer.status_code, answer.json()["status_code"]) == (405, 42)


def test_an_answer_carries_a_weak_etag_and_is_304_when_known(client: Client) -> None:
    first = client.tmdb(f"movie/{film_ids(client)[0]}")
    assert first.headers["content-type"] == "application/json;charset=utf-8"
    assert first.headers["etag"].startswith('W/"')
    assert first.headers["cache-control"].startswith("public, max-age=")
    again = client.ask(
        f"/3/movie/{film_ids(client)[0]}",
        params={"api_key": SANDBOX_TMDB_KEY},
        headers={"If-None-Match": first.headers["etag"]},
    )
    assert (again.status_code, again.content) == (304, b"")


def test_latest_is_the_highest_id(client: Client) -> None:
    body = client.tmdb("movie/latest").json()
    assert body["id"] == max(film_ids(client))
    assert set(body) == FILM_KEYS


def test_configuration_and_genres_have_the_services_shape(client: Client) -> None:
    assert {"images", "change_keys"} == set(client.tmdb("configuration").json())
    genres = client.tmdb("genre/movie/list").json()["genres"]
    assert {"id": 18, "name": "Drama"} in genres
    assert len(genres) == 19
