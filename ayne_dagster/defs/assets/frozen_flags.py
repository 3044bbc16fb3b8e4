"""`frozen_flags`: how fresh each film is, when it is due, and why."""

import dagster as dg
import pandas as pd

from ayne_dagster.charts.frozen_flags import plot_frozen_flags
from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.previews import preview
from ayne_dagster.defs.assets.omdb_ratings import omdb_ratings
from ayne_dagster.defs.assets.tmdb_details import tmdb_details
from ayne_dagster.defs.services import Services
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.defs.whole_partitions import add_partition_row_counts
from ayne_dagster.domain.freezing import flag_films
from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.domain.tables import FROZEN_FLAGS
from ayne_dagster.storage.movie_queries import MovieQueries


@dg.asset(
    **table_asset(
        FROZEN_FLAGS,
        group="freshness",
        kinds={"pandas", "duckdb"},
        description="Age band, due time per source, unchanged refreshes in a row, frozen or not, "
        "and the reason in words. The next run asks only for what is due here.",
    ),
    deps=[tmdb_details, omdb_ratings],
)
def frozen_flags(
    context: dg.AssetExecutionContext,
    services: dg.ResourceParam[Services],
    queries: dg.ResourceParam[MovieQueries],
    policy: dg.ResourceParam[RefreshPolicy],
) -> dg.MaterializeResult[pd.DataFrame]:
    """Flag every film of the run's years."""
    now = services.now()
    flags = flag_films(queries.films_to_plan(context.partition_keys), now, policy)
    add_partition_row_counts(context, context.asset_key, flags)
    return dg.MaterializeResult(
        value=flags,
        metadata={
            "films": len(flags),
            "frozen": int(flags["is_frozen"].sum()),
            "due at TMDB now": int((flags["tmdb_due_at"] <= now).sum()),
            "due at OMDb now": int((flags["omdb_due_at"] <= now).sum()),
            "age bands and due times": inline_image(
                plot_frozen_flags(flags, now), "age bands and due times"
            ),
            "preview": preview(flags),
        },
    )
