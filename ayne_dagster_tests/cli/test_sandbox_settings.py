"""What `ayne sandbox` prints for a file is a file the platform understands."""

import subprocess
import sys
from pathlib import Path

import pytest

from ayne_dagster.cli.sandbox_world import environment_lines, sandbox_environment
from ayne_dagster.settings import load_settings, load_settings_with_origin
from ayne_dagster_tests.conftest import PROJECT


def test_standard_output_is_a_file_of_settings_and_nothing_else(tmp_path: Path):
    """They went to standard error and the greeting into the file; half of them were missing."""
    file = tmp_path / ".env.sandbox"
    arguments = [sys.executable, "-m", "ayne_dagster.cli.main", "sandbox", "--port", "0",
                 "--films", "60"]  # fmt: skip
    with (
        file.open("wb") as stdout,
        subprocess.Popen(
            arguments, cwd=PROJECT, stdout=stdout, stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        assert process.stderr is not None
        said: list[str] = []
        while not (said and "Ctrl+C stops it" in said[-1]):
            line = process.stderr.readline()
            assert line, said
            said.append(line)
        # Not asked to end: who was started with signals ignored would wait for ever.
        process.kill()
    lines = file.read_text(encoding="utf-8").splitlines()
    settings, origin = load_settings_with_origin(dotenv=file)
    assert len(lines) == len([where for where in origin.values() if where == file.name])
    address = settings.imdb.base_url
    assert f"{address} (Ctrl+C" in said[-1]
    assert settings.tmdb.base_url == f"{address}/3"
    expected = sandbox_environment(address, PROJECT / "data" / "sandbox", first_year=1950)
    assert {line.split("=")[0] for line in lines} == {*expected, "CLOCK_URL"}
    assert settings.clock_url == f"{address}/_sandbox/clock"
    assert settings.database.path == PROJECT / "data" / "sandbox" / "ayne.duckdb"
    # Runs against a sandbox stood among one's own, and the other way round.
    assert settings.instance_folder == PROJECT / "data" / "sandbox" / "dagster_home"
    # Unlike the demo's, this sandbox has limits: half of its 40/s, and the whole quota.
    assert (settings.tmdb.requests_per_second, settings.omdb.daily_quota) == (20, 1_000)


@pytest.mark.parametrize("name", ["my films # 1", "of $HOME", "Scarlett O'Hara"])
def test_a_folder_of_any_name_survives_the_file(tmp_path: Path, name: str):
    folder = tmp_path / name
    file = tmp_path / "file.env"
    environment = sandbox_environment("http://127.0.0.1:1", folder, first_year=1950)
    file.write_text("\n".join(environment_lines(environment)), encoding="utf-8")
    assert load_settings(dotenv=file).database.path == folder / "ayne.duckdb"
