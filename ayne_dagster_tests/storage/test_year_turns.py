"""Two runs never fetch one year of one source at a time."""

import threading
from pathlib import Path

import pytest
from filelock import FileLock

from ayne_dagster.storage import year_turns
from ayne_dagster.storage.year_turns import YearTurns


def test_an_overlapping_run_waits_and_says_for_whom(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    """Both asked for the same films, and paid for them twice."""
    caplog.set_level("INFO", logger=year_turns.__name__)
    turns, order, is_waiting = YearTurns(tmp_path), [], threading.Event()

    def second() -> None:
        is_waiting.set()
        with turns.hold("tmdb", ["2002", "2001"], "the second run"):
            order.append("second")

    thread = threading.Thread(target=second)
    with turns.hold("tmdb", ["2000", "2001"], "the first run"):
        thread.start()
        assert is_waiting.wait(5)
        thread.join(0.5)
        order.append("first")
    thread.join(5)
    assert order == ["first", "second"]
    assert "waiting for tmdb-2001" in caplog.text
    assert "the first run" in caplog.text


def test_other_years_and_other_sources_do_not_wait(tmp_path: Path):
    turns = YearTurns(tmp_path)
    with (
        turns.hold("tmdb", ["2000"], "one"),
        turns.hold("tmdb", ["2001"], "another"),
        turns.hold("omdb", ["2000"], "a third"),
    ):
        pass


def test_a_name_that_cannot_be_taken_away_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The release stood behind it, and the year was held until the process ended."""

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(f"{path} is open elsewhere")

    turns = YearTurns(tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        with turns.hold("tmdb", ["2000"], "one"):
            pass
    lock = FileLock(tmp_path / "tmdb-2000.lock")
    with lock.acquire(timeout=0):
        pass
