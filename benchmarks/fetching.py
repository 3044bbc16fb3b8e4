"""Fetching films from a service that allows 40 requests/s: ours beside what people write first.

The stand-in of TMDB runs as a process of its own, refuses more than 40 requests in any second and
answers after 50 ms. Each client fetches films with all their parts in processes of its own; what
was asked and refused is the stand-in's count.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.server import RunningSandbox, build_catalogue, running_sandbox
from benchmarks.reporting import Figures, Goal, Report

ALLOWED_PER_SECOND = 40
LATENCY_SECONDS = 0.05
PACE = 0.97 * ALLOWED_PER_SECOND
"""Ours, as `docs/services.md` advises: the rest is for what the network moves together."""
LEAST_SHARE = 0.95
LEAST_FAIRNESS = 0.7
GOAL = (
    f"one process and four each use 95 % of {ALLOWED_PER_SECOND} requests/s with 1.00 request per "
    "film, no 429, no second with more than 41, the slowest of four at 0.7 of the fastest"
)
_START = date(2026, 7, 1)
_ROOT = Path(__file__).resolve().parents[1]
_CONFIG = SandboxConfig(
    films=2_000,
    tmdb_requests_per_second=ALLOWED_PER_SECOND,
    latency_seconds=LATENCY_SECONDS,
    clock_start=f"{_START}T00:00:00+00:00",
    frozen_world=True,
)


@dataclass(frozen=True)
class Plan:
    """One line of the table.

    Attributes:
        words: What it is.
        client: Its name in `fetching_clients.py`.
        processes: How many, sharing one ledger and the films.
        seconds: How long a run takes films.
        films: How many films a run has; those that ask for all at once end with them.
    """

    words: str
    client: str
    processes: int
    seconds: float
    films: int = 2_000


@dataclass(frozen=True)
class Run:
    """What one run came to."""

    films_per_minute: float
    share: float
    requests_per_film: float
    refused: float
    busiest_second: float
    fairness: float
    films_lost: float


PLANS = (
    Plan("ours, one process", "ours", 1, 8.0),
    Plan("ours, four processes", "ours", 4, 8.0),
    Plan("sequential loop (httpx)", "sequential", 1, 3.0),
    Plan("asyncio.gather, 20 connections, 6 tries", "gathered", 1, 8.0, films=320),
    Plan("tmdbsimple, a method per part", "tmdbsimple_methods", 1, 3.0),
    Plan("tmdbsimple, parts appended", "tmdbsimple_appended", 1, 3.0),
)


def measure(runs: int) -> Report:
    """Run every client in turn, so often, and judge the medians of ours."""
    taken: dict[str, list[Run]] = {plan.words: [] for plan in PLANS}
    ids = build_catalogue(_CONFIG, _START).columns.id.tolist()
    with running_sandbox(_CONFIG) as sandbox, tempfile.TemporaryDirectory() as folder:
        for number in range(runs):
            for plan in PLANS:
                ledger = Path(folder) / f"{plan.processes}_{number}.sqlite"
                taken[plan.words].append(_run(plan, sandbox, ids, ledger))
    medians = {words: _median(found) for words, found in taken.items()}
    one, four = medians[PLANS[0].words], medians[PLANS[1].words]
    return Report(
        name="fetching",
        setting=f"{ALLOWED_PER_SECOND} requests/s allowed, {LATENCY_SECONDS * 1000:.0f} ms "
        f"latency, our pace {PACE:.1f}/s, medians of {runs} runs of {PLANS[0].seconds:.0f} s",
        baseline="",
        rows=(),
        goals=_goals(one, four),
        notes=_notes(taken),
        figures=[
            Figures(
                "one client after the other, in turn",
                ("client", "films/min", "share of allowed", "requests/film", "429s",
                 "busiest second", "slowest/fastest", "films lost"),
                [_line(words, median) for words, median in medians.items()],
            )
        ],
    )  # fmt: skip


def _run(plan: Plan, sandbox: RunningSandbox, ids: list[int], ledger: Path) -> Run:
    workers = [_start(plan, part, sandbox, ids, ledger) for part in range(plan.processes)]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline().strip() == "ready"
    # The requests of the run before must not count in this one's first second.
    time.sleep(1.1)
    sandbox.reset_stats()
    said = []
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    for worker in workers:
        out, _ = worker.communicate(timeout=120)
        said.append(json.loads(out))
    seen = sandbox.stats()["services"]["tmdb"]
    films = [one["films"] for one in said]
    answered = seen["by_status"].get("200", 0)
    return Run(
        films_per_minute=sum(films) / max(one["seconds"] for one in said) * 60,
        share=(answered - 1) / seen["seconds_from_first_to_last"] / ALLOWED_PER_SECOND,
        requests_per_film=seen["requests"] / max(1, sum(films)),
        refused=seen["by_status"].get("429", 0),
        busiest_second=seen["max_requests_in_one_second"],
        fairness=min(films) / max(1, *films),
        films_lost=plan.films - sum(films) if plan.client == "gathered" else 0,
    )


def _start(
    plan: Plan, part: int, sandbox: RunningSandbox, ids: list[int], ledger: Path
) -> subprocess.Popen[str]:
    worker = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.fetching_clients", plan.client],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=_ROOT,
    )  # fmt: skip
    assert worker.stdin is not None
    orders = {
        "base_url": sandbox.tmdb_base_url,
        "key": sandbox.tmdb_key,
        "ids": ids[: plan.films][part :: plan.processes],
        "seconds": plan.seconds,
        "ledger": str(ledger),
        "requests_per_second": PACE,
    }
    worker.stdin.write(json.dumps(orders) + "\n")
    worker.stdin.flush()
    return worker


def _median(found: list[Run]) -> Run:
    return Run(**{
        name: statistics.median(getattr(run, name) for run in found)
        for name in Run.__dataclass_fields__
    })  # fmt: skip


def _line(words: str, run: Run) -> list[str]:
    return [
        words, f"{run.films_per_minute:,.0f}", f"{run.share:.1%}", f"{run.requests_per_film:.2f}",
        f"{run.refused:.0f}", f"{run.busiest_second:.0f}", f"{run.fairness:.2f}",
        f"{run.films_lost:.0f}",
    ]  # fmt: skip


def _goals(one: Run, four: Run) -> list[Goal]:
    goals = []
    for words, run in (("one process", one), ("four", four)):
        goals += [
            Goal(f"{words}: share {run.share:.1%}, goal >= {LEAST_SHARE:.0%}",
                 run.share >= LEAST_SHARE),
            Goal(f"busiest second {run.busiest_second:.0f}, goal <= {ALLOWED_PER_SECOND + 1}",
                 run.busiest_second <= ALLOWED_PER_SECOND + 1),
            Goal(f"429s {run.refused:.0f}, goal 0", run.refused == 0),
            Goal(f"requests per film {run.requests_per_film:.2f}, goal 1.00",
                 round(run.requests_per_film, 2) == 1.0),
        ]  # fmt: skip
    goals.append(
        Goal(f"slowest of four {four.fairness:.2f} of the fastest, goal >= {LEAST_FAIRNESS}",
             four.fairness >= LEAST_FAIRNESS)
    )  # fmt: skip
    return goals


def _notes(taken: dict[str, list[Run]]) -> list[str]:
    """The worst runs of ours: a median hides them."""
    lines = []
    for plan in PLANS[:2]:
        found = taken[plan.words]
        lines.append(
            f"{plan.words}, worst of {len(found)}: share {min(run.share for run in found):.1%}, "
            f"busiest second {max(run.busiest_second for run in found):.0f}, "
            f"429s {max(run.refused for run in found):.0f}, "
            f"slowest/fastest {min(run.fairness for run in found):.2f}"
        )
    return lines
