"""`trained_model`: the model of each year, trained on the years before, scored on the year."""

from importlib.metadata import version

import dagster as dg
import pandas as pd

from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.previews import preview
from ayne_dagster.charts.trained_model import plot_predictions, plot_scores_by_year
from ayne_dagster.defs.assets.features import features
from ayne_dagster.defs.partitions import dated_keys, year_and_all_before
from ayne_dagster.defs.services import Services
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.defs.whole_partitions import with_stored
from ayne_dagster.domain.revenue_model import model_parameters
from ayne_dagster.domain.tables import TRAINED_MODEL
from ayne_dagster.domain.year_model import (
    YearModel,
    parameters_hash,
    train_year,
    training_fingerprint,
)
from ayne_dagster.settings import ModelSettings, Settings
from ayne_dagster.sources.progress import stage
from ayne_dagster.storage.experiment_log import ExperimentLog
from ayne_dagster.storage.movie_queries import MovieQueries

TERMS_NOTICE = (
    "TMDB's terms restrict the use of its content for training machine-learning applications "
    "without a written agreement; see README, data sources and their terms."
)


@dg.asset(
    **table_asset(
        TRAINED_MODEL,
        group="modelling",
        kinds={"scikitlearn", "mlflow"},
        description="For each release year a model trained only on films released before it and "
        "scored on the year itself, beside the budget rule: a backfill over years is the "
        "rolling-origin back-test. The model lives in MLflow; the same training rows and "
        "parameters give the stored model again.",
    ),
    ins={
        "features_until": dg.AssetIn(features.key, partition_mapping=year_and_all_before()),
    },
)
def trained_model(
    context: dg.AssetExecutionContext,
    features_until: pd.DataFrame,
    services: dg.ResourceParam[Services],
    queries: dg.ResourceParam[MovieQueries],
    experiments: dg.ResourceParam[ExperimentLog],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[pd.DataFrame]:
    """Train, score and store the model of each of the run's years."""
    models: list[YearModel] = []
    rows = []
    years = dated_keys(context)
    with stage("train", len(years), "models") as advance:
        for year in years:
            model, model_uri = _train(features_until, int(year), experiments, settings.model)
            models.append(model)
            rows.append(
                {
                    **model.contract_values(),
                    "model_uri": model_uri,
                    "is_champion": model_uri is not None,
                    "trained_at": services.now(),
                }
            )
            context.log.info("%s: %s", year, model.reason)
            context.add_asset_metadata(
                {
                    "dagster/partition_row_count": 1,
                    "actual against predicted": inline_image(
                        plot_predictions(model.predictions, int(year)), f"{year}, predicted"
                    ),
                },
                asset_key=context.asset_key,
                partition_key=year,
            )
            advance(1)
    frame = pd.DataFrame(rows, columns=TRAINED_MODEL.column_names, dtype=object)
    every_year = with_stored(
        queries, TRAINED_MODEL, frame, _all_years(context), TRAINED_MODEL.column_names
    )
    return dg.MaterializeResult(
        value=frame,
        metadata={
            "years scored": sum(model.status == "scored" for model in models),
            "notice": TERMS_NOTICE,
            "scores by year": inline_image(plot_scores_by_year(every_year), "scores by year"),
            "preview": preview(frame),
        },
    )


def _train(
    frame: pd.DataFrame, year: int, experiments: ExperimentLog, options: ModelSettings
) -> tuple[YearModel, str | None]:
    """Train one year, or take the model that the same rows and parameters gave before."""
    parameters = parameters_hash(options.seed)
    known = experiments.find_year_model(year, training_fingerprint(frame, year), parameters)
    model = train_year(
        frame,
        year,
        seed=options.seed,
        minimum_films=options.minimum_films,
        fitted=experiments.load_model(known) if known else None,
    )
    if model.model is None:
        return model, None
    if known:
        experiments.record_scores(known, model)
        return model, known
    return model, experiments.log_year_model(
        model,
        parameters=model_parameters(options.seed),
        parameters_hash=parameters,
        code_version=version("ayne-dagster"),
    )


def _all_years(context: dg.AssetExecutionContext) -> list[str]:
    return list(context.assets_def.partitions_def.get_partition_keys())
