"""`features`: what is known of a film before its release, plus its outcome where known."""

import dagster as dg
import pandas as pd

from ayne_dagster.charts.features import plot_features
from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.previews import preview
from ayne_dagster.defs.partitions import year_and_all_before
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.defs.whole_partitions import add_partition_row_counts
from ayne_dagster.domain.features import FEATURE_SOURCE_COLUMNS, add_outcomes, build_features
from ayne_dagster.domain.tables import FEATURES, FROZEN_FLAGS, OMDB_RATINGS, TMDB_DETAILS


@dg.asset(
    **table_asset(
        FEATURES,
        group="modelling",
        kinds={"pandas", "duckdb"},
        description="Only what was known before release may become an input of the model: budget, "
        "runtime, calendar, genres, country, certification, and the track record of companies, "
        "people and collections by films released at least 180 days before. The outcome stands "
        "beside it: revenue, IMDb rating, and whether the film's facts have settled. Films "
        "without a date have no features.",
    ),
    ins={
        "details": dg.AssetIn(
            TMDB_DETAILS.name,
            partition_mapping=year_and_all_before(),
            metadata={"columns": list(FEATURE_SOURCE_COLUMNS)},
        ),
        "ratings": dg.AssetIn(
            OMDB_RATINGS.name, metadata={"columns": ["tmdb_id", "imdb_rating", "fetched_at"]}
        ),
        "flags": dg.AssetIn(FROZEN_FLAGS.name, metadata={"columns": ["tmdb_id", "is_frozen"]}),
    },
)
def features(
    context: dg.AssetExecutionContext,
    details: pd.DataFrame,
    ratings: pd.DataFrame,
    flags: pd.DataFrame,
) -> dg.MaterializeResult[pd.DataFrame]:
    """Build the features of the run's years from those years and all before."""
    built = build_features(details, context.partition_keys)
    frame = add_outcomes(built, ratings, flags)
    add_partition_row_counts(context, context.asset_key, frame)
    return dg.MaterializeResult(
        value=frame,
        metadata={
            "films": len(frame),
            "films with an outcome": int(frame["is_labelled"].sum()),
            "kept out as unit mistakes": int(frame["is_unit_suspect"].sum()),
            "features": inline_image(plot_features(frame), "unknown inputs, correlations"),
            "preview": preview(frame),
        },
    )
