"""A warehouse with a few films in every state, and the collection as commands see it at `NOW`."""

from datetime import datetime
from pathlib import Path

from ayne_dagster.cli.collection import Collection
from ayne_dagster.defs.resources import build_resources
from ayne_dagster.domain.release_years import release_year_keys
from ayne_dagster.domain.tables import (
    CHANGE_DAYS,
    DISCOVERED_MOVIES,
    OMDB_RATINGS,
    REFRESH_HISTORY,
    TMDB_CHANGES,
    TMDB_DETAILS,
)
from ayne_dagster.settings import load_settings
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.storage.film_rows import (
    NOW,
    asked,
    days_ago,
    detailed,
    discovered,
    put,
    rated,
    row_of,
)


def three_films(project: Path) -> Warehouse:
    """The database of the settings: a film never fetched, one due at TMDB, one of yesterday."""
    warehouse = Warehouse(project / "data" / "ayne.duckdb")
    put(warehouse, DISCOVERED_MOVIES, discovered(1, "2002", title="[rec] one", popularity=9.0))
    put(warehouse, TMDB_DETAILS, detailed(2, title="Two"), detailed(3, title="Three"))
    put(warehouse, OMDB_RATINGS, rated(2), rated(3))
    put(
        warehouse, REFRESH_HISTORY,
        asked("tmdb", 2, 120), asked("omdb", 2, 1), asked("tmdb", 3, 1), asked("omdb", 3, 1),
    )  # fmt: skip
    return warehouse


def collection_at(now: datetime = NOW) -> Collection:
    """The collection of the settings, by a clock that stands still."""
    settings = load_settings()
    resources = build_resources(settings, lambda: now)
    return Collection(settings, resources, now, release_year_keys(1900, now.date()))


def read_feed(warehouse: Warehouse, *, days: range, named: dict[int, int] | None = None) -> None:
    """Days of the change feed, and films it named, as numbers of days ago."""
    put(warehouse, CHANGE_DAYS, *(
        row_of(CHANGE_DAYS, changed_on=days_ago(day).date(), read_at=days_ago(day - 1))
        for day in days
    ))  # fmt: skip
    if named:
        put(warehouse, TMDB_CHANGES, *(
            row_of(TMDB_CHANGES, tmdb_id=number, changed_on=days_ago(day).date(),
                   seen_at=days_ago(day - 1))
            for number, day in named.items()
        ))  # fmt: skip
