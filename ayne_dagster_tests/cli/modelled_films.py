"""A warehouse of invented films with people and companies, features, and models of one year.

Lives here: making it without a run of Dagster, by the code that the assets run. Not here: what is
asked of it (`test_predict.py`, `test_model.py`).
"""

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from ayne_dagster.defs.champions import settle_champion
from ayne_dagster.domain.features import build_features
from ayne_dagster.domain.revenue_model import model_parameters
from ayne_dagster.domain.tables import FEATURES, TMDB_DETAILS, TRAINED_MODEL
from ayne_dagster.domain.year_model import outcomes_fingerprint, parameters_hash, train_year
from ayne_dagster.storage.experiment_log import ExperimentLog
from ayne_dagster.storage.model_registry import ModelRegistry
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.domain.invented_films import all_years, many_films
from ayne_dagster_tests.storage.film_rows import detailed, put

YEAR = 2011
SEED = 42
NOW = datetime(2026, 3, 4, tzinfo=UTC)
BAD, GOOD = 1, 2
"""Versions of the year: the first learned nonsense, the second follows it as champion."""


def film_details() -> pd.DataFrame:
    """Invented films; of the directors two are called alike."""
    frame = many_films(600)
    return frame.assign(
        companies=_named(frame["company_ids"], "Company {}".format),
        directors=_named(frame["director_ids"], _director),
        cast_names=_named(frame["cast_ids"], "Actor {}".format),
    )


def _named(ids: pd.Series, name: Callable[[int], str]) -> pd.Series:
    return pd.Series([[name(one) for one in of_film] for of_film in ids.tolist()], dtype=object)


def _director(number: int) -> str:
    return "Ana Twin" if number in (5, 6) else f"Zoë Director {number}"


def make_modelled_films(folder: Path, empty_mlflow_store: Path) -> None:
    """Fill a folder as `data` is: `ayne.duckdb`, and `mlflow` beside it."""
    frame = film_details()
    warehouse = Warehouse(folder / "ayne.duckdb")
    put(warehouse, TMDB_DETAILS, *(
        detailed(row["tmdb_id"], row["release_year"], **_facts(row))
        for row in frame.to_dict("records")
    ))  # fmt: skip
    features = build_features(frame, all_years(frame))
    put(warehouse, FEATURES, *_rows(features))
    registry = registry_in(folder)
    (folder / "mlflow").mkdir()
    shutil.copy(empty_mlflow_store, folder / "mlflow" / "mlflow.db")
    nonsense = features.assign(
        revenue_usd=features["revenue_usd"].sample(frac=1, random_state=1).to_numpy()
    )
    for known in (nonsense, features):
        put(warehouse, TRAINED_MODEL, _trained(registry, known, features))


def registry_in(folder: Path) -> ModelRegistry:
    """The registry of such a folder."""
    store = folder / "mlflow"
    return ModelRegistry(
        ExperimentLog(f"sqlite:///{store}/mlflow.db", store / "artifacts", "ayne_revenue")
    )


def _facts(row: dict[Any, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in ("tmdb_id", "release_year")}


def _rows(features: pd.DataFrame) -> list[dict[Any, Any]]:
    return features.astype(object).where(features.notna(), None).to_dict("records")


def _trained(
    registry: ModelRegistry, known: pd.DataFrame, features: pd.DataFrame
) -> dict[str, Any]:
    """A row of `trained_model`, with its model stored and the champion settled."""
    trained = train_year(known, YEAR, seed=SEED)
    assert trained.model is not None
    address = registry.log.log_year_model(
        trained,
        parameters=model_parameters(SEED),
        parameters_hash=parameters_hash(SEED),
        code_version="0",
    )
    standing = settle_champion(
        registry, YEAR, address, trained.model, features, is_new=True, now=NOW, seed=SEED
    )
    return {
        **trained.contract_values(),
        "outcomes_fingerprint": outcomes_fingerprint(features, YEAR),
        "parameters_hash": parameters_hash(SEED),
        "model_uri": address,
        "is_champion": standing.is_champion,
        "champion_uri": standing.champion_uri,
        "promotion_reason": standing.reason,
        "trained_at": NOW,
    }
