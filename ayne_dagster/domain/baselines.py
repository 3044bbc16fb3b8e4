"""What every model is measured against: two simple rules, and a marker of what a leak would give.

Lives here: the budget rule, the regression on the budget, the leak marker; each learns from films
released before the origin and predicts films of the year in US dollars. Not here: the model
(`revenue_model.py`), the scores (`model_scores.py`).
"""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from ayne_dagster.domain.features import OUTCOME_COLUMNS
from ayne_dagster.domain.model_inputs import InputEncoding
from ayne_dagster.domain.number_columns import as_floats
from ayne_dagster.domain.price_index import log_price_level

BUDGET_RULE_YEARS = 5
"""The rule's multiple is the median of the last five years (`MODEL_FACTS`)."""

LEAK_MARKER_PARAMETERS: dict[str, Any] = {
    "learning_rate": 0.1,
    "max_iter": 80,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "early_stopping": False,
}
"""Coarser than the model's: it is fitted beside each model, and only says about how much."""

BASELINES_CODE_VERSION = "1"
"""Raise it whenever the same films would give other baselines: scores kept beside them are of
before then, and are made anew."""


class NoForecastError(ValueError):
    """The leak marker was asked for a film without an outcome: it measures, it does not predict."""


def baseline_parameters() -> dict[str, Any]:
    """What decides the baselines besides the films and the seed, as JSON-able values."""
    return {
        "baselines_code_version": BASELINES_CODE_VERSION,
        "budget_rule_years": BUDGET_RULE_YEARS,
        "leak_marker": LEAK_MARKER_PARAMETERS,
        "leak_marker_sees": OUTCOME_COLUMNS,
    }


def budget_rule(train: pd.DataFrame, films: pd.DataFrame, origin: date) -> np.ndarray:
    """What the rule of thumb says: budget times the median multiple of the last five years.

    Films without a budget get the median revenue of the films without a budget of these years:
    they earn far less than others, and a weaker rule would flatter the model (RMSLE 2.44 instead
    of 1.92 on the benchmark). Where the five years hold no such film, all earlier ones speak.

    Args:
        train: Labelled films released before the origin.
        films: Films to predict.
        origin: First day of the predicted year.

    Returns:
        Predictions in US dollars, shape (films,).

    Raises:
        ValueError: There is no labelled film to learn from.
    """
    _need_films(train, "budget rule")
    since = pd.Timestamp(origin) - pd.DateOffset(years=BUDGET_RULE_YEARS)
    is_recent = pd.to_datetime(train["release_date"]) >= since
    has_budget = train["budget_usd"].notna()
    without = _first_not_empty(train, [is_recent & ~has_budget, ~has_budget, has_budget])
    typical_usd = float(without["revenue_usd"].median())
    if not has_budget.any():
        return np.full(len(films), typical_usd)
    with_budget = _first_not_empty(train, [is_recent & has_budget, has_budget])
    multiple = float((with_budget["revenue_usd"] / with_budget["budget_usd"]).median())
    budget = as_floats(films["budget_usd"])
    return np.where(np.isnan(budget), typical_usd, budget * multiple)


def ols_rule(train: pd.DataFrame, films: pd.DataFrame, origin: date) -> np.ndarray:
    """Ordinary least squares of ln(1+revenue) on ln(budget) and whether the budget is missing.

    In constant dollars: each film's by the price level of its year, the predicted ones' by that of
    the year of the origin.

    Args:
        train: Labelled films released before the origin.
        films: Films to predict.
        origin: First day of the predicted year.

    Returns:
        Predictions in US dollars, shape (films,).

    Raises:
        ValueError: There is no labelled film to learn from.
    """
    _need_films(train, "regression on the budget")
    levels = log_price_level(pd.to_datetime(train["release_date"]).dt.year.to_numpy())
    level_now = float(log_price_level(np.array([origin.year]))[0])
    log_budget = np.log(as_floats(train["budget_usd"])) - levels
    # Centred, so that a missing budget counts as a usual one where no missing one was learned from.
    is_known = ~np.isnan(log_budget)
    usual = float(log_budget[is_known].mean()) if is_known.any() else 0.0
    outcome = np.log1p(train["revenue_usd"].to_numpy(float)) - levels
    weights, *_ = np.linalg.lstsq(_budget_matrix(log_budget, usual), outcome, rcond=None)
    asked = np.log(as_floats(films["budget_usd"])) - level_now
    predicted = _budget_matrix(asked, usual) @ weights + level_now
    return np.expm1(np.maximum(predicted, 0.0))


def leak_marker(train: pd.DataFrame, films: pd.DataFrame, origin: date, seed: int) -> np.ndarray:
    """What a model would say that also saw votes, popularity and ratings: a marker, no model.

    These are known only after release, so nothing could be forecast with them. Its error says how
    good a model must not be: one that comes near it has let the future in. It is fitted, read and
    thrown away; there is nothing to store.

    Args:
        train: Labelled films released before the origin, with `OUTCOME_COLUMNS`.
        films: Films with an outcome.
        origin: First day of the predicted year; not looked at, all earlier films count.
        seed: Seed of everything random.

    Returns:
        "Predictions" in US dollars, shape (films,).

    Raises:
        NoForecastError: A film has no outcome yet.
        ValueError: There is no labelled film to learn from.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    del origin
    _need_films(train, "leak marker")
    if not films["is_labelled"].astype(bool).all():
        raise NoForecastError("the leak marker is measured on past films; it forecasts nothing")
    if films.empty:
        return np.empty(0)
    encoding = InputEncoding.learn(train)
    seen = _with_outcomes(encoding, train)
    # Binning fails on a column without any value (scikit-learn 1.9.1).
    known = seen.columns[seen.notna().any()]
    trees = HistGradientBoostingRegressor(**LEAK_MARKER_PARAMETERS, random_state=seed)
    with threadpool_limits(limits=1, user_api="openmp"):
        trees.fit(seen[known].to_numpy(), np.log1p(train["revenue_usd"].to_numpy(float)))
        predicted = trees.predict(_with_outcomes(encoding, films)[known].to_numpy())
    return np.expm1(np.maximum(predicted, 0.0))


def _with_outcomes(encoding: InputEncoding, films: pd.DataFrame) -> pd.DataFrame:
    """The model's matrix with what is known only after release beside it."""
    outcomes = {name: as_floats(films[name]) for name in OUTCOME_COLUMNS}
    return encoding.matrix(films).assign(**outcomes)


def _budget_matrix(log_budget: np.ndarray, usual: float) -> np.ndarray:
    """Intercept, centred log budget, missing flag; shape (films, 3)."""
    is_missing = np.isnan(log_budget)
    centred = np.where(is_missing, 0.0, log_budget - usual)
    return np.column_stack([np.ones(len(log_budget)), centred, is_missing])


def _first_not_empty(films: pd.DataFrame, masks: list[pd.Series]) -> pd.DataFrame:
    """The films of the first mask that holds any."""
    return next(films[mask] for mask in masks if mask.any())


def _need_films(train: pd.DataFrame, what: str) -> None:
    if train.empty:
        raise ValueError(f"the {what} needs labelled films")
