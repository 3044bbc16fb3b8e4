"""Locks of runs: held while their process lives, found when it is gone."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ayne_dagster.storage.live_runs import LiveRuns

RUN = "5a0c2f53-6a4e-4a6c-9d31-0c6a3f1c1d11"


@contextmanager
def holding(folder: Path, run_id: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds a run."""
    module = "ayne_dagster_tests.storage.live_run_process"
    with subprocess.Popen(
        [sys.executable, "-m", module, str(folder), run_id], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline().strip() == "held"
        try:
            yield process
        finally:
            process.kill()


def settle(folder: Path, seconds: float = 60) -> None:
    """Make the lock files older than one that is just being made."""
    long_ago = time.time() - seconds
    for path in folder.iterdir():
        os.utime(path, (long_ago, long_ago))


def test_a_run_is_left_behind_when_its_process_was_killed_and_not_before(tmp_path: Path):
    live = LiveRuns(tmp_path)
    with holding(tmp_path, RUN) as process:
        settle(tmp_path)
        assert list(live.left_behind()) == []
        process.kill()
        process.wait()
        assert list(live.left_behind()) == [RUN]
    assert list(tmp_path.iterdir()) == []
    assert list(live.left_behind()) == []


def test_a_run_that_ended_leaves_nothing(tmp_path: Path):
    live = LiveRuns(tmp_path)
    with live.hold(RUN):
        settle(tmp_path)
        assert list(live.left_behind()) == []
    assert list(tmp_path.iterdir()) == []


def test_what_another_machine_holds_is_left_alone(tmp_path: Path):
    (tmp_path / f"elsewhere@{RUN}.lock").touch()
    settle(tmp_path)
    assert list(LiveRuns(tmp_path, host="here").left_behind()) == []
    assert list(LiveRuns(tmp_path, host="elsewhere").left_behind()) == [RUN]


def test_a_file_just_made_may_still_get_its_lock(tmp_path: Path):
    live = LiveRuns(tmp_path)
    (tmp_path / f"{live.host}@{RUN}.lock").touch()
    settle(tmp_path, seconds=8)
    assert list(live.left_behind()) == []
    settle(tmp_path, seconds=12)
    assert list(live.left_behind()) == [RUN]


def test_only_one_is_given_a_run_to_end_and_it_comes_again_where_that_failed(tmp_path: Path):
    live = LiveRuns(tmp_path)
    (tmp_path / f"{live.host}@{RUN}.lock").touch()
    settle(tmp_path)
    with pytest.raises(RuntimeError, match="could not"):  # noqa: PT012 - the loop is the subject
        for run_id in live.left_behind():
            assert run_id == RUN
            assert list(live.left_behind()) == []
            raise RuntimeError("could not end it")
    assert list(live.left_behind()) == [RUN]


@pytest.mark.parametrize("name", ["-", "my-laptop-", "a--b", "node_1@site", "Größe"])
def test_a_run_is_found_whatever_the_machine_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
):
    """Two dashes stood between host and run: a host that ends with one hid its runs for ever."""
    monkeypatch.setattr("socket.gethostname", lambda: name)
    live = LiveRuns(tmp_path)
    with live.hold(RUN):
        (path,) = tmp_path.iterdir()
    path.touch()
    settle(tmp_path)
    assert list(live.left_behind()) == [RUN]


def silent_since(live: LiveRuns, hours: float, *, is_silent: bool = True) -> list[tuple[str, str]]:
    moment = datetime.now(UTC) - timedelta(hours=hours)
    return list(live.silent_elsewhere(moment, lambda run_id: is_silent))


def test_a_run_of_another_host_is_given_up_when_all_its_signs_of_life_are_old(tmp_path: Path):
    here = LiveRuns(tmp_path, host="here")
    for host in ("here", "elsewhere"):
        (tmp_path / f"{host}@{RUN}.lock").touch()
    settle(tmp_path, seconds=2 * 3600)
    assert silent_since(here, hours=3) == []
    assert silent_since(here, hours=1, is_silent=False) == []
    with LiveRuns(tmp_path, host="elsewhere").hold(RUN):
        settle(tmp_path, seconds=2 * 3600)
        assert silent_since(here, hours=1) == [], "this machine had another name when it began"
    (tmp_path / f"elsewhere@{RUN}.lock").touch()
    settle(tmp_path, seconds=2 * 3600)
    assert silent_since(here, hours=1) == [(RUN, "elsewhere")]
    assert [path.name for path in tmp_path.iterdir()] == [f"here@{RUN}.lock"]


def test_a_process_that_lives_touches_its_file_and_stops_when_its_run_is_over(tmp_path: Path):
    """A long fetch may write no event for a day."""
    live = LiveRuns(tmp_path, touch_seconds=0.02)
    with live.hold(RUN):
        settle(tmp_path)
        (path,) = tmp_path.iterdir()
        deadline = time.monotonic() + 10
        while time.time() - path.stat().st_mtime > 30:
            assert time.monotonic() < deadline, "nobody touched it"
            time.sleep(0.01)
    time.sleep(0.05)
    assert not [one for one in threading.enumerate() if RUN[:8] in one.name]
    assert list(tmp_path.iterdir()) == []
