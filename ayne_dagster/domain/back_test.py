"""The back-test: each year's films as its model said them before, beside the baselines.

Lives here: the rows of `back_test` and the scores of one year or of all years together. Not here:
training (`year_model.py`), the baselines (`baselines.py`), how sure a score is
(`score_intervals.py`).
"""

from collections.abc import Callable, Mapping
from datetime import date

import numpy as np
import pandas as pd

from ayne_dagster.domain import model_scores
from ayne_dagster.domain.baselines import budget_rule, leak_marker, ols_rule
from ayne_dagster.domain.model_scores import UndefinedScoreError
from ayne_dagster.domain.revenue_model import RevenueModel
from ayne_dagster.domain.score_intervals import (
    Estimate,
    ScoreEstimates,
    estimate_mean,
    estimate_scores,
)
from ayne_dagster.domain.tables import BACK_TEST
from ayne_dagster.domain.tables.modelling import RIVALS

MODEL = "model"
PREDICTIONS: dict[str, str] = {
    MODEL: "predicted_revenue_usd",
    **{words: f"{name}_usd" for name, words in RIVALS.items()},
}
"""Who predicted, in words, and the column that holds it."""

_SCORES: dict[str, Callable[[np.ndarray, np.ndarray], float]] = {
    "rmsle": model_scores.rmsle,
    "r2_log": model_scores.r2_log,
    "spearman": model_scores.spearman,
    "share_within_factor_two": model_scores.share_within_factor_two,
}

SCORE_COLUMNS: tuple[str, ...] = (
    *(f"{score}{suffix}" for score in _SCORES for suffix in ("", *(f"_{name}" for name in RIVALS))),
    "interval_coverage",
    "interval_width",
)
"""The score columns of the TRAINED_MODEL contract."""

SCORED_COLUMNS: tuple[str, ...] = tuple(
    name for name in BACK_TEST.column_names if name not in ("outcomes_fingerprint", "model_uri")
)
"""The columns of the BACK_TEST contract that `score_films` fills."""


def score_films(
    model: RevenueModel, train: pd.DataFrame, test: pd.DataFrame, origin: date, seed: int
) -> pd.DataFrame:
    """Predict the films of a year that have an outcome, by the model and by every baseline.

    Args:
        model: The model of the year.
        train: Labelled films released before the origin: the baselines learn from them.
        test: Labelled films of the year.
        origin: First day of the year.
        seed: Seed of the leak marker.

    Returns:
        One row per film with `SCORED_COLUMNS`, in the order of `test`.
    """
    if test.empty:
        return no_films()
    predicted = model.predict(test)
    facts = test.reset_index(drop=True)
    scored = facts.assign(
        revenue_usd=facts["revenue_usd"].astype(float),
        **{name: predicted[name] for name in ("predicted_revenue_usd", "lower_usd", "upper_usd")},
        budget_rule_usd=budget_rule(train, test, origin),
        ols_usd=ols_rule(train, test, origin),
        leak_marker_usd=leak_marker(train, test, origin, seed),
    )
    return scored.loc[:, list(SCORED_COLUMNS)]


def no_films() -> pd.DataFrame:
    """`score_films` of no films."""
    return pd.DataFrame({name: pd.Series(dtype=object) for name in SCORED_COLUMNS})


def scores_of(scored: pd.DataFrame) -> dict[str, float | None]:
    """Every score of the TRAINED_MODEL contract.

    Args:
        scored: Rows of `score_films`, of one year or of several.

    Returns:
        `SCORE_COLUMNS` by name; None where one film or equal outcomes leave a score undefined, all
        of them for no films.
    """
    actual = scored["revenue_usd"].to_numpy(float)
    scores: dict[str, float | None] = {}
    for name, score in _SCORES.items():
        for suffix, column in zip(("", *RIVALS), PREDICTIONS.values(), strict=True):
            full_name = f"{name}_{suffix}" if suffix else name
            scores[full_name] = _or_none(score, actual, scored[column].to_numpy(float))
    lower, upper = scored["lower_usd"].to_numpy(float), scored["upper_usd"].to_numpy(float)
    scores["interval_coverage"] = _or_none(model_scores.coverage, actual, lower, upper)
    scores["interval_width"] = _or_none(model_scores.median_width, lower, upper)
    return {name: scores[name] for name in SCORE_COLUMNS}


def scores_by_year(scored: pd.DataFrame) -> pd.DataFrame:
    """The scores of each year.

    Args:
        scored: Rows of the back-test.

    Returns:
        One row per release year, ascending: release_year, films, `SCORE_COLUMNS` (unknown is NaN).
    """
    rows = [
        {"release_year": str(year), "films": len(films), **scores_of(films)}
        for year, films in scored.groupby("release_year", sort=True)
    ]
    table = pd.DataFrame(rows, columns=["release_year", "films", *SCORE_COLUMNS])
    return table.astype(dict.fromkeys(SCORE_COLUMNS, float))


def pooled_scores(scored: pd.DataFrame, seed: int) -> dict[str, ScoreEstimates]:
    """The scores of all films together by who predicted them; empty for fewer than two films.

    The same films in any order give the same scores and intervals.
    """
    films = _in_order(scored)
    actual = films["revenue_usd"].to_numpy(float)
    predicted = {who: films[column].to_numpy(float) for who, column in PREDICTIONS.items()}
    try:
        return estimate_scores(actual, predicted, compared_with=MODEL, seed=seed)
    except UndefinedScoreError:
        return {}


def pooled_table(
    scored: pd.DataFrame, estimates: Mapping[str, ScoreEstimates], seed: int
) -> pd.DataFrame:
    """The scores of all films together, as a table for people, with bootstrap intervals.

    Args:
        scored: Rows of the back-test, years mixed.
        estimates: `pooled_scores` of these rows.
        seed: Seed of the bootstrap.

    Returns:
        One row per prediction (the model first), texts like `1.62 (1.58 to 1.66)`: the figure and
        the range of nine in ten resampled sets of films. `RMSLE minus the model's` is paired:
        wholly above zero says that the model is better on these films. Empty for no estimates.
    """
    if not estimates:
        return pd.DataFrame()
    films = _in_order(scored)
    actual, lower, upper = (
        films[name].to_numpy(float) for name in ("revenue_usd", "lower_usd", "upper_usd")
    )
    inside = estimate_mean((actual >= lower) & (actual <= upper), seed=seed)
    width = f"x{model_scores.median_width(lower, upper):.0f}"
    return pd.DataFrame(
        {
            "prediction": who,
            "films": len(actual),
            "RMSLE": _in_words(of.rmsle),
            "R2": _in_words(of.r2_log),
            "Spearman": _in_words(of.spearman),
            "within a factor of two": _in_words(of.share_within_factor_two),
            "RMSLE minus the model's": "" if who == MODEL else _in_words(of.rmsle_difference),
            "80 % interval holds": _in_words(inside) if who == MODEL else "",
            "its median width": width if who == MODEL else "",
        }
        for who, of in estimates.items()
    )


def _in_order(scored: pd.DataFrame) -> pd.DataFrame:
    """The films year by year: a bootstrap draws them by their place."""
    return scored.sort_values(["release_year", "tmdb_id"])


def _in_words(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def _or_none(score: Callable[..., float], *values: np.ndarray) -> float | None:
    """The score, or NULL for the table where it has no value."""
    try:
        return score(*values)
    except UndefinedScoreError:
        return None
