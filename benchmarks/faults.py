"""The collect job on a rough day against a quiet one: what it costs, and that nothing else differs.

The real job (lists, discover, details, ratings, flags) collects the same invented films twice: from
a sandbox where nothing goes wrong, and from one with the mixture of `rough_day.yaml`, again and
again until a run has nothing to ask for. Then every value of every final table is compared, times
aside. Before that, each fault of the mixture alone shows what it costs.
"""

import os
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import duckdb

from ayne_dagster.cli.errors import RunFailed
from ayne_dagster.cli.job_runs import run_job, use_dagster_home
from ayne_dagster.cli.sandbox_world import sandbox_environment
from ayne_dagster.domain.tables import (
    DISCOVERED_MOVIES,
    FROZEN_FLAGS,
    MOVIE_LISTS,
    OMDB_RATINGS,
    TMDB_DETAILS,
)
from ayne_dagster.domain.tables.contract import ColumnType, TableContract
from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.faults.plan_files import read_plan
from ayne_dagster.sandbox.server import RunningSandbox, running_sandbox
from benchmarks.reporting import Goal, Report, Row

GOAL = "the tables of a rough day equal those of a quiet day in every value, after 1 run"
FILMS = 240
FIRST_YEAR, LAST_YEAR = 2015, 2017
MOST_RUNS = 5
FINAL_TABLES = (MOVIE_LISTS, DISCOVERED_MOVIES, TMDB_DETAILS, OMDB_RATINGS, FROZEN_FLAGS)
_ASKED_PER_FILM = (("tmdb", "/3/movie/{id}"), ("omdb", "/"))
_CONFIG = SandboxConfig(
    films=FILMS,
    seed=11,
    first_year=FIRST_YEAR,
    last_year=LAST_YEAR,
    as_of="2026-01-01",
    frozen_world=True,
    tmdb_requests_per_second=0,
    omdb_daily_quota=0,
)


@dataclass(frozen=True)
class Day:
    """What collecting under one plan of faults came to.

    Attributes:
        seconds: Of all runs that asked for films.
        runs: Runs that asked for films.
        requests: Requests the sandbox saw.
        faults: Faults it injected, by case.
        tables: Rows of the final tables, times left out, in a fixed order.
    """

    seconds: float
    runs: int
    requests: int
    faults: dict[str, int]
    tables: dict[str, list[tuple[Any, ...]]]

    def differences(self, other: "Day") -> dict[str, int]:
        """Rows of each table that are missing or other in one of the two."""
        return {
            name: max((ours - theirs).total(), (theirs - ours).total())
            for name, rows in self.tables.items()
            for ours, theirs in [(Counter(map(repr, rows)), Counter(map(repr, other.tables[name])))]
        }


def measure(runs: int) -> Report:
    """Collect on a quiet day, under each fault alone, and on the rough day.

    One run each, whatever `runs` says: values are compared, and what is drawn hangs on a seed.
    """
    plan = read_plan("rough_day")
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        # Twice: the first run of a process pays for imports.
        collect(root / "imports", None, films=20, most_runs=1)
        quiet = collect(root / "quiet", None, most_runs=1)
        alone = {
            name: collect(root / name, {**plan, "faults": lines}, most_runs=1)
            for name, lines in _by_case(plan).items()
        }
        rough = collect(root / "rough", plan)
    differing = rough.differences(quiet)
    rows = [_row("rough day, all of it", rough, quiet)]
    rows.extend(_row(f"{name} alone", day, quiet) for name, day in alone.items())
    ratio = rough.requests / quiet.requests
    compared = sum(len(found) for found in quiet.tables.values())
    return Report(
        name="faults",
        setting=f"collect job, {FILMS} films of {FIRST_YEAR}-{LAST_YEAR}, one run each",
        baseline="quiet day",
        rows=rows,
        goals=[
            Goal(
                f"goal: 0 rows differ in {len(FINAL_TABLES)} tables with {compared} rows, "
                f"{sum(differing.values())} differ",
                not any(differing.values()),
            ),
            Goal(f"goal: nothing due after 1 run, took {rough.runs}", rough.runs == 1),
        ],
        notes=[
            f"requests: quiet day {quiet.requests}, rough day {rough.requests}, ratio {ratio:.2f}",
            "injected: " + ", ".join(f"{n} {name}" for name, n in sorted(rough.faults.items())),
            *(f"{n} rows differ in {name}" for name, n in differing.items() if n),
            *(
                f"{name} alone: {n} rows differ after one run"
                for name, day in alone.items()
                if (n := sum(day.differences(quiet).values()))
            ),
        ],
    )


def collect(
    folder: Path,
    plan: Mapping[str, Any] | None,
    *,
    films: int = FILMS,
    most_runs: int = MOST_RUNS,
) -> Day:
    """Run the collect job under a plan of faults until a run has no film to ask for.

    Args:
        folder: For all data.
        plan: Of faults; None: nothing goes wrong.
        films: Size of the catalogue.
        most_runs: Runs at most; with 1 nobody looks whether a second would ask.
    """
    config = replace(_CONFIG, films=films, faults=None if plan is None else dict(plan))
    seconds, runs, requests = 0.0, 0, 0
    faults: dict[str, int] = {}
    with running_sandbox(config) as sandbox, _settings(folder, sandbox):
        while runs < most_runs:
            sandbox.reset_stats()
            started = time.perf_counter()
            is_finished = _run()
            taken = time.perf_counter() - started
            stats = sandbox.stats()
            if is_finished and not _films_asked(stats):
                break
            runs += 1
            seconds += taken
            requests += sum(service["requests"] for service in stats["services"].values())
            for name, count in stats["faults"].items():
                faults[name] = faults.get(name, 0) + count
    return Day(seconds, runs, requests, faults, _tables(folder / "ayne.duckdb"))


def _by_case(plan: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """The lines of a plan by case."""
    lines: dict[str, list[dict[str, Any]]] = {}
    for line in plan["faults"]:
        lines.setdefault(str(line["case"]), []).append(line)
    return lines


def _run() -> bool:
    """One run of the job; False where it failed."""
    years = [str(year) for year in range(FIRST_YEAR, LAST_YEAR + 1)]
    try:
        run_job("collect", years, is_quiet=True)
    except RunFailed as error:
        print(f"a run failed: {error}")
        return False
    return True


def _films_asked(stats: Mapping[str, Any]) -> bool:
    """Whether any film was asked for: lists and discover are asked for in every run."""
    services = stats["services"]
    return any(
        endpoint in services.get(service, {}).get("by_endpoint", {})
        for service, endpoint in _ASKED_PER_FILM
    )


@contextmanager
def _settings(folder: Path, sandbox: RunningSandbox) -> Iterator[None]:
    """Point this process at a sandbox and a folder, for the time of a block."""
    before = dict(os.environ)
    os.environ.update(sandbox_environment(sandbox.url, folder, first_year=FIRST_YEAR))
    os.environ["LOGS__LEVEL"] = "ERROR"
    # What fails is asked for again by the next run: nobody waits an hour here.
    os.environ["REFRESH__RETRY_HOURS"] = "0.00001"
    os.environ["REFRESH__LONGEST_RETRY_HOURS"] = "0.00001"
    use_dagster_home(folder / "home")
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _tables(database: Path) -> dict[str, list[tuple[Any, ...]]]:
    with duckdb.connect(str(database), read_only=True) as connection:
        return {
            table.name: sorted(
                connection.execute(f"SELECT {_columns(table)} FROM {table.name}").fetchall(),
                key=repr,
            )
            for table in FINAL_TABLES
        }


def _columns(table: TableContract) -> str:
    """All columns but times: those are of the day, not of the film."""
    kept = [column.name for column in table.columns if column.type is not ColumnType.TIMESTAMPTZ]
    return ", ".join(kept)


def _row(what: str, day: Day, quiet: Day) -> Row:
    injected, more = sum(day.faults.values()), day.requests - quiet.requests
    words = f"{injected} faults, {more:+d} requests"
    return Row(what, day.seconds * 1000, quiet.seconds * 1000, words)
