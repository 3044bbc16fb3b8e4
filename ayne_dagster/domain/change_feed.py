"""What is known of TMDB's change feed: which days were read, and since when it is without a gap.

Lives here: days and gaps. Not here: what a film named there means for its refresh
(`refresh_policy.py`) and how the feed is asked (`sources/tmdb_changes.py`).

The feed is asked for whole UTC days that are over, one at a time, and reaches back 14 days: a day
that was not read by then is lost, and films answered before it fall back to the plain intervals.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

FEED_REACHES_BACK_DAYS = 14
"""TMDB answers for days so old at most (docs: "up to 14 days"); older: 422, code 20."""


@dataclass(frozen=True)
class ChangeFeed:
    """The days of the feed that are known without a gap.

    Attributes:
        since: Beginning of the first day of the unbroken run of days that ends at `until`, UTC.
        until: End of the last day read, UTC.
    """

    since: datetime
    until: datetime

    def is_believed(self, now: datetime, believed_days: float) -> bool:
        """Whether the feed is recent enough to keep films from being asked for."""
        return self.until >= now - timedelta(days=believed_days)


def change_feed(days_read: Collection[date]) -> ChangeFeed | None:
    """The unbroken run of days up to the last one read; None where none was read."""
    if not days_read:
        return None
    known = set(days_read)
    last = first = max(known)
    while first - timedelta(days=1) in known:
        first -= timedelta(days=1)
    return ChangeFeed(_begin(first), _begin(last + timedelta(days=1)))


def days_to_read(
    days_read: Collection[date], now: datetime, *, most_back: int = FEED_REACHES_BACK_DAYS
) -> list[date]:
    """The days that are over, within reach and not read yet, oldest first.

    Args:
        days_read: Days read so far.
        now: The moment asked about, UTC.
        most_back: How many days the feed reaches back.
    """
    today = now.astimezone(UTC).date()
    within = [today - timedelta(days=back) for back in range(most_back, 0, -1)]
    return [day for day in within if day not in set(days_read)]


def days_lost(days_read: Collection[date], now: datetime) -> list[date]:
    """Days after the first one read that are out of reach and were never read, oldest first."""
    if not days_read:
        return []
    known, day = set(days_read), min(days_read)
    reach = now.astimezone(UTC).date() - timedelta(days=FEED_REACHES_BACK_DAYS)
    lost = []
    while day < reach:
        if day not in known:
            lost.append(day)
        day += timedelta(days=1)
    return lost


def _begin(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
