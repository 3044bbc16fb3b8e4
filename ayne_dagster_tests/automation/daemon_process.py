"""A Dagster daemon with its code location, as real processes, and what is to be seen of them.

Lives here: starting, watching, ending. Not here: what is expected (`test_daemon.py`).
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import dagster as dg
import psutil
from dagster._core.scheduler.instigation import InstigatorTick, TickStatus

PROJECT = Path(__file__).resolve().parents[2]
T = TypeVar("T")


@dataclass(frozen=True)
class Daemon:
    """A daemon at work on an instance of its own."""

    instance: dg.DagsterInstance
    process: subprocess.Popen[bytes]
    log: Path

    def ticks(self, name: str) -> list[InstigatorTick]:
        """The finished ticks of a sensor or schedule, the newest first."""
        for state in self.instance.all_instigator_state():
            if state.instigator_name == name:
                found = self.instance.get_ticks(state.instigator_origin_id, state.selector_id)
                return [tick for tick in found if tick.status is not TickStatus.STARTED]
        return []

    def runs(self, job: str) -> list[dg.DagsterRun]:
        """Runs of a job, the newest first."""
        return list(self.instance.get_runs(dg.RunsFilter(job_name=job)))

    def pid_of(self, run_id: str) -> int | None:
        """The process that executes a run; None: it has not begun to."""
        for entry in self.instance.all_logs(run_id):
            if found := re.search(r"Executing steps in process \(pid: (\d+)\)", entry.message):
                return int(found[1])
        return None

    def materialized(self, run_id: str) -> set[str]:
        """The assets a run has materialized."""
        entries = self.instance.all_logs(run_id, dg.DagsterEventType.ASSET_MATERIALIZATION)
        events = [entry.dagster_event for entry in entries]
        keys = [event.asset_key for event in events if event is not None]
        return {key.to_user_string() for key in keys if key is not None}

    def wait_for(self, what: str, look: Callable[[], T | None], seconds: float = 240) -> T:
        """Look until there is something, and for no longer than that."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            found = look()
            if found:
                return found
            assert self.process.poll() is None, f"the daemon ended:\n{self.log.read_text()[-4000:]}"
            time.sleep(0.25)
        raise AssertionError(
            f"{what}: not seen within {seconds:g} s\n{self.log.read_text()[-4000:]}"
        )


@contextmanager
def running_daemon(home: Path, variables: Mapping[str, str]) -> Iterator[Daemon]:
    """Run `dagster-daemon`, which starts the code location, while the block runs.

    Args:
        home: Folder of the Dagster instance; it is made as the project ships it.
        variables: Settings for the processes.
    """
    home.mkdir(parents=True)
    shipped = (PROJECT / "dagster_home" / "dagster.yaml").read_text(encoding="utf-8")
    # The queue is looked at every five seconds otherwise: a test has less time.
    (home / "dagster.yaml").write_text(
        f"{shipped}\nrun_queue:\n  dequeue_interval_seconds: 1\n", encoding="utf-8"
    )
    log = home / "daemon.log"
    with log.open("wb") as lines, dg.DagsterInstance.from_config(str(home)) as instance:
        process = subprocess.Popen(
            [sys.executable, "-m", "dagster._daemon", "run",
             "-m", "ayne_dagster.definitions", "-d", str(PROJECT)],
            env={**os.environ, **variables, "DAGSTER_HOME": str(home), "PYTHONPATH": str(PROJECT)},
            cwd=home,
            stdout=lines,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            yield Daemon(instance, process, log)
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the daemon and everything it has started."""
    children = psutil.Process(process.pid).children(recursive=True) if not process.poll() else []
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(10)
    for child in children:
        if child.is_running():
            child.kill()
    psutil.wait_procs(children, 10)
