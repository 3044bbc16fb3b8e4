"""`forecasts`: what each film of the year is expected to earn."""

from collections import Counter

import dagster as dg
import pandas as pd

from ayne_dagster.charts.forecasts import plot_forecasts
from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.previews import preview
from ayne_dagster.defs.partitions import dated_keys, year_and_all_before
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.defs.whole_partitions import add_partition_row_counts, year_groups
from ayne_dagster.domain.forecasting import forecast_rows
from ayne_dagster.domain.tables import FEATURES, FORECASTS, TRAINED_MODEL
from ayne_dagster.domain.year_model import training_films
from ayne_dagster.sources.progress import stage
from ayne_dagster.storage.duckdb_io_manager import load_frame
from ayne_dagster.storage.experiment_log import ExperimentLog
from ayne_dagster.storage.feature_queries import FeatureQueries
from ayne_dagster.storage.model_queries import ModelQueries
from ayne_dagster.storage.movie_queries import MovieQueries


@dg.asset(
    **table_asset(
        FORECASTS,
        group="modelling",
        kinds={"scikitlearn", "duckdb"},
        description="Worldwide revenue of the films of the year by the year's champion, or that "
        "of the nearest year before: point, 80 % interval, the three groups of inputs that drive "
        "it, and the earlier films most like it. "
        "Films not released yet are included; films whose outcome is in are marked, for them the "
        "outcome stands beside what the champion says.",
    ),
    ins={
        "models": dg.AssetIn(TRAINED_MODEL.name),
    },
    deps=[dg.AssetDep(FEATURES.name, partition_mapping=year_and_all_before())],
)
def forecasts(
    context: dg.AssetExecutionContext,
    models: pd.DataFrame,
    queries: dg.ResourceParam[MovieQueries],
    experiments: dg.ResourceParam[ExperimentLog],
) -> dg.MaterializeResult[pd.DataFrame]:
    """Predict every film of the run's years that some champion may predict, and say why."""
    frames, columns = [], FORECASTS.column_names
    uris = _champions(models, dated_keys(context), ModelQueries(queries.warehouse))
    labelled = FeatureQueries(queries.warehouse).labelled(max(uris, default=""))
    with stage("forecast", len(uris), "years") as advance:
        for group in year_groups(queries, list(uris)):
            of_group = load_frame(queries.warehouse, FEATURES, years=group)
            for year in group:
                films = of_group[of_group["release_year"] == year]
                train = training_films(labelled, int(year))
                model = experiments.load_model(uris[year])
                frames.append(forecast_rows(model.predict, films, train, uris[year])[columns])
                advance(1)
    frame = (
        pd.concat(frames, ignore_index=True)
        if frames
        else pd.DataFrame(columns=columns, dtype=object)
    )
    add_partition_row_counts(context, context.asset_key, Counter(frame["release_year"].tolist()))
    is_open = ~frame["is_outcome_known"].astype(bool)
    return dg.MaterializeResult(
        value=frame,
        metadata={
            "films": len(frame),
            "films without an outcome": int(is_open.sum()),
            "years without a model": len(dated_keys(context)) - len(uris),
            "highest forecasts": inline_image(plot_forecasts(frame), "highest forecasts"),
            "preview": preview(_highest_first(frame[is_open])),
        },
    )


def _champions(models: pd.DataFrame, years: list[str], queries: ModelQueries) -> dict[str, str]:
    """The address of the champion for each year that has one, its own or an earlier year's.

    A coming year has films long before it has a model. That of an earlier year was trained on even
    older films, so it may be asked; `ayne predict` takes the same.
    """
    own = models[models["champion_uri"].notna()]
    uris = dict(zip(own["release_year"], own["champion_uri"], strict=True))
    for year in years:
        if year not in uris and (row := queries.champion_before(int(year))) is not None:
            uris[year] = row["champion_uri"]
    return {year: uris[year] for year in years if year in uris}


def _highest_first(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values("predicted_revenue_usd", ascending=False, kind="stable")
