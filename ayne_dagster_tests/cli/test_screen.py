"""What people see while a job runs: bars that move, one line after Ctrl-C."""

import os
import re
import select
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ayne_dagster.cli.console import ProgressBars
from ayne_dagster.cli.ports import free_port
from ayne_dagster.cli.step_output import StepOutput
from ayne_dagster.settings import load_settings


def test_a_step_s_output_is_kept_for_the_ui_and_its_errors_are_shown(tmp_path: Path):
    shown: list[str] = []
    manager = StepOutput(str(tmp_path))
    manager.show = shown.append
    key = ["run", "compute_logs", "step"]
    with manager.capture_logs(key):
        os.write(sys.stdout.fileno(), b"a figure\n")
        os.write(sys.stderr.fileno(), b"a warning\nand its rest")
    kept = manager.get_log_data(key)
    assert kept.stdout == b"a figure\n"
    assert kept.stderr == b"a warning\nand its rest"
    assert shown == ["a warning", "and its rest"]
    assert manager.is_capture_complete(key)


def test_no_helper_process_is_started_for_a_step_s_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """They are in the terminal's process group: Ctrl-C made each show a traceback."""

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a process was started")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with StepOutput(str(tmp_path)).capture_logs(["run", "compute_logs", "step"]):
        pass


def test_lines_reach_the_terminal_while_a_step_s_output_goes_to_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Bars drawn through descriptor 2 stood in the file and appeared when all was over."""
    terminal = tmp_path / "terminal"
    with terminal.open("w", encoding="utf-8") as stderr:
        monkeypatch.setattr(sys, "stderr", stderr)
        with ProgressBars() as bars, StepOutput(str(tmp_path)).capture_logs(["run", "step"]):
            bars.say("above the bars")
            os.write(stderr.fileno(), b"of the step\n")
            assert terminal.read_text() == "above the bars\n"
    monkeypatch.undo()
    assert (tmp_path / "run" / "step.err").read_text() == "of the step\n"


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo terminal")
def test_bars_move_while_the_demo_runs_and_ctrl_c_ends_it_with_one_line(installed: Path):
    import pty

    terminal, side = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", _WITH_TERMINAL, "demo", "--films", "2000", "--years", "2015-2017",
         "--fresh"],
        cwd=installed, stdin=side, stdout=side, stderr=side, start_new_session=True,
        env={**os.environ, "PYTHONPATH": str(installed), "TERM": "xterm", "COLUMNS": "120",
             "DAGSTER_HOME": ""},
    )  # fmt: skip
    os.close(side)
    seen, pressed_at, ends_at = b"", None, time.monotonic() + 100
    try:
        while time.monotonic() < ends_at:
            if not select.select([terminal], [], [], 0.2)[0]:
                continue
            try:
                read = os.read(terminal, 65_536)
            except OSError:  # Linux says so when the other side is closed; others send nothing.
                break
            if not read:
                break
            seen += read
            steps = set(re.findall(rb"tmdb films.{5,400}?(\d+)/\d+", seen, re.DOTALL))
            if pressed_at is None and len(steps) > 3:
                pressed_at = len(seen)
                os.write(terminal, b"\x03")
        code = process.wait(30)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        os.close(terminal)
    words = seen.decode(errors="replace")
    assert pressed_at is not None, words[-2000:]
    assert code == 130, words[-2000:]
    assert "Traceback" not in words
    assert words.rstrip().endswith("stopped; what was written before is kept")


# A new session has no terminal until it opens one: without it Ctrl-C is a mere character.
_WITH_TERMINAL = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
from ayne_dagster.cli.main import main
main()
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="process groups of POSIX")
def test_ctrl_c_ends_the_ui_with_one_line_of_ours_and_no_error(installed: Path, tmp_path: Path):
    """The terminal and we both told `dagster dev`: the second time broke off its clean end."""
    file = tmp_path / "said"
    arguments = [sys.executable, "-m", "ayne_dagster.cli.main", "ui", "--sandbox", "--films", "60",
                 "--port", str(free_port())]  # fmt: skip
    with (
        file.open("wb") as said,
        subprocess.Popen(
            arguments,
            cwd=installed,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": str(installed)},
        ) as process,
    ):
        deadline = time.monotonic() + 90
        while "Serving dagster-webserver" not in file.read_text(encoding="utf-8"):
            assert process.poll() is None, file.read_text(encoding="utf-8")
            assert time.monotonic() < deadline, file.read_text(encoding="utf-8")
            time.sleep(0.2)
        words = file.read_text(encoding="utf-8")
        joined = re.search(r"--env-file (\S+) ayne due", words)
        assert joined, words
        assert Path(joined[1]).is_relative_to(installed)
        assert f"its clock at {load_settings(dotenv=Path(joined[1])).clock_url}\n" in words
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=60) == 0
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "The UI has ended."
    assert not [line for line in lines if "Abort" in line or "Error" in line or "Warning" in line]
    assert not Path(joined[1]).exists()
