"""Budgets of either kind for tests: several on one ledger, on one clock, closed at the end."""

from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from pydantic import SecretStr

from ayne_dagster.sources.redis_budget import RedisRequestBudget
from ayne_dagster.sources.request_budget import ServiceLimits
from ayne_dagster.sources.sqlite_budget import SqliteRequestBudget
from ayne_dagster.sources.waiting_line import SharedBudget
from ayne_dagster_tests.sources.fakes import Clock

Now = Callable[[], datetime]


def make_budget(
    where: str,
    limits: dict[str, ServiceLimits],
    now: Now,
    sleep: Callable[[float], object] | None = None,
) -> SharedBudget:
    """A budget on a ledger given as a path or as an address of Redis."""
    if where.startswith("redis://"):
        return RedisRequestBudget(SecretStr(where), limits, now=now, sleep=sleep)
    return SqliteRequestBudget(Path(where), limits, now=now, sleep=sleep)


class Budgets:
    """Several processes' budgets, as far as one process can have them."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.clock = Clock()
        self._made: list[SharedBudget] = []

    def make(
        self,
        pace: float | None = None,
        quota: int | None = None,
        *,
        key: str = "k1",
        places: int | None = None,
        sleep: Callable[[float], object] | None = None,
        now: Now | None = None,
    ) -> SharedBudget:
        limits = {"omdb": ServiceLimits(pace, quota, key, places)}
        budget = make_budget(self.where, limits, now or self.clock, sleep or self.clock.sleep)
        self._made.append(budget)
        return budget

    def close(self) -> None:
        for budget in self._made:
            budget.close()
