"""Sensors: what is asked for because a film came due.

Lives here: `refresh_due`. Not here: what happens at a time of day (`schedules.py`), which runs
follow from what is due (`domain/run_plans.py`). See `docs/automation.md` and
`docs/decisions/0033-exactly-the-due-years.md`.
"""

from collections.abc import Sequence
from datetime import timedelta

import dagster as dg

from ayne_dagster.defs.due_outlook import NO_KEY, NOTHING_COLLECTED, DueOutlook
from ayne_dagster.defs.open_runs import (
    ASKED_AT_TAG,
    DUE_TAG,
    KIND_TAG,
    REASON_TAG,
    asked_before,
    range_tags,
)
from ayne_dagster.defs.services import Services
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.domain.run_plans import (
    DueYear,
    RunPlan,
    films_per_source,
    moment,
    plan_runs,
    servable,
    span,
    why_unserved,
)
from ayne_dagster.settings import Settings, load_settings
from ayne_dagster.storage.fetch_queries import FetchQueries
from ayne_dagster.storage.warehouse import WarehouseBusy

_JOB = "refresh"


def sensors() -> dg.Definitions:
    """All sensors of this room."""
    automation = load_settings().automation

    @dg.sensor(
        job_name=_JOB,
        minimum_interval_seconds=automation.refresh_due_seconds,
        default_status=(
            dg.DefaultSensorStatus.RUNNING if automation.is_on else dg.DefaultSensorStatus.STOPPED
        ),
        description="Asks the warehouse which release years hold films that are due at TMDB or "
        "OMDb, and requests as few runs as possible over exactly these years, for as long as "
        "there is quota. A tick that requests nothing says why, and what comes due next.",
    )
    def refresh_due(
        context: dg.SensorEvaluationContext,
        queries: dg.ResourceParam[FetchQueries],
        services: dg.ResourceParam[Services],
        policy: dg.ResourceParam[RefreshPolicy],
        settings: dg.ResourceParam[Settings],
    ) -> dg.SkipReason | list[dg.RunRequest]:
        """One tick."""
        if not services.has_tmdb_key:
            return dg.SkipReason(NO_KEY)
        wait = timedelta(minutes=settings.automation.retry_minutes)
        try:
            seen = DueOutlook.before_reading(context.instance, queries, services, policy)
            return _requests(context.instance, seen.read(), wait)
        except WarehouseBusy as error:
            return dg.SkipReason(f"the warehouse could not be read: {error}")

    return dg.Definitions(sensors=[refresh_due])


def _requests(
    instance: dg.DagsterInstance, outlook: DueOutlook, wait: timedelta
) -> dg.SkipReason | list[dg.RunRequest]:
    plans = plan_runs(outlook.due, outlook.keys, outlook.quota_left, outlook.fetched_now)
    requests, waiting = [], []
    for plan in plans:
        at = asked_before(instance, plan, outlook.now, wait)
        if at is None:
            requests.append(_request(plan, outlook, wait))
        else:
            waiting.append(
                f"{span(plan.years)}: {plan.reason}, asked for at {moment(at)} and still due, "
                f"again from {moment(at + wait)}"
            )
    return requests or dg.SkipReason(_why_nothing(outlook, waiting))


def _request(plan: RunPlan, outlook: DueOutlook, wait: timedelta) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=plan.run_key(_JOB, outlook.now, wait),
        tags={
            **range_tags(plan.years),
            KIND_TAG: "sensor",
            REASON_TAG: f"due: {plan.reason}",
            DUE_TAG: plan.fingerprint,
            ASKED_AT_TAG: outlook.now.isoformat(),
        },
    )


def _why_nothing(outlook: DueOutlook, waiting: Sequence[str]) -> str:
    """Why a tick requests nothing, and what comes next."""
    if outlook.is_empty:
        return NOTHING_COLLECTED
    reasons = [*_under_way(outlook), *waiting]
    reasons += why_unserved(outlook.due, outlook.quota_left, outlook.now)
    return "; ".join([*(reasons or ["nothing is due"]), outlook.coming_due()])


def _under_way(outlook: DueOutlook) -> list[str]:
    """The runs that already work on due years, each with what is due there."""
    due: Sequence[DueYear] = servable(outlook.due, outlook.quota_left)
    words = []
    for run in outlook.runs:
        theirs = [d for d in due if d.release_year in run.years and _fetches(run.assets, d.source)]
        if theirs:
            words.append(f"under way: {run.words}, due there {films_per_source(theirs)}")
    return words


def _fetches(assets: frozenset[str], source: Source) -> bool:
    return {Source.TMDB: "tmdb_details", Source.OMDB: "omdb_ratings"}[source] in assets
