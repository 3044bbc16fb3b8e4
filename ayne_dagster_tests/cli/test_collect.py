"""`ayne collect` against a sandbox: figures for machines, and a refused key said last."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ayne_dagster.cli.job_runs import AssetOutcome, JobOutcome
from ayne_dagster.cli.sandbox_world import sandbox_environment
from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.server import RunningSandbox, running_sandbox
from ayne_dagster_tests.cli.conftest import Invoke

YEAR = datetime.now(UTC).year - 2


@pytest.fixture
def sandbox(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    """A sandbox, and settings that point at it."""
    config = SandboxConfig(
        films=50, first_year=YEAR, last_year=YEAR, tmdb_requests_per_second=0, omdb_daily_quota=0
    )
    with running_sandbox(config) as running:
        for name, value in sandbox_environment(running.url, project, first_year=1900).items():
            monkeypatch.setenv(name, value)
        yield running


def test_films_that_were_not_answered_are_said_and_end_collect_with_1(
    invoke: Invoke, project: Path, monkeypatch: pytest.MonkeyPatch
):
    """An outage in the middle of a run was green and looked like nothing was due."""
    monkeypatch.setenv("TMDB__API_KEY", "5ec2e75ec2e75ec2e75ec2e75ec2e75e")
    figures = {
        "requests": 30, "failed": 5, "failed by": "503: back soon", "deferred": 70,
        "deferred by": "tmdb: too many asks in a row came to nothing",
    }  # fmt: skip
    outcome = JobOutcome("4c6a9d31", 2.0, [AssetOutcome("tmdb_details", figures)])
    monkeypatch.setattr("ayne_dagster.cli.job_runs.run_job", lambda *_, **__: outcome)
    result = invoke("collect", "--start-year", str(YEAR), "--end-year", str(YEAR))
    assert result.exit_code == 1
    shown = " ".join(result.stdout.split())
    assert "tmdb_details: 70 films were left for later: tmdb: too many asks in a row" in shown
    assert "5 films of tmdb_details were not answered (503: back soon)" in result.stderr
    assert "stay due" in result.stderr

    figures.update({"failed": 0, "failed by": "-"})
    assert invoke("collect", "--start-year", str(YEAR)).exit_code == 0


@pytest.mark.slow
def test_collect_says_what_it_did_and_a_refused_omdb_key_is_said_last(
    invoke: Invoke, sandbox: RunningSandbox, monkeypatch: pytest.MonkeyPatch
):
    """Without ratings everything else is stored, and the exit code still says that they miss."""
    years = ("--start-year", str(YEAR), "--end-year", str(YEAR))
    result = invoke("collect", *years, "--refresh-limit", "5", "--json")
    assert result.exit_code == 0, result.output
    said = json.loads(result.stdout)
    assert said["years"] == [str(YEAR), str(YEAR)]
    assert said["assets"]["tmdb_details"]["requests"] == 5
    assert said["assets"]["tmdb_details"]["deferred"] > 0

    monkeypatch.setenv("OMDB__API_KEY", "refused0")
    result = invoke("collect", *years, "--refresh-only", "--refresh-limit", "5", "--force")
    assert result.exit_code == 1
    assert "OMDb refused the key: ratings were not collected" in result.stderr
    assert "tmdb_details" in result.stdout
    assert "refused0" not in result.output

    status = json.loads(invoke("status", "--json").stdout)
    assert [run["status"] for run in status["runs"]] == ["success", "success"]
    assert status["tables"]["tmdb_details"] >= 5
