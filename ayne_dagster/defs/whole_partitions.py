"""A partition as people want to see it: how many rows it holds, and a sample of them for a plot."""

from collections.abc import Mapping, Sequence

import dagster as dg
import pandas as pd

from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.storage.duckdb_io_manager import UpstreamMissing, load_frame
from ayne_dagster.storage.movie_queries import MovieQueries


def sampled_partitions(queries, contract, years, columns):
    try:
        return load_frame(queries.warehouse, contract, years=years, columns=columns)
    except UpstreamMissing:
        return pd.DataFrame(columns=columns)


def partition_row_counts(queries, contract, years):
    return sampled_partitions(queries, contract, years, ["release_year"])["release_year"].value_counts().to_dict()


def add_partition_row_counts(context, asset_key, counts) -> None:
    if not isinstance(counts, Mapping):
        counts = counts["release_year"].value_counts()
    for key in context.partition_keys:
        context.add_asset_metadata(
            {"dagster/partition_row_count": int(counts.get(key, 0))},
            asset_key=asset_key,
            partition_key=key,
        )
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


