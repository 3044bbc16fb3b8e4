"""Days with OMDb's free 1,000: four processes that want 5,000 ratings share one key's quota.

The real job (ratings as its last fetch) runs in four processes against a sandbox that counts OMDb's
requests by day itself and refuses what is too much. After an undisturbed day all four start again
on the same day; on the next day one is ended with SIGKILL in the middle and started again; and then
comes one more day. Both clocks, the platform's and the sandbox's, are put forward together.
"""

import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ayne_dagster.sandbox.config import SANDBOX_OMDB_KEY, SandboxConfig
from ayne_dagster.sandbox.server import RunningSandbox, running_sandbox
from ayne_dagster.storage.warehouse import Warehouse
from benchmarks.collecting_process import Account
from benchmarks.collecting_runs import Started, process_context, start_collecting
from benchmarks.collecting_world import CollectingWorld
from benchmarks.crash_checks import Findings, Look
from benchmarks.reporting import Figures, Goal, Report

GOAL = (
    "four processes, a quota of 1,000 a day: exactly 1,000 sent on each day, 0 refused, the rest "
    "deferred, every run green, 0 films answered twice; 0 more when started again on the same day; "
    "with a kill -9 never more than 1,000, and at most 50 answers lost"
)
QUOTA = 1_000
MOST_LOST = 50
_FILMS = 5_300
_RANGES = (("2016", "2017"), ("2018", "2019"), ("2020", "2021"), ("2022", "2023"))
_BEFORE_RATINGS = ("movie_lists", "discovered_movies", "tmdb_details")
_PLACES = 6
_KILLED_AT = QUOTA // 3
_SETTINGS = {
    "OMDB__DAILY_QUOTA": str(QUOTA),
    # Slow enough for a kill in the middle of a day.
    "OMDB__REQUESTS_PER_SECOND": "100",
    "OMDB__MAX_CONNECTIONS": str(_PLACES),
    "DISCOVERY__LIST_PAGES": "1",
}
_CONFIG = SandboxConfig(
    films=_FILMS,
    seed=11,
    first_year=int(_RANGES[0][0]),
    last_year=int(_RANGES[-1][1]),
    # A fixed morning: no UTC day ends in the middle by itself.
    clock_start="2026-03-02T09:00:00+00:00",
    frozen_world=True,
    tmdb_requests_per_second=0,
    omdb_daily_quota=QUOTA,
    latency_seconds=0.02,
)


@dataclass(frozen=True)
class Stretch:
    """One start of all four processes, to their end.

    Attributes:
        name: What it was.
        sent: OMDb's requests the sandbox let through in it.
        counted: Requests the ledger counted in it.
        refused: Requests OMDb refused.
        stored: Answers it brought into the warehouse.
        deferred: Films its runs said they left for later.
        unanswered: Films without an answer at its end, by the warehouse.
        accounts: What its processes told.
    """

    name: str
    sent: int
    counted: int
    refused: int
    stored: int
    deferred: int
    unanswered: int
    accounts: Sequence[Account]

    @property
    def is_green(self) -> bool:
        """Whether all its runs were."""
        return all(account.is_green for account in self.accounts)


@dataclass
class Days:
    """A world that is collected day by day, and what came of it.

    Attributes:
        sandbox: Both services.
        world: Where it is collected.
        findings: What was found wrong with the tables after each stretch.
        kills: Processes that were killed at work.
    """

    sandbox: RunningSandbox
    world: CollectingWorld
    findings: Findings = field(default_factory=Findings)
    kills: int = 0

    def __post_init__(self) -> None:
        self._context = process_context()
        self._look = Look(self.world)

    def fetch_details(self) -> int:
        """Everything before the ratings; how many ratings are then wanted."""
        _all_green(self._start("details", _BEFORE_RATINGS))
        return self._value(_WANTED)

    def collect(self, name: str, *, is_one_killed: bool = False) -> Stretch:
        """Start four processes and let them come to their end."""
        sent, counted, stored = self._sent(), self._counted(), 0
        if "omdb_ratings" in Warehouse(self.world.database).table_names():
            stored = self._value(_ANSWERS)
        self.sandbox.reset_stats()
        started = self._start(name, None)
        if is_one_killed:
            started[1] = self._killed_and_started_again(started[1], name, counted)
        accounts = [one.account() for one in started]
        self.findings.add(self._look.again())
        statuses = self.sandbox.stats()["services"].get("omdb", {}).get("by_status", {})
        return Stretch(
            name=name,
            sent=self._sent() - sent,
            counted=self._counted() - counted,
            refused=sum(count for status, count in statuses.items() if status != "200"),
            stored=self._value(_ANSWERS) - stored,
            deferred=sum(account.deferred.get("omdb_ratings", 0) for account in accounts),
            unanswered=self._value(_UNANSWERED),
            accounts=accounts,
        )

    def next_day(self) -> None:
        """Put the services' clock to the next UTC day; the platform's follows it."""
        self.sandbox.advance(timedelta(days=1))

    def answered_twice(self) -> int:
        """Films with more than one answer."""
        return self._value(_TWICE)

    def _start(self, name: str, assets: Sequence[str] | None) -> list[Started]:
        return [self._start_one(years, name, assets) for years in _RANGES]

    def _start_one(
        self, years: tuple[str, str], name: str, assets: Sequence[str] | None
    ) -> Started:
        return start_collecting(
            self.world,
            years,
            name.replace(" ", "_"),
            context=self._context,
            assets=assets,
            ahead=self.sandbox.now() - datetime.now(UTC),
        )

    def _killed_and_started_again(self, victim: Started, name: str, counted: int) -> Started:
        while self._counted() - counted < _KILLED_AT and victim.process.is_alive():
            time.sleep(0.02)
        self.kills += victim.kill()
        years = (victim.order.first, victim.order.last)
        return self._start_one(years, f"{name} again", victim.order.assets)

    def _sent(self) -> int:
        days = self.sandbox.stats()["omdb_requests_by_key_and_day"].get(SANDBOX_OMDB_KEY, {})
        return days.get(self._today(), 0)

    def _counted(self) -> int:
        return self.world.requests_counted_on(self.sandbox.now().date(), "omdb")

    def _today(self) -> str:
        return self.sandbox.now().date().isoformat()

    def _value(self, sql: str) -> int:
        with Warehouse(self.world.database).reading() as connection:
            return connection.execute(sql).fetchall()[0][0]


_WANTED = "SELECT count(DISTINCT imdb_id) FROM tmdb_details"
_ANSWERS = "SELECT count(*) FROM refresh_history WHERE source = 'omdb'"
_TWICE = """
SELECT count(*) FROM (SELECT imdb_id FROM refresh_history WHERE source = 'omdb'
                      GROUP BY ALL HAVING count(*) > 1)
"""
_UNANSWERED = """
SELECT count(DISTINCT imdb_id) FROM tmdb_details
WHERE imdb_id NOT IN (SELECT imdb_id FROM refresh_history WHERE source = 'omdb')
"""


def measure(runs: int) -> Report:
    """Live through three days, once, whatever `runs` says: counts are compared, not times."""
    with tempfile.TemporaryDirectory() as folder, running_sandbox(_CONFIG) as sandbox:
        first_year = int(_RANGES[0][0])
        days = Days(sandbox, CollectingWorld(Path(folder), sandbox.url, first_year, _SETTINGS))
        wanted = days.fetch_details()
        stretches = [days.collect("first day"), days.collect("started again")]
        days.next_day()
        stretches.append(days.collect("next day with a kill", is_one_killed=True))
        days.next_day()
        stretches.append(days.collect("the day after"))
        answered_twice = days.answered_twice()
    return _report(days, wanted, stretches, answered_twice)


def _all_green(started: Iterable[Started]) -> None:
    for one in started:
        account = one.account()
        if not account.is_green:
            raise RuntimeError(f"details of {one.order.first}: {account}")


def _report(days: Days, wanted: int, stretches: Sequence[Stretch], answered_twice: int) -> Report:
    first, again, killed, after = stretches
    quiet = [one.sent for one in (first, after)] + [one.counted for one in (first, after)]
    refused = sum(one.refused for one in stretches)
    is_told = all(one.deferred == one.unanswered for one in stretches)
    runs = [account for one in stretches for account in one.accounts]
    lost = sum(one.counted - one.stored for one in stretches)
    lines = [
        (
            one.name,
            one.sent,
            one.counted,
            one.stored,
            one.deferred,
            one.unanswered,
            "yes" if one.is_green else "no",
        )
        for one in stretches
    ]
    columns = (
        "",
        "sent",
        "ledger",
        "answers stored",
        "deferred",
        "without an answer",
        "green",
    )
    return Report(
        name="quota",
        setting=f"4 processes, {wanted} ratings wanted, quota {QUOTA} a UTC day; once: counts, no "
        "times",
        baseline="",
        rows=(),
        figures=[Figures("requests to OMDb", columns, lines)],
        goals=[
            Goal(
                f"goal exactly {QUOTA} sent and counted on each undisturbed day: {quiet}",
                set(quiet) == {QUOTA},
            ),
            Goal(f"goal 0 more on the same day: {again.counted}", again.counted == again.sent == 0),
            Goal(
                f"goal {QUOTA} counted and never more sent on the day of {days.kills} kill -9: "
                f"{killed.counted} and {killed.sent}",
                days.kills == 1
                and killed.counted == QUOTA
                and QUOTA - _PLACES <= killed.sent <= QUOTA,
            ),
            Goal(f"refused {refused}", refused == 0),
            Goal("deferred sums right" if is_told else "deferred sums wrong", is_told),
            Goal(
                f"{sum(run.is_green for run in runs)} of {len(runs)} runs green",
                all(run.is_green for run in runs),
            ),
            Goal(f"answered twice {answered_twice}", answered_twice == 0),
            Goal(f"<= {MOST_LOST} answers lost with the kill: {lost}", 0 <= lost <= MOST_LOST),
            Goal(f"rows lost, doubled or halved {days.findings.wrong}", days.findings.wrong == 0),
        ],
        notes=[*_words_of(runs)],
    )


def _words_of(runs: Sequence[Account]) -> list[str]:
    """Errors and failed checks, each once."""
    said = {words for run in runs for words in (*run.errors, *run.failed_checks)}
    return sorted(said)
