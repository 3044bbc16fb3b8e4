"""TMDB's lists: discover, the named lists, trending, search, and how they drift."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ayne_dagster_tests.sandbox.conftest import Client

ITEM_KEYS = {
    "adult",
    "backdrop_path",
    "genre_ids",
    "id",
    "original_language",
    "original_title",
    "overview",
    "popularity",
    "poster_path",
    "release_date",
    "softcore",
    "title",
    "video",
    "vote_average",
    "vote_count",
}
SORT_FIELDS = {
    "popularity": "popularity",
    "primary_release_date": "release_date",
    "vote_average": "vote_average",
    "vote_count": "vote_count",
    "title": "title",
    "original_title": "original_title",
}


def walk(client: Client, path: str, **params: str) -> list[dict]:
    first = client.tmdb(path, **params).json()
    films = list(first["results"])
    for page in range(2, first["total_pages"] + 1):
        films += client.tmdb(path, page=page, **params).json()["results"]
    return films


def test_a_walk_over_all_pages_sees_every_film_once(client: Client) -> None:
    films = walk(client, "discover/movie")
    assert sorted(film["id"] for film in films) == sorted(client.catalogue.columns.id.tolist())
    assert all(set(film) == ITEM_KEYS for film in films)


def test_a_date_window_holds_exactly_the_films_inside_it(client: Client) -> None:
    window = {"primary_release_date.gte": "2010-01-01", "primary_release_date.lte": "2012-12-31"}
    everything = walk(client, "discover/movie")
    expected = {f["id"] for f in everything if "2010" <= f["release_date"][:4] <= "2012"}
    assert {film["id"] for film in walk(client, "discover/movie", **window)} == expected
    assert expected


def test_films_without_a_date_match_no_date_filter(client: Client) -> None:
    undated = [film for film in walk(client, "discover/movie") if film["release_date"] == ""]
    assert undated
    dated = walk(client, "discover/movie", **{"primary_release_date.gte": "1874-01-01"})
    assert not {film["id"] for film in undated} & {film["id"] for film in dated}


def test_filters_by_votes_language_genre_and_runtime_narrow_the_answer(client: Client) -> None:
    films = walk(client, "discover/movie", **{"vote_count.gte": "300", "with_genres": "18"})
    assert films
    assert all(film["vote_count"] >= 300 and 18 in film["genre_ids"] for film in films)
    french = walk(client, "discover/movie", with_original_language="fr|it")
    assert {film["original_language"] for film in french} == {"fr", "it"}
    long = client.tmdb("discover/movie", **{"with_runtime.gte": "130"}).json()
    film = client.tmdb(f"movie/{long['results'][0]['id']}").json()
    assert film["runtime"] >= 130


def test_nothing_found_still_has_one_page(client: Client) -> None:
    """A locale in place of a language code finds nothing and is no error."""
    answer = client.tmdb("discover/movie", with_original_language="en-US").json()
    assert answer == {"page": 1, "results": [], "total_pages": 1, "total_results": 0}


@pytest.mark.parametrize("field", sorted(SORT_FIELDS))
@pytest.mark.parametrize("direction", ["asc", "desc"])
def test_every_sort_orders_its_field(client: Client, field: str, direction: str) -> None:
    films = walk(client, "discover/movie", sort_by=f"{field}.{direction}", year="2015")
    values = [film[SORT_FIELDS[field]] for film in films]
    key = str.casefold if "title" in field else None
    assert values == sorted(values, key=key, reverse=direction == "desc")
    assert len(values) > 3


def test_revenue_sort_orders_revenue(client: Client) -> None:
    films = client.tmdb("discover/movie", sort_by="revenue.desc").json()["results"]
    revenues = [client.tmdb(f"movie/{film['id']}").json()["revenue"] for film in films]
    assert revenues == sorted(revenues, reverse=True)


@pytest.mark.parametrize("page", ["0", "-1", "501", "x", "1.5", ""])
def test_a_bad_page_is_400_code_22(client: Client, page: str) -> None:
    answer = client.tmdb("discover/movie", page=page)
    assert answer.status_code == 400
    assert answer.json() == {
        "success": False,
        "status_code": 22,
        "status_message": "Invalid page: Pages start at 1 and max at 500. "
        "They are expected to be an integer.",
    }


def test_a_page_beyond_the_last_is_empty_and_total_pages_is_not_capped(
    make_client: Callable[..., Client],
) -> None:
    client = make_client(page_cap=5)
    answer = client.tmdb("discover/movie", page=5).json()
    assert answer["total_pages"] == 30
    assert client.tmdb("discover/movie", page=6).json()["status_code"] == 22
    beyond = client.tmdb("discover/movie", page=5, year="2015").json()
    assert beyond["results"] == []


def test_a_malformed_date_is_400_code_23(client: Client) -> None:
    answer = client.tmdb("discover/movie", **{"primary_release_date.gte": "20100101"})
    assert (answer.status_code, answer.json()["status_code"]) == (400, 23)


def test_the_named_lists_hold_what_their_names_say(client: Client) -> None:
    popular = client.tmdb("movie/popular").json()
    assert set(popular) == {"page", "results", "total_pages", "total_results"}
    rated = [film["vote_average"] for film in client.tmdb("movie/top_rated").json()["results"]]
    assert rated == sorted(rated, reverse=True)
    playing = client.tmdb("movie/now_playing").json()
    assert playing["dates"] == {"maximum": "2026-05-20", "minimum": "2026-04-08"}
    dates = [film["release_date"] for film in walk(client, "movie/now_playing")]
    assert any("2026-04-08" <= day <= "2026-05-20" for day in dates)
    assert any(day < "2016" for day in dates), "re-releases stand in the real list too"
    upcoming = client.tmdb("movie/upcoming").json()
    assert upcoming["dates"] == {"maximum": "2026-06-10", "minimum": "2026-05-20"}


def test_trending_items_carry_their_media_type(client: Client) -> None:
    for window in ("day", "week"):
        films = client.tmdb(f"trending/movie/{window}").json()["results"]
        assert all(set(film) == ITEM_KEYS | {"media_type"} for film in films)
    assert client.tmdb("trending/movie/year").status_code == 404


def test_search_finds_titles_and_wants_a_query(client: Client) -> None:
    title = client.catalogue.columns.title[300]
    found = client.tmdb("search/movie", query=title.upper()).json()["results"]
    assert found[0]["title"] == title
    answer = client.tmdb("search/movie")
    assert (answer.status_code, answer.json()) == (422, {"errors": ["query must be provided"]})


def test_drifting_lists_repeat_and_miss_films_between_pages(
    make_client: Callable[..., Client],
) -> None:
    """Recorded pages of the service overlap; a client must notice and walk again."""
    client = make_client(is_drifting=True)
    pages = [client.tmdb("discover/movie", page=page).json() for page in range(1, 31)]
    seen = [film["id"] for page in pages for film in page["results"]]
    assert len(set(seen)) < len(seen)
    assert len(set(seen)) < 600
    assert len({page["total_results"] for page in pages}) > 1
