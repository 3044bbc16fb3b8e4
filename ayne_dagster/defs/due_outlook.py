"""What sensors and schedules look at: what is due, what may still be asked today, what runs.

Lives here: one look, taken once per tick, and skip reasons. Not here: which runs follow from it
(`domain/run_plans.py`).
"""

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime

import dagster as dg

from ayne_dagster.defs.open_runs import OpenRun, open_runs, years_of
from ayne_dagster.defs.partitions import release_year_partitions
from ayne_dagster.defs.services import Services
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.domain.run_plans import (
    DueYear,
    Quota,
    coming_due,
    recent_years,
    renewed_models,
)
from ayne_dagster.domain.tables import OMDB_RATINGS, TMDB_DETAILS
from ayne_dagster.storage.fetch_queries import FetchQueries

NOTHING_COLLECTED = (
    "nothing is collected yet: run `ayne collect`, or switch daily_update on and wait for it"
)
NO_KEY = "TMDB__API_KEY is not set: nothing can be asked for"
READ_SECONDS = 5.0
"""How long a tick waits for a held warehouse: a daemon has other ticks to see to."""


@dataclass(frozen=True)
class DueOutlook:
    """One look at the platform.

    Attributes:
        now: When, by the platform's clock, UTC.
        keys: All release years.
        due: What is due, by source and year; nothing before `read`.
        quota_left: Requests left today of every source with a key; None: no limit.
        runs: Runs that are queued or under way.
        queries: Whom to ask further.
        policy: The refresh rule.
        unread: Why the warehouse cannot be asked, in words; None: it can.
    """

    now: datetime
    keys: tuple[str, ...]
    due: tuple[DueYear, ...]
    quota_left: Quota
    runs: tuple[OpenRun, ...]
    queries: FetchQueries
    policy: RefreshPolicy
    unread: str | None = None

    @classmethod
    def before_reading(
        cls,
        instance: dg.DagsterInstance,
        queries: FetchQueries,
        services: Services,
        policy: RefreshPolicy,
        most_seconds: float = READ_SECONDS,
        *,
        is_queue_served: bool = True,
    ) -> "DueOutlook":
        """What can be seen without the warehouse.

        The runs come first: one that ends before the warehouse is read is then looked at once too
        often, and never missed.

        Args:
            instance: Whose runs.
            queries: Whom `read` will ask.
            services: What has a key, its quota, and the clock.
            policy: The refresh rule.
            most_seconds: How long `read` waits at most for a held warehouse.
            is_queue_served: Whether queued runs will begin; in a tick the daemon that asks sees to
                it.
        """
        now, keys = services.now(), tuple(release_year_partitions().get_partition_keys())
        warehouse = queries.warehouse
        patience = min(warehouse.wait_seconds, most_seconds)
        return cls(
            now=now,
            keys=keys,
            due=(),
            quota_left=_quota_left(services, now),
            runs=tuple(open_runs(instance, keys, is_queue_served=is_queue_served)),
            queries=replace(queries, warehouse=replace(warehouse, wait_seconds=patience)),
            policy=policy,
        )

    def read(self) -> "DueOutlook":
        """The same with what is due.

        Raises:
            WarehouseBusy: Somebody writes for longer than is waited here.
        """
        due = (
            DueYear.of(source, row)
            for source in Source
            for row in self.queries.due_years(source, self.keys, self.now, self.policy)
        )
        return replace(self, due=tuple(due))

    @property
    def is_empty(self) -> bool:
        """Whether it is known that there is no film at all."""
        if self.unread:
            return False
        return not self.due and not self.queries.films_known(Source.TMDB, self.keys)

    @property
    def recent(self) -> list[str]:
        """Last year, this one, the coming ones, `undated`."""
        return recent_years(self.keys, self.now.date())

    @property
    def this_year(self) -> str:
        """This year's partition."""
        return str(self.now.year)

    @property
    def modelled(self) -> list[str]:
        """From the first year with films to the last that is to have a model, as neighbours.

        Features of all of them decide a model: films of earlier years get their outcomes, and what
        was known before a release counts films of any year. Unread: only those with a model.

        Raises:
            WarehouseBusy: Somebody writes for longer than is waited here.
        """
        renewed = [year for year in renewed_models(self.now.date()) if year in self.keys]
        first = None if self.unread else self.queries.first_year_of_films()
        start = self.keys.index(min(first or renewed[0], renewed[0]))
        return list(self.keys[start : self.keys.index(renewed[-1]) + 1])

    @property
    def fetched_now(self) -> set[str]:
        """Years in which an unfinished run fetches films."""
        return years_of(self.runs, TMDB_DETAILS.name) | years_of(self.runs, OMDB_RATINGS.name)

    def open_run(self, jobs: Sequence[str], years: Sequence[str]) -> OpenRun | None:
        """An unfinished run of one of these jobs that works on one of these years."""
        return next(
            (run for run in self.runs if run.job in jobs and not set(years).isdisjoint(run.years)),
            None,
        )

    def new_on(self, lists: Sequence[str]) -> list[DueYear]:
        """The films of these lists that TMDB was never asked for.

        Raises:
            WarehouseBusy: Somebody writes for longer than is waited here.
        """
        rows = self.queries.listed_new_years(lists, self.keys, self.now, self.policy)
        return [DueYear.of(Source.TMDB, row) for row in rows]

    def coming_due(self) -> str:
        """What comes due next at each source with a key, in words."""
        return coming_due(
            {
                source: self.queries.next_due_films(source, self.keys, self.now, self.policy)
                for source in self.quota_left
            }
        )


def _quota_left(services: Services, now: datetime) -> Quota:
    has_key = {Source.TMDB: services.has_tmdb_key, Source.OMDB: services.has_omdb_key}
    with closing(services.budget()) as budget:
        return {s: budget.left_today(s.value, now) for s in Source if has_key[s]}
