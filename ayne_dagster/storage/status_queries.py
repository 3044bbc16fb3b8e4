"""How the collection stands: what `ayne status` and the asset `collection_stats` both show.

Lives here: counting, of all films at once. Not here: which films are due (`due_films.py`) and
questions about single films (`steering_queries.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from ayne_dagster.domain.change_feed import ChangeFeed
from ayne_dagster.domain.collection_figures import (
    ALL,
    DUE_NOW,
    DUE_SOON,
    FILMS,
    FROZEN,
    FULLY_REFRESHED,
    KEPT_BACK,
    WITH_DETAILS,
    WITH_RATINGS,
)
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import BAND_ENDS, OLD, UNDATED_BAND, RefreshPolicy
from ayne_dagster.domain.tables.derived import AGE_BANDS
from ayne_dagster.storage.due_films import (
    IS_CANDIDATE,
    IS_DUE,
    due_parameters,
    timed_films,
    with_needed,
)
from ayne_dagster.storage.due_queries import DueQueries

SOON = timedelta(days=7)

_BAND = " ".join(
    [
        f"WHEN release_date IS NULL THEN '{UNDATED_BAND}'",
        *(f"WHEN $today::DATE - release_date <= {day} THEN '{band}'" for band, day in BAND_ENDS),
        f"ELSE '{OLD}'",
    ]
)
# Joins, not lookups per row: at a million films they cost tenths of a second.
_COUNTS = f"""
WITH films AS (
  SELECT tmdb_id, release_date, imdb_id, true AS is_detailed FROM {{tmdb_details}}
  WHERE release_year IN (SELECT unnest($years))
  UNION ALL
  SELECT tmdb_id, release_date, NULL, false FROM {{discovered_movies}}
  WHERE release_year IN (SELECT unnest($years))
    AND tmdb_id NOT IN (SELECT tmdb_id FROM {{tmdb_details}})
)
SELECT CASE {_BAND} END AS age_band, count(*) AS films,
  count(*) FILTER (is_detailed) AS with_details,
  count(*) FILTER (imdb_id IN (SELECT imdb_id FROM {{omdb_ratings}})) AS with_ratings,
  count(*) FILTER (tmdb_id IN (SELECT tmdb_id FROM {{frozen_flags}} WHERE is_frozen)) AS frozen
FROM films GROUP BY age_band
"""


@dataclass(frozen=True)
class StatusQueries(DueQueries):
    """Questions about the state of one warehouse as a whole."""

    def collection_figures(
        self, years: Sequence[str], now: datetime, policy: RefreshPolicy
    ) -> list[dict[str, Any]]:
        """Every figure of the collection, as rows of `collection_stats` have them.

        Args:
            years: Release years.
            now: The moment asked about, UTC.
            policy: The numbers of the rule.

        Returns:
            Rows `{figure, part, value}`: `films`, `with details`, `with ratings`,
            `fully refreshed` (has details, and no source is due) and `frozen` of the part `all`;
            `films` of each age band; `due now` and `due in 7 days` (due then and not yet now) of
            each source; of TMDB `kept back by the change feed` (past their interval, not asked for
            because the feed has not named them).
        """
        bands = {
            row["age_band"]: row
            for row in self._rows(
                _COUNTS, {"years": list(years), "today": now.astimezone(UTC).date()}
            )
        }
        figures = [
            (name, ALL, sum(row[name.replace(" ", "_")] for row in bands.values()))
            for name in (FILMS, WITH_DETAILS, WITH_RATINGS, FROZEN)
        ]
        feed = self.change_feed()
        # A week from now the feed will have been read on, as it is today.
        soon_feed = replace(feed, until=feed.until + SOON) if feed else None
        due_now = {source: self._films(source, years, now, policy, feed) for source in Source}
        due = np.unique(np.concatenate(list(due_now.values())))
        figures.append((FULLY_REFRESHED, ALL, self._films_besides(due, years)))
        figures += [
            (FILMS, band, bands[band]["films"] if band in bands else 0) for band in AGE_BANDS
        ]
        for source, films in due_now.items():
            soon = self._films(source, years, now + SOON, policy, soon_feed)
            # Not a difference of two counts: a film that grows into a longer interval meanwhile is
            # due now and would not be then.
            more = len(np.setdiff1d(soon, films, assume_unique=True))
            figures += [(DUE_NOW, source.value, len(films)), (DUE_SOON, source.value, more)]
        figures.append((KEPT_BACK, Source.TMDB.value, self.spared_by_feed(years, now, policy)))
        return [{"figure": figure, "part": part, "value": n} for figure, part, n in figures]

    def _films_besides(self, due: np.ndarray, years: Sequence[str]) -> int:
        """How many films of these years have details and are not among the ones given."""
        sql = "SELECT tmdb_id FROM {tmdb_details} WHERE release_year IN (SELECT unnest($years))"
        with self._reading() as (connection, tables):
            found = connection.execute(sql.format(**tables), {"years": list(years)}).fetchnumpy()
        detailed = np.asarray(found["tmdb_id"])
        return len(np.setdiff1d(detailed, due, assume_unique=True))

    def _films(
        self,
        source: Source,
        years: Sequence[str],
        now: datetime,
        policy: RefreshPolicy,
        feed: ChangeFeed | None,
    ) -> np.ndarray:
        """Ids of the films due at a moment, in no order: they are only counted."""
        sql, parameters = with_needed(
            f"{timed_films(source, policy, IS_CANDIDATE)} SELECT tmdb_id FROM timed WHERE {IS_DUE}",
            due_parameters(source, years, now, policy, feed),
        )
        with self._reading() as (connection, tables):
            found = connection.execute(sql.format(**tables), parameters).fetchnumpy()
        return np.asarray(found["tmdb_id"])
