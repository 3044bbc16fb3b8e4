"""kill -9 at random instants, many times: what is lost, doubled, halved, unreadable, repeated.

Four processes collect disjoint years at once from a real sandbox. A killer ends one, two or all of
them with SIGKILL, in turn at a random instant, while one writes the warehouse, while it mirrors,
and while it archives; as many start again at the same moment. OMDb's quota ends before the films
do. After each round the files are looked at; at the end the rest is fetched with another key and
the tables are compared with those of an undisturbed world. Beside it the same with stock parts.
"""

import math
import multiprocessing
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from pathlib import Path

from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.server import RunningSandbox, running_sandbox
from benchmarks import crash_workers
from benchmarks.crash_checks import Findings, Look, tables_differ, unreadable_files
from benchmarks.crash_crew import INSTANTS, TOGETHER, Crew
from benchmarks.crash_repeats import Repeats, read_notes, repeats_of
from benchmarks.crash_workers import Task
from benchmarks.crash_world import QUOTA, CrashWorld
from benchmarks.reporting import Figures, Goal, Report

GOAL = (
    "100 kills or more: rows lost 0, duplicates 0, half partitions 0, unreadable files 0, at most "
    "50 requests repeated by any kill, a quota that ends before the films do never exceeded"
)
MOST_REPEATED = 50
_LEAST_KILLS = 100
_KILLS = 110
_STOCK_KILLS = 12
_FILMS = 600
_ALL_YEARS = (crash_workers.YEARS[0], crash_workers.YEARS[-1])
_COMMIT_AT = (50, None)
"""Answers stored at once, in turn: killed between many commits, and with many answers on disk only
(as the platform does it)."""
_KEYS_PER_WORLD = "abcd"
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
        repeats: What each kill made others send again.
        not_noted: Requests the sandbox saw and no process had noted.
        quota: Requests OMDb allowed a day.
        counted_of_quota: Requests the ledger counted of them.
        sent_of_quota: Requests that reached OMDb.
        refused: Requests OMDb refused.
    """

    kills: Counter[str] = field(default_factory=Counter)
    findings: Findings = field(default_factory=Findings)
    repeats: Repeats = field(default_factory=Repeats)
    not_noted: int = 0
    quota: int = QUOTA
    counted_of_quota: int = 0
    sent_of_quota: int = 0
    refused: int = 0


def measure(runs: int) -> Report:
    """Disturb `runs` collections, then two with stock parts."""
    config = SandboxConfig(
        films=_FILMS,
        seed=11,
        first_year=int(_ALL_YEARS[0]),
        last_year=int(_ALL_YEARS[1]),
        frozen_world=True,
        tmdb_requests_per_second=0,
        omdb_daily_quota=QUOTA,
        omdb_keys=tuple(key for world in range(runs + 1) for key in _keys(world)),
        latency_seconds=0.02,
    )
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.crash_workers"])
    with tempfile.TemporaryDirectory() as folder, running_sandbox(config) as sandbox:
        stage = _Stage(context, sandbox, Path(folder))
        quiet = stage.undisturbed()
        needed = _served(sandbox)
        kills = math.ceil(_KILLS / runs)
        ours = [stage.disturb(number, quiet, kills) for number in range(1, runs + 1)]
        stock = [stage.disturb_stock(number) for number in range(2)]
    return report_of(ours, stock, needed)


@dataclass(frozen=True)
class _Stage:
    context: ForkServerContext
    sandbox: RunningSandbox
    folder: Path

    def undisturbed(self) -> CrashWorld:
        """A world in which nobody is killed."""
        world = self._world("undisturbed").with_omdb_key(_keys(0)[0])
        self._run_alone(crash_workers.collect, world.task(_ALL_YEARS, "undisturbed"))
        self._fetch_the_rest(world, 0)
        return world

    def disturb(self, number: int, quiet: CrashWorld, kills: int) -> Disturbed:
        """Collect everything with four processes, killing some again and again."""
        key = _keys(number)[0]
        world = self._world(f"ours_{number}").with_omdb_key(key)
        chance, look, done = random.Random(number), Look(world), Disturbed()
        self.sandbox.reset_stats()
        commit_at = _COMMIT_AT[number % len(_COMMIT_AT)]
        crew = Crew(self.context, crash_workers.collect, world, commit_at, done.kills)
        rounds = 0
        while done.kills.total() < kills and crew.kill_some(rounds, chance):
            done.findings.add(look.again())
            rounds += 1
        crew.finish()
        done.findings.add(look.again())
        self._fetch_the_rest(world, number)
        done.findings.differing_tables += tables_differ(quiet, world)
        done.findings.unreadable += unreadable_files(world.folder)
        served = _served(self.sandbox)
        done.findings.over_quota += int(world.requests_counted() < served)
        notes = read_notes(world.notes)
        done.not_noted = max(served - len(notes), 0)
        done.repeats = repeats_of(notes, crew.killed)
        done.counted_of_quota = world.most_counted_with(key)
        done.sent_of_quota = self._let_through(key)
        done.refused = self.sandbox.stats()["services"]["omdb"]["by_status"].get("401", 0)
        return done

    def disturb_stock(self, number: int) -> Disturbed:
        """The same of stock parts: one process at a time, for they have no turns."""
        chance, done = random.Random(1000 + number), Disturbed()
        world = self._world(f"stock_{number}")
        work = crash_workers.collect_with_stock_parts
        self._run_alone(work, world.task(_ALL_YEARS, "undisturbed"))
        before = crash_workers.stock_ids(world.database)
        lost: set[int] = set()
        killed: set[str] = set()
        for kill in range(_STOCK_KILLS):
            instant = INSTANTS[kill % 3]
            task = world.task(_ALL_YEARS, f"process {kill}")
            process = self.context.Process(target=work, args=(task,))
            process.start()
            process.join(chance.uniform(1.0, 4.0))
            while instant != INSTANTS[0] and process.is_alive() and not world.stock_is(instant):
                pass
            if process.is_alive():
                process.kill()
                done.kills[instant] += 1
                killed.add(task.name)
            process.join()
            lost |= before - crash_workers.stock_ids(world.database)
            done.findings.unreadable += unreadable_files(world.folder)
        done.findings.lost = len(lost)
        done.repeats = repeats_of(read_notes(world.notes), killed)
        return done

    def _world(self, name: str) -> CrashWorld:
        return CrashWorld(self.folder / name, self.sandbox.url)

    def _fetch_the_rest(self, world: CrashWorld, number: int) -> None:
        """What the quota left, with further keys."""
        for key in _keys(number)[1:]:
            task = world.with_omdb_key(key).task(_ALL_YEARS, f"with {key}")
            self._run_alone(crash_workers.collect, task)
            if self._let_through(key) < QUOTA:
                return
        raise RuntimeError("further keys were not enough for all films")

    def _run_alone(self, work: Callable[[Task], None], task: Task) -> None:
        process = self.context.Process(target=work, args=(task,))
        process.start()
        process.join()
        if process.exitcode != 0:
            raise RuntimeError(f"an undisturbed run ended with {process.exitcode}")

    def _let_through(self, key: str) -> int:
        """Requests OMDb answered with this key, on the day when they were most."""
        days = self.sandbox.stats()["omdb_requests_by_key_and_day"].get(key, {})
        return max(days.values(), default=0)


def _keys(world: int) -> list[str]:
    return [f"crash{world:02d}{letter}" for letter in _KEYS_PER_WORLD]


def _served(sandbox: RunningSandbox) -> int:
    return sum(service["requests"] for service in sandbox.stats()["services"].values())


def report_of(ours: Sequence[Disturbed], stock: Sequence[Disturbed], needed: int) -> Report:
    """Figures and judgement.

    Args:
        ours: Collections that were disturbed.
        stock: The same with stock parts.
        needed: Requests of an undisturbed collection.
    """
    total, other = _sum(ours), _sum(stock)
    wrong = total.findings.wrong
    quotas = [(run.quota, run.counted_of_quota, run.sent_of_quota) for run in ours]
    is_kept = all(counted == quota >= sent for quota, counted, sent in quotas)
    words = " ".join(f"{counted}/{sent}" for _, counted, sent in quotas)
    return Report(
        name="crash",
        setting=f"{_FILMS} films, {needed} requests undisturbed, {len(ours)} collections by 4 "
        f"processes over disjoint years, {QUOTA} requests a day allowed by OMDb",
        baseline="stock parts",
        rows=(),
        figures=[
            Figures("what kill -9 did", ("", "ours", "stock parts"), _lines(total, other)),
        ],
        goals=[
            Goal(
                f"goal {_LEAST_KILLS} kills, were {total.kills.total()}",
                total.kills.total() >= _LEAST_KILLS,
            ),
            Goal(f"nothing lost, doubled, halved or unreadable: {wrong}", not wrong),
            Goal(
                f"<= {MOST_REPEATED} requests repeated by any kill, most {total.repeats.most}",
                total.repeats.most <= MOST_REPEATED,
            ),
            Goal(
                f"0 repeated though nobody was killed: {total.repeats.by_the_living}",
                not total.repeats.by_the_living,
            ),
            Goal(f"0 requests that nobody noted: {total.not_noted}", not total.not_noted),
            Goal(
                f"OMDb's quota reached and never exceeded, counted/sent {words}, "
                f"refused {total.refused}",
                is_kept and not total.refused,
            ),
        ],
        notes=[_STOCK_PARTS],
    )


def _sum(runs: Sequence[Disturbed]) -> Disturbed:
    total = Disturbed()
    for number, run in enumerate(runs):
        total.kills += run.kills
        total.findings.add(run.findings)
        total.repeats.add(run.repeats, str(number))
        total.not_noted += run.not_noted
        total.refused += run.refused
    return total


def _lines(total: Disturbed, other: Disturbed) -> list[tuple[str, int | float, int | float | None]]:
    found, elsewhere = total.findings, other.findings
    return [
        ("kills", total.kills.total(), other.kills.total()),
        *((f"  {instant}", total.kills[instant], other.kills[instant]) for instant in INSTANTS),
        (f"  {TOGETHER}", total.kills[TOGETHER], other.kills[TOGETHER]),
        ("rows lost", found.lost, elsewhere.lost),
        ("rows twice", found.doubled, elsewhere.doubled),
        ("half partitions", found.halved, elsewhere.halved),
        ("unreadable files", found.unreadable, elsewhere.unreadable),
        ("tables unlike an undisturbed run's", found.differing_tables, None),
        ("requests repeated by the kill that cost most", total.repeats.most, other.repeats.most),
        ("requests repeated per kill, mean", total.repeats.mean, other.repeats.mean),
        ("requests a process tried again itself", total.repeats.retries, other.repeats.retries),
        ("times the ledger counted less than was sent", found.over_quota, None),
    ]
