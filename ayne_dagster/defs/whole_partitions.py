"""Partitions of a run as a whole: written in groups, counted and sampled for figures and pictures.

Lives here: what assets share that work on whole years. A year of films may be large, and a run may
hold all years: nothing here loads them all at once.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import pandas as pd

from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.domain.year_groups import group_partitions
from ayne_dagster.settings import Settings
from ayne_dagster.storage.duckdb_io_manager import UpstreamMissing, load_frame
from ayne_dagster.storage.group_writes import GroupWriter
from ayne_dagster.storage.movie_queries import MovieQueries
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.partition_reads import (
    MOST_SAMPLED,
    count_films,
    count_rows,
    sample_rows,
)


def year_groups(queries: MovieQueries, years: Sequence[str]) -> list[list[str]]:
    """The years in groups whose films fit into memory together."""
    return group_partitions(count_films(queries.warehouse, years))


def group_writer(
    context: dg.AssetExecutionContext,
    queries: MovieQueries,
    settings: Settings,
    contract: TableContract,
) -> GroupWriter:
    """A writer for the run's table; what it writes does not go through the I/O manager."""
    mirror = settings.resolve(settings.database.mirror_folder)
    return GroupWriter(
        queries.warehouse,
        contract,
        ParquetMirror(mirror) if settings.database.is_mirrored else None,
        purpose=f"{contract.name}, run {context.run.run_id[:8]}",
    )


def partition_row_counts(
    queries: MovieQueries, contract: TableContract, years: Sequence[str]
) -> dict[str, int]:
    """Stored rows of each of these partitions."""
    return count_rows(queries.warehouse, contract, years)


def sampled_partitions(
    queries: MovieQueries,
    contract: TableContract,
    years: Sequence[str],
    columns: Sequence[str],
    most: int = MOST_SAMPLED,
) -> pd.DataFrame:
    """Stored rows of these partitions for a picture: all, or a fixed sample of so many."""
    return sample_rows(queries.warehouse, contract, years, columns, most)


def stored_partitions(
    queries: MovieQueries, contract: TableContract, years: Sequence[str]
) -> pd.DataFrame:
    """All stored rows of these years, for tables small enough; none where there is no table yet."""
    try:
        return load_frame(queries.warehouse, contract, years=years, columns=contract.column_names)
    except UpstreamMissing:
        return pd.DataFrame(columns=contract.column_names, dtype=object)


def with_stored(
    queries: MovieQueries,
    contract: TableContract,
    rows: pd.DataFrame,
    years: Sequence[str],
    columns: Sequence[str],
) -> pd.DataFrame:
    """Stored rows of these years with `rows` merged over them, for tables of a few rows a year.

    Args:
        queries: The warehouse.
        contract: The table.
        rows: New rows, all columns.
        years: Partitions.
        columns: Columns wanted; the key is among them.
    """
    try:
        stored = load_frame(queries.warehouse, contract, years=years, columns=columns)
    except UpstreamMissing:
        return rows[list(columns)]
    key = contract.key[0]
    kept = stored[~stored[key].isin(rows[key])]
    if rows.empty:
        return kept
    if kept.empty:
        return rows[list(columns)]
    return pd.concat([kept.astype(object), rows[list(columns)]], ignore_index=True)


def add_partition_row_counts(
    context: dg.AssetExecutionContext,
    asset_key: dg.AssetKey,
    counts: Mapping[str, int],
    more: Mapping[str, Mapping[str, Any]] | None = None,
) -> None:
    """Tell the UI how many rows each partition of the run holds, and what else is known of it.

    Args:
        context: The run.
        asset_key: The asset.
        counts: Rows by partition; what is not named is empty.
        more: Further metadata by partition.
    """
    for key in context.partition_keys:
        context.add_asset_metadata(
            {"dagster/partition_row_count": int(counts.get(key, 0)), **(more or {}).get(key, {})},
            asset_key=asset_key,
            partition_key=key,
        )
