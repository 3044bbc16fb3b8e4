"""The whole graph against a real sandbox process: everything once, and nothing twice."""

import json
import urllib.request
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ayne_dagster.defs.job_options import RunOptions, Walk
from ayne_dagster.domain.tables import ASSET_TABLES, IMDB_RATINGS, TMDB_CHANGES, TMDB_IDS
from ayne_dagster_tests.defs.world import (
    PLANTED_OMDB_KEY,
    PLANTED_TMDB_KEY,
    THIS_YEAR,
    YEARS,
    Run,
    World,
    files_with,
)

Populated = tuple[World, Run]
PAST = str(THIS_YEAR - 2)
OF_OTHER_JOBS = (TMDB_IDS, IMDB_RATINGS, TMDB_CHANGES)
GRAPH_TABLES = [table for table in ASSET_TABLES if table not in OF_OTHER_JOBS]
"""Whole files and the change feed have jobs of their own."""


def offered(world: World) -> dict:
    with urllib.request.urlopen(f"{world.sandbox.url}/_sandbox/catalogue") as answer:
        return json.load(answer)


def test_every_asset_is_filled_by_one_run(first_run: Populated):
    _, run = first_run
    assert run.success, run.failure_words()
    assert run.materialized == {table.name for table in GRAPH_TABLES}


def test_every_film_of_the_catalogue_is_there_exactly_once(first_run: Populated):
    world, _ = first_run
    expected = {year: n for year, n in offered(world)["films_by_year"].items() if year in YEARS}
    for table in ("discovered_movies", "tmdb_details", "frozen_flags", "features"):
        counted = world.rows(
            f"SELECT release_year, count(*), count(DISTINCT tmdb_id) FROM {table} "
            "WHERE release_year IN (SELECT unnest(?)) GROUP BY ALL",
            YEARS,
        )
        assert {year: n for year, n, _ in counted} == expected, table
        assert all(n == distinct for _, n, distinct in counted), table


def test_every_rated_imdb_id_is_there_exactly_once(first_run: Populated):
    world, _ = first_run
    expected = sum(offered(world)["rated_imdb_ids_by_year"].get(year, 0) for year in YEARS)
    rows = world.rows("SELECT count(*), count(DISTINCT imdb_id) FROM omdb_ratings")
    assert rows == [(expected, expected)]


def test_each_film_cost_one_request_per_source(first_run: Populated):
    world, run = first_run
    films = world.value("SELECT count(*) FROM tmdb_details")
    assert run.figures("tmdb_details")["requests"] == films
    asked = world.value("SELECT count(DISTINCT imdb_id) FROM tmdb_details")
    assert run.figures("omdb_ratings")["requests"] == asked


def test_a_model_is_trained_only_on_films_released_before_its_year(first_run: Populated):
    world, _ = first_run
    rows = world.rows("SELECT release_year, status, train_films, model_uri FROM trained_model")
    assert len(rows) == len(YEARS)
    trained = [row for row in rows if row[3]]
    assert trained
    for year, _, train_films, _ in trained:
        before = world.value(
            "SELECT count(*) FROM features WHERE is_labelled AND release_year < ?", year
        )
        assert 20 <= train_films <= before
    with_forecasts = {y for (y,) in world.rows("SELECT DISTINCT release_year FROM forecasts")}
    assert with_forecasts == {year for year, *_ in trained}


def test_every_film_with_an_outcome_and_a_model_is_back_tested(first_run: Populated):
    world, run = first_run
    scored = world.rows(
        "SELECT release_year, count(*), count(DISTINCT tmdb_id) FROM back_test GROUP BY ALL ORDER "
        "BY ALL"
    )
    expected = world.rows(
        "SELECT f.release_year, count(*), count(*) FROM features AS f JOIN trained_model AS t "
        "USING (release_year) WHERE f.is_labelled AND t.model_uri IS NOT NULL GROUP BY ALL "
        "ORDER BY ALL"
    )
    assert scored == expected
    assert scored
    figures = run.figures("back_test")
    assert figures["films, all years"] == sum(films for _, films, _ in scored)
    for name in ("model", "budget rule", "regression on the budget", "leak marker"):
        assert f"| {name} |" in figures["all years together"]
    told = run.materializations_of("back_test")
    assert ["error by year" in event.metadata for event in told] == [
        event.partition == YEARS[-1] for event in told
    ]
    for name in ("error by year", "honest against leaky", "what the models lean on"):
        assert figures[name].startswith(f"![{name}](data:image/png")


def test_years_that_are_what_they_were_are_not_scored_again(
    second_run: tuple[World, World, Run, int],
):
    """A score costs a model of its own, the leak marker's."""
    figures = second_run[2].figures("back_test")
    assert figures["years scored"] == figures["years unchanged"] > 0
    assert figures["films, all years"] > 0


def test_the_final_sets_hold_every_film_with_an_outcome_once(first_run: Populated):
    world, run = first_run
    folder = world.folder / "processed"
    for side in ("X", "y"):
        files = [str(folder / f"{side}_{part}.parquet") for part in ("train", "test")]
        found = world.rows("SELECT count(*), count(DISTINCT tmdb_id) FROM read_parquet(?)", files)
        labelled = world.value("SELECT count(*) FROM features WHERE is_labelled")
        assert found == [(labelled, labelled)]
    card = (folder / "DATA_CARD.md").read_text()
    assert card == run.figures("final_sets")["data card"]
    assert "**The films are invented**" in card


def test_every_check_ran_and_none_that_blocks_failed(first_run: Populated):
    _, run = first_run
    evaluated = run.checks
    for table in GRAPH_TABLES:
        names = {one.check_name for one in evaluated if one.asset_key.path[-1] == table.name}
        assert {"key_is_unique", "required_values_are_there", "values_are_plausible"} <= names
    failed = {name.split(".")[1] for name in run.failed_checks()}
    assert failed <= {"money_is_no_unit_mistake"}


def test_written_partitions_are_mirrored_for_analysts(first_run: Populated):
    world, _ = first_run
    for table in ("tmdb_details", "omdb_ratings", "features"):
        files = str(world.mirror / table / "release_year=*" / "part.parquet")
        mirrored = world.value("SELECT count(*) FROM read_parquet(?)", files)
        assert mirrored == world.value(f"SELECT count(*) FROM {table}")


def test_promise_2_a_second_run_sends_no_request_and_changes_no_row(
    second_run: tuple[World, World, Run, int],
):
    """Nothing but age makes a film due: running again must cost nothing."""
    before, after, again, requests = second_run
    assert again.success, again.failure_words()
    assert requests == 0
    assert set(again.changed_rows().values()) == {0}
    assert after.contents() == before.contents()


def test_mistake_2_omdb_is_not_asked_for_the_same_films_on_every_run(
    second_run: tuple[World, World, Run, int],
):
    """Nothing wrote imdb_id back, so OMDb was asked for the same films on every run."""
    figures = second_run[2].figures("omdb_ratings")
    assert figures["films known"] > 0
    assert (figures["films due"], figures["requests"]) == (0, 0)


def test_mistake_1_rediscovery_wipes_neither_flags_nor_first_sightings_nor_ids(world: World):
    """Re-discovery wiped frozen flags and timestamps and gave a film a new id."""
    sightings = "SELECT tmdb_id, first_seen_at, release_year FROM discovered_movies ORDER BY 1"
    seen, flags = world.rows(sightings), world.contents()["frozen_flags"]
    last_seen = world.value("SELECT min(last_seen_at) FROM discovered_movies")
    seen_again = world.run(
        "collect",
        options=RunOptions(force=True, walk=Walk.force),
        assets=["movie_lists", "discovered_movies"],
    )
    assert seen_again.success, seen_again.failure_words()
    assert seen_again.figures("discovered_movies")["years walked"] == len(YEARS)
    again = world.run("collect")
    assert again.success, again.failure_words()
    assert world.rows(sightings) == seen
    assert world.contents()["frozen_flags"] == flags
    assert world.value("SELECT min(last_seen_at) FROM discovered_movies") > last_seen
    assert again.figures("tmdb_details")["requests"] == 0


@pytest.mark.slow
def test_a_run_over_one_year_after_a_run_over_many_touches_nothing_else(world: World):
    before = world.contents()
    forced = RunOptions(force=True)
    run = world.run("refresh", (PAST, PAST), options=forced, assets=["tmdb_details"])
    assert run.success, run.failure_words()
    films = world.value("SELECT count(*) FROM tmdb_details WHERE release_year = ?", PAST)
    assert world.run(years=(PAST, PAST)).success
    assert run.figures("tmdb_details")["requests"] == films > 0
    after = world.contents()
    for name in ("trained_model", "forecasts", "discovered_movies", "omdb_ratings"):
        assert after[name] == before[name], name

    def others(rows: list[tuple]) -> list[tuple]:
        return [row for row in rows if PAST not in row]

    for name in ("tmdb_details", "features", "frozen_flags"):
        assert others(after[name]) == others(before[name]), name
        assert len(after[name]) == len(before[name]), name


@pytest.mark.slow
def test_mistake_3_films_freeze_after_counted_refreshes_without_a_change(world: World):
    """Freezing looked at age only: the number of unchanged cycles was a constant."""
    changed = "SELECT tmdb_id, changed_at FROM tmdb_details WHERE release_year = ? ORDER BY 1"
    before = world.rows(changed, PAST)
    films = len(before)
    assert films > 0
    for cycles in (1, 2):
        run = world.run(
            "collect",
            years=(PAST, PAST),
            options=RunOptions(force=True),
            REFRESH__FROZEN_AFTER_CYCLES="2",
            at=datetime.now(UTC) + timedelta(days=2 * cycles),
        )
        assert run.success, run.failure_words()
        assert run.figures("frozen_flags")["frozen"] == (films if cycles == 2 else 0)
    assert world.rows(changed, PAST) == before


@pytest.mark.slow
def test_a_film_that_moved_to_another_year_exists_once(world: World):
    """Two years held it, each with its own values, and a model was trained on both."""
    old, new = str(THIS_YEAR - 3), PAST
    film, imdb_id = world.rows(
        "SELECT d.tmdb_id, d.imdb_id FROM tmdb_details d JOIN omdb_ratings USING (imdb_id) "
        "WHERE d.release_year = ? ORDER BY 1",
        new,
    )[0]
    for table in ("tmdb_details", "omdb_ratings", "discovered_movies"):
        key, value = ("imdb_id", imdb_id) if table == "omdb_ratings" else ("tmdb_id", film)
        world.execute(f"UPDATE {table} SET release_year = ? WHERE {key} = ?", old, value)
    world.execute("UPDATE discovery_walks SET walked_at = walked_at - INTERVAL 60 DAY")
    run = world.run("collect", years=(old, new), options=RunOptions(force=True))
    assert run.success, run.failure_words()
    for table in ("tmdb_details", "discovered_movies", "frozen_flags"):
        found = world.rows(f"SELECT release_year FROM {table} WHERE tmdb_id = ?", film)
        assert found == [(new,)], table
    assert world.rows("SELECT release_year FROM omdb_ratings WHERE imdb_id = ?", imdb_id) == [
        (new,)
    ]
    old_file = world.mirror / "tmdb_details" / f"release_year={old}" / "part.parquet"
    mirrored = world.rows("SELECT tmdb_id FROM read_parquet(?)", str(old_file))
    assert (film,) not in mirrored


def test_films_without_a_date_are_fetched_and_flagged_but_have_no_features(world: World):
    run = world.run(years=("undated", "undated"))
    assert run.success, run.failure_words()
    assert run.figures("features")["films"] == 0
    assert run.figures("trained_model")["years scored"] == 0
    assert not world.value("SELECT count(*) FROM features WHERE release_year = 'undated'")


@pytest.mark.slow
def test_years_that_are_no_neighbours_fill_one_after_the_other(empty_world: World):
    for year in (YEARS[0], YEARS[3]):
        run = empty_world.run("collect", years=(year, year))
        assert run.success, run.failure_words()
    held = {y for (y,) in empty_world.rows("SELECT DISTINCT release_year FROM tmdb_details")}
    assert held == {YEARS[0], YEARS[3]}
    again = empty_world.run("collect", years=(YEARS[0], YEARS[3]))
    films = empty_world.value(
        "SELECT count(*) FROM tmdb_details WHERE release_year IN (?, ?)", YEARS[1], YEARS[2]
    )
    assert again.figures("tmdb_details")["requests"] == films > 0


def test_a_planted_key_is_nowhere(first_run: Populated, tmp_path: Path):
    """Event log, metadata, warehouse, mirror, ledger, MLflow, log lines: every file."""
    world, _ = first_run
    (tmp_path / "probe").write_text(f"x{PLANTED_TMDB_KEY}x")
    assert files_with(tmp_path, PLANTED_TMDB_KEY) == ["probe"]
    kinds = {path.suffix for path in world.folder.rglob("*") if path.is_file()}
    assert {".duckdb", ".db", ".parquet", ".log", ".sqlite"} <= kinds
    assert (world.folder / "everything.log").stat().st_size > 1000
    for key in (PLANTED_TMDB_KEY, PLANTED_OMDB_KEY):
        assert files_with(world.folder, key) == []
