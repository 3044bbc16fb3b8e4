"""`ayne refresh` and `ayne run` against a sandbox: exactly what was named, exactly what is due."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ayne_dagster.cli.sandbox_world import sandbox_environment
from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.server import RunningSandbox, running_sandbox
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.cli.conftest import Invoke

YEAR = datetime.now(UTC).year


@pytest.fixture
def sandbox(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[RunningSandbox]:
    """A sandbox, and settings that point at it."""
    config = SandboxConfig(
        films=50, first_year=YEAR - 3, last_year=YEAR, tmdb_requests_per_second=0,
        omdb_daily_quota=0,
    )  # fmt: skip
    with running_sandbox(config) as running:
        for name, value in sandbox_environment(running.url, project, first_year=1900).items():
            monkeypatch.setenv(name, value)
        yield running


def said(invoke: Invoke, *arguments: str) -> dict[str, Any]:
    result = invoke(*arguments, "--json")
    if result.exc_info and result.exit_code:
        import traceback; traceback.print_exception(*result.exc_info)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.slow
def test_steering_by_hand(invoke: Invoke, sandbox: RunningSandbox, project: Path):
    made = said(invoke, "run", "daily")
    print(json.dumps(made, indent=1))
    print(invoke("due").output)
    print(invoke("run", "daily").output)
    print(invoke("status").output)
    import duckdb
    database = said(invoke, "status")["database"]
    ids = [r["tmdb_id"] for r in Warehouse(Path(database)).rows("select tmdb_id from tmdb_details order by release_year")]
    print(ids)
    print(invoke("due", "--explain", str(ids[0])).output)
    print(invoke("refresh", str(ids[0]), str(ids[-1])).output)
    print(invoke("refresh", str(ids[0]), str(ids[-1]), "--force").output)
    print(invoke("run", "quick").output)
    print(invoke("run", "weekly").output)
    print(invoke("run", "weekly").output)
    print(invoke("run", "weekly", "--years", "1950-1960").output)
    print(invoke("due").output)
