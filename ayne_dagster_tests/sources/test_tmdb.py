"""TMDB's client: lists, films, and what goes into which column."""

import asyncio
from collections.abc import Callable
from datetime import date
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from ayne_dagster.domain.outcomes import FetchOutcome
from ayne_dagster.domain.tables import MOVIE_LISTS, TMDB_DETAILS
from ayne_dagster.sources.failures import (
    BadCredential,
    InvalidRequest,
    ServiceUnavailable,
    UnusableAnswer,
)
from ayne_dagster.sources.fetch_result import FetchResult
from ayne_dagster.sources.tmdb import LIST_PATHS, TmdbClient, row_of
from ayne_dagster_tests.sources.fakes import (
    NOON,
    TMDB_KEY,
    Clock,
    CountingBudget,
    json_answer,
    movie_body,
    script,
)


def with_client(transport: httpx.AsyncBaseTransport, work: Callable[[TmdbClient], Any]) -> Any:
    clock = Clock()

    async def run() -> Any:
        async with TmdbClient(
            credential=SecretStr(TMDB_KEY), budget=CountingBudget(), now=clock,
            transport=transport, sleep=clock.sleep,
        ) as tmdb:  # fmt: skip
            return await work(tmdb)

    return asyncio.run(run())


def movie(transport: httpx.AsyncBaseTransport, tmdb_id: int = 550) -> FetchResult:
    return with_client(transport, lambda tmdb: tmdb.movie(tmdb_id))


def row(**changes: Any) -> dict[str, Any]:
    return row_of(movie_body(**changes), NOON)


def test_a_film_is_one_request_with_everything_appended() -> None:
    transport, asked = script(json_answer(movie_body()))
    result = movie(transport)
    assert len(asked) == 1
    assert result.outcome is FetchOutcome.ROW
    assert (result.key, result.requests, result.fetched_at) == (550, 1, NOON)
    assert asked[0].url.path == "/3/movie/550"
    assert asked[0].url.params["append_to_response"] == (
        "credits,keywords,videos,similar,external_ids,release_dates"
    )
    assert result.row is not None
    later = {"release_year", "stable_fingerprint", "changed_at", "gone_at", "etag"}
    assert set(result.row) == set(TMDB_DETAILS.column_names) - later
    assert result.payload == movie_body()


@pytest.mark.parametrize(
    "undelivered", [None, {"success": False, "status_code": 11}, {}, "gone", []]
)
def test_a_part_that_was_left_out_is_asked_for_by_itself(undelivered: Any) -> None:
    """An error inside the answer, read as an empty part, once took the cast from films."""
    crew = [{"id": 3, "name": "Ada Reed", "job": "Director", "department": "Directing"}]
    alone = {"id": 550, "cast": [], "crew": crew}
    transport, asked = script(json_answer(movie_body(credits=undelivered)), json_answer(alone))
    result = movie(transport)
    assert result.row is not None
    assert result.row["directors"] == ["Ada Reed"]
    assert asked[1].url.path == "/3/movie/550/credits"
    assert result.requests == 2
    assert result.payload is not None
    assert row_of(result.payload, NOON) == result.row


def test_a_part_that_cannot_be_had_makes_the_film_unusable_and_not_poorer() -> None:
    body = movie_body()
    del body["keywords"]
    transport, _ = script(json_answer(body), json_answer({"status_code": 34}, 404))
    result = movie(transport)
    assert (result.outcome, result.row, result.requests) == (FetchOutcome.UNUSABLE, None, 2)
    assert result.payload == body
    transport, asked = script(json_answer(body), httpx.Response(500))
    with pytest.raises(ServiceUnavailable) as raised:
        movie(transport)
    assert raised.value.tries == len(asked) == 7


def test_an_unknown_film_is_not_found_with_the_services_words() -> None:
    answer = json_answer({"status_code": 34, "status_message": "not there"}, 404)
    transport, asked = script(answer)
    result = movie(transport)
    assert result.outcome is FetchOutcome.NOT_FOUND
    assert "not there" in (result.detail or "")
    assert (result.fetched_at, len(asked)) == (NOON, 1)


def test_another_film_than_asked_for_is_unusable() -> None:
    transport, _ = script(json_answer(movie_body(551)))
    result = movie(transport)
    assert result.outcome is FetchOutcome.UNUSABLE
    assert "551" in (result.detail or "")
    assert (result.payload or {})["id"] == 551
    assert not result.is_transient


ETAG = 'W/"5f"'


def test_with_a_validator_an_unchanged_film_is_an_answer_without_a_row() -> None:
    transport, asked = script(httpx.Response(304, headers={"ETag": ETAG}))
    result = with_client(transport, lambda tmdb: tmdb.movie(550, etag=ETAG))
    assert asked[0].headers["if-none-match"] == ETAG
    assert (result.outcome, result.row, result.etag) == (FetchOutcome.UNCHANGED, None, ETAG)
    assert (result.fetched_at, result.requests) == (NOON, 1)
    assert result.outcome.is_answer


def test_without_a_validator_none_is_sent_and_a_304_says_nothing() -> None:
    transport, asked = script(httpx.Response(304, headers={"ETag": ETAG}))
    result = movie(transport)
    assert "if-none-match" not in asked[0].headers
    assert (result.outcome, result.etag, len(asked)) == (FetchOutcome.UNUSABLE, None, 3)


def test_a_changed_film_brings_its_row_and_its_new_validator() -> None:
    transport, _ = script(json_answer(movie_body(), ETag='W/"60"'))
    result = with_client(transport, lambda tmdb: tmdb.movie(550, etag=ETAG))
    assert (result.outcome, result.etag) == (FetchOutcome.ROW, 'W/"60"')


def test_the_validator_of_a_film_with_a_part_missing_holds_for_no_part() -> None:
    """Asked with it the next time, TMDB would call a film unchanged whose cast is a new one."""
    incomplete = json_answer(movie_body(credits=None), ETag=ETAG)
    transport, _ = script(incomplete, json_answer({"cast": [], "crew": []}, ETag='W/"61"'))
    result = movie(transport)
    assert (result.outcome, result.etag) == (FetchOutcome.ROW, None)


def test_a_number_that_is_no_id_is_never_sent() -> None:
    transport, asked = script(json_answer(movie_body()))
    with pytest.raises(InvalidRequest):
        movie(transport, 0)
    assert asked == []


def test_a_bad_credential_is_named_by_its_setting() -> None:
    transport, _ = script(json_answer({"success": False, "status_code": 7}, 401))
    with pytest.raises(BadCredential, match=r"tmdb\.api_key"):
        movie(transport)


def listed(*ids: int) -> list[dict[str, Any]]:
    return [{"id": n, "title": f"Film {n}", "vote_count": 0, "vote_average": 0.0} for n in ids]


def page(number: int, *ids: int, total: int = 9) -> httpx.Response:
    body = {"page": number, "results": listed(*ids), "total_pages": total, "total_results": 180}
    return json_answer(body)


def test_a_list_keeps_first_places_and_drops_repeats() -> None:
    transport, _ = script(page(1, 5, 6, 7), page(2, 7, 8))
    rows = with_client(transport, lambda tmdb: tmdb.movie_list("popular", 2))
    assert [(one["position"], one["tmdb_id"]) for one in rows] == [(1, 5), (2, 6), (3, 7), (4, 8)]
    assert set(rows[0]) == set(MOVIE_LISTS.column_names)
    assert rows[0]["seen_at"] == NOON
    assert rows[0]["vote_average"] is None


def test_a_list_that_repeats_itself_ends() -> None:
    transport, asked = script(page(1, 1, 2), page(2, 1, 2))
    rows = with_client(transport, lambda tmdb: tmdb.movie_list("trending_week", 50))
    assert (len(rows), len(asked)) == (2, 2)
    assert asked[0].url.path == "/3/trending/movie/week"


def test_a_list_is_read_no_further_than_it_goes() -> None:
    transport, asked = script(page(1, 1, 2, total=1))
    with_client(transport, lambda tmdb: tmdb.movie_list("upcoming", 50))
    assert len(asked) == 1


def test_a_page_of_a_list_that_came_empty_is_asked_for_again() -> None:
    transport, asked = script(page(1, 5), page(2), page(2, 6), page(3, 7, total=3))
    rows = with_client(transport, lambda tmdb: tmdb.movie_list("popular", 3))
    assert [one["tmdb_id"] for one in rows] == [5, 6, 7]
    assert [one.url.params["page"] for one in asked] == ["1", "2", "2", "3"]


@pytest.mark.parametrize("pages", [[page(1, total=1)], [page(1, 5), page(2)]])
def test_a_list_with_a_page_missing_is_no_shorter_list(pages: list[httpx.Response]) -> None:
    """It replaced the whole list that was stored."""
    transport, asked = script(*pages)
    with pytest.raises(UnusableAnswer, match="without films, twice") as raised:
        with_client(transport, lambda tmdb: tmdb.movie_list("popular", 3))
    assert (raised.value.tries, len(asked)) == (2, len(pages) + 1)


def test_a_list_of_no_films_is_one_when_it_says_so_twice() -> None:
    """A small sandbox has no film that is upcoming."""
    body = {"page": 1, "results": [], "total_pages": 1, "total_results": 0}
    transport, asked = script(json_answer(body))
    assert with_client(transport, lambda tmdb: tmdb.movie_list("upcoming", 3)) == []
    assert len(asked) == 2
    transport, _ = script(page(1, 5), json_answer(body))
    with pytest.raises(UnusableAnswer):
        with_client(transport, lambda tmdb: tmdb.movie_list("upcoming", 3))


def test_a_list_that_became_shorter_meanwhile_ends() -> None:
    transport, _ = script(page(1, 5), page(2, total=1))
    assert len(with_client(transport, lambda tmdb: tmdb.movie_list("popular", 3))) == 1


def test_an_unknown_list_is_refused_with_the_known_ones() -> None:
    transport, _ = script(page(1))
    with pytest.raises(ValueError, match=", ".join(LIST_PATHS)):
        with_client(transport, lambda tmdb: tmdb.movie_list("best", 1))


def test_unknown_money_is_null_and_what_was_sent_is_kept() -> None:
    """Budget 0 was once a number like any other."""
    film = row(budget=0, revenue=-12, runtime=0)
    assert (film["budget_usd"], film["revenue_usd"], film["runtime_minutes"]) == (None, None, None)
    assert (film["budget_reported"], film["revenue_reported"]) == (0, -12)
    assert row(budget=5)["budget_usd"] == 5


def test_a_sparse_film_is_a_row_of_nulls_and_empty_lists() -> None:
    film = row(
        title="", release_date="", imdb_id="", homepage=None, popularity=0, vote_count=0,
        vote_average=0, genres=None, belongs_to_collection=[], softcore=None, adult=None,
        external_ids={"imdb_id": None}, status="Quite New",
    )  # fmt: skip
    for name in ("title", "release_date", "imdb_id", "vote_average", "collection", "is_adult"):
        assert film[name] is None
    assert (film["genres"], film["popularity"], film["status"]) == ([], 0.0, "Quite New")


def test_the_imdb_id_is_taken_from_the_external_ids_where_the_film_has_none() -> None:
    film = row(imdb_id=None, external_ids={"imdb_id": "tt7654321", "wikidata_id": "Q9"})
    assert (film["imdb_id"], film["wikidata_id"]) == ("tt7654321", "Q9")


def test_directors_and_writers_are_each_once_and_match_their_ids() -> None:
    def job(n: int | None, name: str | None, job: str, department: str) -> dict[str, Any]:
        return {"id": n, "name": name, "job": job, "department": department}

    crew = [
        job(1, "A", "Director", "Directing"),
        job(2, "B", "Screenplay", "Writing"),
        job(2, "B", "Story", "Writing"),
        job(1, "A", "Writer", "Writing"),
        job(3, "C", "Translator", "Writing"),
        job(4, "D", "Assistant Director", "Directing"),
        job(5, None, "Director", "Directing"),
        job(None, "E", "Director", "Directing"),
    ]
    film = row(credits={"cast": None, "crew": [*crew, None, "x"]})
    assert (film["director_ids"], film["directors"]) == ([1], ["A"])
    assert (film["writer_ids"], film["writers"]) == ([2, 1], ["B", "A"])


def test_the_cast_is_the_first_fifteen_in_billing_order() -> None:
    cast = [{"id": n, "name": f"N{n}", "order": 30 - n} for n in range(1, 25)]
    cast += [{"id": 99, "name": "Unbilled", "order": None}, {"id": 24, "name": "Twice", "order": 9}]
    film = row(credits={"cast": cast, "crew": []})
    assert film["cast_ids"] == list(range(24, 9, -1))
    assert film["cast_names"][0] == "N24"


def test_names_without_an_id_are_left_out_of_both_company_lists() -> None:
    companies = [{"id": 1, "name": "One"}, {"id": None, "name": "?"}, {"id": 2, "name": ""}]
    film = row(
        production_companies=companies,
        production_countries=[{"iso_3166_1": "US"}, {"iso_3166_1": ""}],
        origin_country=["US", "", None],
        spoken_languages=[{"iso_639_1": "en"}, {"iso_639_1": "en"}],
    )
    assert (film["company_ids"], film["companies"]) == ([1], ["One"])
    assert (film["countries"], film["origin_countries"]) == (["US"], ["US"])
    assert film["spoken_languages"] == ["en"]


def test_the_official_trailer_on_youtube_comes_first() -> None:
    def video(key: str, site: str, kind: str, official: bool) -> dict[str, Any]:
        return {"key": key, "site": site, "type": kind, "official": official}

    videos = [
        video("a", "YouTube", "Teaser", True),
        video("b", "Vimeo", "Trailer", True),
        video("c", "YouTube", "Trailer", False),
        video("d", "YouTube", "Trailer", True),
    ]
    assert row(videos={"results": videos})["trailer_youtube_key"] == "d"
    assert row(videos={"results": videos[:3]})["trailer_youtube_key"] == "c"
    assert row(videos={"results": videos[:2]})["trailer_youtube_key"] is None


def releases(*entries: tuple[int, str, str], country: str = "US") -> dict[str, Any]:
    return {
        "results": [
            {"iso_3166_1": "DE", "release_dates": [{"certification": "16", "type": 3}]},
            {
                "iso_3166_1": country,
                "release_dates": [
                    {"type": kind, "release_date": f"{day}T00:00:00.000Z", "certification": rated}
                    for kind, day, rated in entries
                ],
            },
        ]
    }


@pytest.mark.parametrize(
    ("entries", "day", "rated"),
    [
        ([(3, "2020-05-01", ""), (4, "2020-08-01", "R")], date(2020, 5, 1), "R"),
        ([(4, "2020-08-01", "NR"), (3, "2020-05-01", "PG")], date(2020, 5, 1), "PG"),
        ([(3, "2021-05-01", "PG"), (3, "2020-05-01", "")], date(2020, 5, 1), "PG"),
        ([(1, "2020-04-01", ""), (2, "2020-04-20", "")], date(2020, 4, 20), None),
        ([(1, "2020-04-01", "")], date(2020, 4, 1), None),
        ([(5, "2020-04-01", "")], None, None),
    ],
)
def test_the_us_release_and_certification_are_the_theatrical_ones_where_there_are_such(
    entries: list[tuple[int, str, str]], day: date | None, rated: str | None
) -> None:
    film = row(release_dates=releases(*entries))
    assert (film["us_release_date"], film["us_certification"]) == (day, rated)


def test_releases_elsewhere_say_nothing_about_the_us() -> None:
    film = row(release_dates=releases((3, "2020-05-01", "12"), country="GB"))
    assert (film["us_release_date"], film["us_certification"]) == (None, None)


def test_a_film_is_not_similar_to_itself() -> None:
    similar = {"results": [{"id": 550}, {"id": 9}, {"id": 9}, {"id": None}]}
    assert row(similar=similar)["similar_ids"] == [9]


def test_requests_are_counted_by_what_they_came_to() -> None:
    transport, _ = script(httpx.Response(502), json_answer(movie_body()))

    async def work(tmdb: TmdbClient) -> Any:
        await tmdb.movie(550)
        return tmdb.stats

    stats = with_client(transport, work)
    assert stats.by_outcome == {"unavailable": 1, "usable": 1}
    assert stats.requests == 2


def test_a_list_that_is_no_list_makes_the_film_unusable_and_null_makes_it_empty() -> None:
    assert row(origin_country=None, genres=None)["origin_countries"] == []
    odd: list[dict[str, Any]] = [{"production_companies": "x"}, {"origin_country": {"US": 1}}]
    for changes in odd:
        transport, asked = script(json_answer(movie_body(**changes)))
        result = movie(transport)
        assert (result.outcome, len(asked)) == (FetchOutcome.UNUSABLE, 3)
        assert "wrong shape" in (result.detail or "")
