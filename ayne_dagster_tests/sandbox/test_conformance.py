"""Recorded answers of the services against the sandbox's: the same keys and kinds of values."""

from __future__ import annotations

import json
from functools import lru_cache
from typing import Any

import pytest

from ayne_dagster_tests.sandbox.conftest import SHARED, Client

RECORDED = SHARED / "recorded"
# Answers of other kinds than the sandbox has: seasons and episodes of series.
OUTSIDE = {"omdb/x_200_01.json", "omdb/series_200_02.json", "omdb/series_200_03.json"}


def recorded_answers() -> list[Any]:
    files = sorted(RECORDED.glob("*/*.json")) if RECORDED.is_dir() else []
    found = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    cases = [
        pytest.param(answer, id=f"{file.parent.name}/{file.name}")
        for file, answer in zip(files, found, strict=True)
        if answer["status"] == 200 and f"{file.parent.name}/{file.name}" not in OUTSIDE
    ]
    reason = f"no recorded answers in {RECORDED}"
    return cases or [pytest.param({}, marks=pytest.mark.skip(reason=reason))]


def kind(value: Any) -> str:
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return type(value).__name__
    return "number" if isinstance(value, int | float) else type(value).__name__


def kinds(value: Any, path: str = "") -> dict[str, set[str]]:
    """Return every path of a body with the kinds of values found there."""
    found: dict[str, set[str]] = {path: {kind(value)}}
    inside: list[tuple[str, Any]] = []
    if isinstance(value, dict):
        # Countries are keys there, not names of fields.
        named = not path.endswith("watch/providers.results")
        inside = [(f"{path}.{k}" if named else f"{path}.*", v) for k, v in value.items()]
    elif isinstance(value, list):
        inside = [(f"{path}[]", item) for item in value]
    for name, item in inside:
        for deeper, found_kinds in kinds(item, name.lstrip(".")).items():
            found.setdefault(deeper, set()).update(found_kinds)
    return found


def merged(bodies: list[Any]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for body in bodies:
        for path, these in kinds(body).items():
            found.setdefault(path, set()).update(these)
    return found


@lru_cache(maxsize=1)
def every_omdb_body(client: Client) -> list[Any]:
    columns = client.catalogue.columns
    known = [i for i, ok in zip(columns.imdb_id, columns.has_rating, strict=True) if ok and i]
    return [client.omdb(i=imdb_id).json() for imdb_id in known]


def same_questions(client: Client, recorded: dict[str, Any]) -> list[Any]:
    """Return the sandbox's answers of the same kind for many films, so that all kinds show."""
    path, body, columns = recorded["path"], recorded["body"], client.catalogue.columns
    ids = columns.id.tolist()
    if path == "/":
        if body.get("Response") == "False":
            wrong = {"Error getting data.": {"i": "tt0000000"}}
            return [client.omdb(**wrong.get(body["Error"], {"t": "no such film"})).json()]
        series = body["Type"] == "series"
        return [b for b in every_omdb_body(client) if (b["Type"] == "series") == series]
    parts = path.removeprefix("/3/").split("/")
    if parts[:2] == ["movie", "changes"] or parts[0] in ("discover", "genre"):
        return [client.tmdb("/".join(parts)).json()]
    if parts[0] == "search":
        return [client.tmdb("search/movie", query="The").json()]
    if parts[0] == "find":
        imdb_id = next(i for i in columns.imdb_id if i)
        return [client.tmdb(f"find/{imdb_id}", external_source="imdb_id").json()]
    if parts[0] == "movie" and (parts[1].isdigit() or parts[1] == "{id}"):
        append = [k for k in body if isinstance(body[k], dict) and k != "belongs_to_collection"]
        tail = "".join(f"/{part}" for part in parts[2:])
        more = {} if tail else {"append_to_response": ",".join(append)}
        more |= {"start_date": "2026-05-06", "end_date": "2026-05-20"} if "changes" in tail else {}
        return [client.tmdb(f"movie/{i}{tail}", **more).json() for i in ids[::6]]
    return [client.tmdb("/".join(parts)).json()]


def lenient(path: str) -> bool:
    """Tell whether a recorded path lies where recordings differ by what people entered."""
    skipped = (".value", ".original_value", "logos[]", "lists.results[]", "reviews.results[]")
    return any(part in f".{path}" for part in skipped) or path.startswith("tv_results[]")


@pytest.mark.parametrize("recorded", recorded_answers())
def test_the_sandbox_answers_with_the_recorded_keys_and_kinds(
    client: Client, recorded: dict[str, Any]
) -> None:
    """A stand-in that only resembles the service would let real answers surprise us."""
    answers = same_questions(client, recorded)
    assert answers
    ours, theirs = merged(answers), kinds(recorded["body"])
    missing = {path for path in theirs if path not in ours and not lenient(path)}
    assert not missing
    for path, found in theirs.items():
        if path in ours and not lenient(path):
            assert found <= ours[path] | {"NoneType"}, path


def test_a_recorded_newest_film_has_no_key_more_than_ours(client: Client) -> None:
    """The other way round: nothing invented beside the service's own keys."""
    newest = RECORDED / "tmdb" / "movie_19995_200_01.json"
    if not newest.is_file():
        pytest.skip(f"no recorded answer at {newest}")
    body = json.loads(newest.read_text(encoding="utf-8"))["body"]
    film_id = client.catalogue.columns.id[-50]
    ours = client.tmdb(f"movie/{film_id}", append_to_response="images").json()
    assert set(ours) == set(body)
    assert set(ours["images"]["posters"][0]) == set(body["images"]["posters"][0])
