"""`ayne refresh` and `ayne run`: exactly what was named, exactly what a schedule would do."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import httpx
import pytest

from ayne_dagster.cli.errors import RunFailed, is_expected
from ayne_dagster.cli.job_runs import AssetOutcome, JobOutcome
from ayne_dagster.cli.planned_runs import PlannedRun, plan_change_feed, plan_schedule
from ayne_dagster.cli.sandbox_world import sandbox_environment
from ayne_dagster.domain.tables import DISCOVERED_MOVIES, FROZEN_FLAGS, REFRESH_HISTORY
from ayne_dagster.sandbox.config import SANDBOX_TMDB_TOKEN, SandboxConfig
from ayne_dagster.sandbox.server import RunningSandbox, running_sandbox
from ayne_dagster.storage.warehouse import Warehouse, WarehouseBusy
from ayne_dagster_tests.cli.conftest import Invoke
from ayne_dagster_tests.cli.films_to_steer import collection_at, read_feed, three_films
from ayne_dagster_tests.conftest import PROJECT
from ayne_dagster_tests.defs.left_runs import left_run
from ayne_dagster_tests.storage.film_rows import NOW, asked, discovered, flagged, put

THIS_YEAR = datetime.now(UTC).year
NOT_ANSWERED = JobOutcome(
    run_id="4c6a9d31",
    seconds=2.0,
    assets=[
        AssetOutcome(
            "tmdb_details",
            {"requests": 4, "failed": 1, "failed by": "connection refused", "deferred by": "-"},
        )
    ],
)
"""A run whose service could not be reached."""
YESTERDAY = (NOW - datetime.now(UTC)) / timedelta(days=1) + 1


@pytest.fixture
def warehouse(project: Path) -> Warehouse:
    return three_films(project)


@pytest.fixture(scope="module")
def dagster_home(machine: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One Dagster instance for all plans: making one costs a second."""
    home = tmp_path_factory.mktemp("plans")
    shipped = machine / "dagster_home" / "dagster.yaml"
    (home / "dagster.yaml").write_bytes(shipped.read_bytes())
    return home


@pytest.fixture
def planner(project: Path, dagster_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key, and a Dagster instance without any run."""
    monkeypatch.setenv("DAGSTER_HOME", str(dagster_home))
    monkeypatch.setenv("TMDB__API_KEY", "5ec2e75ec2e75ec2e75ec2e75ec2e75e")


@pytest.fixture
def sandbox(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    """A sandbox, and settings that point at it."""
    config = SandboxConfig(
        films=50, first_year=THIS_YEAR - 2, last_year=THIS_YEAR, tmdb_requests_per_second=0,
        omdb_daily_quota=0,
    )  # fmt: skip
    with running_sandbox(config) as running:
        for name, value in sandbox_environment(running.url, project, first_year=1900).items():
            monkeypatch.setenv(name, value)
        yield running


def said(invoke: Invoke, *arguments: str) -> dict[str, Any]:
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def served(sandbox: RunningSandbox) -> dict[str, int]:
    services = sandbox.stats()["services"]
    return {name: services.get(name, {}).get("requests", 0) for name in ("tmdb", "omdb")}


def ids_of(sandbox: RunningSandbox) -> list[int]:
    """The most popular films of the sandbox."""
    found = httpx.get(
        f"{sandbox.url}/3/discover/movie", headers={"Authorization": f"Bearer {SANDBOX_TMDB_TOKEN}"}
    ).raise_for_status()
    return [film["id"] for film in found.json()["results"]]


def weekly_runs(**narrowed: Any) -> list[PlannedRun]:
    found = plan_schedule(collection_at(), "weekly_enrichment", **narrowed)
    assert not isinstance(found, str), found
    return found


def test_films_that_are_not_due_are_not_asked_for_and_it_says_when_they_are(
    invoke: Invoke, warehouse: Warehouse
):
    """Frozen films among them: automatic or by hand, only --force asks for those."""
    put(
        warehouse, REFRESH_HISTORY,
        *(asked(source, n, YESTERDAY) for source in ("tmdb", "omdb") for n in (2, 3)),
    )  # fmt: skip
    put(warehouse, FROZEN_FLAGS, flagged(2, is_frozen=True))
    result = invoke("refresh", "2", "3", "2")
    assert result.exit_code == 0, result.output
    assert "2 Two: not asked for" in result.output
    assert result.output.count("not due until") == 4
    assert "frozen, verified again after 160 days" in result.output
    assert "Nothing was sent" in result.output
    report = said(invoke, "refresh", "3")
    assert (report["runs"], report["films"][0]["was_asked_for"]) == ([], False)


def test_films_that_are_not_known_are_refused_with_what_to_do(invoke: Invoke, warehouse: Warehouse):
    result = invoke("refresh", "3", "77", "78", "--force")
    assert result.exit_code == 2
    assert "not known here: 77, 78" in result.output
    assert "ayne collect" in result.output
    assert invoke("refresh").exit_code == 2
    assert invoke("refresh", "603x").exit_code == 2


def test_a_film_of_a_year_that_is_no_longer_kept_is_refused_by_the_settings_name(
    invoke: Invoke, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("FIRST_RELEASE_YEAR", "2002")
    result = invoke("refresh", "1", "2", "3", "--force")
    assert result.exit_code == 2, result.output
    assert "2 is a film of 2001, and release years 2002 to" in result.output
    assert "FIRST_RELEASE_YEAR" in result.output


def test_a_named_film_that_is_not_answered_is_a_failure_with_its_reason(
    invoke: Invoke, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    """It once said "not asked", without a reason, and was green; a second block ran after it."""
    monkeypatch.setenv("TMDB__API_KEY", "5ec2e75ec2e75ec2e75ec2e75ec2e75e")
    outcomes, is_partial = iter([NOT_ANSWERED, None]), True

    def made(job: str, years: list[str], **_: Any) -> JobOutcome:
        if (outcome := next(outcomes)) is None:
            raise RunFailed("step tmdb_details failed: the file is held")
        if not is_partial:
            raise RunFailed("step tmdb_details failed: none was answered", outcome)
        return outcome

    monkeypatch.setattr("ayne_dagster.cli.job_runs.run_job", made)
    put(warehouse, DISCOVERED_MOVIES, discovered(5, "2010"))
    result = invoke("refresh", "1", "5", "--force", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    failed, broken = report["runs"]
    assert (failed["failed"], failed["failed_by"]) == (
        {"tmdb_details": 1}, {"tmdb_details": "connection refused"},
    )  # fmt: skip
    assert broken["error"] == "step tmdb_details failed: the file is held"
    assert [one["has_failed"] for one in report["films"][0]["sources"]] == [True, False]
    assert "not answered: 1 at tmdb. They stay" in result.stderr
    assert "the file is held" in result.stderr
    outcomes = iter([NOT_ANSWERED])
    shown = invoke("refresh", "1", "--force")
    assert shown.exit_code == 1
    assert "tmdb_details: 1 not answered (connection refused)" in shown.output
    assert "no answer" in shown.output

    outcomes, is_partial = iter([NOT_ANSWERED]), False
    shown = invoke("refresh", "1", "--force")
    assert shown.exit_code == 1
    for words in ("none was answered", "1 not answered (connection refused)", "no answer"):
        assert words in shown.output


def test_a_run_by_hand_counts_what_was_not_answered(
    invoke: Invoke, warehouse: Warehouse, planner: None, monkeypatch: pytest.MonkeyPatch
):
    planned = PlannedRun("weekly_enrichment", ("2001", "2002"), "due")
    monkeypatch.setattr("ayne_dagster.cli.planned_runs.plan_schedule", lambda *_, **__: [planned])
    monkeypatch.setattr("ayne_dagster.cli.job_runs.run_job", lambda *_, **__: NOT_ANSWERED)
    monkeypatch.setenv("CHANGES__IS_ENABLED", "false")
    run = said(invoke, "run", "weekly")["runs"][0]
    assert (run["failed"], run["films_answered"]) == ({"tmdb_details": 1}, 0)
    shown = invoke("run", "weekly")
    assert shown.exit_code == 0
    assert "1 films were not answered (connection refused); they stay due" in shown.output


@pytest.mark.slow
def test_a_service_that_cannot_be_reached_is_said_film_by_film(
    invoke: Invoke, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TMDB__API_KEY", "5ec2e75ec2e75ec2e75ec2e75ec2e75e")
    monkeypatch.setenv("TMDB__BASE_URL", "http://127.0.0.1:9/3")
    result = invoke("refresh", "1", "--force", "--json")
    assert result.exit_code == 1, result.output
    report = json.loads(result.stdout)
    assert report["runs"][0]["failed"] == {"tmdb_details": 1}
    assert report["runs"][0]["failed_by"]["tmdb_details"]
    assert report["films"][0]["sources"][0]["has_failed"]


@pytest.mark.slow
def test_a_film_is_refreshed_alone_at_both_services(
    invoke: Invoke, sandbox: RunningSandbox, project: Path
):
    """Its whole year was due as well, and was left alone."""
    known = ids_of(sandbox)
    warehouse = Warehouse(project / "ayne.duckdb")
    put(warehouse, DISCOVERED_MOVIES, *(discovered(n, str(THIS_YEAR - 2)) for n in known[:5]))
    before = served(sandbox)
    report = said(invoke, "refresh", str(known[2]))
    assert served(sandbox)["tmdb"] - before["tmdb"] == 1
    assert report["runs"][0]["requests"]["tmdb_details"] == 1
    [film] = report["films"]
    tmdb = film["sources"][0]
    assert (tmdb["outcome"], tmdb["is_first"]) == ("row", True)
    assert datetime.fromisoformat(tmdb["due_at"]) > datetime.now(UTC)
    assert len(warehouse.rows("SELECT * FROM main.tmdb_details")) == 1


@pytest.mark.slow
def test_forced_films_are_asked_for_due_or_not_in_a_run_for_each_block_of_years(
    invoke: Invoke, sandbox: RunningSandbox, project: Path
):
    said(invoke, "collect", "--start-year", str(THIS_YEAR - 2), "--end-year", str(THIS_YEAR))
    films = Warehouse(project / "ayne.duckdb").rows(
        "SELECT min(tmdb_id) AS tmdb_id FROM main.tmdb_details "
        "WHERE imdb_id IN (SELECT imdb_id FROM main.omdb_ratings) "
        f"AND release_year IN ('{THIS_YEAR - 2}', '{THIS_YEAR}') GROUP BY release_year"
    )
    before = served(sandbox)
    report = said(invoke, "refresh", *(str(film["tmdb_id"]) for film in films), "--force")
    assert {name: n - before[name] for name, n in served(sandbox).items()} == {"tmdb": 2, "omdb": 2}
    assert len(report["runs"]) == 2
    for film in report["films"]:
        assert [one["outcome"] for one in film["sources"]] == ["row", "row"]
        assert not any(one["is_first"] or one["changed_fields"] for one in film["sources"])


@pytest.mark.slow
def test_a_day_by_hand_reads_the_feed_collects_and_asks_for_nothing_twice(
    invoke: Invoke, sandbox: RunningSandbox
):
    first = said(invoke, "run", "daily")
    feed, recent = first["runs"][:2]
    assert (feed["job"], feed["requests"]) == ("change_feed", {"tmdb_changes": 14})
    assert recent["job"] == "daily_update"
    assert recent["films_answered"] > 0
    said(invoke, "run", "daily")
    assert said(invoke, "due")["sources"][0]["films"] == 0
    third = said(invoke, "run", "daily")
    assert [run["job"] for run in third["runs"]] == ["daily_update"]
    assert third["runs"][0]["films_answered"] == 0
    status = said(invoke, "status")
    figures = {(one["figure"], one["part"]): one["value"] for one in status["films"]}
    assert figures["fully refreshed", "all"] == figures["films", "all"] > 0
    assert status["run_figures"][0]["success_rate"] == 1
    assert status["change_feed_read_up_to"] is not None


@pytest.mark.slow
def test_a_run_that_fails_is_said_and_the_next_one_is_made_all_the_same(
    invoke: Invoke, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("TMDB__API_KEY", "0" * 32)
    result = invoke("run", "daily", "--json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert [run["job"] for run in report["runs"]] == ["change_feed", "daily_update"]
    assert all(run["error"] for run in report["runs"])
    assert "2 of 2 runs failed" in result.stderr


def test_the_runs_of_a_week_are_those_its_schedule_requests(warehouse: Warehouse, planner: None):
    due, model = weekly_runs()
    assert (due.partitions, model.partitions) == (("2001", "2002"), ("2001", str(NOW.year + 1)))
    assert due.reason == "due: 2 films at TMDB"
    assert due.assets is not None
    assert "tmdb_details" in due.assets
    assert "trained_model" not in due.assets


def test_a_run_left_in_a_queue_that_nobody_serves_keeps_nothing_from_being_asked_for(
    warehouse: Warehouse, planner: None
):
    """The daemon was switched off; from then on every command said that its years are under way."""
    left = left_run("collect", dg.DagsterRunStatus.QUEUED, ["2000", str(THIS_YEAR)])
    with dg.DagsterInstance.get() as instance:
        instance.add_run(left)
        try:
            assert [run.job for run in weekly_runs()] == ["weekly_enrichment"] * 2
        finally:
            instance.delete_run(left.run_id)


def test_a_plan_is_narrowed_to_years_and_carries_the_options(warehouse: Warehouse, planner: None):
    planned, model = weekly_runs(years=["2002"], options={"refresh_limit": 7})
    assert planned.partitions == model.partitions == ("2002", "2002")
    options = planned.run_config["resources"]["options"]["config"]
    assert (options["refresh_limit"], options["years"]) == (7, ["2002"])
    nothing = plan_schedule(collection_at(), "weekly_enrichment", years=["1950"])
    assert nothing == "nothing of these years is to be done"


HOLDER = """
import sys
from pathlib import Path
from ayne_dagster.storage.warehouse import Warehouse
with Warehouse(Path(sys.argv[1])).writing("a long write"):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_command_waits_for_a_held_warehouse_as_the_settings_say_and_names_the_holder(
    invoke: Invoke, warehouse: Warehouse, planner: None, monkeypatch: pytest.MonkeyPatch
):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(warehouse.path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        text=True,
    ) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        monkeypatch.setenv("DATABASE__WAIT_SECONDS", "0.2")
        result = invoke("run", "quick")
        assert isinstance(result.exception, WarehouseBusy)
        assert is_expected(result.exception)
        assert result.exit_code == 1
        assert f"was held for more than 0.2 s by process {holder.pid} on " in str(result.exception)
        assert "(a long write, since " in str(result.exception)
        # Whoever may wait gets the plan once the holder has gone.
        monkeypatch.setenv("DATABASE__WAIT_SECONDS", "20")
        leaving = threading.Timer(0.4, holder.stdin.close)
        leaving.start()
        assert [one.job for one in weekly_runs()] == ["weekly_enrichment"] * 2
        leaving.join()


def test_where_nothing_is_collected_there_is_nothing_to_plan(planner: None):
    words = plan_schedule(collection_at(), "weekly_enrichment")
    assert isinstance(words, str)
    assert "nothing is collected yet" in words


def test_the_days_of_the_feed_that_were_not_read_are_one_run(warehouse: Warehouse, planner: None):
    read_feed(warehouse, days=range(4, 20))
    [planned] = plan_change_feed(collection_at())
    days = [(NOW - timedelta(days=n)).date().isoformat() for n in (3, 2, 1)]
    assert planned.partitions == (days[0], days[-1])
    with dg.DagsterInstance.get() as instance:
        assert set(days) <= set(instance.get_dynamic_partitions("change_days"))


def test_a_feed_that_is_switched_off_is_not_read(
    warehouse: Warehouse, planner: None, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("CHANGES__IS_ENABLED", "false")
    assert plan_change_feed(collection_at()) == []


def test_without_a_key_a_run_by_hand_says_so(invoke: Invoke, warehouse: Warehouse):
    result = invoke("run", "daily")
    assert result.exit_code == 1
    assert "TMDB__API_KEY is not set" in str(result.exception)
