"""Every fault case of the services, as a table. Not here: what the client does about it."""

import json

import pytest

from ayne_dagster.sources.classification import (
    Classification,
    Classifier,
    Verdict,
    classify_omdb,
    classify_tmdb,
)

V = Verdict
HTML = b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>"
CUT_BEHIND_BRACE = b'{"Ratings":[{"Source":"Metacritic","Value":"76/100"}'
TRUNCATED = b'{"id": 550, "title": "The Gla'


def tmdb_error(code: int, **more: object) -> bytes:
    return json.dumps(
        {"success": False, "status_code": code, "status_message": "words", **more}
    ).encode()


def omdb_error(text: str) -> bytes:
    return json.dumps({"Response": "False", "Error": text}).encode()


def object_of(body: bytes) -> dict | None:
    """The body's JSON object; it travels with every verdict, so that nothing is thrown away."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


TMDB_CASES: list[tuple[str, int, bytes, Verdict]] = [
    ("1 bad key", 401, tmdb_error(7), V.BAD_CREDENTIAL),
    ("1 authentication failed", 401, tmdb_error(3), V.BAD_CREDENTIAL),
    ("1 suspended", 401, tmdb_error(10), V.BAD_CREDENTIAL),
    ("1 authentication failed 14", 401, tmdb_error(14), V.BAD_CREDENTIAL),
    ("1 invalid token", 401, tmdb_error(35), V.BAD_CREDENTIAL),
    ("1 a 401 that is no JSON", 401, HTML, V.BAD_CREDENTIAL),
    ("2 gone", 404, tmdb_error(34), V.NOT_FOUND),
    ("2 gone, old form", 404, b'{"status_code":34,"status_message":"x"}', V.NOT_FOUND),
    ("2 invalid id", 404, tmdb_error(6), V.NOT_FOUND),
    ("2 a 404 of some proxy is no missing film", 404, HTML, V.INVALID_REQUEST),
    (
        "2 a 404 without a code is no missing film",
        404,
        b'{"message":"no route"}',
        V.INVALID_REQUEST,
    ),
    ("3 too many", 429, tmdb_error(25), V.SLOW_DOWN),
    ("3 too many without a body", 429, b"", V.SLOW_DOWN),
    ("3 too many in HTML", 429, HTML, V.SLOW_DOWN),
    ("3 too many by the code alone", 200, tmdb_error(25), V.SLOW_DOWN),
    ("3 too many with another status", 403, tmdb_error(25), V.SLOW_DOWN),
    ("4 page 501", 400, tmdb_error(22), V.INVALID_REQUEST),
    ("4 page 501, old form", 422, b'{"errors":["page must be <= 500"]}', V.INVALID_REQUEST),
    ("5 over 14 days", 422, tmdb_error(20), V.INVALID_REQUEST),
    ("5 validation", 422, b'{"errors":["query must be provided"]}', V.INVALID_REQUEST),
    ("6 date form", 400, tmdb_error(23), V.INVALID_REQUEST),
    ("6 too many appended", 400, tmdb_error(27), V.INVALID_REQUEST),
    ("7 internal error", 500, tmdb_error(11), V.UNAVAILABLE),
    ("7 generic failure", 500, tmdb_error(15), V.UNAVAILABLE),
    ("7 offline", 503, tmdb_error(9), V.UNAVAILABLE),
    ("7 backend", 502, tmdb_error(43), V.UNAVAILABLE),
    ("7 backend timed out", 504, tmdb_error(24), V.UNAVAILABLE),
    ("7 maintenance", 503, tmdb_error(46), V.UNAVAILABLE),
    ("7 HTML", 502, HTML, V.UNAVAILABLE),
    ("7 empty", 503, b"", V.UNAVAILABLE),
    ("7 JSON without a code", 500, b"{}", V.UNAVAILABLE),
    ("7 refused by the edge", 403, HTML, V.UNAVAILABLE),
    ("8 HTML with 200", 200, HTML, V.UNUSABLE),
    ("8 truncated", 200, TRUNCATED, V.UNUSABLE),
    ("8 empty with 200", 200, b"", V.UNUSABLE),
    ("8 a list", 200, b"[]", V.UNUSABLE),
    ("8 null", 200, b"null", V.UNUSABLE),
    ("8 no UTF-8", 200, b'{"title": "\xff\xfe"}', V.UNUSABLE),
    ("8 nested without end", 200, b"[" * 100_000, V.UNUSABLE),
    ("9 code 21 with 200", 200, tmdb_error(21), V.UNUSABLE),
    ("9 success false with 200", 200, b'{"success":false}', V.UNUSABLE),
    ("9 not found with 200", 200, tmdb_error(34), V.NOT_FOUND),
    ("9 bad key with 200", 200, tmdb_error(7), V.BAD_CREDENTIAL),
    ("9 errors with 200", 200, b'{"errors":["x"]}', V.UNUSABLE),
    ("12 not modified", 304, b"", V.UNUSABLE),
    ("moved", 301, HTML, V.INVALID_REQUEST),
    ("service does not exist", 501, tmdb_error(2), V.INVALID_REQUEST),
    ("good credential", 200, b'{"success":true,"status_code":1}', V.USABLE),
    ("a film", 200, b'{"id":550}', V.USABLE),
    ("an empty page", 200, b'{"page":1,"results":[],"total_pages":1}', V.USABLE),
]

OMDB_CASES: list[tuple[str, int, bytes, Verdict, int | None]] = [
    ("15 limit", 401, omdb_error("Request limit reached!"), V.QUOTA_EXHAUSTED, None),
    ("15 daily limit", 401, omdb_error("Daily request limit reached!"), V.QUOTA_EXHAUSTED, None),
    ("15 limit as 403", 403, omdb_error("Request limit reached!"), V.QUOTA_EXHAUSTED, None),
    ("15 limit as 429", 429, omdb_error("Request limit reached!"), V.QUOTA_EXHAUSTED, None),
    ("15 limit as 200", 200, omdb_error("Request limit reached!"), V.QUOTA_EXHAUSTED, None),
    ("15 limit in plain text", 401, b"Request limit reached!", V.QUOTA_EXHAUSTED, None),
    ("16 bad key", 401, omdb_error("Invalid API key!"), V.BAD_CREDENTIAL, None),
    ("16 no key", 401, omdb_error("No API key provided."), V.BAD_CREDENTIAL, None),
    ("16 bad key as 200", 200, omdb_error("Invalid API key!"), V.BAD_CREDENTIAL, None),
    ("17 not found", 200, omdb_error("Movie not found!"), V.NOT_FOUND, None),
    ("17 bad id", 200, omdb_error("Incorrect IMDb ID."), V.NOT_FOUND, None),
    ("17 episode", 200, omdb_error("Series or episode not found!"), V.NOT_FOUND, None),
    ("17 error getting data", 200, omdb_error("Error getting data."), V.NOT_FOUND, None),
    (
        "18 bare quotes",
        200,
        b'{"Response":"False","Error":"Conversion from string "011f8539" is not valid."}',
        V.UNUSABLE,
        0,
    ),
    ("19 outage", 503, b"Service Unavailable", V.UNAVAILABLE, None),
    ("19 Cloudflare", 522, HTML, V.UNAVAILABLE, None),
    ("19 Cloudflare 521", 521, HTML, V.UNAVAILABLE, None),
    ("19 gateway", 504, b"", V.UNAVAILABLE, None),
    ("8 HTML with 200", 200, HTML, V.UNUSABLE, None),
    ("8 truncated", 200, TRUNCATED, V.UNUSABLE, None),
    ("8 truncated behind a brace", 200, CUT_BEHIND_BRACE, V.UNUSABLE, None),
    ("too broad", 200, omdb_error("Too many results."), V.UNUSABLE, 0),
    ("something", 200, omdb_error("Something went wrong."), V.UNUSABLE, None),
    ("nothing said", 200, b"{}", V.UNUSABLE, None),
    ("too many at once", 429, b"slow", V.SLOW_DOWN, None),
    ("refused by the edge", 403, HTML, V.UNAVAILABLE, None),
    ("a title", 200, b'{"Response":"True","imdbID":"tt0000001"}', V.USABLE, None),
]


@pytest.mark.parametrize(("name", "status", "body", "verdict"), TMDB_CASES)
def test_each_answer_of_tmdb_gets_its_verdict(
    name: str, status: int, body: bytes, verdict: Verdict
) -> None:
    classification = classify_tmdb(status, {}, body)
    assert classification.verdict is verdict, name
    assert classification.payload == object_of(body)
    assert classification.detail or verdict is V.USABLE


@pytest.mark.parametrize(("name", "status", "body", "verdict", "retries"), OMDB_CASES)
def test_each_answer_of_omdb_gets_its_verdict(
    name: str, status: int, body: bytes, verdict: Verdict, retries: int | None
) -> None:
    classification = classify_omdb(status, {}, body)
    assert classification.verdict is verdict, name
    assert classification.retries == retries
    assert classification.payload == object_of(body)


@pytest.mark.parametrize("classify", [classify_tmdb, classify_omdb])
def test_not_modified_says_something_only_to_who_sent_a_validator(classify: Classifier) -> None:
    assert classify(304, {}, b"", is_conditional=True).verdict is V.UNCHANGED
    assert classify(304, {}, b"").verdict is V.UNUSABLE
    assert classify(200, {}, b'{"id":550,"Response":"True"}', is_conditional=True).payload


@pytest.mark.parametrize("body", [HTML, TRUNCATED, b"", b"[]", b"\x1f\x8b damaged"])
def test_a_body_that_is_no_object_is_damage_and_may_be_whole_the_next_time(body: bytes) -> None:
    assert classify_tmdb(200, {}, body).is_damaged
    assert classify_omdb(200, {}, body).is_damaged


@pytest.mark.parametrize(
    "found",
    [
        classify_tmdb(200, {}, tmdb_error(21)),
        classify_tmdb(304, {}, b""),
        classify_omdb(200, {}, b'{"Error":"Conversion from string "0f" is not valid."}'),
        classify_omdb(200, {}, omdb_error("Too many results.")),
    ],
    ids=["9", "12", "18", "too broad"],
)
def test_what_the_service_means_is_no_damage(found: Classification) -> None:
    assert found.verdict is V.UNUSABLE
    assert not found.is_damaged


def test_a_redirect_says_where_and_what_to_check() -> None:
    found = classify_tmdb(301, {"location": "https://elsewhere.example/3"}, b"")
    assert "https://elsewhere.example/3" in (found.detail or "")
    assert "base URL" in (found.detail or "")


def test_a_character_cut_in_half_becomes_one_that_can_be_kept() -> None:
    """Half an emoji is valid JSON and no text: no file took it, and the film stopped every run."""
    found = classify_tmdb(
        200, {}, b'{"id": 1, "title": "half \\ud83d", "tagline": "\\ud83d\\ude00"}'
    )
    assert found.payload == {"id": 1, "title": "half ?", "tagline": "\U0001f600"}
