"""What was answered once is not asked for again: journals of dead runs, validators, replays."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ayne_dagster.defs.replays import replay
from ayne_dagster.defs.resources import build_resources
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.release_years import release_year_keys
from ayne_dagster.sandbox.server import RunningSandbox
from ayne_dagster.settings import load_settings
from ayne_dagster.storage.response_archive import ArchivedAnswer, ResponseArchive
from ayne_dagster_tests.defs.world import YEARS, World

YEAR = YEARS[1]
ONE_YEAR = (YEAR, YEAR)
REPLAYED = ("tmdb_details", "omdb_ratings", "refresh_history", "refresh_state")


@pytest.fixture(scope="module")
def collected(sandbox: RunningSandbox, tmp_path_factory: pytest.TempPathFactory) -> World:
    """A world with the films of one year."""
    made = World(tmp_path_factory.mktemp("resumed"), sandbox)
    run = made.run("collect", ONE_YEAR)
    assert run.success, run.failure_words()
    return made


@pytest.fixture
def world(collected: World, tmp_path: Path) -> World:
    """The same, to be changed without harm."""
    return collected.copied_to(tmp_path / "world")


def archive_of(world: World) -> ResponseArchive:
    return ResponseArchive(world.folder / "raw" / "responses")


def replayed(world: World) -> dict[Source, int]:
    with world.environment({}):
        settings = load_settings()
        years = release_year_keys(settings.first_release_year, datetime.now(UTC).date())
        reports = replay(build_resources(settings)["fetching"], list(Source), years)
    return {source: report.answers for source, report in reports.items()}


def test_answers_of_a_run_that_died_are_stored_and_not_asked_for_again(world: World):
    """A kill lost all that was fetched since the run had begun, and the day's quota with it."""
    answers = list(archive_of(world).in_order("tmdb"))
    dead, alive = answers[:5], answers[5:]
    ids = [int(answer.request_key) for answer in dead]
    for table in ("tmdb_details", "refresh_state", "refresh_history"):
        world.execute(f"DELETE FROM {table} WHERE tmdb_id IN (SELECT unnest(?))", ids)
    for path in archive_of(world).folder.rglob("*.parquet"):
        path.unlink()
    with archive_of(world).session("tmdb") as journal:
        journal.keep(dead)
    run = world.run("collect", ONE_YEAR)
    assert run.success, run.failure_words()
    figures = run.figures("tmdb_details")
    assert figures["answers taken over from a run that died"] == len(dead)
    assert (figures["requests"], figures["films due"]) == (0, 0)
    held = world.value("SELECT count(*) FROM tmdb_details WHERE release_year = ?", YEAR)
    assert held == len(dead) + len(alive)
    assert not list(archive_of(world).folder.rglob("open-*"))


@pytest.mark.slow
def test_a_film_that_has_not_changed_is_confirmed_without_its_body(world: World):
    before = world.contents()["tmdb_details"]
    later = datetime.now(UTC) + timedelta(days=200)
    run = world.run("collect", ONE_YEAR, at=later)
    assert run.success, run.failure_words()
    figures = run.figures("tmdb_details")
    assert figures["answers without a change"] == figures["requests"] == len(before)
    assert world.value("SELECT min(fetched_at) FROM tmdb_details") == later
    assert world.value("SELECT count(*) FROM tmdb_details WHERE changed_at = fetched_at") == 0


def test_a_lost_warehouse_comes_back_from_the_archive_with_its_history(world: World):
    before = world.contents()
    (world.folder / "ayne.duckdb").unlink()
    (world.folder / "ayne.duckdb.wal").unlink(missing_ok=True)
    world.sandbox.reset_stats()
    counts = replayed(world)
    assert counts[Source.TMDB] == len(before["tmdb_details"])
    assert world.sandbox.stats()["services"] == {}
    after = world.contents()
    for table in REPLAYED:
        assert after[table] == before[table], table


def test_a_replay_changes_nothing_that_stands_and_reads_rows_anew(world: World):
    """A corrected reader would otherwise reach a film only when it is due, months later."""
    before = world.contents()
    film = world.value("SELECT min(tmdb_id) FROM tmdb_details")
    world.execute("UPDATE tmdb_details SET overview = 'read wrongly' WHERE tmdb_id = ?", film)
    replayed(world)
    assert world.contents() == before


@pytest.mark.slow
def test_an_answer_older_than_the_row_is_no_news(world: World):
    before = world.contents()
    (answer, *_) = archive_of(world).in_order("tmdb")
    body = json.dumps({**json.loads(answer.body or ""), "title": "As it was long ago"})
    old = ArchivedAnswer(
        answer.request_key, answer.answered_at - timedelta(days=9), "row", body=body
    )
    with archive_of(world).session("tmdb") as journal:
        journal.keep([old])
    run = world.run("collect", ONE_YEAR)
    assert run.success, run.failure_words()
    for table in ("tmdb_details", "refresh_state", "refresh_history"):
        assert world.contents()[table] == before[table]


def test_an_answer_no_table_takes_is_quarantined_and_keeps_out_no_other(world: World):
    """It was taken over by every later run, and each failed before anything was asked."""
    answers = list(archive_of(world).in_order("tmdb"))[:3]
    now = datetime.now(UTC)
    body = json.dumps({**json.loads(answers[0].body or ""), "runtime": 10**12})
    unreadable = json.dumps({**json.loads(answers[1].body or ""), "genres": "none"})
    with archive_of(world).session("tmdb") as journal:
        journal.keep(
            [
                ArchivedAnswer(answers[0].request_key, now, "row", body=body),
                ArchivedAnswer(answers[1].request_key, now, "row", body=unreadable),
                ArchivedAnswer(answers[2].request_key, now, "row", body=answers[2].body),
            ]
        )
    run = world.run("collect", ONE_YEAR)
    assert run.success, run.failure_words()
    kept = world.rows("SELECT request_key FROM quarantined_answers WHERE body IS NOT NULL")
    taken = world.value(
        "SELECT count(*) FROM tmdb_details WHERE fetched_at = ? AND tmdb_id = ?",
        now, int(answers[2].request_key),
    )  # fmt: skip
    assert (len(kept), taken) in {(1, 1), (2, 1)}
    assert not list(archive_of(world).folder.rglob("open-*"))
