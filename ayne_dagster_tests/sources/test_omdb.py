"""OMDb's client: one title, and only the title that was asked for."""

import asyncio
from datetime import date
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from ayne_dagster.domain.outcomes import FetchOutcome
from ayne_dagster.domain.tables import OMDB_RATINGS
from ayne_dagster.sources.failures import (
    BadCredential,
    InvalidRequest,
    QuotaExhausted,
    ServiceUnavailable,
)
from ayne_dagster.sources.fetch_result import FetchResult
from ayne_dagster.sources.omdb import OmdbClient, row_of
from ayne_dagster_tests.sources.fakes import (
    NOON,
    OMDB_KEY,
    Clock,
    CountingBudget,
    json_answer,
    script,
    title_body,
)


def title(*answers: httpx.Response | Exception, imdb_id: str = "tt0000001") -> Any:
    transport, asked = script(*answers)
    clock = Clock()

    async def run() -> FetchResult:
        async with OmdbClient(
            credential=SecretStr(OMDB_KEY), budget=CountingBudget(), now=clock,
            transport=transport, sleep=clock.sleep,
        ) as omdb:  # fmt: skip
            return await omdb.title(imdb_id)

    return asyncio.run(run()), asked


def error(text: str, status: int = 200) -> httpx.Response:
    return json_answer({"Response": "False", "Error": text}, status)


def test_a_title_is_one_request_with_the_documented_parameters_in_their_order() -> None:
    """With other parameters before it, OMDb once did not see its key."""
    result, asked = title(json_answer(title_body()))
    assert str(asked[0].url) == f"https://www.omdbapi.com/?apikey={OMDB_KEY}&i=tt0000001"
    assert result.outcome is FetchOutcome.ROW
    later = {"tmdb_id", "release_year", "stable_fingerprint", "changed_at"}
    assert set(result.row) == set(OMDB_RATINGS.column_names) - later
    assert (result.row["imdb_votes"], result.row["runtime_minutes"]) == (1234, 101)
    assert result.row["released_on"] == date(2020, 5, 1)
    assert (result.fetched_at, result.requests) == (NOON, 1)


@pytest.mark.parametrize("imdb_id", ["", "550", "tt123", "tt0000001 ", "nm0000001", "tt1234567890"])
def test_an_id_that_is_none_is_never_sent(imdb_id: str) -> None:
    with pytest.raises(InvalidRequest):
        title(json_answer(title_body()), imdb_id=imdb_id)


def test_another_title_than_asked_for_is_unusable_and_says_which() -> None:
    result, _ = title(json_answer(title_body("tt0000002")))
    assert (result.outcome, result.row) == (FetchOutcome.UNUSABLE, None)
    assert "tt0000002" in result.detail


@pytest.mark.parametrize("text", ["Movie not found!", "Incorrect IMDb ID.", "Error getting data."])
def test_an_unknown_title_costs_one_request_and_keeps_the_services_words(text: str) -> None:
    """A second try for each of the 7 % of ids OMDb does not know ate into the day's quota."""
    result, asked = title(error(text))
    assert (result.outcome, len(asked)) == (FetchOutcome.NOT_FOUND, 1)
    assert text in (result.detail or "")


def test_broken_json_with_bare_quotes_is_not_asked_for_again() -> None:
    answer = httpx.Response(200, content=b'{"Response":"False","Error":"string "x" is bad"}')
    result, asked = title(answer)
    assert (result.outcome, len(asked)) == (FetchOutcome.UNUSABLE, 1)


def test_truncated_json_is_asked_for_again() -> None:
    result, asked = title(httpx.Response(200, content=b'{"Title":"The Gl'))
    assert (result.outcome, len(asked)) == (FetchOutcome.UNUSABLE, 3)


def test_the_same_status_means_a_wrong_key_or_a_used_up_day_by_its_text() -> None:
    """A used-up day, taken for a wrong key, stopped everything until someone looked."""
    with pytest.raises(QuotaExhausted):
        title(error("Request limit reached!", 401))
    with pytest.raises(BadCredential, match=r"omdb\.api_key.*mail"):
        title(error("Invalid API key!", 401))


def test_an_outage_is_tried_four_times_in_all() -> None:
    with pytest.raises(ServiceUnavailable, match="4 tries"):
        title(httpx.Response(522, content=b"<html>"))


def test_ratings_are_read_from_the_list_and_na_is_unknown() -> None:
    row = row_of(
        title_body(
            Ratings=[
                {"Source": "Rotten Tomatoes", "Value": "91%"},
                {"Source": "Metacritic", "Value": "76/100"},
            ],
            Metascore="N/A", BoxOffice="N/A", imdbRating="N/A", imdbVotes="N/A", Awards="N/A",
            Runtime="N/A", Released="N/A", Rated="", Year="2011–2019",
        ),
        NOON,
    )  # fmt: skip
    assert (row["rotten_tomatoes_percent"], row["metascore"]) == (91, 76)
    for name in ("us_box_office_usd", "imdb_rating", "imdb_votes", "awards", "award_wins", "rated"):
        assert row[name] is None
    assert row["year_text"] == "2011–2019"
    assert row_of(title_body(Ratings="none"), NOON)["rotten_tomatoes_percent"] is None


def test_what_was_sent_comes_along_with_every_outcome_that_has_no_row() -> None:
    """Without it a quarantine could keep nothing but the complaint."""
    other, _ = title(json_answer(title_body("tt0000002")))
    assert (other.payload or {})["imdbID"] == "tt0000002"
    assert not other.is_transient
    unknown, _ = title(error("Error getting data."))
    assert unknown.payload == {"Response": "False", "Error": "Error getting data."}
    quotes = b'{"Response":"False","Error":"Conversion from string "0f" is not valid."}'
    broken, asked = title(httpx.Response(200, content=quotes))
    assert (broken.outcome, broken.raw, len(asked)) == (FetchOutcome.UNUSABLE, quotes.decode(), 1)
    assert not broken.is_transient


def test_a_damaged_body_is_kept_in_part_without_keys_and_is_worth_another_time() -> None:
    page = f"<html>?apikey={OMDB_KEY}&i=tt0000001 {'x' * 200_000}</html>".encode()
    damaged, asked = title(httpx.Response(200, content=page))
    assert (damaged.outcome, len(asked), damaged.payload) == (FetchOutcome.UNUSABLE, 3, None)
    assert damaged.is_transient
    assert damaged.raw is not None
    assert damaged.raw.startswith("<html>?apikey=***")
    assert OMDB_KEY not in damaged.raw
    assert len(damaged.raw) <= 100_000
    assert len(repr(damaged)) < 1_000
