"""Starts processes that collect, waits for them, and hears what they did.

Lives here: the outside of such a process. Not here: its inside (`collecting_process.py`).
"""

import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess

from benchmarks.collecting_process import Account, Order, collect_and_tell
from benchmarks.collecting_world import CollectingWorld

_LONGEST_RUN_SECONDS = 300
_LAST_LINES = 5


@dataclass(frozen=True)
class Started:
    """A process that collects.

    Attributes:
        process: The process.
        order: What it is to do.
    """

    process: BaseProcess
    order: Order

    def kill(self) -> bool:
        """End it with SIGKILL; whether it was still at work."""
        was_alive = self.process.is_alive()
        self.process.kill()
        self.process.join()
        return was_alive

    def account(self) -> Account:
        """What it tells at its end; a process that came to none is not green."""
        self.process.join(_LONGEST_RUN_SECONDS)
        if self.process.is_alive():
            self.kill()
            return Account(errors=[f"not through after {_LONGEST_RUN_SECONDS} s"])
        if self.order.told.exists():
            return Account.read(self.order.told)
        return Account(errors=[f"ended with {self.process.exitcode}: {self._last_words()}"])

    def _last_words(self) -> str:
        printed = self.order.told.with_suffix(".log")
        lines = printed.read_text(encoding="utf-8").splitlines() if printed.exists() else []
        return " | ".join(lines[-_LAST_LINES:])


def process_context() -> ForkServerContext:
    """Where the processes come from: a server that has imported the platform, and forks."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.collecting_process"])
    return context


def start_collecting(
    world: CollectingWorld,
    years: tuple[str, str],
    name: str,
    *,
    context: ForkServerContext,
    assets: Sequence[str] | None = None,
    ahead: timedelta = timedelta(0),
) -> Started:
    """Start the `collect` job over a range of years in a process of its own.

    Args:
        world: Where it collects.
        years: First and last release year.
        name: Of its account, under `accounts/` of the world.
        context: Where processes come from.
        assets: Only these of the job; None: all.
        ahead: How far the platform's clock is ahead of the real one.
    """
    told = world.folder / "accounts" / f"{name}_{years[0]}_{years[1]}.json"
    order = Order(world.environment, *years, told=told, assets=assets, ahead=ahead)
    process = context.Process(target=collect_and_tell, args=(order,))
    process.start()
    return Started(process, order)
