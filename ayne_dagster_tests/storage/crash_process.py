"""Writers that die, in processes of their own: run by `test_stock_traps_rows.py`.

This process imports everything once and opens no database itself; every write happens in a fork of
it, which is really killed. The forks work on copies of one seeded file, for the test to look at.
"""

import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb

from ayne_dagster_tests.storage.conftest import Shelf, films

FILMS = 500
MOST_STATEMENTS = 40


class DyingConnection:
    """A connection that kills its process, as the kernel would, before the n-th call."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, survives: int) -> None:
        self._connection = connection
        self._left = survives

    def __getattr__(self, name: str) -> Any:
        if name in ("execute", "begin", "commit", "close"):
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            self._left -= 1
        return getattr(self._connection, name)


def forked(work: Callable[[Callable[[], object]], None], kill_after: float | None = None) -> bool:
    """Run the work in a fork; whether it lived to the end.

    Args:
        work: What the fork does; it is given a call to say that it is well under way.
        kill_after: Seconds after that word until the fork is killed; None: it is not.
    """
    hears, says = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work(lambda: os.write(says, b"x"))
            status = 0
        finally:
            os._exit(status)
    if kill_after is not None:
        os.read(hears, 1)
        time.sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    os.close(hears)
    os.close(says)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status > 0:
        raise RuntimeError(f"a writer failed by itself with status {status}")
    return status == 0


def copy_of(seed: Path, name: str) -> Path:
    copy = seed.with_name(f"{name}.duckdb")
    for ending in ("", ".wal"):
        if Path(f"{seed}{ending}").exists():
            shutil.copy(f"{seed}{ending}", f"{copy}{ending}")
    return copy


def die_before_every_statement(shelf: Shelf) -> None:
    """One copy per statement of a write: `statement_<n>.duckdb`."""
    connect = duckdb.connect
    for survives in range(MOST_STATEMENTS):
        copy = replace(shelf, path=copy_of(shelf.path, f"statement_{survives}"))

        def write(_: object, copy: Shelf = copy, survives: int = survives) -> None:
            dying: Any = lambda *a, **k: DyingConnection(connect(*a, **k), survives)  # noqa: E731
            duckdb.connect = dying
            copy.store(films("2001", *range(FILMS), votes=2), "2001")

        if forked(write):
            return
    raise RuntimeError(f"a write of more than {MOST_STATEMENTS} statements")


def die_at_random_instants(shelf: Shelf, deaths: int) -> None:
    """One copy per death in the middle of a loop of writes: `instant_<n>.duckdb`."""
    chance = random.Random(20)
    for death in range(deaths):
        copy = replace(shelf, path=copy_of(shelf.path, f"instant_{death}"))

        def write_for_ever(is_under_way: Callable[[], object], copy: Shelf = copy) -> None:
            votes = 1
            while True:
                votes += 1
                copy.store(films("2001", *range(FILMS), votes=votes), "2001")
                if votes == 2:
                    is_under_way()

        forked(write_for_ever, kill_after=chance.random() / 5)


if __name__ == "__main__":
    what, kind, path = sys.argv[1], sys.argv[2], Path(sys.argv[3])
    seeded = Shelf(kind == "stock", path)
    if what == "statements":
        die_before_every_statement(seeded)
    else:
        die_at_random_instants(seeded, deaths=6)
