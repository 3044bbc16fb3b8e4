"""Four backfills over overlapping years at once, while an analyst holds the DuckDB file.

The same four runs of the real job, one after another in one folder, then all at once in another;
there a fifth process opens the file with plain duckdb, read-only, and keeps it open for half a
minute in the middle, so that nobody can write. Then tables, mirrors and requests are compared.
"""

import multiprocessing
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import Any

import duckdb

from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.server import RunningSandbox, running_sandbox
from benchmarks.collecting_process import Account
from benchmarks.collecting_runs import process_context, start_collecting
from benchmarks.collecting_world import CollectingWorld
from benchmarks.crash_checks import Findings, Look, tables_differ, unreadable_files
from benchmarks.reporting import Figures, Goal, Report

GOAL = (
    "four backfills over overlapping years at once, a reader holding the file for 30 s: 0 runs "
    "failed, 0 errors logged, 0 tables or mirrors unlike those of a serial run, 0 requests more"
)
HELD_SECONDS = 30.0
RANGES = (("2019", "2021"), ("2020", "2022"), ("2021", "2023"), ("2022", "2024"))
_FILMS = 600
_SETTINGS = {
    # Slow enough for the reader to come in the middle.
    "TMDB__REQUESTS_PER_SECOND": "60",
    "OMDB__REQUESTS_PER_SECOND": "60",
    "DISCOVERY__LIST_PAGES": "2",
}
_HELD_FROM_SHARE = 0.4
_LONGEST_TRYING_SECONDS = 60.0
_CONFIG = SandboxConfig(
    films=_FILMS,
    seed=11,
    first_year=int(RANGES[0][0]),
    last_year=int(RANGES[-1][1]),
    frozen_world=True,
    tmdb_requests_per_second=0,
    omdb_daily_quota=0,
    latency_seconds=0.02,
)


@dataclass(frozen=True)
class Backfill:
    """What four backfills came to.

    Attributes:
        world: Where they collected.
        accounts: What each told, in the order of `RANGES`.
        requests: Requests the sandbox saw.
        seconds: From the first start to the last end.
    """

    world: CollectingWorld
    accounts: Sequence[Account]
    requests: int
    seconds: float


@dataclass(frozen=True)
class Held:
    """What the reader did.

    Attributes:
        tries: Times it tried to open the file until nobody wrote.
        seconds: How long it kept the file open.
        films: Films it could count meanwhile, at the beginning and at the end.
        is_in_the_middle: Whether every backfill was at work from its beginning to its end.
    """

    tries: int
    seconds: float
    films: tuple[int, int]
    is_in_the_middle: bool


def measure(runs: int) -> Report:
    """Serial, then at once; one time each, whatever `runs` says: values are compared, not times."""
    context = process_context()
    with tempfile.TemporaryDirectory() as folder, running_sandbox(_CONFIG) as sandbox:
        first_year = int(RANGES[0][0])
        serial, at_once = (
            CollectingWorld(Path(folder) / name, sandbox.url, first_year, _SETTINGS)
            for name in ("serial", "at_once")
        )
        wanted = run_serially(context, sandbox, serial)
        found, held = run_at_once(context, sandbox, at_once, wanted.requests)
        findings = Look(at_once).again()
        findings.differing_tables = tables_differ(serial, at_once)
        findings.unreadable = unreadable_files(at_once.folder)
    return _report(wanted, found, held, findings)


def run_serially(
    context: ForkServerContext, sandbox: RunningSandbox, world: CollectingWorld
) -> Backfill:
    """One backfill after another."""
    sandbox.reset_stats()
    started = time.monotonic()
    accounts = [
        start_collecting(world, years, "serial", context=context).account() for years in RANGES
    ]
    return Backfill(world, accounts, _served(sandbox), time.monotonic() - started)


def run_at_once(
    context: ForkServerContext,
    sandbox: RunningSandbox,
    world: CollectingWorld,
    requests: int,
    held_seconds: float = HELD_SECONDS,
) -> tuple[Backfill, Held]:
    """All at once; the reader comes when so large a share of the requests was sent."""
    sandbox.reset_stats()
    started = time.monotonic()
    backfills = [start_collecting(world, years, "at_once", context=context) for years in RANGES]
    processes = [one.process for one in backfills]
    while _served(sandbox) < requests * _HELD_FROM_SHARE and all(p.is_alive() for p in processes):
        time.sleep(0.1)
    received, sent = multiprocessing.Pipe(duplex=False)
    reader = context.Process(target=hold_open, args=(str(world.database), held_seconds, sent))
    was_at_work = all(process.is_alive() for process in processes)
    reader.start()
    sent.close()
    told: dict[str, Any] = received.recv()
    is_at_work = all(process.is_alive() for process in processes)
    reader.join()
    accounts = [one.account() for one in backfills]
    seconds = time.monotonic() - started
    held = Held(**told, is_in_the_middle=was_at_work and is_at_work)
    return Backfill(world, accounts, _served(sandbox), seconds), held


def hold_open(database: str, seconds: float, answer: Any) -> None:
    """Open the file as an analyst would, keep it open, and tell what was seen.

    Plain duckdb cannot open it while somebody writes: it tries again until it can.

    Raises:
        duckdb.IOException: It could not for a minute.
    """
    tries, give_up_at = 0, time.monotonic() + _LONGEST_TRYING_SECONDS
    while True:
        tries += 1
        try:
            connection = duckdb.connect(database, read_only=True)
            break
        except duckdb.IOException:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.02)
    began = time.monotonic()
    first = _films_in(connection)
    time.sleep(seconds)
    last = _films_in(connection)
    held = time.monotonic() - began
    connection.close()
    answer.send({"tries": tries, "seconds": held, "films": (first, last)})


def _films_in(connection: duckdb.DuckDBPyConnection) -> int:
    return connection.execute("SELECT count(*) FROM discovered_movies").fetchall()[0][0]


def _served(sandbox: RunningSandbox) -> int:
    return sum(service["requests"] for service in sandbox.stats()["services"].values())


def _report(serial: Backfill, at_once: Backfill, held: Held, findings: Findings) -> Report:
    runs = [*serial.accounts, *at_once.accounts]
    errors = sum(len(run.errors) for run in runs)
    green = sum(run.is_green for run in runs)
    lines = [
        (
            f"{first}-{last}",
            alone.seconds,
            together.seconds,
            max(together.turn_waits, default=0.0),
            max(together.file_waits, default=0.0),
            len(together.file_waits),
        )
        for (first, last), alone, together in zip(
            RANGES, serial.accounts, at_once.accounts, strict=True
        )
    ]
    longest = max(line[4] for line in lines)
    columns = (
        "years",
        "alone, s",
        "at once, s",
        "longest wait for a turn, s",
        "longest wait for the file, s",
        "times opened",
    )
    return Report(
        name="backfills",
        setting=f"{_FILMS} films, 4 backfills of 3 years each, {serial.requests} requests; once: "
        "values, no times",
        baseline="",
        rows=(),
        figures=[Figures("the same four, one after another and at once", columns, lines)],
        goals=[
            Goal(f"{green} of {len(runs)} runs green", green == len(runs)),
            Goal(f"errors logged {errors}", errors == 0),
            Goal(
                f"goal held for 30 s in the middle: {held.seconds:.1f} s",
                held.seconds >= HELD_SECONDS and held.is_in_the_middle,
            ),
            Goal(
                f"tables and mirrors unlike the serial run's {findings.differing_tables}",
                findings.differing_tables == 0,
            ),
            Goal(
                f"rows twice, half partitions, unreadable files "
                f"{findings.wrong - findings.differing_tables}",
                findings.wrong == findings.differing_tables,
            ),
            Goal(
                f"requests {at_once.requests}, serial {serial.requests}",
                at_once.requests == serial.requests,
            ),
        ],
        notes=_notes(serial, at_once, held, longest),
    )


def _notes(serial: Backfill, at_once: Backfill, held: Held, longest: float) -> list[str]:
    runs = [*serial.accounts, *at_once.accounts]
    said = {words for run in runs for words in (*run.errors, *run.warnings, *run.failed_checks)}
    times = (
        f"all four: {serial.seconds:.0f} s one after another, {at_once.seconds:.0f} s at once, "
        f"{held.seconds:.0f} s of them with the file held; longest wait for it {longest:.1f} s"
    )
    reader = (
        f"the reader opened the file at try {held.tries} and saw {held.films[0]} films, "
        f"{held.seconds:.0f} s later {held.films[1]}"
    )
    return [times, reader, *sorted(said)]
