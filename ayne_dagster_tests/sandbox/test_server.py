"""The sandbox as a real process: up, asked, moved, and surely down again."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.server import SandboxStartError, running_sandbox, serve

ROOT = Path(__file__).resolve().parents[2]
SMALL = SandboxConfig(films=60, clock_start="2026-05-20T12:00:00+00:00", clock_speed=0)


def is_refused(url: str) -> bool:
    try:
        httpx.get(f"{url}/_sandbox/health", timeout=2, trust_env=False)
    except httpx.TransportError:
        return True
    return False


def test_a_sandbox_process_answers_like_the_services_and_ends_with_its_block() -> None:
    with running_sandbox(SMALL) as sandbox, httpx.Client(trust_env=False) as web:
        films = web.get(
            f"{sandbox.tmdb_base_url}/discover/movie", params={"api_key": sandbox.tmdb_key}
        ).json()
        assert films["total_results"] == 60
        answer = web.get(sandbox.omdb_base_url, params={"apikey": sandbox.omdb_key, "i": "tt1"})
        assert answer.json()["Error"] == "Incorrect IMDb ID."
        ids = web.get(f"{sandbox.exports_base_url}/movie_ids_05_20_2026.json.gz")
        assert ids.status_code == 200
        assert sandbox.stats()["services"]["tmdb"]["requests"] == 1
        before = sandbox.now()
        assert sandbox.advance(timedelta(days=2)) - before == timedelta(days=2)
        sandbox.reset_stats()
        assert sandbox.stats()["services"] == {}
        url = sandbox.url
    assert is_refused(url)


def test_a_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """A parent that dies without a word must not leave a server behind."""
    script = (
        "import time\n"
        "from ayne_dagster.sandbox.config import SandboxConfig\n"
        "from ayne_dagster.sandbox.server import running_sandbox\n"
        "with running_sandbox(SandboxConfig(films=20)) as sandbox:\n"
        "    print(sandbox.url, flush=True)\n"
        "    time.sleep(60)\n"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
    )
    assert parent.stdout is not None
    with parent.stdout:
        url = parent.stdout.readline().strip()
        assert not is_refused(url)
        parent.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        parent.wait(10)
    deadline = time.monotonic() + 8
    while not is_refused(url):
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.skipif(os.name != "posix", reason="a signal to one process is POSIX's")
def test_a_child_leaves_ctrl_c_to_its_parent() -> None:
    """A terminal sends it to both: the parent's last questions found nobody."""
    with running_sandbox(SMALL) as sandbox:
        os.kill(sandbox.process_id, signal.SIGINT)
        time.sleep(0.3)
        assert not is_refused(sandbox.url)


def test_a_sandbox_that_cannot_start_says_why(tmp_path: Path) -> None:
    config = SandboxConfig(parquet_folder=str(tmp_path))
    with pytest.raises(SandboxStartError, match=r"movies\.parquet"), running_sandbox(config):
        pass


def test_a_taken_port_is_one_clear_line() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit) as stopped:
            serve(SandboxConfig(films=5, port=port))
    assert str(port) in str(stopped.value)
    assert "\n" not in str(stopped.value)


def test_importing_the_sandbox_stays_light() -> None:
    """People start it for a quick look; a data frame library would double the wait."""
    code = "import sys, ayne_dagster.sandbox.server; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    ).stdout.split()
    heavy = {"pandas", "pyarrow", "dagster", "duckdb", "httpx", "sklearn", "mlflow"}
    assert not heavy & set(loaded)
    ours = {name for name in loaded if name.startswith("ayne_dagster.")}
    assert all(name.startswith("ayne_dagster.sandbox") for name in ours)
