"""What a year costs in a backfill over 20 years: one run, 20 runs, the multiprocess executor.

Each way collects the same sandbox, first into an empty folder, then again with all collected, where
only the overhead is left. (`backfills` measures another thing: four of them at once.)
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.server import running_sandbox
from ayne_dagster.settings import PROJECT_ROOT
from benchmarks.collecting_world import CollectingWorld
from benchmarks.reporting import Figures, Goal, Report

GOAL = (
    "a backfill over 20 years is one run: a year in it takes fewer seconds than in 20 single runs "
    "and than in one run of the multiprocess executor, freshly and with all 20 collected"
)
YEARS = 20
_LAST_YEAR = 2024
_FILMS_PER_YEAR = 10
_ONE_RUN, _MANY_RUNS, _PROCESSES = "one run", "single runs", "one run, multiprocess executor"
_TIMES = {_ONE_RUN: 3, _MANY_RUNS: 1, _PROCESSES: 2}
"""How often each way is measured; the single runs are many by themselves."""
_INSTANCE = PROJECT_ROOT / "dagster_home" / "dagster.yaml"
_STATES = ("freshly", "all collected")


class RunEndedBadly(Exception):
    """A run of the benchmark failed: its times say nothing."""


@dataclass(frozen=True)
class Backfill:
    """A folder to collect into, and a Dagster instance of its own.

    Attributes:
        world: Where data goes.
        home: The Dagster instance.
        years: All release years, oldest first.
    """

    world: CollectingWorld
    home: Path
    years: Sequence[str]

    def collect(self, way: str) -> float:
        """Collect all years this way; seconds, processes started and ended.

        Raises:
            RunEndedBadly: A run failed.
        """
        started = time.perf_counter()
        if way == _MANY_RUNS:
            for year in self.years:
                self._run("in_process", year, year)
        else:
            executor = "multiprocess" if way == _PROCESSES else "in_process"
            self._run(executor, self.years[0], self.years[-1])
        return time.perf_counter() - started

    def _run(self, executor: str, first: str, last: str) -> None:
        """One run of the real job `collect`, in a process as Dagster's launcher starts it."""
        tags = {
            "dagster/asset_partition_range_start": first,
            "dagster/asset_partition_range_end": last,
        }
        command = [
            sys.executable, "-W", "ignore", "-m", "dagster", "job", "execute",
            "-m", "benchmarks.backfill_definitions", "-a", executor,
            "-j", "collect", "--tags", json.dumps(tags),
        ]  # fmt: skip
        environment = {**os.environ, **self.world.environment, "DAGSTER_HOME": str(self.home)}
        found = subprocess.run(command, env=environment, capture_output=True, text=True)
        if found.returncode:
            said = "\n".join(found.stderr.splitlines()[-20:])
            raise RunEndedBadly(f"{first} to {last}, {executor}:\n{said}")


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    group = parser.add_argument_group("backfill")
    group.add_argument("--years", type=int, default=YEARS, help="release years of the backfill")


def measure(runs: int, options: argparse.Namespace) -> Report:
    """Time every way in both states, `_TIMES` each whatever `runs` says: a run takes seconds."""
    years = [str(year) for year in range(_LAST_YEAR - options.years + 1, _LAST_YEAR + 1)]
    config = SandboxConfig(
        films=_FILMS_PER_YEAR * len(years),
        seed=11,
        first_year=int(years[0]),
        last_year=_LAST_YEAR,
        frozen_world=True,
        tmdb_requests_per_second=0,
        omdb_daily_quota=0,
    )
    with tempfile.TemporaryDirectory() as folder, running_sandbox(config) as sandbox:
        names = iter(range(10**6))

        def new() -> Backfill:
            root = Path(folder) / str(next(names))
            root.mkdir()
            home = root / "dagster_home"
            home.mkdir()
            (home / _INSTANCE.name).write_bytes(_INSTANCE.read_bytes())
            return Backfill(CollectingWorld(root, sandbox.url, int(years[0])), home, years)

        taken = _measured(new)
    return _report(taken, len(years))


def _measured(new: Callable[[], Backfill]) -> dict[tuple[str, str], list[float]]:
    """Seconds of every way, by state and way."""
    taken: dict[tuple[str, str], list[float]] = {}
    for way, times in _TIMES.items():
        for _ in range(times):
            backfill = new()
            for state in _STATES:
                taken.setdefault((state, way), []).append(backfill.collect(way))
    return taken


def _report(taken: dict[tuple[str, str], list[float]], years: int) -> Report:
    per_year = {key: statistics.median(seconds) / years for key, seconds in taken.items()}
    lines = [
        (
            f"{way}, {state}",
            years if way == _MANY_RUNS else 1,
            len(taken[state, way]),
            statistics.median(taken[state, way]),
            per_year[state, way],
            per_year[state, way] / per_year[state, _ONE_RUN],
        )
        for state in _STATES
        for way in _TIMES
    ]
    goals = [
        Goal(
            f"{state}: {per_year[state, _ONE_RUN]:.2f} s a year in one run, "
            f"{per_year[state, way]:.2f} s in {way}",
            per_year[state, _ONE_RUN] < per_year[state, way],
        )
        for state in _STATES
        for way in (_MANY_RUNS, _PROCESSES)
    ]
    columns = ("way", "runs", "measured", "median, s", "s a year", "times one run")
    return Report(
        name="backfill",
        setting=f"{years} release years of some {_FILMS_PER_YEAR} films, the job `collect` in "
        "processes of its own",
        baseline="",
        rows=(),
        figures=[Figures("seconds per year of a backfill", columns, lines)],
        goals=goals,
        notes=["the sandbox answers at once: against the real services their pace comes on top"],
    )
