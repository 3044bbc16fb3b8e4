"""What an asset that has stored its rows itself tells the UI: figures, counts, a plot, a preview.

Lives here: the result of fetching assets. They write as they go, so there is no frame to hand to
the I/O manager, and no run holds all rows of its years.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import dagster as dg
import pandas as pd

from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.previews import preview
from ayne_dagster.defs.whole_partitions import (
    add_partition_row_counts,
    partition_row_counts,
    sampled_partitions,
)
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.storage.movie_queries import MovieQueries


def stored_result(
    context: dg.AssetExecutionContext,
    contract: TableContract,
    queries: MovieQueries,
    figures: Mapping[str, Any],
    *,
    columns: Sequence[str],
    plot: Callable[[pd.DataFrame], bytes],
    plot_name: str,
    check_results: Sequence[dg.AssetCheckResult] = (),
) -> dg.MaterializeResult:
    """The result of an asset whose rows are stored.

    Args:
        context: The asset's run.
        contract: Its table.
        queries: The warehouse.
        figures: Metadata of its own.
        columns: Columns the plot and the preview need.
        plot: Makes a PNG of rows.
        plot_name: What the plot shows.
        check_results: Checks it made itself.
    """
    years = context.partition_keys
    add_partition_row_counts(
        context, context.asset_key, partition_row_counts(queries, contract, years)
    )
    rows = sampled_partitions(queries, contract, years, columns)
    return dg.MaterializeResult(
        metadata={
            "dagster/table_name": f"{queries.warehouse.schema}.{contract.name}",
            "dagster/storage_kind": "duckdb",
            **figures,
            plot_name: inline_image(plot(rows), plot_name),
            "preview": preview(rows),
        },
        check_results=check_results,
    )
