"""Which years are to be walked again, and the rows of `discovered_movies` a walk gives.

Lives here: the rule and the rows. Not here: the walk itself (`sources/discovery.py`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pandas as pd

from ayne_dagster.domain.release_years import UNDATED, release_year_of
from ayne_dagster.domain.tables import DISCOVERED_MOVIES

Sighting = tuple[str, Mapping[str, Any], datetime]
"""Where a film was seen (`discover` or a list), the film as it was listed, and when."""


@dataclass(frozen=True)
class WalkScope:
    """How far a walk goes.

    Attributes:
        min_votes: Only films with at least so many votes.
        max_pages: Most pages per year; None: all.
    """

    min_votes: int
    max_pages: int | None

    def covers(self, other: "WalkScope") -> bool:
        """Whether a walk of this scope has seen everything one of the other scope would see."""
        deep_enough = self.max_pages is None or (
            other.max_pages is not None and self.max_pages >= other.max_pages
        )
        return deep_enough and self.min_votes <= other.min_votes


def recent_dated_years(years: Sequence[str], now: datetime) -> list[str]:
    """Last, this and the coming years among these: whose films are still being announced.

    Without `undated`, which cannot be walked.
    """
    return [year for year in years if year != UNDATED and int(year) >= now.year - 1]


def years_to_walk(
    years: Sequence[str],
    walks: Mapping[str, Mapping[str, Any]],
    scope: WalkScope,
    now: datetime,
    *,
    recent_interval: timedelta,
    older_interval: timedelta,
) -> list[str]:
    """The years whose last walk is too old or was too narrow.

    Args:
        years: Partition keys; `undated` cannot be walked, films without a date match no date.
        walks: The last walk of each year, rows of `discovery_walks`.
        scope: What is wanted now.
        now: The moment asked about, UTC.
        recent_interval: How long a walk of last, this or a coming year is good for.
        older_interval: How long a walk of an older year is good for.
    """
    chosen = []
    recent = set(recent_dated_years(years, now))
    for year in years:
        if year == UNDATED:
            continue
        walk = walks.get(year)
        interval = recent_interval if year in recent else older_interval
        if (
            walk is None
            or not WalkScope(walk["min_votes"], walk["max_pages"]).covers(scope)
            or now - walk["walked_at"] >= interval
        ):
            chosen.append(year)
    return chosen


def discovered_rows(seen: Iterable[Sighting], keys: Sequence[str]) -> pd.DataFrame:
    """One row per film from all its sightings, of whatever year.

    Args:
        seen: Sightings in any order; a later one's values win.
        keys: All partition keys.

    Returns:
        A frame that fulfils the contract of `discovered_movies`.
    """
    films: dict[int, dict[str, Any]] = {}
    for source, film, at in sorted(seen, key=lambda sighting: sighting[2]):
        known = films.get(film["tmdb_id"])
        first_seen_at = film.get("first_seen_at") or at
        films[film["tmdb_id"]] = {
            **{name: film.get(name) for name in DISCOVERED_MOVIES.column_names},
            "release_year": release_year_of(film["release_date"], keys),
            "sources": sorted({*(known["sources"] if known else []), source}),
            "first_seen_at": min(known["first_seen_at"], first_seen_at) if known else first_seen_at,
            "last_seen_at": at,
        }
    return pd.DataFrame(list(films.values()), columns=DISCOVERED_MOVIES.column_names, dtype=object)
