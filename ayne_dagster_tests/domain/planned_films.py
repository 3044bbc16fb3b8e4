"""Films as `films_to_plan` gives them, for tests of what is due and what is frozen.

Lives here: invented rows. Not here: films with details, for features and models
(`invented_films.py`).
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd

NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
SEEN = datetime(2024, 2, 3, 4, 5, 6, tzinfo=UTC)
COLUMNS = [
    "tmdb_id", "release_year", "release_date", "popularity", "imdb_id", "has_ratings", "is_frozen",
    "first_seen_at", "last_seen_at", "changed_at", "tmdb_gone_at",
    "named_at", "named_on",
    "tmdb_answered_at", "tmdb_outcome", "tmdb_not_found_since", "tmdb_unchanged_cycles",
    "tmdb_failed_at", "tmdb_failures", "omdb_failed_at", "omdb_failures",
    "omdb_answered_at", "omdb_outcome", "omdb_not_found_since", "omdb_unchanged_cycles",
]  # fmt: skip


def planned(*films: dict[str, Any]) -> pd.DataFrame:
    """Films with sensible values where none are given; ids count from 1."""
    rows = []
    for number, film in enumerate(films, start=1):
        released = film.get("release_date")
        rows.append(
            {
                "tmdb_id": number,
                "release_year": str(released.year) if released else "undated",
                "release_date": None,
                "popularity": 1.0,
                "imdb_id": f"tt{number:07d}",
                "has_ratings": True,
                "is_frozen": False,
                "first_seen_at": SEEN,
                "last_seen_at": SEEN,
                "changed_at": None,
                "tmdb_gone_at": None,
                "named_at": None,
                "named_on": None,
                "tmdb_answered_at": None,
                "tmdb_outcome": None,
                "tmdb_not_found_since": None,
                "tmdb_unchanged_cycles": 0,
                "omdb_answered_at": None,
                "omdb_outcome": None,
                "omdb_not_found_since": None,
                "omdb_unchanged_cycles": 0,
                "tmdb_failed_at": None,
                "tmdb_failures": None,
                "omdb_failed_at": None,
                "omdb_failures": None,
                **film,
            }
        )
    return pd.DataFrame(rows, columns=COLUMNS)


def released(days_ago: float, **more: Any) -> dict[str, Any]:
    """A film released so many whole days before `NOW`."""
    return {"release_date": (NOW - timedelta(days=days_ago)).date(), **more}


def failed(hours_ago: float, failures: int = 1) -> dict[str, Any]:
    """Both sources failed so many hours before `NOW`, so often in a row."""
    at = NOW - timedelta(hours=hours_ago)
    return {
        "tmdb_failed_at": at,
        "tmdb_failures": failures,
        "omdb_failed_at": at,
        "omdb_failures": failures,
    }


def answered(days_ago: float, outcome: str = "row") -> dict[str, Any]:
    """Both sources answered so many days before `NOW`."""
    at = NOW - timedelta(days=days_ago)
    return {
        "tmdb_answered_at": at,
        "tmdb_outcome": outcome,
        "omdb_answered_at": at,
        "omdb_outcome": outcome,
    }
