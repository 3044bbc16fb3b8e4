"""`ayne demo` twice: the second call costs nothing and changes nothing."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ayne_dagster_tests.cli.conftest import Invoke

THIS_YEAR = datetime.now(UTC).year
YEARS = f"{THIS_YEAR - 2}-{THIS_YEAR - 1}"


@pytest.mark.slow
def test_promise_1_the_demo_fills_the_graph_and_a_second_call_sends_nothing(
    invoke: Invoke, project: Path
):
    """The first thing anybody types: it must be whole, and repeatable at no cost."""
    reports = []
    for _ in range(2):
        result = invoke("demo", "--films", "60", "--years", YEARS, "--json")
        assert result.exit_code == 0, result.output
        reports.append(json.loads(result.stdout))
    first, second = reports
    assert first["is_complete"]
    assert first["stored"]["films"] == first["expected"]["films"] > 0
    assert sum(first["requests"]["sent"].values()) > 0
    assert first["back-test"] == second["back-test"]
    assert second["is_complete"]
    assert second["requests"]["sent"] == dict.fromkeys(second["requests"]["sent"], 0)
    changed = second["rows changed"]
    # Every run measures the collection once more; no film's row may change.
    assert changed.pop("collection_stats") > 0
    assert changed == dict.fromkeys(changed, 0)
    assert list((project / "data").glob("demo*/ayne.duckdb"))
    assert not (project / "data" / "ayne.duckdb").exists()
