"""The bulk files: TMDB's daily ids and IMDb's ratings and basics."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from ayne_dagster.sandbox.clock import SandboxClock
from ayne_dagster_tests.sandbox.conftest import Client


def test_the_id_file_lists_every_film_as_lines_of_json(client: Client) -> None:
    answer = client.ask("/p/exports/movie_ids_05_20_2026.json.gz")
    lines = [json.loads(line) for line in gzip.decompress(answer.content).splitlines()]
    assert sorted(line["id"] for line in lines) == sorted(client.catalogue.columns.id.tolist())
    assert set(lines[0]) == {"adult", "id", "original_title", "popularity", "video"}


@pytest.mark.parametrize(
    "name",
    [
        "movie_ids_05_21_2026.json.gz",
        "movie_ids_01_20_2026.json.gz",
        "movie_ids_13_45_2026.json.gz",
        "other.json.gz",
    ],
)
def test_future_old_and_nonsense_files_are_404(client: Client, name: str) -> None:
    assert client.ask(f"/p/exports/{name}").status_code == 404


def test_todays_file_appears_at_eight_utc(make_client: Callable[..., Client]) -> None:
    clock = SandboxClock(datetime(2026, 5, 20, 7, 59, tzinfo=UTC), speed=0)
    client = make_client(clock=clock)
    today = "/p/exports/movie_ids_05_20_2026.json.gz"
    assert client.ask(today).status_code == 404
    assert client.ask("/p/exports/movie_ids_05_19_2026.json.gz").status_code == 200
    clock.advance(timedelta(minutes=2))
    assert client.ask(today).status_code == 200


def test_the_imdb_files_have_their_headers_nulls_and_literal_quotes(client: Client) -> None:
    ratings = gzip.decompress(client.ask("/title.ratings.tsv.gz").content).decode().splitlines()
    assert ratings[0] == "tconst\taverageRating\tnumVotes"
    assert len(ratings) > 400
    basics = gzip.decompress(client.ask("/title.basics.tsv.gz").content).decode().splitlines()
    assert basics[0].split("\t")[:3] == ["tconst", "titleType", "primaryTitle"]
    rows = [line.split("\t") for line in basics[1:]]
    assert all(len(row) == 9 for row in rows)
    assert any(row[2].startswith('"') for row in rows)
    assert any(r"\N" in row for row in rows)
    assert {len(row[0]) for row in rows} == {9, 10}
