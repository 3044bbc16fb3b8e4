"""`ayne runs`: what runs did, those that failed and those that were killed among them."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster import DagsterRunStatus

from ayne_dagster.cli.sandbox_world import sandbox_environment
from ayne_dagster.defs.dead_runs import GONE, end_dead_runs
from ayne_dagster.defs.run_records import bring_records_up_to_date
from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.server import RunningSandbox, running_sandbox
from ayne_dagster.storage.run_queries import RunQueries
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.cli.conftest import Invoke
from ayne_dagster_tests.storage.recorded_runs import record, run

YEAR = 2019
JUST_NOW = datetime.now(UTC) - timedelta(hours=1)
_PATIENCE_SECONDS = 60


def test_without_any_run_it_says_what_makes_one(invoke: Invoke, project: Path):
    result = invoke("runs")
    assert (result.exit_code, result.stdout) == (0, "No such run yet. `ayne collect` makes one.\n")
    assert not (project / "data" / "ayne.duckdb").exists()


def test_runs_are_shown_with_their_figures_their_reasons_and_what_the_last_days_were_like(
    invoke: Invoke, project: Path
):
    (project / "data").mkdir()
    record(
        RunQueries(Warehouse(project / "data" / "ayne.duckdb")),
        run("good-run", started_at=JUST_NOW, films_processed=1234, films_failed=7),
        run(
            "bad-run1", started_at=JUST_NOW, status="failed", error="step x failed:\n " + "w" * 300
        ),
        run("old-run1", started_at=JUST_NOW - timedelta(days=50), status="canceled"),
    )
    said = json.loads(invoke("runs", "--json").stdout)
    assert [one["run_id"] for one in said["runs"]] == ["bad-run1", "good-run", "old-run1"]
    assert said["figures"][0]["success_rate"] == 0.5
    limited = json.loads(invoke("runs", "--json", "--limit", "1", "--job", "collect").stdout)
    assert len(limited["runs"]) == 1

    assert "good-run: 7 films were not answered; they stay due" in invoke("runs").stdout

    shown = invoke("runs", "--status", "failed").stdout
    (reason,) = [line for line in shown.splitlines() if line.startswith("bad-run1 failed: ")]
    assert reason.startswith("bad-run1 failed: step x failed: www")
    assert len(reason) < 200
    assert "The last 30 days" in shown
    assert "50%" in shown
    assert "good-run" not in shown


@pytest.mark.parametrize("width", [80, 110, 150])
def test_on_any_screen_a_run_is_a_line_and_no_word_is_broken(
    invoke: Invoke, project: Path, width: int, monkeypatch: pytest.MonkeyPatch
):
    (project / "data").mkdir()
    record(
        RunQueries(Warehouse(project / "data" / "ayne.duckdb")),
        run(
            "aaaabbbbcccc", job="weekly_enrichment", kind="schedule", release_years="1950-2029",
            started_at=JUST_NOW, seconds=3725.37, films_processed=123_456, tmdb_requests=200_000,
        ),
        run("ddddeeeeffff", started_at=JUST_NOW, seconds=6.87),
    )  # fmt: skip
    monkeypatch.setenv("COLUMNS", str(width))
    lines = invoke("runs").stdout.splitlines()
    assert max(map(len, lines)) <= width
    (weekly,) = [line for line in lines if line.startswith("aaaabbbb")]
    for words in ("weekly_enrichment", "1950-2029", f"{JUST_NOW:%m-%d %H:%M}", "success",
                  "3,725 s"):  # fmt: skip
        assert words in weekly
    assert ("schedule" in weekly) == ("123,456" in weekly) == (width == 150)
    assert any("6.9 s" in line for line in lines if line.startswith("ddddeeee"))


def test_a_job_that_does_not_exist_is_refused_with_those_that_do(invoke: Invoke):
    refused = invoke("runs", "--job", "nope")
    assert refused.exit_code == 2
    assert "there is no job 'nope'; there are quick_update, " in " ".join(refused.output.split())
    assert invoke("runs", "--job", "change_feed").exit_code == 0


@pytest.mark.slow
def test_mistake_08_a_command_that_fails_is_recorded_as_failed_with_its_reason(
    invoke: Invoke, monkeypatch: pytest.MonkeyPatch
):
    """In the first system every run started by hand was recorded as a success."""
    monkeypatch.setenv("TMDB__API_KEY", "two words")
    assert invoke("collect").exit_code == 1
    said = json.loads(invoke("runs", "--json").stdout)
    (one,) = said["runs"]
    assert (one["job"], one["kind"], one["status"]) == ("collect", "command", "failed")
    assert one["error"].startswith("step movie_lists failed: tmdb: none is set. Check")
    assert one["seconds"] > 0
    assert said["figures"][0]["success_rate"] == 0.0


@pytest.fixture
def slow_sandbox() -> Iterator[RunningSandbox]:
    """A sandbox whose answers take so long that a run can be met in the middle of it."""
    config = SandboxConfig(
        films=80, first_year=YEAR, last_year=YEAR, tmdb_requests_per_second=0,
        omdb_daily_quota=0, latency_seconds=0.15,
    )  # fmt: skip
    with running_sandbox(config) as running:
        yield running


@pytest.fixture
def environment(installed: Path, slow_sandbox: RunningSandbox) -> dict[str, str]:
    """A machine with the platform installed, set to the sandbox."""
    home = installed / "dagster_home"
    return {
        **os.environ,
        **sandbox_environment(slow_sandbox.url, installed / "data", first_year=1900),
        "PYTHONPATH": str(installed),
        "DAGSTER_HOME": str(home),
        "INSTANCE_FOLDER": str(home),
    }


def wait_until(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.1)


def kill_in_mid_fetch(
    command: list[str], environment: dict[str, str], sandbox: RunningSandbox
) -> None:
    """Start a command and kill it, as the system does, once it has fetched some films."""
    before = _requests(sandbox)
    with subprocess.Popen(
        command,
        cwd=environment["PYTHONPATH"],
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            wait_until(lambda: _requests(sandbox) > before + 30)
            assert process.poll() is None, "it ended before it could be killed"
        finally:
            process.kill()
    long_ago = time.time() - 60
    for lock in Path(environment["DAGSTER_HOME"], "live_runs").iterdir():
        # One this young may be just being made.
        os.utime(lock, (long_ago, long_ago))


def _requests(sandbox: RunningSandbox) -> int:
    return sum(service["requests"] for service in sandbox.stats()["services"].values())


def ayne(environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ayne_dagster.cli.main", *arguments],
        cwd=environment["PYTHONPATH"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def recorded(environment: dict[str, str]) -> list[dict[str, Any]]:
    result = ayne(environment, "runs", "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)["runs"]


@pytest.mark.slow
def test_mistake_08_a_killed_command_is_recorded_as_failed_and_blocks_nothing(
    environment: dict[str, str], slow_sandbox: RunningSandbox
):
    """A run that died stayed RUNNING for ever in the first system, and blocked the next."""
    collect = ("collect", "--start-year", str(YEAR), "--end-year", str(YEAR))
    kill_in_mid_fetch(
        [sys.executable, "-m", "ayne_dagster.cli.main", *collect], environment, slow_sandbox
    )
    killed_at = time.time()
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        (record,) = instance.get_run_records()
        assert record.dagster_run.status is DagsterRunStatus.STARTED
        (found,) = recorded(environment)
        assert (found["status"], found["error"]) == ("failed", GONE)
        assert found["tmdb_requests"] > 0
        (record,) = instance.get_run_records()
        assert record.dagster_run.status is DagsterRunStatus.FAILURE
        assert record.start_time is not None
        assert found["seconds"] <= killed_at - record.start_time
    assert not list(Path(environment["DAGSTER_HOME"], "live_runs").iterdir())

    again = ayne(environment, *collect, "--json")
    assert again.returncode == 0, again.stderr
    assert [one["status"] for one in recorded(environment)] == ["success", "failed"]


@pytest.mark.slow
def test_mistake_08_a_killed_run_of_the_ui_is_ended_by_the_sensor(
    environment: dict[str, str], slow_sandbox: RunningSandbox, tmp_path: Path
):
    """Dagster's own monitoring does not look at runs that have begun, and its code server may be
    gone as well: what `dagster job execute` starts is what the UI starts."""
    tags = {
        "dagster/asset_partition_range_start": str(YEAR),
        "dagster/asset_partition_range_end": str(YEAR),
    }
    command = [sys.executable, "-m", "dagster", "job", "execute", "-m", "ayne_dagster.definitions",
               "-j", "collect", "--tags", json.dumps(tags)]  # fmt: skip
    kill_in_mid_fetch(command, environment, slow_sandbox)
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        (record,) = instance.get_run_records()
        assert record.dagster_run.status is DagsterRunStatus.STARTED
        assert end_dead_runs(instance) == [record.dagster_run.run_id]
        queries = RunQueries(Warehouse(tmp_path / "records.duckdb"))
        bring_records_up_to_date(instance, queries)
        (found,) = queries.last_runs()
        assert (found["kind"], found["status"], found["error"]) == ("UI", "failed", GONE)
