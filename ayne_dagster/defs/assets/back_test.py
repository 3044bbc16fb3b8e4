"""`back_test`: what each year's model had said of the films whose outcome is known by now."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from importlib.metadata import version

import dagster as dg
import pandas as pd

from ayne_dagster.charts.back_test import (
    plot_actual_against_predicted,
    plot_biggest_misses,
    plot_residuals_by_genre,
    years_in_words,
)
from ayne_dagster.charts.back_test_scores import (
    plot_coverage_by_year,
    plot_error_by_year,
    plot_honest_against_leaky,
    plot_importance,
)
from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.previews import markdown_table, preview
from ayne_dagster.defs.partitions import (
    dated_keys,
    release_year_partitions,
    year_and_all_before,
)
from ayne_dagster.defs.stored_models import usable_model
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.defs.whole_partitions import add_partition_row_counts, stored_partitions
from ayne_dagster.domain.back_test import (
    MODEL,
    SCORED_COLUMNS,
    pooled_scores,
    pooled_table,
    score_films,
    scores_by_year,
    scores_of,
)
from ayne_dagster.domain.permutation_importance import grouped_importance
from ayne_dagster.domain.revenue_model import RevenueModel
from ayne_dagster.domain.score_intervals import ScoreEstimates
from ayne_dagster.domain.tables import BACK_TEST, FEATURES, TRAINED_MODEL
from ayne_dagster.domain.year_model import (
    POPULATION,
    films_with_outcome,
    outcomes_fingerprint,
    training_films,
)
from ayne_dagster.settings import Settings
from ayne_dagster.storage.experiment_log import ExperimentLog
from ayne_dagster.storage.feature_queries import FeatureQueries
from ayne_dagster.storage.kept_predictions import KeptPredictions
from ayne_dagster.storage.movie_queries import MovieQueries

IMPORTANCE_YEARS = 5
"""What the models lean on is measured on the newest scored years, .3 s each."""

_SHOWN_BY_YEAR = (
    "release_year",
    "films",
    "rmsle",
    "rmsle_budget_rule",
    "rmsle_ols",
    "rmsle_leak_marker",
    "r2_log",
    "spearman",
    "share_within_factor_two",
    "interval_coverage",
    "interval_width",
)


@dg.asset(
    **table_asset(
        BACK_TEST,
        group="modelling",
        kinds={"scikitlearn", "duckdb"},
        description="The films of each year that have an outcome, as the model trained on the "
        "years before predicts them, beside the budget rule, a regression on the budget, and the "
        "leak marker: what a model would say that also saw votes, popularity and ratings, which "
        "nobody knows before release. The table and the pictures below pool all years stored.",
    ),
    ins={
        "models": dg.AssetIn(TRAINED_MODEL.name),
    },
    deps=[dg.AssetDep(FEATURES.name, partition_mapping=year_and_all_before())],
)
def back_test(
    context: dg.AssetExecutionContext,
    models: pd.DataFrame,
    queries: dg.ResourceParam[MovieQueries],
    experiments: dg.ResourceParam[ExperimentLog],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[pd.DataFrame]:
    """Score the run's years film by film, and say how all years together stand."""
    seed = settings.model.seed
    years = dated_keys(context)
    labelled = FeatureQueries(queries.warehouse).labelled(max(years, default=""))
    stored = stored_partitions(queries, BACK_TEST, release_year_partitions().get_partition_keys())
    uris = models.set_index("release_year")["model_uri"].dropna()
    found = [
        _score_year(labelled, year, str(uris[year]), stored, experiments, seed)
        for year in years
        if year in uris.index
    ]
    scored = [rows for rows, _ in found if not rows.empty]
    frame = pd.concat(scored, ignore_index=True) if scored else stored.head(0)
    others = stored[~stored["release_year"].isin(context.partition_keys)]
    pooled = pd.concat([part for part in (others, frame) if not part.empty] or [frame])
    estimates = pooled_scores(pooled, seed)
    measured, left_out = _loaded_models(pooled, labelled, experiments)
    pictures = _pictures(pooled, estimates, measured, seed)
    if any(is_new for _, is_new in found):
        _log(pooled, pictures, experiments)
    # Of all years, so told once, with the last of the run's partitions: a run over a hundred years
    # would otherwise write each picture a hundred times into the event log.
    last = context.partition_keys[-1]
    context.add_asset_metadata(
        {
            "year by year": _year_table(pooled),
            **{name: inline_image(picture, name) for name, picture in pictures.items()},
            "preview": preview(frame),
        },
        asset_key=context.asset_key,
        partition_key=last,
    )
    add_partition_row_counts(context, context.asset_key, Counter(frame["release_year"].tolist()))
    return dg.MaterializeResult(
        value=frame,
        metadata={
            "films": len(frame),
            "years scored": len(scored),
            "years unchanged": sum(not (is_new or rows.empty) for rows, is_new in found),
            "population": POPULATION,
            "films, all years": len(pooled),
            "left out of what the models lean on": "; ".join(left_out) or "none",
            "all years together": dg.MetadataValue.md(
                markdown_table(pooled_table(pooled, estimates, seed))
            ),
            "pictures": f"in the metadata of partition {last} of this run",
        },
    )


def _score_year(
    features: pd.DataFrame,
    year: str,
    model_uri: str,
    stored: pd.DataFrame,
    experiments: ExperimentLog,
    seed: int,
) -> tuple[pd.DataFrame, bool]:
    """The rows of a year, and whether they are new: model or outcomes are not what they were."""
    of_outcomes = outcomes_fingerprint(features, int(year))
    known = stored[stored["release_year"] == year]
    is_same = (known["model_uri"] == model_uri) & (known["outcomes_fingerprint"] == of_outcomes)
    films = films_with_outcome(features, int(year))
    if len(known) == len(films) and is_same.all():
        return known, False
    if films.empty:
        return known.head(0), True
    scored = KeptPredictions(experiments.artifact_dir).find(model_uri, of_outcomes)
    if scored is None or list(scored) != list(SCORED_COLUMNS):
        model = experiments.load_model(model_uri)
        train = training_films(features, int(year))
        scored = score_films(model, train, films, date(int(year), 1, 1), seed)
    return scored.assign(outcomes_fingerprint=of_outcomes, model_uri=model_uri), True


def _year_table(pooled: pd.DataFrame) -> dg.MarkdownMetadataValue:
    """The scores of each stored year."""
    by_year = scores_by_year(pooled)[list(_SHOWN_BY_YEAR)]
    return dg.MetadataValue.md(markdown_table(by_year, len(by_year)))


def _pictures(
    pooled: pd.DataFrame,
    estimates: Mapping[str, ScoreEstimates],
    measured: Sequence[tuple[RevenueModel, pd.DataFrame]],
    seed: int,
) -> dict[str, bytes]:
    """Everything there is to look at, of all stored years together."""
    by_year = scores_by_year(pooled)
    return {
        "actual against predicted": plot_actual_against_predicted(pooled),
        "error by year": plot_error_by_year(by_year),
        "coverage by year": plot_coverage_by_year(by_year),
        "honest against leaky": plot_honest_against_leaky(estimates, pooled, model=MODEL),
        "what the models lean on": _importance(measured, seed),
        "residuals by genre": plot_residuals_by_genre(pooled),
        "biggest misses": plot_biggest_misses(pooled),
    }


def _log(pooled: pd.DataFrame, pictures: dict[str, bytes], experiments: ExperimentLog) -> None:
    """Keep the pooled scores in the experiment log, beside those of each year's model."""
    experiments.log_back_test(
        scores_of(pooled),
        tags={
            "films": str(len(pooled)),
            "release_years": years_in_words(pooled) if len(pooled) else "none",
            "code_version": version("ayne-dagster"),
        },
        figures={name.replace(" ", "_"): picture for name, picture in pictures.items()},
    )


def _loaded_models(
    pooled: pd.DataFrame, labelled: pd.DataFrame, experiments: ExperimentLog
) -> tuple[list[tuple[RevenueModel, pd.DataFrame]], list[str]]:
    """The models of the newest years scored with their films, and which cannot be had and why.

    The years are not only the run's: those of others may wait for their next training.
    """
    uris = pooled.drop_duplicates("release_year").set_index("release_year")["model_uri"]
    loaded: list[tuple[RevenueModel, pd.DataFrame]] = []
    left_out = []
    for year in _newest(uris, labelled):
        model = usable_model(experiments, uris[year])
        if isinstance(model, str):
            left_out.append(f"{year}: {model}")
        else:
            loaded.append((model, films_with_outcome(labelled, int(year))))
    return loaded, left_out


def _importance(measured: Sequence[tuple[RevenueModel, pd.DataFrame]], seed: int) -> bytes:
    """The picture of grouped permutation importance on these models and films."""
    found = grouped_importance(measured, seed=seed)
    return plot_importance(found, films=sum(len(films) for _, films in measured))


def _newest(uris: pd.Series, features: pd.DataFrame) -> Sequence[str]:
    """The newest scored years whose features are at hand."""
    at_hand = set(features["release_year"])
    return sorted(year for year in uris.index if year in at_hand)[-IMPORTANCE_YEARS:]
