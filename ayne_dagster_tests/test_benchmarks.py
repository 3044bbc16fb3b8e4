"""Benchmarks are found, say what they promise, and fail where a promise is broken."""

import ast
import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

import benchmarks
from benchmarks import __main__ as command
from benchmarks.invented_details import FILMS_PER_YEAR, YEARS, invented_details
from benchmarks.invented_warehouse import invent_warehouse
from benchmarks.reporting import Goal, Report, Row, interleaved_medians, print_report
from benchmarks.scale_stages import STAGES

FOLDER = Path(benchmarks.__file__).parent
HEAVY = ("mlflow", "sklearn", "matplotlib", "skops", "scipy")


def report(*goals: Goal) -> Report:
    rows = [Row("a write", 12.0, 10.0), Row("a mirror", 5.0, None, "has none")]
    return Report("storage", "2 films", "stock", rows, goals)


def test_every_module_that_measures_is_listed() -> None:
    """A benchmark nobody runs keeps no promise."""
    measuring = {
        path.stem
        for path in FOLDER.glob("*.py")
        if any(
            isinstance(node, ast.FunctionDef) and node.name == "measure"
            for node in ast.parse(path.read_text()).body
        )
    }
    assert measuring == set(benchmarks.NAMES)


@pytest.mark.parametrize("name", benchmarks.NAMES)
def test_every_benchmark_says_what_it_measures_and_promises(name: str) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    assert len((module.__doc__ or "").split()) > 10
    assert any(character.isdigit() for character in module.GOAL)


def test_the_list_shows_every_goal(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == list(benchmarks.NAMES)


def test_an_unknown_name_is_refused_with_the_known_ones(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(["stroage"])
    assert ended.value.code == 2
    assert "storage" in capsys.readouterr().err


def test_too_few_runs_are_refused() -> None:
    """A single run on a busy machine has proven anything and its opposite."""
    with pytest.raises(SystemExit):
        command.main(["startup", "--runs", "1"])


@pytest.mark.parametrize(("is_met", "status"), [(True, 0), (False, 1)])
def test_a_missed_goal_is_an_exit_status(
    is_met: bool, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from benchmarks import startup

    monkeypatch.setattr(startup, "measure", lambda runs: report(Goal("goal <= 1, 2", is_met)))
    assert command.main(["startup", "--json"]) == status
    [shown] = json.loads(capsys.readouterr().out)
    assert shown["is_met"] is is_met


def test_the_verdict_is_the_last_line_and_names_what_was_missed() -> None:
    shown = report(Goal("goal <= 1.50, worst 1.20", True), Goal("goal < 50 ms, 60 ms", False))
    console = Console(width=60)
    with console.capture() as printed:
        print_report(shown, console)
    assert printed.get().splitlines()[-1] == shown.verdict
    assert shown.verdict == (
        "storage: goal <= 1.50, worst 1.20; goal < 50 ms, 60 ms (missed) — missed"
    )


def test_medians_are_taken_in_turn_and_the_first_run_is_not_counted() -> None:
    """One side after the other blamed the second for whatever else the machine did by then."""
    order: list[str] = []
    sides = {name: (lambda name=name: lambda: order.append(name)) for name in ("ours", "other")}
    medians = interleaved_medians(sides, runs=2)
    assert set(medians) == {"ours", "other"}
    assert order == ["other", "ours", "ours", "other", "other", "ours"]


@pytest.mark.slow
def test_invented_details_are_the_same_every_time() -> None:
    first, second = (invented_details(YEARS[:1]) for _ in range(2))
    assert len(first) == FILMS_PER_YEAR
    assert first.equals(second)


def test_loading_the_definitions_imports_no_heavy_library() -> None:
    """Each of them costs every run, every sensor tick and every command a second or more."""
    code = (
        "import sys, ayne_dagster.definitions as door; door.defs(); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code], capture_output=True, text=True, check=True
    )
    assert found.stdout.splitlines()[-1] == "[]"


@pytest.mark.slow
def test_every_stage_of_scale_does_its_work_on_a_small_warehouse(tmp_path: Path):
    """A column joined a table, and the benchmark broke after minutes of inventing films."""
    file = tmp_path / "ayne.duckdb"
    invent_warehouse(file, 2_000)
    for prepare in STAGES.values():
        prepare(file)()
