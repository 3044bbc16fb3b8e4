"""What is remembered of a film whose request failed, and when it is tried again.

Lives here: counting failures in a row, and the growing delay. Not here: when a film is due for
other reasons (`refresh_policy.py`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from ayne_dagster.domain.outcomes import Source

RETRY_GROWTH = 4.0
MOST_FAILURES_COUNTED = 12
"""Beyond these every retry waits the longest: a power that grows for ever overflows."""


def failed_request(
    source: Source,
    film: Mapping[str, Any],
    failed_at: datetime,
    detail: str | None,
    before: Mapping[str, Any] | None,
    answered_at: datetime | None,
) -> dict[str, Any]:
    """The row of `failed_requests` after a failure.

    Args:
        source: Who was asked.
        film: Its `tmdb_id` and `imdb_id`.
        failed_at: When it was given up, UTC.
        detail: What it failed with, in words.
        before: The row that is there, if any.
        answered_at: When the source last answered for the film, UTC; None: never. Failures before
            that, or for another imdb id, do not count.
    """
    imdb_id = film["imdb_id"] if source is Source.OMDB else None
    goes_on = (
        before is not None
        and before["imdb_id"] == imdb_id
        and (answered_at is None or before["failed_at"] > answered_at)
    )
    return {
        "source": source.value,
        "tmdb_id": film["tmdb_id"],
        "imdb_id": imdb_id,
        "failed_at": failed_at,
        "failures": before["failures"] + 1 if before is not None and goes_on else 1,
        "detail": detail,
    }


def next_tries(
    films: pd.DataFrame, source: Source, *, retry_hours: float, longest_hours: float
) -> pd.DataFrame:
    """When films that failed are tried again.

    Args:
        films: `<source>_answered_at`, `<source>_failed_at` and `<source>_failures`.
        source: Whom to ask.
        retry_hours: The delay after the first failure; four times as long after each further one.
        longest_hours: But no longer than this.

    Returns:
        By the index of `films`: `failures` in a row since the last answer, and `next_try_at` (UTC,
        whole seconds; NaT where there are none).
    """
    failed = pd.to_datetime(films[f"{source}_failed_at"], utc=True, cache=False)
    answered = pd.to_datetime(films[f"{source}_answered_at"], utc=True, cache=False)
    is_failed = failed.notna() & ~(answered >= failed)
    failures = pd.to_numeric(films[f"{source}_failures"]).where(is_failed).fillna(0).astype("int64")
    powers = RETRY_GROWTH ** (failures.clip(1, MOST_FAILURES_COUNTED) - 1)
    hours = (retry_hours * powers).clip(upper=longest_hours)
    # Days first, as with every interval: the same steps in SQL come to the same second.
    delay = pd.to_timedelta(np.floor(hours / 24 * 86_400.0), unit="s")
    next_try = failed.dt.floor("s") + delay
    return pd.DataFrame({"failures": failures, "next_try_at": next_try.where(is_failed)})
