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
    return (
        sampled_partitions(queries, contract, years, ["release_year"])["release_year"]
        .value_counts()
        .to_dict()
    )


def add_partition_row_counts(context, asset_key, counts) -> None:
    if not isinstance(counts, Mapping):
        counts = counts["release_year"].value_counts()
    for key in context.partition_keys:
        context.add_asset_metadata(
            {"dagster/partition_row_count": int(counts.get(key, 0))},
            asset_key=asset_key,
            partition_key=key,
        )
