"""kill -9 at random instants, many times: what is lost, doubled, halved, unreadable, repeated.

Four processes collect overlapping years at once from a real sandbox. A killer ends one of them
with SIGKILL, in turn at a random instant, while it writes the warehouse, while it mirrors, and
while it archives; another takes its place. After each kill the files are looked at, and at the end
the tables are compared with those of one undisturbed run. Beside it the same with stock parts.
"""

import multiprocessing
import random
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.server import RunningSandbox, running_sandbox
from benchmarks import crash_workers
from benchmarks.crash_checks import Findings, Look, tables_differ, unreadable_files
from benchmarks.crash_world import CrashWorld
from benchmarks.reporting import Figures, Goal, Report

GOAL = (
    "100 kills or more: rows lost 0, duplicates 0, half partitions 0, unreadable files 0, at most "
    "50 requests repeated per kill, quota never exceeded"
)
KILLS_PER_RUN = 21
MOST_REPEATED = 50
_FILMS = 600
_RANGES = (("2019", "2021"), ("2020", "2022"), ("2021", "2023"), ("2022", "2024"))
_INSTANTS = ("at random", "writing", "mirroring", "archiving")
_LONGEST_WAIT_SECONDS = 4.0
_STOCK_PARTS = (
    "stock parts: the stock I/O manager, answers in memory until a year is whole, and pandas' own "
    "to_parquet; killed in a refresh of all years, one process at a time"
)


@dataclass
class Disturbed:
    """One collection of all films that was disturbed.

    Attributes:
        kills: Kills by what the process was doing.
        findings: What was found wrong.
        repeated: Requests beyond those of an undisturbed run.
        seconds: How long it took.
    """

    kills: Counter[str] = field(default_factory=Counter)
    findings: Findings = field(default_factory=Findings)
    repeated: int = 0
    seconds: float = 0.0


def measure(runs: int) -> Report:
    """Disturb `runs` collections, then as many with stock parts."""
    config = SandboxConfig(
        films=_FILMS,
        seed=11,
        first_year=int(crash_workers.YEARS[0]),
        last_year=int(crash_workers.YEARS[-1]),
        frozen_world=True,
        tmdb_requests_per_second=0,
        omdb_daily_quota=0,
        latency_seconds=0.02,
    )
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.crash_workers"])
    with tempfile.TemporaryDirectory() as folder, running_sandbox(config) as sandbox:
        quiet = CrashWorld(Path(folder) / "undisturbed", sandbox.url)
        _run_alone(context, crash_workers.collect, quiet)
        needed = _served(sandbox)
        ours = [
            _disturb(context, sandbox, CrashWorld(Path(folder) / f"ours_{n}", sandbox.url), n,
                     quiet, needed)
            for n in range(runs)
        ]  # fmt: skip
        stock = [
            _disturb_stock(
                context, sandbox, CrashWorld(Path(folder) / f"stock_{n}", sandbox.url), n
            )
            for n in range(2)
        ]
    return _report(ours, stock, needed)


def _disturb(
    context: ForkServerContext,
    sandbox: RunningSandbox,
    world: CrashWorld,
    seed: int,
    quiet: CrashWorld,
    needed: int,
) -> Disturbed:
    """Collect everything with four processes, killing one again and again."""
    chance = random.Random(seed)
    sandbox.reset_stats()
    started = time.monotonic()
    done = Disturbed()
    look = Look(world)
    crew = Crew(context, crash_workers.collect, world.environment)
    for kill in range(KILLS_PER_RUN):
        killed = crew.kill_one(_INSTANTS[kill % len(_INSTANTS)], world, chance)
        if killed is None:
            break
        done.kills[killed] += 1
        done.findings.add(look.again())
    crew.finish()
    done.findings.add(look.again())
    done.findings.differing_tables += tables_differ(quiet, world)
    done.findings.unreadable += unreadable_files(world.folder)
    done.repeated = max(_served(sandbox) - needed, 0)
    done.findings.over_quota += int(world.requests_counted() < _served(sandbox))
    done.seconds = time.monotonic() - started
    return done


def _disturb_stock(
    context: ForkServerContext,
    sandbox: RunningSandbox,
    world: CrashWorld,
    seed: int,
) -> Disturbed:
    """The same of stock parts: one process at a time, for they have no turns."""
    chance = random.Random(1000 + seed)
    _run_alone(context, crash_workers.prefill_stock, world)
    before = crash_workers.stock_ids(world.database)
    sandbox.reset_stats()
    done = Disturbed()
    lost: set[int] = set()
    for kill in range(KILLS_PER_RUN):
        instant = _INSTANTS[kill % 3]
        process = context.Process(
            target=crash_workers.collect_with_stock_parts,
            args=(world.environment, crash_workers.YEARS[0], crash_workers.YEARS[-1]),
        )
        process.start()
        process.join(chance.uniform(1.0, 5.0))
        while instant != "at random" and process.is_alive() and not world.stock_is(instant):
            pass
        if process.is_alive():
            process.kill()
            done.kills[instant] += 1
        process.join()
        lost |= before - crash_workers.stock_ids(world.database)
        done.findings.unreadable += unreadable_files(world.folder)
    done.findings.lost = len(lost)
    # Everything that was asked was asked before: nothing of a killed run is kept.
    done.repeated = _served(sandbox)
    return done


@dataclass
class Crew:
    """Four processes over overlapping years, each replaced when it is killed."""

    context: ForkServerContext
    work: Callable[..., None]
    environment: Mapping[str, str]
    members: dict[tuple[str, str], BaseProcess] = field(default_factory=dict)
    ended: set[tuple[str, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        for years in _RANGES:
            self._start(years)

    def kill_one(self, instant: str, world: CrashWorld, chance: random.Random) -> str | None:
        """Kill a member at such an instant and put another in its place.

        Returns:
            What it was doing: `at random` where nobody came to the instant in time; None where
            all are done.
        """
        self._note_ends()
        alive = {years: p for years, p in self.members.items() if years not in self.ended}
        if not alive:
            return None
        time.sleep(chance.uniform(0.2, 1.0))
        pid = None
        until = time.monotonic() + _LONGEST_WAIT_SECONDS
        while instant != "at random" and pid is None and time.monotonic() < until:
            pid = world.process_that_is(instant, {p.pid for p in alive.values() if p.pid})
        years = next((y for y, p in alive.items() if p.pid == pid), None)
        met = instant if years else "at random"
        years = years or chance.choice(list(alive))
        self.members[years].kill()
        self.members[years].join()
        was_killed = self.members[years].exitcode == -signal.SIGKILL
        self._start(years)
        return met if was_killed else "it had just ended"

    def finish(self) -> None:
        """Let all come to their end; whoever failed by itself is started again, and counted."""
        for years, process in list(self.members.items()):
            process.join(120)
            if process.exitcode != 0:
                raise RuntimeError(f"collecting {years} ended with {process.exitcode}")

    def _start(self, years: tuple[str, str]) -> None:
        process = self.context.Process(target=self.work, args=(self.environment, *years))
        process.start()
        self.members[years] = process

    def _note_ends(self) -> None:
        for years, process in self.members.items():
            if not process.is_alive():
                self.ended.add(years)


def _run_alone(
    context: ForkServerContext,
    work: Callable[..., None],
    world: CrashWorld,
) -> None:
    spans = (
        (world.environment, crash_workers.YEARS[0], crash_workers.YEARS[-1])
        if work is crash_workers.collect
        else (world.environment,)
    )
    process = context.Process(target=work, args=spans)
    process.start()
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"an undisturbed run ended with {process.exitcode}")


def _served(sandbox: RunningSandbox) -> int:
    return sum(service["requests"] for service in sandbox.stats()["services"].values())


def _report(ours: list[Disturbed], stock: list[Disturbed], needed: int) -> Report:
    total, other = Findings(), Findings()
    for run in ours:
        total.add(run.findings)
    for run in stock:
        other.add(run.findings)
    kills = sum((run.kills for run in ours), Counter())
    del kills["it had just ended"]
    by_stock = sum((run.kills for run in stock), Counter())
    stock_kills = by_stock.total()
    per_kill = sum(run.repeated for run in ours) / max(kills.total(), 1)
    stock_per_kill = sum(run.repeated for run in stock) / max(stock_kills, 1)
    worst = max(run.repeated / max(run.kills.total(), 1) for run in ours)
    lines = [
        ("kills", kills.total(), stock_kills),
        *((f"  {instant}", kills[instant], by_stock[instant]) for instant in _INSTANTS),
        ("rows lost", total.lost, other.lost),
        ("rows twice", total.doubled, other.doubled),
        ("half partitions", total.halved, other.halved),
        ("unreadable files", total.unreadable, other.unreadable),
        ("tables unlike an undisturbed run's", total.differing_tables, None),
        ("requests repeated per kill", per_kill, stock_per_kill),
        ("times the ledger counted less than was sent", total.over_quota, None),
    ]
    return Report(
        name="crash",
        setting=f"{_FILMS} films, {needed} requests undisturbed, {len(ours)} collections by 4 "
        "processes over overlapping years",
        baseline="stock parts",
        rows=(),
        figures=[Figures("what kill -9 did", ("", "ours", "stock parts"), lines)],
        goals=[
            Goal(f"goal 100 kills, were {kills.total()}", kills.total() >= 100),
            Goal(f"nothing lost, doubled, halved or unreadable: {total.wrong}", not total.wrong),
            Goal(f"<= {MOST_REPEATED} requests repeated per kill, worst run {worst:.1f}",
                 worst <= MOST_REPEATED),
        ],
        notes=[_STOCK_PARTS],
    )  # fmt: skip
