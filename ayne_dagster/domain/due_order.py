"""In which order due films are asked for.

Lives here: the order of work inside a budget. Not here: which films are due (`refresh_policy.py`)
and the same order in SQL (`storage/due_films.py`); a test holds both equal.
"""

from datetime import datetime

import pandas as pd

from ayne_dagster.domain.change_feed import ChangeFeed
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy, decide


def due_films(
    films: pd.DataFrame,
    source: Source,
    now: datetime,
    policy: RefreshPolicy,
    feed: ChangeFeed | None = None,
) -> pd.DataFrame:
    """The films due at a source, in the order in which they are to be asked for.

    Never fetched first, then the most overdue relative to now, then the most popular, then the
    newest; and after all of them those that failed since their last answer.

    Args:
        films: As for `decide`, plus `popularity`.
        source: Whom to ask.
        now: The moment asked about, UTC.
        policy: The numbers of the rule.
        feed: What is known of the change feed.

    Returns:
        The due rows of `films` with `due_at` and `why` added.
    """
    made = decide(films, source, now, policy, feed)
    due, is_failed = made["due_at"], made["failures"] > 0
    never = films[f"{source}_answered_at"].isna() & ~is_failed
    chosen = films.assign(
        due_at=due, why=made["why"], _answered_due=due.mask(never), _is_failed=is_failed
    )
    chosen = chosen[due <= pd.Timestamp(now)]
    first = chosen["_answered_due"].isna()
    return (
        chosen.assign(_is_answered=~first)
        .sort_values(
            [
                "_is_failed",
                "_is_answered",
                "_answered_due",
                "popularity",
                "release_date",
                "tmdb_id",
            ],
            ascending=[True, True, True, False, False, True],
            na_position="last",
        )
        .drop(columns=["_is_failed", "_is_answered", "_answered_due"])
    )
