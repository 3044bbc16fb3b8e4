"""Days of TMDB's change feed as Dagster partitions.

Lives here: the partitions, which days can be read at a moment, days as ranges of a run.

Dynamic on purpose: the feed reaches back 14 days, so that daily partitions from a fixed start would
show days as missing that nobody can ever read; and Dagster would count them by this machine's
clock, where the platform may follow another (`CLOCK_URL`). The sensor `read_change_feed` adds a day
when it can be read and takes it away when its rows leave
(`docs/decisions/0031-the-change-feed-day-by-day.md`).
See https://docs.dagster.io/guides/build/partitions-and-backfills/partitioning-assets.
"""

from collections.abc import Collection, Sequence
from datetime import UTC, date, datetime, time, timedelta

import dagster as dg

from ayne_dagster.defs.open_runs import RANGE_END_TAG, RANGE_START_TAG
from ayne_dagster.domain.change_feed import days_to_read

CHANGE_DAY_PARTITIONS = dg.DynamicPartitionsDefinition(name="change_days")
"""Keys are days as YYYY-MM-DD, oldest first: Dagster reads ranges in the order of insertion."""

SETTLES_AFTER = timedelta(minutes=15)
"""A day is asked for so long after its end: TMDB lets caches keep a page of its feed for 10 minutes
(recorded `max-age=600`), and a page from before midnight would lack the day's last films."""


def readable_days(days_read: Collection[date], now: datetime) -> list[date]:
    """The days that can be read now and were not, oldest first."""
    settled = (now - SETTLES_AFTER).astimezone(UTC).date()
    return [day for day in days_to_read(days_read, now) if day < settled]


def next_day_at(now: datetime) -> datetime:
    """When the day under way can be read, UTC."""
    under_way = (now - SETTLES_AFTER).astimezone(UTC).date()
    return datetime.combine(under_way + timedelta(days=1), time(), UTC) + SETTLES_AFTER


def contiguous(days: Sequence[date]) -> list[tuple[date, date]]:
    """Days in order as ranges: first and last day of each."""
    ranges: list[tuple[date, date]] = []
    for day in days:
        if ranges and day - ranges[-1][1] == timedelta(days=1):
            ranges[-1] = ranges[-1][0], day
        else:
            ranges.append((day, day))
    return ranges


def range_tags(first: date, last: date) -> dict[str, str]:
    """The tags that make a run work on all days of a range."""
    return {
        RANGE_START_TAG: first.isoformat(),
        RANGE_END_TAG: last.isoformat(),
    }


def keep_partitions(
    instance: dg.DagsterInstance, days: Collection[date], oldest_kept: date
) -> None:
    """Make days exist as partitions, in order.

    Done on the instance: a sensor may not ask Dagster to take a key away and add it in one tick,
    as a day between older ones needs. What was materialized stays known by its key. Keys go one by
    one, so that a process killed in between leaves some out: the next call brings them back.

    Args:
        instance: Dagster's storage.
        days: Days that are to be there: those that were read, and those that can be.
        oldest_kept: Days before it go.
    """
    name, oldest = str(CHANGE_DAY_PARTITIONS.name), oldest_kept.isoformat()
    existing = list(instance.get_dynamic_partitions(name))
    kept = [key for key in existing if key >= oldest]
    wanted = sorted(key for key in {*kept, *map(date.isoformat, days)} if key >= oldest)
    in_place = 0
    while in_place < len(kept) and kept[in_place] == wanted[in_place]:
        in_place += 1
    for key in existing:
        if key < oldest or key in kept[in_place:]:
            instance.delete_dynamic_partition(name, key)
    if adding := wanted[in_place:]:
        instance.add_dynamic_partitions(name, adding)
