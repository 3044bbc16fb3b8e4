"""How old each asset may grow before the UI warns: one place, derived from what runs when.

Lives here: windows around the schedules (`schedules.py`). Not here: how old a film's row may grow,
which is the refresh policy's (`domain/refresh_policy.py`).
See https://docs.dagster.io/guides/observe/asset-freshness-policies.
"""

from datetime import timedelta

import dagster as dg

from ayne_dagster.domain.tables import (
    BACK_TEST,
    COLLECTION_STATS,
    DISCOVERED_MOVIES,
    FEATURES,
    FINAL_SETS,
    FORECASTS,
    FROZEN_FLAGS,
    MOVIE_LISTS,
    OMDB_RATINGS,
    TMDB_CHANGES,
    TMDB_DETAILS,
    TRAINED_MODEL,
)

_QUARTER_DAILY = (timedelta(hours=12), timedelta(hours=24))
"""Of what runs every six hours one turn may be missed; after four, nothing runs."""
_DAILY = (timedelta(hours=30), timedelta(days=3))
"""A day and a long run; after three days TMDB's change feed is not believed either."""
_WEEKLY = (timedelta(days=8), timedelta(days=15))
"""A week and a day; two weeks missed."""

WARN_AND_FAIL_AFTER = {
    MOVIE_LISTS.name: _QUARTER_DAILY,
    DISCOVERED_MOVIES.name: _DAILY,
    TMDB_CHANGES.name: _DAILY,
    TMDB_DETAILS.name: _DAILY,
    OMDB_RATINGS.name: _DAILY,
    FROZEN_FLAGS.name: _DAILY,
    COLLECTION_STATS.name: _DAILY,
    FEATURES.name: _WEEKLY,
    TRAINED_MODEL.name: _WEEKLY,
    BACK_TEST.name: _WEEKLY,
    FORECASTS.name: _WEEKLY,
    FINAL_SETS.name: _WEEKLY,
}
"""Since the last materialization of any partition. The whole files (`tmdb_ids`, `imdb_ratings`)
are switched off by default and have no window: they would always be late."""


def freshness_policy(asset: str) -> dg.FreshnessPolicy | None:
    """The freshness policy of an asset; None: it may be as old as it is."""
    if asset not in WARN_AND_FAIL_AFTER:
        return None
    warn, fail = WARN_AND_FAIL_AFTER[asset]
    return dg.FreshnessPolicy.time_window(warn_window=warn, fail_window=fail)
