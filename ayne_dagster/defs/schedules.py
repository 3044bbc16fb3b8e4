"""Schedules: what is done at a time of day.

Lives here: `quick_update`, `daily_update`, `weekly_enrichment` and `train_model` by the clock, and
which runs each of them asks for. Not here: what is asked for because a film came due
(`sensors.py`), and what a job does (`jobs.py`). See `docs/automation.md`.

A schedule of Dagster starts runs of one job. Where only some of its assets are wanted over other
years, the run is one of that job with fewer assets. Where the warehouse is held, the tick asks for
what it wants whatever is due: its hour comes once, and the run waits its turn.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from inspect import getdoc
from types import MappingProxyType

import dagster as dg

from ayne_dagster.defs.due_outlook import NO_KEY, NOTHING_COLLECTED, DueOutlook
from ayne_dagster.defs.job_options import CHOICES
from ayne_dagster.defs.open_runs import KIND_TAG, REASON_TAG, assets_of_job, range_tags
from ayne_dagster.defs.services import Services
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.domain.run_plans import (
    DueYear,
    plan_runs,
    quota_without,
    used_up,
)
from ayne_dagster.domain.tables import (
    COLLECTION_STATS,
    DISCOVERED_MOVIES,
    FEATURES,
    TRAINED_MODEL,
)
from ayne_dagster.settings import load_settings
from ayne_dagster.settings.freshness import AutomationSettings
from ayne_dagster.storage.fetch_queries import FetchQueries
from ayne_dagster.storage.warehouse import WarehouseBusy

_LOOKING = ("daily_update", "weekly_enrichment", "collect", "whole_graph")
_PRIORITY_TAG = "dagster/priority"


@dataclass(frozen=True)
class Wanted:
    """A run a schedule wants.

    Attributes:
        years: Its partitions, neighbours.
        reason: Why, in words.
        assets: Only these of the job's assets; None: all.
        is_last: Whether it lets the other runs of the tick go first.
    """

    years: Sequence[str]
    reason: str
    assets: tuple[str, ...] | None = None
    is_last: bool = False


Choice = Callable[[DueOutlook], list[Wanted] | str]
"""The runs of a tick, or why there are none, in words."""


def schedules() -> dg.Definitions:
    """All schedules."""
    when = load_settings().automation
    return dg.Definitions(
        schedules=[
            _schedule("quick_update", when.quick_cron, when),
            _schedule("daily_update", when.daily_cron, when),
            _schedule("weekly_enrichment", when.weekly_cron, when),
            _schedule("train_model", when.training_cron, when, needs_key=False),
        ]
    )


def requests(
    job: str, outlook: DueOutlook, scheduled_at: datetime
) -> list[dg.RunRequest] | dg.SkipReason:
    """What a tick of the job's schedule requests, or why nothing.

    Args:
        job: The schedule's name, which is its job's too.
        outlook: What there is, read; or `unread`, and then the warehouse is not asked.
        scheduled_at: The time of the tick, by which its runs are named.

    Raises:
        WarehouseBusy: Somebody writes for longer than the outlook waits.
    """
    wanted = _CHOICES[job](outlook)
    if isinstance(wanted, str):
        return dg.SkipReason(wanted)
    at = f"{scheduled_at:%Y-%m-%dT%H:%M%z}"
    unread = f"; what is due could not be read: {outlook.unread}" if outlook.unread else ""
    return [_request(job, at, replace(one, reason=one.reason + unread)) for one in wanted]


def _schedule(
    job: str, cron: str, automation: AutomationSettings, *, needs_key: bool = True
) -> dg.ScheduleDefinition:
    """A schedule of the job's name."""

    @dg.schedule(
        cron_schedule=cron,
        job_name=job,
        name=job,
        execution_timezone=automation.timezone,
        default_status=(
            dg.DefaultScheduleStatus.RUNNING
            if automation.is_on
            else dg.DefaultScheduleStatus.STOPPED
        ),
        description=getdoc(_CHOICES[job]),
    )
    def tick(
        context: dg.ScheduleEvaluationContext,
        queries: dg.ResourceParam[FetchQueries],
        services: dg.ResourceParam[Services],
        policy: dg.ResourceParam[RefreshPolicy],
    ) -> dg.SkipReason | list[dg.RunRequest]:
        if needs_key and not services.has_tmdb_key:
            return dg.SkipReason(NO_KEY)
        at = context.scheduled_execution_time
        seen = DueOutlook.before_reading(context.instance, queries, services, policy)
        try:
            return requests(job, seen.read(), at)
        except WarehouseBusy as error:
            # The next tick may be a week away. The run waits for its turn as long as it takes.
            return requests(job, replace(seen, unread=str(error)), at)

    return tick


def _request(job: str, at: str, wanted: Wanted) -> dg.RunRequest:
    """The same tick evaluated twice gives the same key, and so one run."""
    return dg.RunRequest(
        run_key=f"{job}:{at}:{wanted.years[0]}..{wanted.years[-1]}",
        asset_selection=[dg.AssetKey(name) for name in wanted.assets] if wanted.assets else None,
        tags={
            **range_tags(wanted.years),
            KIND_TAG: "schedule",
            REASON_TAG: wanted.reason,
            **({_PRIORITY_TAG: "-1"} if wanted.is_last else {}),
        },
    )


def _quick(outlook: DueOutlook) -> list[Wanted] | str:
    """Read the popular and trending lists and fetch their films that were never fetched.

    In recent years those of this reading, in older ones those of the reading before. Walks no year
    and refreshes nothing.
    """
    if reason := _why_not(outlook, ("quick_update", *_LOOKING)):
        return reason
    always = Wanted(outlook.recent, "the popular and trending lists, new films of recent years")
    if outlook.unread:
        return [always]
    lists = [category.value for category in CHOICES["quick_update"]["categories"]]
    new = [d for d in outlook.new_on(lists) if d.release_year not in outlook.recent]
    return [always, *_refreshing(outlook, new, "new films of the lists")]


def _daily(outlook: DueOutlook) -> list[Wanted] | str:
    """Read all five lists, walk last, this and the coming years, fetch what is due in every year.

    As far as the day's quota goes.
    """
    if reason := _why_not(outlook, _LOOKING):
        return reason
    recent = [d for d in outlook.due if d.release_year in outlook.recent]
    others = [d for d in outlook.due if d.release_year not in outlook.recent]
    return [
        Wanted(outlook.recent, "lists, discover, everything due in recent years"),
        *_refreshing(outlook, others, "due", before=recent),
    ]


def _weekly(outlook: DueOutlook) -> list[Wanted] | str:
    """Fetch everything that is due in every year; flags, features, recent models, forecasts.

    Features of all years are made anew and the models of last year, this and the next are trained
    also in a week in which nothing came due: outcomes came in on other days.
    """
    if outlook.is_empty:
        return NOTHING_COLLECTED
    if run := outlook.open_run(("weekly_enrichment", "whole_graph"), [outlook.this_year]):
        return f"under way: {run.words}"
    whole = assets_of_job("weekly_enrichment")
    # What is fetched after the last run has begun has its features all the same.
    fetching = {*assets_of_job("refresh"), DISCOVERED_MOVIES.name, FEATURES.name}
    collecting = tuple(name for name in whole if name in fetching)
    modelling = tuple(name for name in whole if name not in assets_of_job("daily_update"))
    return [
        *(
            Wanted(plan.years, f"due: {plan.reason}", collecting)
            for plan in plan_runs(
                outlook.due, outlook.keys, outlook.quota_left, outlook.fetched_now
            )
        ),
        Wanted(
            outlook.modelled,
            "features of all years, recent models, forecasts",
            (*modelling, COLLECTION_STATS.name),
            is_last=True,
        ),
    ]


def _training(outlook: DueOutlook) -> list[Wanted] | str:
    """Train the recent models anew, with what the weekly enrichment's other runs have stored.

    With features and forecasts of all years. Sends no request.
    """
    if outlook.is_empty:
        return NOTHING_COLLECTED
    for run in outlook.runs:
        if TRAINED_MODEL.name in run.assets and outlook.this_year in run.years:
            return f"under way: {run.words}"
    return [Wanted(outlook.modelled, "features of all years, recent models")]


_CHOICES: Mapping[str, Choice] = MappingProxyType(
    {
        "quick_update": _quick,
        "daily_update": _daily,
        "weekly_enrichment": _weekly,
        "train_model": _training,
    }
)


def _why_not(outlook: DueOutlook, jobs: Sequence[str]) -> str | None:
    """Why nothing at all is to be asked now; None: there is no reason."""
    if outlook.quota_left.get(Source.TMDB) == 0:
        return used_up(Source.TMDB, outlook.now)
    if run := outlook.open_run(jobs, outlook.recent):
        return f"under way: {run.words}"
    return None


def _refreshing(
    outlook: DueOutlook, due: list[DueYear], what: str, before: Sequence[DueYear] = ()
) -> list[Wanted]:
    """The fewest runs that fetch these films and look for no other, after what comes before."""
    left = quota_without(outlook.quota_left, before)
    return [
        Wanted(plan.years, f"{what}: {plan.reason}", assets_of_job("refresh"))
        for plan in plan_runs(due, outlook.keys, left, outlook.fetched_now)
    ]
