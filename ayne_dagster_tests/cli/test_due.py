"""`ayne due`: the films a run would ask for, most urgent first, and the reason for each."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click
import pytest

from ayne_dagster.cli.due import due_report
from ayne_dagster.cli.due_explained import explanation
from ayne_dagster.domain.tables import FROZEN_FLAGS, REFRESH_HISTORY, TMDB_DETAILS
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.cli.conftest import Invoke
from ayne_dagster_tests.cli.films_to_steer import collection_at, read_feed, three_films
from ayne_dagster_tests.storage.film_rows import NOW, asked, days_ago, detailed, flagged, put


@pytest.fixture
def warehouse(project: Path) -> Warehouse:
    return three_films(project)


def test_films_never_fetched_come_first_then_those_that_wait_longest(warehouse: Warehouse):
    put(warehouse, REFRESH_HISTORY, asked("omdb", 3, 400))
    put(warehouse, TMDB_DETAILS, detailed(4, title="Four"))
    put(warehouse, REFRESH_HISTORY, asked("tmdb", 4, 1), asked("omdb", 4, 500, "not_found"))
    collection = collection_at()
    report = due_report(collection, ["tmdb", "omdb"], collection.years, 10)
    assert [(one["tmdb_id"], one["source"], one["why"]) for one in report["films"]] == [
        (1, "tmdb", "never_fetched"), (4, "omdb", "not_found"), (2, "tmdb", "interval"),
    ]  # fmt: skip
    assert report["films"][0]["title"] == "[rec] one"
    assert report["films"][2]["words"] == "every 90 days at its age"
    assert report["films"][2]["age_band"] == "over 365 days"


def test_the_totals_count_all_films_whatever_the_limit(warehouse: Warehouse):
    collection = collection_at()
    report = due_report(collection, ["tmdb", "omdb"], collection.years, 0)
    assert report["films"] == []
    tmdb, omdb = report["sources"]
    assert (tmdb["films"], tmdb["never_fetched"], omdb["films"]) == (2, 1, 0)
    assert omdb["next_due_at"] > NOW + timedelta(days=100)
    assert report["years"] == [
        {"release_year": "2001", "tmdb": 1, "omdb": 0},
        {"release_year": "2002", "tmdb": 1, "omdb": 0},
    ]


def test_only_the_years_asked_about_count(warehouse: Warehouse):
    report = due_report(collection_at(), ["tmdb"], ["2002"], 10)
    assert [one["tmdb_id"] for one in report["films"]] == [1]
    assert report["sources"][0]["films"] == 1


def test_box_office_is_due_by_its_own_interval(
    warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    """The ratings of both films are fresh; their box office is to be looked at every half day."""
    monkeypatch.setenv("REFRESH__BOX_OFFICE_DAYS_OLD", "0.5")
    monkeypatch.setenv("REFRESH__OMDB_DAYS_OLD", "0.25")
    collection = collection_at()
    report = due_report(collection, ["box-office"], collection.years, 10)
    assert {(one["tmdb_id"], one["source"]) for one in report["films"]} == {
        (2, "box-office"), (3, "box-office"),
    }  # fmt: skip
    assert report["films"][0]["words"] == "every 0.5 days at its age"


def test_films_the_change_feed_keeps_back_are_counted(warehouse: Warehouse):
    read_feed(warehouse, days=range(1, 130))
    collection = collection_at()
    report = due_report(collection, ["tmdb"], collection.years, 10)
    assert [one["tmdb_id"] for one in report["films"]] == [1]
    assert report["kept_back_by_change_feed"] == 1
    assert report["change_feed_read_up_to"] == datetime(
        NOW.year, NOW.month, NOW.day, tzinfo=NOW.tzinfo
    )


def test_the_change_feed_of_tmdb_is_no_matter_of_other_sources(warehouse: Warehouse):
    read_feed(warehouse, days=range(1, 130))
    collection = collection_at()
    kept_back = [
        due_report(collection, sources, collection.years, 0)["kept_back_by_change_feed"]
        for sources in (["tmdb", "omdb"], ["omdb"], ["box-office"])
    ]
    assert kept_back == [1, 0, 0]


def test_an_explanation_holds_every_number_that_decides(warehouse: Warehouse):
    put(warehouse, FROZEN_FLAGS, flagged(2, is_frozen=True))
    read_feed(warehouse, days=range(1, 130), named={2: 3})
    told = explanation(collection_at(), 2)
    assert (told["title"], told["age_band"], told["is_frozen"]) == ("Two", "over 365 days", True)
    assert told["age_days"] == (NOW.date() - told["release_date"]).days
    tmdb, omdb, box_office = told["sources"]
    assert (tmdb["is_due"], tmdb["why"]) == (True, "named")
    assert tmdb["named_by_change_feed_on"] == days_ago(3).date()
    assert (tmdb["fetched_at"], tmdb["outcome"]) == (days_ago(120), "row")
    assert tmdb["interval_days"] == 160
    spread = tmdb["interval_with_spread_days"] / 160 - 1
    assert tmdb["spread_share"] == pytest.approx(spread, abs=1e-3)
    assert abs(spread) <= 0.1
    assert (omdb["is_due"], box_office["is_due"]) == (False, False)
    assert "named it on" in tmdb["words"]


def test_an_explanation_of_a_film_never_heard_of_is_refused(warehouse: Warehouse):
    with pytest.raises(click.UsageError, match="not known here: 99"):
        explanation(collection_at(), 99)


def test_the_screen_shows_films_totals_and_years(invoke: Invoke, warehouse: Warehouse):
    """A title in brackets was once taken for a colour and vanished."""
    shown = invoke("due")
    assert shown.exit_code == 0, shown.output
    for words in ("[rec] one", "never fetched", "In total", "By release year", "2002"):
        assert words in shown.output
    said = json.loads(invoke("due", "--json", "--source", "tmdb", "--year", "2002").stdout)
    assert [one["tmdb_id"] for one in said["films"]] == [1]


def test_years_beyond_those_shown_are_told_in_one_line(
    invoke: Invoke, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    """As a caption the words stood in a column as wide as a year."""
    monkeypatch.setattr("ayne_dagster.cli.due._YEARS_SHOWN", 1)
    assert "and 1 in 1 other years" in invoke("due").output.splitlines()


def test_the_table_and_the_sentence_round_an_interval_alike(invoke: Invoke, warehouse: Warehouse):
    told = explanation(collection_at(), 2)["sources"][1]
    assert f"{told['interval_with_spread_days']:.1f} with its spread" in told["words"]
    assert told["interval_with_spread_days"] != round(told["interval_with_spread_days"], 2)


def test_the_screen_explains_one_film(invoke: Invoke, warehouse: Warehouse):
    shown = invoke("due", "--explain", "1")
    assert shown.exit_code == 0, shown.output
    assert "[rec] one: released 2001-03-04" in shown.output
    assert "never fetched" in shown.output
    assert "TMDB's change feed: not read yet" in shown.output


def test_nothing_due_says_what_comes_next(invoke: Invoke, warehouse: Warehouse):
    ahead = (datetime.now(UTC) - NOW) / timedelta(days=1)
    put(warehouse, REFRESH_HISTORY, *(asked("omdb", n, -ahead) for n in (2, 3)))
    shown = invoke("due", "--source", "omdb", "--year", "2002")
    assert shown.exit_code == 0
    assert "nothing comes due as things stand" in shown.output
    shown = invoke("due", "--source", "omdb")
    assert "Nothing is due. Next: omdb 20" in shown.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--year", "199"], "is no range of years"),
        (["--year", "1890"], "is not a release year the platform keeps"),
        (["--explain", "1", "--source", "tmdb"], "--explain is about one film"),
        (["--explain", "abc"], "'abc' is no TMDB id"),
        (["--explain", "0"], "is no TMDB id"),
        (["--explain", "77"], "not known here: 77"),
        (["--source", "imdb"], "'imdb' is not one of"),
    ],
)
def test_wrong_questions_are_refused_in_words(invoke: Invoke, arguments: list[str], words: str):
    result = invoke("due", *arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.output.split())


def test_nothing_stored_is_nothing_due(invoke: Invoke):
    shown = invoke("due")
    assert shown.exit_code == 0, shown.output
    assert "`ayne collect` discovers films" in shown.output
