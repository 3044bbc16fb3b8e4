"""A process of its own that asks the shared budget: run by `test_request_budget.py`.

Prints the send times it was given, one a line, and `exhausted` where the quota ended it.
"""

import asyncio
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from ayne_dagster.sources.failures import QuotaExhausted
from ayne_dagster.sources.request_budget import ServiceLimits
from ayne_dagster.sources.sqlite_budget import SqliteRequestBudget


async def work(path: Path, pace: float, quota: int, wanted: int) -> None:
    budget = SqliteRequestBudget(
        path,
        {"tmdb": ServiceLimits(pace or None, quota or None, "k")},
        now=lambda: datetime.now(UTC),
    )
    for _ in range(wanted):
        try:
            await budget.acquire("tmdb")
        except QuotaExhausted:
            sys.stdout.write("exhausted\n")
            return
        sys.stdout.write(f"{time.time()}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(work(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
