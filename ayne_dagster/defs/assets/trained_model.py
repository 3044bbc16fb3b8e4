"""`trained_model`: the model of each year, trained on the years before, scored on the year."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

import dagster as dg
import pandas as pd

from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.previews import preview
from ayne_dagster.charts.trained_model import plot_predictions, plot_scores_by_year
from ayne_dagster.defs.champions import by_champion_of_now, settle_champion
from ayne_dagster.defs.job_options import ModelYears, RunOptions
from ayne_dagster.defs.partitions import (
    dated_keys,
    release_year_partitions,
    year_and_all_before,
)
from ayne_dagster.defs.services import Services
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.defs.whole_partitions import with_stored
from ayne_dagster.domain.revenue_model import RevenueModel, model_parameters
from ayne_dagster.domain.run_plans import renewed_models
from ayne_dagster.domain.tables import FEATURES, TRAINED_MODEL
from ayne_dagster.domain.year_model import (
    YearModel,
    outcomes_fingerprint,
    parameters_hash,
    train_year,
    training_fingerprint,
)
from ayne_dagster.settings import Settings
from ayne_dagster.sources.progress import stage
from ayne_dagster.storage.experiment_log import ExperimentLog
from ayne_dagster.storage.feature_queries import FeatureQueries
from ayne_dagster.storage.kept_predictions import KeptPredictions
from ayne_dagster.storage.model_files import ModelNotFoundError, UntrustedModelError
from ayne_dagster.storage.model_registry import ModelRegistry
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
        "scored on the year itself, beside the budget rule, a regression on the budget and the "
        "leak marker: a backfill over years is the "
        "rolling-origin back-test. The model lives in MLflow; the same training rows and "
        "parameters give the stored model again. A new model is the year's candidate, and becomes "
        "its champion, which forecasts come from, only if it is not worse on the same films.",
    ),
    deps=[dg.AssetDep(FEATURES.name, partition_mapping=year_and_all_before())],
)
def trained_model(
    context: dg.AssetExecutionContext,
    options: RunOptions,
    services: dg.ResourceParam[Services],
    queries: dg.ResourceParam[MovieQueries],
    registry: dg.ResourceParam[ModelRegistry],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[pd.DataFrame]:
    """Train, score and store the model of each of the run's years that is to have one."""
    rows = []
    years = dated_keys(context)
    known = queries.stored_rows(TRAINED_MODEL, years)
    if options.of_job(context.run.job_name).models is ModelYears.recent:
        renewed = set(renewed_models(services.now().date()))
        due = renewed | _outdated(known, settings.model.seed, registry.log)
        rows = [row for year, row in known.items() if year not in due]
        years = [year for year in years if year in due]
    labelled = FeatureQueries(queries.warehouse).labelled(max(years, default=""))
    reused = 0
    with stage("train", len(years), "models") as advance:
        for year in years:
            facts = _facts(labelled, year, settings.model.seed)
            row, picture = _reuse(known.get(year), facts, registry.log)
            if row is None or picture is None:
                row, picture = _train(labelled, year, facts, services, registry, settings)
            else:
                reused += 1
            rows.append(row)
            context.log.info("%s: %s", year, row["reason"])
            context.add_asset_metadata(
                {
                    "dagster/partition_row_count": 1,
                    "actual against predicted": inline_image(picture, f"{year}, predicted"),
                    "champion": row["promotion_reason"] or "none: there is no model",
                },
                asset_key=context.asset_key,
                partition_key=year,
            )
            advance(1)
    stored = queries.stored_rows(TRAINED_MODEL, [row["release_year"] for row in rows])
    rows = [by_champion_of_now(row, stored.get(row["release_year"]), registry) for row in rows]
    frame = pd.DataFrame(rows, columns=TRAINED_MODEL.column_names, dtype=object)
    every_year = with_stored(
        queries,
        TRAINED_MODEL,
        frame,
        release_year_partitions().get_partition_keys(),
        TRAINED_MODEL.column_names,
    )
    return dg.MaterializeResult(
        value=frame,
        metadata={
            "years scored": sum(row["status"] == "scored" for row in rows),
            "years unchanged": reused,
            "notice": TERMS_NOTICE,
            "scores by year": inline_image(plot_scores_by_year(every_year), "scores by year"),
            "preview": preview(frame),
        },
    )


def _outdated(
    known: Mapping[str, dict[str, Any]], seed: int, experiments: ExperimentLog
) -> set[str]:
    """The years whose stored row no forecast can come from any more.

    An upgrade changes the parameters, and with them what a model's files look like: a year left as
    it is would fail the back-test and the forecasts of all years.
    """
    today = parameters_hash(seed)
    return {
        year
        for year, row in known.items()
        if row["parameters_hash"] != today
        or (row["model_uri"] is not None and not _has_models(row, experiments))
    }


def _has_models(row: Mapping[str, Any], experiments: ExperimentLog) -> bool:
    """Whether the year's model and its champion are named and their files there."""
    uris = [row["model_uri"], row["champion_uri"]]
    return all(uri is not None and experiments.has_files(uri) for uri in uris)


def _facts(labelled: pd.DataFrame, year: str, seed: int) -> dict[str, str]:
    """What decides a year's row: training rows, outcomes to score on, parameters."""
    return {
        "data_fingerprint": training_fingerprint(labelled, int(year)),
        "outcomes_fingerprint": outcomes_fingerprint(labelled, int(year)),
        "parameters_hash": parameters_hash(seed),
    }


def _reuse(
    known: dict[str, Any] | None, facts: dict[str, str], experiments: ExperimentLog
) -> tuple[dict[str, Any] | None, bytes | None]:
    """The stored row and its picture, where nothing that decides them has changed."""
    if known is None or not _has_models(known, experiments):
        return None, None
    if any(known[name] != value for name, value in facts.items()):
        return None, None
    return known, experiments.kept_picture(known["model_uri"], facts["outcomes_fingerprint"])


def _train(
    labelled: pd.DataFrame,
    year: str,
    facts: dict[str, str],
    services: Services,
    registry: ModelRegistry,
    settings: Settings,
) -> tuple[dict[str, Any], bytes]:
    """Train one year, or score the model that the same rows and parameters gave before.

    Whichever it is, it is then compared with the year's champion.
    """
    seed, experiments = settings.model.seed, registry.log
    found, fitted = _stored_model(year, facts, experiments)
    trained = train_year(
        labelled,
        int(year),
        seed=seed,
        minimum_films=settings.model.minimum_films,
        fitted=fitted,
        fingerprint=facts["data_fingerprint"],
    )
    picture = plot_predictions(trained.predictions, int(year))
    model_uri = _store(trained, found, picture, seed, experiments)
    standing = None
    if model_uri is not None and trained.model is not None:
        experiments.keep_picture(model_uri, facts["outcomes_fingerprint"], picture)
        kept = KeptPredictions(experiments.artifact_dir)
        kept.keep(model_uri, facts["outcomes_fingerprint"], trained.predictions)
        standing = settle_champion(
            registry,
            int(year),
            model_uri,
            trained.model,
            labelled,
            is_new=found is None,
            now=services.now(),
            seed=seed,
        )
    row = {
        **trained.contract_values(),
        "outcomes_fingerprint": facts["outcomes_fingerprint"],
        "parameters_hash": facts["parameters_hash"],
        "model_uri": model_uri,
        "is_champion": standing is not None and standing.is_champion,
        "champion_uri": standing and standing.champion_uri,
        "promotion_reason": standing and standing.reason,
        "trained_at": services.now(),
    }
    return row, picture


def _stored_model(
    year: str, facts: dict[str, str], experiments: ExperimentLog
) -> tuple[str | None, RevenueModel | None]:
    """The model that these rows and parameters gave before, with its address."""
    found = experiments.find_year_model(
        int(year), facts["data_fingerprint"], facts["parameters_hash"]
    )
    if found is None:
        return None, None
    try:
        return found, experiments.load_model(found)
    except (ModelNotFoundError, UntrustedModelError):
        # What cannot be read is trained again, as if it had never been.
        return None, None


def _store(
    model: YearModel, found: str | None, picture: bytes, seed: int, experiments: ExperimentLog
) -> str | None:
    """The address of the year's model in MLflow; None where there was too little to train on."""
    if model.model is None:
        return None
    if found is not None:
        experiments.record_scores(found, model)
        return found
    return experiments.log_year_model(
        model,
        parameters=model_parameters(seed),
        parameters_hash=parameters_hash(seed),
        code_version=version("ayne-dagster"),
        figures={"actual_against_predicted": picture},
    )
