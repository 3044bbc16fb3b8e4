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
from ayne_dagster.domain.run_plans import DueYear, Quota, coming_due, recent_years
from ayne_dagster.domain.tables import OMDB_RATINGS, TMDB_DETAILS
from ayne_dagster.storage.fetch_queries import FetchQueries

NOTHING_COLLECTED = (
    "nothing is collected yet: run `ayne collect`, or switch daily_update on and wait for it"
)
NO_KEY = "TMDB__API_KEY is not set: nothing can be asked for"
READ_SECONDS = 5.0
"""How long a tick waits for a held warehouse; the next tick comes soon enough."""


@dataclass(frozen=True)
class DueOutlook:
    """One look at the platform.

    Attributes:
        now: When, by the platform's clock, UTC.
        keys: All release years.
        due: What is due, by source and year.
        quota_left: Requests left today of every source with a key; None: no limit.
        runs: Runs that are queued or under way.
        queries: Whom to ask further.
        policy: The refresh rule.
    """

    now: datetime
    keys: tuple[str, ...]
    due: tuple[DueYear, ...]
    quota_left: Quota
    runs: tuple[OpenRun, ...]
    queries: FetchQueries
    policy: RefreshPolicy

    @classmethod
    def look(
        cls,
        instance: dg.DagsterInstance,
        queries: FetchQueries,
        services: Services,
        policy: RefreshPolicy,
    ) -> "DueOutlook":
        """Look now.

        Raises:
            WarehouseBusy: Somebody writes for longer than a tick waits.
        """
        now, keys = services.now(), tuple(release_year_partitions().get_partition_keys())
        warehouse = queries.warehouse
        asked = replace(
            queries,
            warehouse=replace(warehouse, wait_seconds=min(warehouse.wait_seconds, READ_SECONDS)),
        )
        # The runs first: one that ends in between is then looked at once too often, never missed.
        runs = tuple(open_runs(instance, keys))
        return cls(
            now=now,
            keys=keys,
            due=tuple(due for source in Source for due in _due(asked, source, keys, now, policy)),
            quota_left=_quota_left(services, now),
            runs=runs,
            queries=asked,
            policy=policy,
        )

    @property
    def is_empty(self) -> bool:
        """Whether no film is known at all."""
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
    def fetched_now(self) -> set[str]:
        """Years in which an unfinished run fetches films."""
        return years_of(self.runs, TMDB_DETAILS.name) | years_of(self.runs, OMDB_RATINGS.name)

    def open_run(self, jobs: Sequence[str], years: Sequence[str]) -> OpenRun | None:
        """An unfinished run of one of these jobs that works on one of these years."""
        return next(
            (run for run in self.runs if run.job in jobs and not set(years).isdisjoint(run.years)),
            None,
        )

    def coming_due(self) -> str:
        """What comes due next at each source with a key, in words."""
        return coming_due(
            {
                source: self.queries.next_due_films(source, self.keys, self.now, self.policy)
                for source in self.quota_left
            }
        )


def _due(
    queries: FetchQueries,
    source: Source,
    keys: Sequence[str],
    now: datetime,
    policy: RefreshPolicy,
) -> list[DueYear]:
    return [DueYear.of(source, row) for row in queries.due_years(source, keys, now, policy)]


def _quota_left(services: Services, now: datetime) -> Quota:
    has_key = {Source.TMDB: services.has_tmdb_key, Source.OMDB: services.has_omdb_key}
    with closing(services.budget()) as budget:
        return {s: budget.left_today(s.value, now) for s in Source if has_key[s]}
