"""Four processes that collect at once, and whoever kills some of them and starts them again.

Lives here: starting, killing, restarting. Not here: what a process does (`crash_workers.py`) and
what is looked for afterwards (`crash_checks.py`, `crash_repeats.py`).
"""

import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess

from benchmarks.crash_workers import Task
from benchmarks.crash_world import CrashWorld

INSTANTS = ("at random", "writing", "mirroring", "archiving")
TOGETHER = "together with one of these"
# Disjoint, so that those who start again work on at once instead of waiting for each other.
RANGES = (("2017", "2018"), ("2019", "2020"), ("2021", "2022"), ("2023", "2024"))
_LONGEST_WAIT_SECONDS = 6.0
_LONGEST_START_SECONDS = 20.0
_LONGEST_RUN_SECONDS = 300
_LOOKED_AGAIN_SECONDS = 0.002
_MOST_SENT_BEFORE = 60
_AT_ONCE = (1, 4, 3)


@dataclass
class Crew:
    """Four processes over disjoint years; who is killed is replaced.

    Attributes:
        context: Where processes come from.
        work: What each does.
        world: Where they collect.
        commit_at: Answers they store at once; None: as many as the platform does.
        kills: Kills by what the process was doing.
        killed: Names of the processes that were killed.
    """

    context: ForkServerContext
    work: Callable[[Task], None]
    world: CrashWorld
    commit_at: int | None = None
    kills: Counter[str] = field(default_factory=Counter)
    killed: set[str] = field(default_factory=set)
    _members: dict[tuple[str, str], tuple[str, BaseProcess]] = field(default_factory=dict)
    _started: int = 0

    def __post_init__(self) -> None:
        self._start(RANGES)

    def kill_some(self, number: int, chance: random.Random) -> bool:
        """Kill one, two or all of those at work at the same moment, and start them again together.

        Args:
            number: Of the round: says at which instant, and how many.
            chance: Says when, and who.

        Returns:
            Whether anybody was still at work.
        """
        how_many = _AT_ONCE[number % len(_AT_ONCE)]
        self._wait_until_asking(how_many, chance)
        instant = INSTANTS[number % len(INSTANTS)]
        first = self._who_is(instant)
        # Nobody learns anything from the death of one who has not begun.
        others = sorted(self._at_work(), key=lambda y: (self._sent(y) == 0, chance.random()))
        if first is None and not others:
            return False
        doing = {first: instant} if first else {others.pop(0): INSTANTS[0]}
        others = [years for years in others if years not in doing]
        doing |= dict.fromkeys(others[: how_many - 1], TOGETHER)
        for years in doing:
            self._members[years][1].kill()
        for years, what in doing.items():
            name, process = self._members[years]
            process.join()
            # It may have come to its end in the last moment.
            if process.exitcode == -signal.SIGKILL:
                self.kills[what] += 1
                self.killed.add(name)
        self._start(list(doing))
        return True

    def finish(self) -> None:
        """Let all come to their end.

        Raises:
            RuntimeError: One failed, or did not.
        """
        for years, (_, process) in self._members.items():
            process.join(_LONGEST_RUN_SECONDS)
            if process.exitcode != 0:
                raise RuntimeError(f"collecting {years} ended with {process.exitcode}")

    def _start(self, ranges: Sequence[tuple[str, str]]) -> None:
        for years in ranges:
            self._started += 1
            task = self.world.task(years, f"process {self._started}", self.commit_at)
            process = self.context.Process(target=self.work, args=(task,))
            process.start()
            self._members[years] = (task.name, process)

    def _at_work(self) -> list[tuple[str, str]]:
        return [years for years, (_, process) in self._members.items() if process.is_alive()]

    def _sent(self, years: tuple[str, str]) -> int:
        return self.world.requests_noted_by(self._members[years][0])

    def _wait_until_asking(self, how_many: int, chance: random.Random) -> None:
        """Until so many have sent requests, and one of them a random number."""
        wanted = chance.randint(1, _MOST_SENT_BEFORE)
        until = time.monotonic() + _LONGEST_START_SECONDS
        while time.monotonic() < until:
            alive = self._at_work()
            sent = [self._sent(years) for years in alive]
            if sum(map(bool, sent)) >= min(how_many, len(alive)) and max(sent, default=0) >= wanted:
                return
            if not alive:
                return
            time.sleep(chance.uniform(0.01, 0.05))

    def _who_is(self, instant: str) -> tuple[str, str] | None:
        """Somebody who is at this; None where nobody came to it in time."""
        until = time.monotonic() + _LONGEST_WAIT_SECONDS
        while instant != INSTANTS[0] and time.monotonic() < until:
            pids = {self._members[years][1].pid or 0: years for years in self._at_work()}
            pid = self.world.process_that_is(instant, set(pids))
            if pid is not None:
                return pids[pid]
            if not pids:
                return None
            time.sleep(_LOOKED_AGAIN_SECONDS)
        return None
