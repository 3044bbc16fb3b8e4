"""The stages `scale` measures, each as the platform does it, on one warehouse.

Lives here: the work. Not here: the clock (`scale.py`), which starts after these imports.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pandas as pd

from ayne_dagster.domain.features import add_outcomes, build_features
from ayne_dagster.domain.film_facts import PAST_SOURCE_COLUMNS, FilmFacts, KnownPast
from ayne_dagster.domain.freezing import flag_films
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.domain.tables import (
    FEATURES,
    FROZEN_FLAGS,
    REFRESH_HISTORY,
    REFRESH_STATE,
    TABLES,
    TMDB_DETAILS,
)
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.domain.year_groups import group_partitions
from ayne_dagster.storage.duckdb_io_manager import write_batch
from ayne_dagster.storage.due_queries import DueQueries
from ayne_dagster.storage.feature_queries import FeatureQueries
from ayne_dagster.storage.group_writes import GroupWriter
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.partition_reads import count_films
from ayne_dagster.storage.warehouse import Warehouse
from benchmarks.invented_warehouse import YEARS

Work = Callable[[], None]

DUCKDB_MEMORY = "1GB"
BATCHES, BATCH = 10, 1_000
_NOW = datetime(2026, 6, 1, tzinfo=UTC)


def warehouse_at(path: Path) -> Warehouse:
    """The warehouse with a memory limit: without one DuckDB keeps what it has read."""
    return Warehouse(path, connection_config=(("memory_limit", DUCKDB_MEMORY),))


def _years() -> list[str]:
    return [*YEARS, "undated"]


def plan(path: Path) -> None:
    """Which films are due at TMDB, of all years: every one of them."""
    DueQueries(warehouse_at(path)).due(Source.TMDB, _years(), _NOW, RefreshPolicy())


def flags(path: Path) -> None:
    """Flag every film, as the asset does."""
    warehouse = warehouse_at(path)
    writer = GroupWriter(warehouse, FROZEN_FLAGS, None, "a benchmark")
    for years in group_partitions(count_films(warehouse, _years())):
        films = DueQueries(warehouse).films_to_plan(years, _NOW)
        writer.write(years, flag_films(films, _NOW, RefreshPolicy()))


def features(path: Path) -> None:
    """Build the features of every year, as the asset does."""
    warehouse = warehouse_at(path)
    asked = FeatureQueries(warehouse)
    past = KnownPast.of(FilmFacts.of(asked.past_films(_years()), PAST_SOURCE_COLUMNS))
    writer = GroupWriter(warehouse, FEATURES, None, "a benchmark")
    for years in group_partitions(count_films(warehouse, _years())):
        built = build_features(asked.details(years), years, past)
        outcomes = asked.ratings(years), asked.flags(years), asked.audience(years)
        writer.write(years, add_outcomes(built, *outcomes))


def mirror(path: Path) -> None:
    """Mirror every table from nothing."""
    warehouse, target = warehouse_at(path), ParquetMirror(path.with_suffix(".mirror"))
    tables = [table for table in TABLES.values() if table.is_mirrored]
    for contract in tables:
        target.owe(contract, _years() if contract.year_column else ())
    with warehouse.writing("a benchmark") as connection:
        target.catch_up(connection, tables, warehouse.qualified)


def look_up(path: Path) -> None:
    """Read back what is stored of the films of each batch, as a refresh does to compare."""
    queries = DueQueries(warehouse_at(path))
    films = count_films(queries.warehouse, _years())
    step = sum(films.values()) // BATCH
    for number in range(BATCHES):
        # Films are asked for by when they are due: from anywhere in the table.
        ids = range(1 + number, step * BATCH + 1, step)
        queries.stored_rows(TMDB_DETAILS, ids)
        queries.refresh_states(Source.TMDB, ids)


def merging(path: Path) -> Work:
    """Merge batches of fresh answers, their history and states, as a refresh does."""
    warehouse = warehouse_at(path)
    batches = [_fresh_answers(warehouse, number) for number in range(BATCHES)]

    def merge() -> None:
        for rows, also in batches:
            write_batch(warehouse, TMDB_DETAILS, rows, years=None, also=also, purpose="a benchmark")

    return merge


def _fresh_answers(
    warehouse: Warehouse, number: int
) -> tuple[pd.DataFrame, dict[TableContract, pd.DataFrame]]:
    rows = warehouse.frame(
        "SELECT * REPLACE (fetched_at + INTERVAL 1 DAY * $step AS fetched_at, "
        "popularity + 1 AS popularity) FROM tmdb_details "
        f"WHERE tmdb_id % (SELECT count(*) // {BATCH} FROM tmdb_details) = 0",
        {"step": 1_000 + number},
    )
    nullable = {"runtime_minutes": "Int32", "collection_id": "Int64"} | dict.fromkeys(
        ("budget_usd", "revenue_usd"), "Int64"
    )
    rows = rows.astype(nullable)
    history = pd.DataFrame(
        {
            "source": "tmdb",
            "tmdb_id": rows["tmdb_id"],
            "imdb_id": rows["imdb_id"],
            "fetched_at": rows["fetched_at"],
            "outcome": "row",
            "detail": None,
            "changed_fields": [[] for _ in range(len(rows))],
            "is_first": False,
            "popularity": rows["popularity"],
            "vote_count": rows["vote_count"],
            "rating": rows["vote_average"],
            "revenue_usd": rows["revenue_usd"],
            "rotten_tomatoes_percent": None,
            "metascore": None,
        }
    )
    states = pd.DataFrame(
        {
            "source": "tmdb",
            "tmdb_id": rows["tmdb_id"],
            "imdb_id": None,
            "answered_at": rows["fetched_at"],
            "outcome": "row",
            "not_found_since": pd.NaT,
            "gone_at": pd.NaT,
            "last_row_at": rows["fetched_at"],
            "last_change_at": rows["changed_at"],
            "unchanged_cycles": 1 + number,
            "last_cycle_at": rows["fetched_at"],
        }
    )
    return rows, {REFRESH_HISTORY: history, REFRESH_STATE: states}


def _at_once(work: Callable[[Path], None]) -> Callable[[Path], Work]:
    return lambda path: partial(work, path)


STAGES: dict[str, Callable[[Path], Work]] = {
    "flags": _at_once(flags),
    "planning": _at_once(plan),
    "features": _at_once(features),
    "mirror": _at_once(mirror),
    "looking up": _at_once(look_up),
    "merging": merging,
}
"""By name: what prepares a stage (not timed) and returns its work (timed)."""
