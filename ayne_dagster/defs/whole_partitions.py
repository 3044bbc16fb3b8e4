"""A partition as it will be after a write: what is stored, with the new rows in place.

Lives here: frames for plots and counts. A merge holds only what was refreshed, and people want to
see the whole year.
"""

from collections.abc import Sequence

import dagster as dg
import pandas as pd

from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.storage.duckdb_io_manager import UpstreamMissing, load_frame
from ayne_dagster.storage.movie_queries import MovieQueries


def with_stored(
    queries: MovieQueries,
    contract: TableContract,
    rows: pd.DataFrame,
    years: Sequence[str],
    columns: Sequence[str],
) -> pd.DataFrame:
    """Stored rows of these years with `rows` merged over them.

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
    context: dg.AssetExecutionContext, asset_key: dg.AssetKey, whole: pd.DataFrame
) -> None:
    """Tell the UI how many rows each partition of the run holds."""
    counts = whole["release_year"].value_counts()
    for key in context.partition_keys:
        context.add_asset_metadata(
            {"dagster/partition_row_count": int(counts.get(key, 0))},
            asset_key=asset_key,
            partition_key=key,
        )
