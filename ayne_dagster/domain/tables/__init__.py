"""The contract of every table, written once: DDL, checks, UI schema and docs come from it.

Lives here: the register of all tables. A new table is a contract in `fetched.py`, `bulk.py`,
`derived.py`, `modelling.py`, `operations.py` or `automation.py` and its name below.
"""

from ayne_dagster.domain.tables.automation import (
    CHANGE_DAYS,
    COLLECTION_STATS,
    PIPELINE_RUNS,
    TMDB_CHANGES,
)
from ayne_dagster.domain.tables.bulk import BULK_READS, IMDB_RATINGS, TMDB_IDS
from ayne_dagster.domain.tables.contract import (
    RELEASE_YEAR,
    Column,
    ColumnType,
    OnMerge,
    TableContract,
    WriteMode,
)
from ayne_dagster.domain.tables.derived import FEATURES, FORECASTS, FROZEN_FLAGS, TRAINED_MODEL
from ayne_dagster.domain.tables.fetched import (
    DISCOVERED_MOVIES,
    MOVIE_LISTS,
    OMDB_RATINGS,
    TMDB_DETAILS,
)
from ayne_dagster.domain.tables.modelling import BACK_TEST, FINAL_SETS
from ayne_dagster.domain.tables.operations import (
    DISCOVERY_WALKS,
    FAILED_REQUESTS,
    LIST_READINGS,
    QUARANTINED_ANSWERS,
    REFRESH_HISTORY,
    REFRESH_STATE,
)

ASSET_TABLES: tuple[TableContract, ...] = (
    MOVIE_LISTS,
    DISCOVERED_MOVIES,
    TMDB_DETAILS,
    OMDB_RATINGS,
    FROZEN_FLAGS,
    FEATURES,
    TRAINED_MODEL,
    BACK_TEST,
    FORECASTS,
    FINAL_SETS,
    TMDB_IDS,
    IMDB_RATINGS,
    TMDB_CHANGES,
    COLLECTION_STATS,
)
"""The tables that are assets of the same name, in the order of the graph."""

OPERATION_TABLES: tuple[TableContract, ...] = (
    REFRESH_HISTORY,
    REFRESH_STATE,
    FAILED_REQUESTS,
    QUARANTINED_ANSWERS,
    DISCOVERY_WALKS,
    LIST_READINGS,
    BULK_READS,
    CHANGE_DAYS,
    PIPELINE_RUNS,
)
"""The tables that record the work."""

TABLES: dict[str, TableContract] = {
    table.name: table for table in (*ASSET_TABLES, *OPERATION_TABLES)
}
"""Every table by name."""

__all__ = [
    "ASSET_TABLES",
    "BACK_TEST",
    "BULK_READS",
    "CHANGE_DAYS",
    "COLLECTION_STATS",
    "DISCOVERED_MOVIES",
    "DISCOVERY_WALKS",
    "FAILED_REQUESTS",
    "FEATURES",
    "FINAL_SETS",
    "FORECASTS",
    "FROZEN_FLAGS",
    "IMDB_RATINGS",
    "LIST_READINGS",
    "MOVIE_LISTS",
    "OMDB_RATINGS",
    "OPERATION_TABLES",
    "PIPELINE_RUNS",
    "QUARANTINED_ANSWERS",
    "REFRESH_HISTORY",
    "REFRESH_STATE",
    "RELEASE_YEAR",
    "TABLES",
    "TMDB_CHANGES",
    "TMDB_DETAILS",
    "TMDB_IDS",
    "TRAINED_MODEL",
    "Column",
    "ColumnType",
    "OnMerge",
    "TableContract",
    "WriteMode",
]
