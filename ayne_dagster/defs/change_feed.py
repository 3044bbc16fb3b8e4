"""How TMDB's change feed is read by itself: job, sensor, check.

Lives here: when a run is requested, and the check that no day was lost. Not here: what the run does
(`assets/tmdb_changes.py`, `change_reads.py`).
See https://docs.dagster.io/guides/automate/sensors.
"""

from datetime import UTC, date, datetime, timedelta

import dagster as dg

from ayne_dagster.defs.change_days import (
    contiguous,
    keep_partitions,
    next_day_at,
    range_tags,
    readable_days,
)
from ayne_dagster.defs.change_reads import SWITCHED_OFF
from ayne_dagster.defs.open_runs import KIND_TAG, REASON_TAG, unfinished_runs
from ayne_dagster.defs.services import Services
from ayne_dagster.domain.change_feed import FEED_REACHES_BACK_DAYS, days_lost
from ayne_dagster.domain.tables import TMDB_CHANGES
from ayne_dagster.settings import Settings, load_settings
from ayne_dagster.storage.change_queries import ChangeQueries
from ayne_dagster.storage.movie_queries import MovieQueries
from ayne_dagster.storage.warehouse import WarehouseBusy

JOB = "change_feed"
NO_KEY = "TMDB__API_KEY is not set: TMDB cannot be asked"


def definitions() -> dg.Definitions:
    """The job, its sensor and the check."""
    settings = load_settings()
    job = dg.define_asset_job(
        JOB,
        selection=dg.AssetSelection.assets(TMDB_CHANGES.name),
        description="Days of TMDB's change feed, each once: which films were edited.",
    )
    return dg.Definitions(
        jobs=[job],
        sensors=[_sensor(settings)],
        asset_checks=[no_day_of_the_feed_was_lost],
    )


def _sensor(settings: Settings) -> dg.SensorDefinition:
    is_on = settings.automation.is_on

    @dg.sensor(
        name="read_change_feed",
        job_name=JOB,
        minimum_interval_seconds=settings.automation.change_feed_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING if is_on else dg.DefaultSensorStatus.STOPPED,
        description="Requests a run for the days of TMDB's change feed that are over, in reach and "
        "not read yet: one run for days in a row. At first all 14 days in reach: films answered "
        "within them profit at once.",
    )
    def read_change_feed(
        context: dg.SensorEvaluationContext,
        services: dg.ResourceParam[Services],
        queries: dg.ResourceParam[MovieQueries],
    ) -> dg.SensorResult:
        try:
            return request_days(context.instance, services, ChangeQueries(queries.warehouse))
        except WarehouseBusy as error:
            return _nothing(f"the warehouse could not be read: {error}")

    return read_change_feed


def request_days(
    instance: dg.DagsterInstance,
    services: Services,
    queries: ChangeQueries,
    *,
    is_queue_served: bool = True,
) -> dg.SensorResult:
    """The runs that read the feed up to now, or the reason why there is none.

    The run key names the days and the stretch of `AUTOMATION__RETRY_MINUTES` the tick falls into:
    the same days are requested once in it, however often the sensor looks. In a tick the daemon
    that asks serves the queue.
    """
    settings, now = services.settings, services.now()
    if not settings.changes.is_enabled:
        return _nothing(SWITCHED_OFF)
    if not services.has_tmdb_key:
        return _nothing(NO_KEY)
    known = queries.days_read()
    days = readable_days(known, now)
    oldest_kept = now.astimezone(UTC).date() - timedelta(days=settings.changes.keep_days)
    keep_partitions(instance, {*known, *days}, oldest_kept)
    if not days:
        return _nothing(_up_to_date(known, now))
    if (run := run_under_way(instance, is_queue_served=is_queue_served)) is not None:
        return _nothing(f"run {run[:8]} is reading the feed")
    seconds = max(settings.automation.retry_minutes * 60, 1)
    attempt = int(now.timestamp() // seconds)
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(
                run_key=f"{first}..{last}, attempt {attempt}",
                tags={
                    **range_tags(first, last),
                    KIND_TAG: "sensor",
                    REASON_TAG: f"change feed: {(last - first).days + 1} days not read",
                },
            )
            for first, last in contiguous(days)
        ]
    )


def _nothing(words: str) -> dg.SensorResult:
    return dg.SensorResult(skip_reason=words)


def _up_to_date(known: list[date], now: datetime) -> str:
    words = f"the day under way can be read at {next_day_at(now):%Y-%m-%d %H:%M} UTC"
    return f"the feed is read up to {known[-1]}; {words}" if known else words


def run_under_way(
    instance: dg.DagsterInstance, *, is_queue_served: bool = True, at: datetime | None = None
) -> str | None:
    """The run of the job that is at work or will be, however long; arguments: `unfinished_runs`.

    One that died does not end the reading for ever: it is ended (`dead_runs.py`). One that was made
    and never queued would, and does not count.
    """
    runs = unfinished_runs(instance, JOB, is_queue_served=is_queue_served, at=at)
    return runs[0].run_id if runs else None


@dg.asset_check(
    asset=TMDB_CHANGES.name,
    description=f"Since the first day read, every day was read within the {FEED_REACHES_BACK_DAYS} "
    "days the feed reaches back. What changed on a lost day is not known: films answered before it "
    "fall back to the plain intervals until they were asked for once more.",
)
def no_day_of_the_feed_was_lost(
    queries: dg.ResourceParam[MovieQueries], services: dg.ResourceParam[Services]
) -> dg.AssetCheckResult:
    """Warn about days that nobody can read any more."""
    lost = days_lost(ChangeQueries(queries.warehouse).days_read(), services.now())
    words = "-"
    if lost:
        words = (
            f"films answered before {lost[-1] + timedelta(days=1)} 00:00 UTC are asked for at "
            "their plain intervals, once"
        )
    return dg.AssetCheckResult(
        passed=not lost,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "days lost": len(lost),
            "which": ", ".join(f"{a}..{b}" if a != b else f"{a}" for a, b in contiguous(lost))
            or "-",
            "meaning": words,
        },
    )
