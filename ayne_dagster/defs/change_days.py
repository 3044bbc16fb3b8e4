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

from ayne_dagster.domain.change_feed import days_to_read

CHANGE_DAY_PARTITIONS = dg.DynamicPartitionsDefinition(name="change_days")
"""Keys are days as YYYY-MM-DD, oldest first: Dagster reads ranges in the order of insertion."""

SETTLES_AFTER = timedelta(minutes=15)
"""A day is asked for so long after its end: TMDB lets caches keep a page of its feed for 10 minutes
(recorded `max-age=600`), and a page from before midnight would lack the day's last films."""

PartitionRequest = dg.AddDynamicPartitionsRequest | dg.DeleteDynamicPartitionsRequest


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
        "dagster/asset_partition_range_start": first.isoformat(),
        "dagster/asset_partition_range_end": last.isoformat(),
    }


def partition_requests(
    existing: Sequence[str], readable: Sequence[date], oldest_kept: date
) -> list[PartitionRequest]:
    """What has to happen so that the days exist as partitions, in order.

    Args:
        existing: Keys Dagster knows, in the order of insertion.
        readable: Days that are to be there.
        oldest_kept: Days before it go.
    """
    name = CHANGE_DAY_PARTITIONS.name
    assert name is not None
    kept = [key for key in existing if key >= oldest_kept.isoformat()]
    new = [day.isoformat() for day in readable if day.isoformat() not in kept]
    leaving = [key for key in existing if key not in kept]
    if sorted([*kept, *new]) != [*kept, *new]:
        # A day between older ones: only all of them anew stand in order.
        leaving, new = list(existing), sorted([*kept, *new])
    requests: list[PartitionRequest] = []
    if leaving:
        requests.append(dg.DeleteDynamicPartitionsRequest(name, leaving))
    if new:
        requests.append(dg.AddDynamicPartitionsRequest(name, new))
    return requests
