"""`ayne export` writes whole files or none; `ayne status` answers on nothing and on data."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pandas as pd
import pytest

from ayne_dagster.cli.errors import is_expected
from ayne_dagster.defs.services import Services
from ayne_dagster.domain.tables import ASSET_TABLES, DISCOVERED_MOVIES
from ayne_dagster.settings import load_settings
from ayne_dagster_tests.cli.conftest import Invoke


def test_a_parquet_export_keeps_columns_types_and_lists(
    invoke: Invoke, database: Path, tmp_path: Path
):
    target = tmp_path / "films.parquet"
    result = invoke("export", "discovered_movies", "--to", str(target))
    assert result.exit_code == 0, result.output
    assert result.output == f"3 rows of discovered_movies -> {target}\n"
    frame = pd.read_parquet(target)
    assert list(frame.columns) == DISCOVERED_MOVIES.column_names
    assert frame["tmdb_id"].tolist() == [1, 2, 3]
    assert list(frame["sources"][0]) == ["discover", "popular"]


def test_a_csv_export_joins_lists_and_takes_years(invoke: Invoke, database: Path, tmp_path: Path):
    target = tmp_path / "films.csv"
    result = invoke(
        "export", "discovered_movies", "--to", str(target), "--start", "2002", "--end", "2002",
        "--json",
    )  # fmt: skip
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said == {"table": "discovered_movies", "rows": 1, "file": str(target.resolve())}
    frame = pd.read_csv(target)
    assert frame[["tmdb_id", "title", "sources"]].to_dict("records") == [
        {"tmdb_id": 3, "title": "Film 3", "sources": "discover|popular"}
    ]


def test_an_export_replaces_the_file_that_is_there_and_leaves_nothing_beside_it(
    invoke: Invoke, database: Path, tmp_path: Path
):
    folder = tmp_path / "out"
    folder.mkdir()
    target = folder / "films.csv"
    target.write_text("old")
    assert invoke("export", "discovered_movies", "--to", str(target)).exit_code == 0
    assert [path.name for path in folder.iterdir()] == ["films.csv"]
    assert target.read_text().startswith("tmdb_id,")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["film", "--to", "x.csv"], "there is no table 'film'; there are movie_lists, "),
        (["features", "--to", "x.xlsx"], "x.xlsx: write to a file ending in .parquet or .csv"),
        (["features", "--to", "x"], "write to a file ending in .parquet or .csv"),
        (["movie_lists", "--to", "x.csv", "--start", "2001"], "movie_lists has no release years"),
        (["discovery_walks", "--film", "1"], "discovery_walks has no films"),
        (["features", "--since", "2001-01-01"], "features is no journal"),
        (["refresh_history", "--since", "2001-01-02", "--until", "2001-01-01"], "is after the day"),
    ],
)
def test_an_export_that_cannot_be_is_refused_in_words(
    invoke: Invoke, arguments: list[str], words: str
):
    result = invoke("export", *arguments)
    assert result.exit_code == 2
    assert words in result.output


def test_an_export_without_a_name_is_named_after_its_content(
    invoke: Invoke, database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    result = invoke("export", "discovered_movies", "--film", "2", "--film", "3")
    assert result.exit_code == 0, result.output
    frame = pd.read_parquet(tmp_path / "discovered_movies-film-2-3.parquet")
    assert frame["tmdb_id"].tolist() == [2, 3]


def test_an_export_that_matches_nothing_says_so_and_where_the_file_is(
    invoke: Invoke, database: Path, tmp_path: Path
):
    """`0 rows` was read as a success."""
    target = tmp_path / "none.csv"
    arguments = ("export", "discovered_movies", "--film", "77", "--to", str(target))
    result = invoke(*arguments)
    assert (result.exit_code, target.exists()) == (0, True)
    assert "No row of discovered_movies matched" in result.stderr
    assert "`ayne due --explain 77`" in result.stderr
    assert result.stdout == f"0 rows of discovered_movies -> {target}\n"
    assert "matched" in invoke(*arguments, "--json").stderr
    found = invoke("export", "discovered_movies", "--film", "2", "--to", str(target))
    assert found.stderr == ""


def test_an_export_without_a_database_says_so_and_writes_nothing(invoke: Invoke, tmp_path: Path):
    target = tmp_path / "films.csv"
    result = invoke("export", "features", "--to", str(target))
    assert result.exit_code == 1
    assert result.exception is not None
    assert is_expected(result.exception)
    assert "ayne.duckdb" in str(result.exception)
    assert not target.exists()


def test_an_export_of_a_table_never_filled_says_so(invoke: Invoke, database: Path, tmp_path: Path):
    target = tmp_path / "features.csv"
    result = invoke("export", "features", "--to", str(target), "--database", str(database))
    assert result.exit_code == 1
    assert "features has never been materialized" in str(result.exception)
    assert list(tmp_path.glob("*features*")) == []


def test_an_export_into_a_folder_that_is_not_there_makes_none(
    invoke: Invoke, database: Path, tmp_path: Path
):
    """A misspelt path became a tree of new folders."""
    target = tmp_path / "nowhere" / "films.csv"
    result = invoke("export", "discovered_movies", "--to", str(target))
    assert result.exit_code == 2
    assert "there is no folder" in result.output
    assert not target.parent.exists()


def test_status_on_nothing_says_where_to_start(invoke: Invoke):
    result = invoke("status")
    assert result.exit_code == 0, result.output
    assert "Nothing collected yet" in result.output
    assert "ayne demo" in result.output


def test_status_on_nothing_names_the_demos_that_were_run(invoke: Invoke, project: Path):
    """It said "nothing collected" to people who had just watched the demo collect."""
    demo = project / "data" / "demo_5000_42" / "ayne.duckdb"
    demo.parent.mkdir(parents=True)
    demo.touch()
    assert f"ayne status --database {demo}\n" in invoke("status", "--runs", "0").output


def test_status_as_json_on_nothing_counts_zero(invoke: Invoke):
    said = json.loads(invoke("status", "--json").stdout)
    assert said["tables"] == {table.name: 0 for table in ASSET_TABLES}
    assert said["runs"] == []
    budgets = {one["service"]: one for one in said["budgets"]}
    assert budgets["omdb"]["left_today"] == budgets["omdb"]["daily_quota"] == 950
    assert budgets["tmdb"]["daily_quota"] is None


def test_status_shows_the_pace_after_a_complaint_and_the_requests_under_way(invoke: Invoke):
    async def send_and_hear_a_complaint() -> dict:
        budget = Services(load_settings(), lambda: datetime.now(UTC)).budget()
        async with budget.turn("tmdb"):
            await budget.slow_down("tmdb", 30)
            said = json.loads(invoke("status", "--json", "--runs", "0").stdout)
        budget.close()
        return {one["service"]: one for one in said["budgets"]}["tmdb"]

    tmdb = asyncio.run(send_and_hear_a_complaint())
    assert (tmdb["used_today"], tmdb["places_in_use"], tmdb["places"]) == (1, 1, 10)
    assert (tmdb["requests_per_second"], tmdb["pace_now"]) == (20, 0)
    assert datetime.fromisoformat(tmdb["slowed_until"]) > datetime.now(UTC)
    shown = invoke("status", "--runs", "0").output
    assert "0, slowed until" in " ".join(shown.split())


def test_redis_without_its_address_names_the_setting_and_the_way_without(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
):
    """It once advised to work without keys, which no key was missing for."""
    monkeypatch.setenv("BUDGET__BACKEND", "redis")
    result = invoke("status")
    assert result.exit_code != 0
    words = str(result.exception)
    assert words.startswith("BUDGET__REDIS_URL: is not set")
    assert "BUDGET__BACKEND=file" in words
    assert "key" not in words


def test_status_on_data_counts_rows(invoke: Invoke, database: Path):
    said = json.loads(invoke("status", "--json").stdout)
    assert said["tables"]["discovered_movies"] == 3
    assert said["database"] == str(database)
    assert {one["source"] for one in said["due"]} == {"tmdb", "omdb"}
    assert {"figure": "films", "part": "over 365 days", "value": 3} in said["films"]
    assert (said["run_figures"], said["change_feed_read_up_to"]) == ([], None)
    shown = invoke("status")
    assert shown.exit_code == 0, shown.output
    assert "discovered_movies" in shown.output
    assert "fully refreshed" in shown.output
    assert "TMDB's change feed: not read yet" in shown.output
    assert "Nothing collected yet" not in shown.output


def test_films_that_were_discovered_and_never_fetched_are_due(invoke: Invoke, database: Path):
    """Only films with flags were counted: after a first discovery nothing was due."""
    said = json.loads(invoke("status", "--json", "--runs", "0").stdout)
    assert {one["source"]: (one["now"], one["next_7_days"]) for one in said["due"]} == {
        "tmdb": (3, 0), "omdb": (0, 0),
    }  # fmt: skip


def test_status_looks_into_another_database_and_says_so(
    invoke: Invoke, database: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("DATABASE__PATH", str(database.parent / "empty.duckdb"))
    shown = invoke("status", "--runs", "0", "--database", str(database))
    assert shown.exit_code == 0, shown.output
    assert f"Films and runs of {database}" in shown.output
    assert "Nothing collected yet" not in shown.output
    said = json.loads(invoke("status", "--json", "--database", str(database)).stdout)
    assert (said["database"], said["tables"]["discovered_movies"]) == (str(database), 3)


def test_status_of_a_database_that_is_not_there_is_wrong_usage(invoke: Invoke, tmp_path: Path):
    result = invoke("status", "--database", str(tmp_path / "none.duckdb"))
    assert result.exit_code == 2
    assert "does not exist" in result.output


def test_status_of_a_file_that_is_no_database_says_so_first(invoke: Invoke, tmp_path: Path):
    """The advice for a damaged file, move it away, was given for a slip of the keyboard."""
    file = tmp_path / "README.md"
    file.write_text("# Films\n" * 1000)
    result = invoke("status", "--database", str(file))
    assert result.exit_code == 1
    assert result.exception is not None
    assert is_expected(result.exception)
    assert str(result.exception).startswith(f"{file} is no DuckDB file. Is it the right path?")
