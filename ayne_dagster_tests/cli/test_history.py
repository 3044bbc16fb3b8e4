"""`ayne history`: how the numbers of one film went, answer by answer."""

import json
from pathlib import Path

import pytest

from ayne_dagster.domain.tables import REFRESH_HISTORY
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.cli.conftest import Invoke
from ayne_dagster_tests.cli.films_to_steer import three_films
from ayne_dagster_tests.storage.film_rows import asked, days_ago, put


@pytest.fixture
def warehouse(project: Path) -> Warehouse:
    filled = three_films(project)
    put(
        filled, REFRESH_HISTORY,
        asked("tmdb", 3, 20, popularity=5.0, vote_count=100, is_first=True),
        asked("omdb", 3, 19, rating=7.5, metascore=61),
        asked("tmdb", 3, 10, popularity=9.0, vote_count=140, changed=["title", "tagline"]),
    )  # fmt: skip
    return filled


def test_the_numbers_of_a_film_are_shown_by_time_with_what_changed(
    invoke: Invoke, warehouse: Warehouse
):
    result = invoke("history", "3")
    assert result.exit_code == 0, result.output
    assert "3 Three" in result.output
    assert "popularity: 5.00 to 9.00" in result.output
    lines = [line for line in result.output.splitlines() if f"{days_ago(10):%Y-%m-%d}" in line]
    assert ["140" in line and "title, tagline" in line for line in lines] == [True]


def test_a_limit_leaves_the_oldest_out_and_says_so(invoke: Invoke, warehouse: Warehouse):
    result = invoke("history", "3", "--limit", "1")
    assert f"{days_ago(10):%Y-%m-%d}" not in result.output
    assert "4 older answers" in result.output
    assert "popularity: 5.00 to 9.00" in result.output


def test_as_json_nothing_is_left_out_and_what_is_not_known_is_null(
    invoke: Invoke, warehouse: Warehouse
):
    result = invoke("history", "3", "--json")
    report = json.loads(result.stdout)
    assert (report["tmdb_id"], report["title"]) == (3, "Three")
    assert [one["source"] for one in report["answers"]] == ["tmdb", "omdb", "tmdb", "omdb", "tmdb"]
    assert [one["vote_count"] for one in report["answers"]][:3] == [100, None, 140]
    assert report["answers"][2]["changed_fields"] == ["title", "tagline"]


def test_a_film_never_asked_for_and_one_not_known_are_told_apart(
    invoke: Invoke, warehouse: Warehouse
):
    result = invoke("history", "1")
    assert result.exit_code == 0, result.output
    assert "never asked for" in result.output
    assert invoke("history", "77").exit_code == 2
