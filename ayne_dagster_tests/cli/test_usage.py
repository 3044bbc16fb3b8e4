"""Help, wrong usage, and the one line people read when something expected goes wrong."""

import os
import subprocess
import sys
from pathlib import Path

import click
import dagster as dg
import duckdb
import pytest

from ayne_dagster.cli.errors import EXPECTED_ERRORS, RunFailed, is_expected, is_interruption
from ayne_dagster.cli.main import _COMMANDS, LazyCommands, main
from ayne_dagster.cli.sandbox_world import sandbox_folder
from ayne_dagster.defs.services import MissingCredential
from ayne_dagster.storage.run_queries import RunQueries
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.cli.conftest import Invoke


@pytest.mark.parametrize("command", _COMMANDS)
def test_every_command_explains_itself_and_its_options(invoke: Invoke, command: str):
    shown = invoke(command, "--help")
    assert shown.exit_code == 0
    assert len(shown.output.splitlines()) > 5
    assert invoke(command, "-h").output == shown.output


def test_the_group_names_every_command_and_where_to_start(invoke: Invoke):
    shown = invoke("--help")
    assert shown.exit_code == 0
    for command in _COMMANDS:
        assert f"\n  {command} " in shown.output
    assert "Start with `ayne demo`" in shown.output


def test_the_version_carries_the_notice_tmdb_asks_for(invoke: Invoke):
    shown = invoke("--version")
    assert "This product uses TMDB and the TMDB APIs but is not endorsed" in shown.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["colect"], "No such command 'colect'"),
        (["collect", "--start-year", "x"], "'x' is not a valid integer"),
        (["collect", "--max-pages", "0"], "0 is not in the range"),
        (["collect", "--refresh-limit", "0"], "0 is not in the range"),
        (["collect", "--yeers", "5"], "No such option"),
        (["demo", "--films", "3"], "3 is not in the range"),
        (["demo", "--years", "2020-2010"], "the first year is after the last"),
        (["demo", "--years", "soon"], "'soon' is no range of years; write 2015-2023"),
        (["demo", "--catalogue", "nowhere"], "'nowhere' does not exist"),
        (["ui", "--port", "0"], "0 is not in the range"),
        (["ui", "--catalogue", "."], "--catalogue goes with --sandbox"),
        (["sandbox", "--retry-after", "never"], "'never' is not one of"),
        (["sandbox", "--latency", "-1"], "-1.0 is not in the range"),
        (["sandbox", "--clock", "noon"], "noon"),
        (["status", "--runs", "-1"], "-1 is not in the range"),
        (["export", "forecasts", "--to", "x.txt"], "write to a file ending in .parquet or .csv"),
        (["refresh", "603", "abc"], "'abc' is no TMDB id"),
        (["export", "refresh_history", "--film", "-1"], "'-1' is no TMDB id"),
        (["export", "--to", "x.csv"], "Missing argument 'TABLE'"),
        (["settings", "--section", "omdv"], "there is no section 'omdv'"),
    ],
)
def test_wrong_usage_is_exit_code_2_with_the_reason(
    invoke: Invoke, arguments: list[str], words: str
):
    result = invoke(*arguments)
    assert result.exit_code == 2, result.output
    assert words in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("years", [("--start-year", "1700"), ("--end-year", "2999")])
def test_years_the_platform_does_not_keep_are_named(invoke: Invoke, years: tuple[str, str]):
    result = invoke("collect", *years)
    assert result.exit_code == 2
    assert f"{years[1]} is not a release year the platform keeps" in result.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["due", "--explain", "77"], "not known here: 77"),
        (["refresh", "77"], "not known here: 77"),
        (["predict", "--tmdb-id", "77"], "not known here: 77"),
        (["due", "--year", "1700"], "1700"),
        (["due", "--year", "1890"], "1890 is not a release year the platform keeps"),
        (["run", "daily", "--years", "1890"], "1890 is not a release year the platform keeps"),
        (["collect", "--start-year", "1890"], "1890 is not a release year the platform keeps"),
        (["model", "train", "--years", "1890"], "1890 is not a release year the platform keeps"),
        (["model", "list", "--year", "1890"], "1890 is not a release year the platform keeps"),
        (["model", "compare", "--year", "1890"], "1890 is not a release year the platform keeps"),
        (["model", "promote", "1", "--year", "1890"], "1890 is not a release year"),
        (["predict", "X", "--release-date", "1700-01-01"], "there was no film before 1888"),
        (["export", "features", "--start", "1700"], "1700 is not in the range"),
        (["demo", "--years", "1700-1701"], "there was no film before 1888"),
    ],
)
def test_films_and_years_there_cannot_be_are_wrong_usage_in_every_command(
    invoke: Invoke, database: Path, arguments: list[str], words: str
):
    """`refresh` said 2 of an unknown film and `predict` 1; of a year `due` 2 and `model` 0 or 1."""
    result = invoke(*arguments)
    assert result.exit_code == 2, result.output
    assert words in " ".join(result.output.split())


def test_every_expected_error_exists_under_its_name():
    """The list goes by name; a renamed error would show its traceback to people."""
    import ayne_dagster.cli.champion_writes
    import ayne_dagster.cli.errors
    import ayne_dagster.cli.model
    import ayne_dagster.cli.predict
    import ayne_dagster.defs.services
    import ayne_dagster.domain.frame_check
    import ayne_dagster.domain.release_years
    import ayne_dagster.sandbox.server
    import ayne_dagster.settings
    import ayne_dagster.sources.remote_clock
    import ayne_dagster.sources.request_budget
    import ayne_dagster.sources.sqlite_budget
    import ayne_dagster.storage.duckdb_io_manager
    import ayne_dagster.storage.model_registry
    import ayne_dagster.storage.table_writes
    import ayne_dagster.storage.warehouse

    del ayne_dagster
    held = {
        name
        for module in list(sys.modules.values())
        if getattr(module, "__name__", "").startswith("ayne_dagster.")
        for name, value in vars(module).items()
        if isinstance(value, type) and issubclass(value, Exception)
    }
    assert held >= EXPECTED_ERRORS


def test_a_bug_is_not_expected():
    assert not is_expected(KeyError("x"))


@pytest.mark.parametrize(
    ("error", "is_it"),
    [
        (KeyboardInterrupt(), True),
        (click.Abort(), True),
        (dg.DagsterExecutionInterruptedError(), True),
        (duckdb.InterruptException("INTERRUPT Error: Interrupted!"), True),
        (RuntimeError("Query interrupted"), True),
        (RuntimeError("something else"), False),
        (KeyError("Query interrupted"), False),
    ],
)
def test_ctrl_c_is_recognised_whatever_a_library_makes_of_it(error: BaseException, is_it: bool):
    assert is_interruption(error) is is_it
    wrapped = ValueError("said on the way")
    wrapped.__cause__ = error
    assert is_interruption(wrapped) is is_it


@pytest.mark.parametrize(
    ("raised", "code", "words"),
    [
        (click.exceptions.Exit(1), 1, ""),
        (click.exceptions.Exit(0), 0, ""),
        (RuntimeError("Query interrupted"), 130, "error: stopped; what was written before is kept"),
        (dg.DagsterExecutionInterruptedError(), 130, "error: stopped; "),
        (RunFailed("step x failed"), 1, "error: step x failed"),
    ],
)
def test_the_process_ends_with_the_exit_code_the_command_chose(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    raised: BaseException,
    code: int,
    words: str,
):
    """A refused OMDb key said `error:` and ended with 0: click hands `Exit` back as a value."""

    @click.command("fails")
    def fails() -> None:
        raise raised

    monkeypatch.setattr(LazyCommands, "get_command", lambda *_: fails)
    monkeypatch.setattr(sys, "argv", ["ayne", "fails"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == code
    assert words in capsys.readouterr().err


def test_collect_without_a_key_says_so_before_any_run_begins(invoke: Invoke, project: Path):
    """It made a database, an instance and a run, and took as long as they take."""
    result = invoke("collect", "--json")
    assert type(result.exception) is MissingCredential
    assert is_expected(result.exception)
    assert str(result.exception).startswith("TMDB__API_KEY is not set, and TMDB is needed here")
    assert not (project / "data").exists()
    assert not (project / "dagster_home" / "history").exists()


def test_mistake_08_collect_with_a_bad_key_is_one_clear_line_and_recorded_as_failed(
    installed: Path,
):
    """It was a Dagster traceback of 200 lines with the reason in the middle; and in the first
    system a run started by hand was always a success."""
    environment = {name: value for name, value in os.environ.items() if name != "DAGSTER_HOME"}
    result = subprocess.run(
        [sys.executable, "-m", "ayne_dagster.cli.main", "collect"],
        cwd=installed,
        env={**environment, "PYTHONPATH": str(installed), "TMDB__API_KEY": "two words"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1, result.stderr[-2000:]
    lines = [line for line in result.stderr.splitlines() if line.strip()]
    assert len(lines) == 1, result.stderr
    assert lines[0].startswith("error: step movie_lists of run ")
    assert lines[0].endswith(" failed: tmdb: none is set. Check the setting `TMDB__API_KEY`")
    assert result.stdout == ""
    (run,) = RunQueries(Warehouse(installed / "data" / "ayne.duckdb")).last_runs()
    assert (run["kind"], run["status"]) == ("command", "failed")
    assert run["error"].startswith("step movie_lists failed: tmdb: none is set. Check")


def test_each_set_of_films_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """`demo --films 5000` after `demo` found the walks fresh, stayed short, and failed."""
    generated = {
        sandbox_folder(None, films=films, seed=seed, years=years)
        for films, seed, years in (
            (1_500, 42, None), (5_000, 42, None), (1_500, 7, None), (1_500, 42, (2020, 2022)),
        )
    }  # fmt: skip
    served = {
        sandbox_folder(tmp_path / name, films=1_500, seed=42, years=None) for name in ("a", "b")
    }
    assert len(generated | served) == 6
