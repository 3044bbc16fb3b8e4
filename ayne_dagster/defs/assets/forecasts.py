"""`forecasts`: what each film of the year is expected to earn."""

from collections import Counter

import dagster as dg
import pandas as pd

from ayne_dagster.charts.forecasts import plot_forecasts
from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.previews import preview
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.defs.whole_partitions import add_partition_row_counts
from ayne_dagster.domain.tables import FEATURES, FORECASTS, TRAINED_MODEL
from ayne_dagster.storage.experiment_log import ExperimentLog


@dg.asset(
    **table_asset(
        FORECASTS,
        group="modelling",
        kinds={"scikitlearn", "duckdb"},
        description="Worldwide revenue of every film of the year by the year's model, with an "
        "80 % interval; films not released yet included. The outcome stands beside it where known.",
    ),
    ins={
        "models": dg.AssetIn(TRAINED_MODEL.name),
        "year_features": dg.AssetIn(FEATURES.name),
    },
)
def forecasts(
    context: dg.AssetExecutionContext,
    models: pd.DataFrame,
    year_features: pd.DataFrame,
    experiments: dg.ResourceParam[ExperimentLog],
) -> dg.MaterializeResult[pd.DataFrame]:
    """Predict every film of the run's years that has a model."""
    frames = []
    champions = models[models["champion_uri"].notna()]
    for year, model_uri in zip(champions["release_year"], champions["champion_uri"], strict=True):
        films = year_features[year_features["release_year"] == year]
        predicted = experiments.load_model(model_uri).predict(films)
        frames.append(films.merge(predicted, on="tmdb_id").assign(model_uri=model_uri))
    columns = FORECASTS.column_names
    frame = (
        pd.concat(frames, ignore_index=True)[columns]
        if frames
        else pd.DataFrame(columns=columns, dtype=object)
    )
    add_partition_row_counts(context, context.asset_key, Counter(frame["release_year"].tolist()))
    return dg.MaterializeResult(
        value=frame,
        metadata={
            "films": len(frame),
            "years without a model": len(models) - len(champions),
            "highest forecasts": inline_image(plot_forecasts(frame), "highest forecasts"),
            "preview": preview(frame),
        },
    )
