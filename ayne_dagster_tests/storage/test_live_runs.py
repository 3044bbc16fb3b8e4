"""Locks of runs: held while their process lives, found when it is gone."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


def settle(folder: Path) -> None:
    """Make the lock files older than one that is just being made."""
    long_ago = time.time() - 60
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
    (tmp_path / f"elsewhere--{RUN}.lock").touch()
    settle(tmp_path)
    assert list(LiveRuns(tmp_path, host="here").left_behind()) == []
    assert list(LiveRuns(tmp_path, host="elsewhere").left_behind()) == [RUN]


def test_a_file_just_made_may_still_get_its_lock(tmp_path: Path):
    live = LiveRuns(tmp_path)
    (tmp_path / f"{live.host}--{RUN}.lock").touch()
    assert list(live.left_behind()) == []
    settle(tmp_path)
    assert list(live.left_behind()) == [RUN]


def test_only_one_is_given_a_run_to_end_and_it_comes_again_where_that_failed(tmp_path: Path):
    live = LiveRuns(tmp_path)
    (tmp_path / f"{live.host}--{RUN}.lock").touch()
    settle(tmp_path)
    with pytest.raises(RuntimeError, match="could not"):  # noqa: PT012 - the loop is the subject
        for run_id in live.left_behind():
            assert run_id == RUN
            assert list(live.left_behind()) == []
            raise RuntimeError("could not end it")
    assert list(live.left_behind()) == [RUN]
