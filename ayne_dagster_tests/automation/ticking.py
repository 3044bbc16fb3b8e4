"""Ticks of sensors and schedules over a small real warehouse and an instance of their own.

Lives here: what several tests share. Not here: what is expected (`test_*.py`).
"""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.test_utils import create_run_for_test

from ayne_dagster.defs.resources import build_resources
from ayne_dagster.defs.schedules import schedules
from ayne_dagster.defs.sensors import sensors
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.settings import Settings
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.storage.film_rows import NOW, put

START, END = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@dataclass
class Ticking:
    """A warehouse, a clock and an instance; each tick sees them as they are."""

    folder: Path
    instance: dg.DagsterInstance
    overrides: dict[str, Any] = field(default_factory=dict)
    now: datetime = NOW

    def settings(self) -> Settings:
        given = {
            "request_ledger": self.folder / "ledger.sqlite",
            "archive": {"folder": self.folder / "answers"},
            "database": {"path": self.folder / "ayne.duckdb", "wait_seconds": 0.3},
            "tmdb": {"api_key": "0" * 32},
            "omdb": {"api_key": "12345678", "daily_quota": 1000},
        }
        for name, value in self.overrides.items():
            given[name] = {**given.get(name, {}), **value}
        return Settings.model_validate(given)

    def resources(self) -> dict[str, Any]:
        return dict(build_resources(self.settings(), lambda: self.now))

    @property
    def warehouse(self) -> Warehouse:
        return self.resources()["queries"].warehouse

    def put(self, contract: TableContract, *rows: dict[str, Any]) -> None:
        put(self.warehouse, contract, *rows)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Somebody writes while the block runs, for longer than anybody waits."""
        is_held, may_end = threading.Event(), threading.Event()

        def hold() -> None:
            with self.warehouse.writing("a long write"):
                is_held.set()
                may_end.wait(10)

        holder = threading.Thread(target=hold)
        holder.start()
        try:
            assert is_held.wait(5)
            yield
        finally:
            may_end.set()
            holder.join()

    def sensor(self) -> list[dg.RunRequest] | str:
        """One tick of `refresh_due`: what it requests, or why nothing."""
        refresh_due = next(iter(sensors().sensors or ()))
        context = dg.build_sensor_context(instance=self.instance, resources=self.resources())
        assert isinstance(refresh_due, dg.SensorDefinition)
        return _answer(refresh_due(context))

    def schedule(self, name: str) -> list[dg.RunRequest] | str:
        """One tick of a schedule: what it requests, or why nothing."""
        by_name = {one.name: one for one in schedules().schedules or ()}
        tick = by_name[name]
        assert isinstance(tick, dg.ScheduleDefinition)
        with dg.build_schedule_context(
            instance_ref=InstanceRef.from_dir(str(self.folder)),
            resources=self.resources(),
            scheduled_execution_time=self.now,
        ) as context:
            # It would open one with files of its own, which takes longer than all the rest.
            context._instance = self.instance
            return _answer(tick(context))

    def run(
        self,
        job: str,
        years: tuple[str, str],
        status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
        **tags: str,
    ) -> str:
        """A run of this instance, as if somebody had started it; its id."""
        given = {START: years[0], END: years[1], **tags}
        return create_run_for_test(
            self.instance, job_name=job, status=status, tags=given
        ).run_id  # fmt: skip

    def carry_out(self, requests: Sequence[dg.RunRequest]) -> None:
        """Runs as requested, which have ended and changed nothing."""
        for request in requests:
            create_run_for_test(
                self.instance, job_name="refresh", status=dg.DagsterRunStatus.SUCCESS,
                tags=dict(request.tags),
            )  # fmt: skip

    def days_pass(self, days: float) -> None:
        self.now += timedelta(days=days)


def _answer(given: Any) -> list[dg.RunRequest] | str:
    if isinstance(given, dg.SkipReason):
        assert given.skip_message is not None
        return given.skip_message
    return list(given)


def ranges(requests: list[dg.RunRequest] | str) -> list[tuple[str, str]]:
    """First and last year of each request, in the order of the years."""
    assert not isinstance(requests, str), requests
    return sorted((request.tags[START], request.tags[END]) for request in requests)
