"""Measurements of the collection, freshness of its years, and windows of its assets."""

from datetime import UTC, datetime, timedelta

import dagster as dg

from ayne_dagster.definitions import defs
from ayne_dagster.defs.freshness import WARN_AND_FAIL_AFTER
from ayne_dagster_tests.defs.world import YEARS, Run, World

NEXT_YEAR = datetime.now(UTC) + timedelta(days=400)


def measure(world: World, at: datetime) -> Run:
    run = world.run("collect", assets=["collection_stats"], at=at, HISTORY__FULL_DAYS="30")
    assert run.success, run.failure_words()
    return run


def test_the_figures_of_a_run_are_those_of_its_tables(first_run: tuple[World, Run]):
    world, run = first_run
    figures = run.figures("collection_stats")
    films = world.value("SELECT count(*) FROM discovered_movies")
    assert (figures["films"], figures["with details"]) == (films, films)
    assert figures["fully refreshed"] == films
    assert sum(value for name, value in figures.items() if name.startswith("films: ")) == films
    assert figures["due now: tmdb"] == figures["due now: omdb"] == 0
    assert figures["history rows"] == world.value("SELECT count(*) FROM refresh_history")
    assert figures["films over time"].startswith("![films over time](data:image/png;base64,")
    stored = world.rows("SELECT figure, part, value FROM collection_stats")
    assert ("films", "all", films) in stored
    assert figures["rows inserted"] == len(stored)


def test_measurements_add_up_and_the_history_is_thinned_once_a_month(world: World):
    world.execute(
        "INSERT INTO refresh_history BY NAME SELECT h.* REPLACE (fetched_at + to_days(day) "
        "AS fetched_at, false AS is_first) FROM refresh_history AS h, "
        "(SELECT unnest(range(1, 61))::INTEGER AS day)"
    )
    rows = world.value("SELECT count(*) FROM refresh_history")
    first = measure(world, NEXT_YEAR).figures("collection_stats")
    left = world.value("SELECT count(*) FROM refresh_history")
    assert first["history rows thinned"] == rows - left > rows / 2
    assert first["history rows"] == left
    mirrored = str(world.mirror / "refresh_history" / "*" / "part.parquet")
    assert world.value("SELECT count(*) FROM read_parquet(?)", mirrored) == left
    again = measure(world, NEXT_YEAR + timedelta(seconds=1)).figures("collection_stats")
    assert "history rows thinned" not in again
    assert world.value("SELECT count(DISTINCT measured_at) FROM collection_stats") == 3
    assert again["due now: tmdb"] == again["films"]


def test_every_year_says_how_fresh_its_films_are(first_run: tuple[World, Run]):
    world, run = first_run
    table = run.figures("frozen_flags")["freshness of the years"]
    by_year = {row["release_year"]: row for row in (record.data for record in table.records)}
    films = dict(world.rows("SELECT release_year, count(*) FROM frozen_flags GROUP BY ALL"))
    assert {year: row["films"] for year, row in by_year.items()} == films
    for row in by_year.values():
        assert row["fresh"] + row["frozen"] + row["due"] + row["overdue"] == row["films"]
    events = {event.partition: event.metadata for event in run.materializations_of("frozen_flags")}
    assert set(events) == set(YEARS)
    assert all(events[year]["share fresh"].value == 1.0 for year in films)


def test_assets_that_run_by_themselves_warn_before_they_fail():
    graph = defs().resolve_asset_graph()
    for name, (warn, fail) in WARN_AND_FAIL_AFTER.items():
        policy = graph.get(dg.AssetKey(name)).freshness_policy
        assert isinstance(policy, dg.FreshnessPolicy)
        assert policy == dg.FreshnessPolicy.time_window(fail_window=fail, warn_window=warn)
        assert warn < fail
    # What is switched off by default must not look late.
    assert graph.get(dg.AssetKey("tmdb_ids")).freshness_policy is None
