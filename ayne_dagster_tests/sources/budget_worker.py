"""A process of its own that asks the shared budget: run by `test_budget_processes.py`.

Reads its orders as one line of JSON; says `began` when it holds its first turn, then a send time a
line, and `exhausted` where the quota ended it.
"""

import asyncio
import json
import sys
import time
from datetime import UTC, datetime, timedelta
from typing import Any

from ayne_dagster.sources.failures import QuotaExhausted
from ayne_dagster.sources.request_budget import ServiceLimits
from ayne_dagster_tests.sources.budgets import make_budget


async def work(orders: dict[str, Any]) -> None:
    ahead = timedelta(days=orders["days_ahead"])
    limits = {"tmdb": ServiceLimits(orders["pace"], orders["quota"], "k", orders["places"])}
    budget = make_budget(orders["where"], limits, lambda: datetime.now(UTC) + ahead)
    await asyncio.sleep(max(0.0, orders["begins_at"] - time.time()))
    for _ in range(orders["wanted"]):
        try:
            async with budget.turn("tmdb"):
                sys.stdout.write(f"{time.time()}\n")
                sys.stdout.flush()
                await asyncio.sleep(orders["seconds"])
        except QuotaExhausted:
            sys.stdout.write("exhausted\n")
            return


if __name__ == "__main__":
    asyncio.run(work(json.loads(sys.stdin.readline())))
