"""The revenue model: worldwide gross of a film from what is known before its release.

Lives here: fitting, predicting with an interval. Not here: what it has to beat (`baselines.py`),
the model of each year with its scores (`year_model.py`), the encoding (`model_inputs.py`), storing.
"""

from dataclasses import dataclass
from datetime import date
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from ayne_dagster.domain.forecast_parts import (
    FILMS_FOR_ALL_STEPS,
    LEAST_LEARNED_SHARE,
    LEAST_STEPS_SHARE,
    TREE_PARAMETERS,
    YEARLY_WEIGHT_OF_LINE,
    YEARLY_WEIGHT_OF_TREES,
    ForecastParts,
)
from ayne_dagster.domain.intervals import (
    COVERAGE,
    MINIMUM_RESIDUALS,
    calibrate_interval,
)
from ayne_dagster.domain.linear_part import BUDGET_PENALTY, OUTCOME_PENALTY

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

MODEL_CODE_VERSION = "7"
"""Raise it whenever the same training rows would give another model: stored ones are then not
reused, and no champion of before is run by today's code."""

CALIBRATION_YEARS = (1, 2)
"""The films of so many years before the origin calibrate the interval: of one year, predicted by
parts of before it as the model is used; of two where one holds too few. How it was chosen, after a
look at which films, stands in `docs/model_recipe.md`."""

ENOUGH_CALIBRATION_FILMS = 100

_FOLDS = 5


@dataclass(frozen=True)
class RevenueModel:
    """A fitted model and everything needed to use it.

    Attributes:
        parts: The fitted regression and trees.
        interval_factor: By how much the predicted half widths are stretched for the 80 % interval.
        calibration_films: Films the interval was calibrated on.
        train_films: Films the parts were fitted on.
        validation: What parts that had not seen them predicted for the calibration films: tmdb_id
            (int64) and predicted_log (float, ln(1+revenue)), sorted by tmdb_id. Two models of a
            year are compared on the films both have here.
    """

    parts: ForecastParts
    interval_factor: float
    calibration_films: int
    train_films: int
    validation: pd.DataFrame

    @property
    def calibration_in_words(self) -> str:
        """What the interval was calibrated on."""
        if self.calibration_films >= self.train_films:
            return (
                f"the interval is calibrated by folds over all {self.train_films} films before it, "
                "which makes it a little too narrow"
            )
        return (
            f"the interval is calibrated on the newest {self.calibration_films} of "
            f"{self.train_films} films before it"
        )

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """Predict the worldwide gross of films.

        Args:
            features: `features` rows; outcomes in them are not looked at.

        Returns:
            Columns tmdb_id, predicted_revenue_usd, lower_usd, upper_usd in the order of the
            rows; the prediction is the centre in log space, which is nearer the median than
            the mean. Empty for no rows.
        """
        logs = self.parts.predict(features)
        half_width = self.interval_factor * logs.half_width
        return pd.DataFrame(
            {
                "tmdb_id": features["tmdb_id"].to_numpy(np.int64),
                "predicted_revenue_usd": np.expm1(np.maximum(logs.point, 0.0)),
                "lower_usd": np.expm1(np.maximum(logs.point - half_width, 0.0)),
                "upper_usd": np.expm1(np.maximum(logs.point + half_width, 0.0)),
            }
        )

    def as_description(self) -> dict[str, Any]:
        """Everything but the trees, as JSON-able values."""
        return {
            **self.parts.as_description(),
            "interval_factor": self.interval_factor,
            "calibration_films": self.calibration_films,
            "train_films": self.train_films,
            "validation": {
                "tmdb_id": self.validation["tmdb_id"].tolist(),
                "predicted_log": self.validation["predicted_log"].tolist(),
            },
        }

    @classmethod
    def from_description(
        cls, trees: "dict[str, HistGradientBoostingRegressor]", description: dict[str, Any]
    ) -> "RevenueModel":
        """Put trees and their description together again.

        Raises:
            KeyError: The description lacks an entry.
        """
        return cls(
            ForecastParts.from_description(trees, description),
            float(description["interval_factor"]),
            int(description["calibration_films"]),
            int(description["train_films"]),
            _validation(
                description["validation"]["tmdb_id"], description["validation"]["predicted_log"]
            ),
        )


def recipe_of_today() -> dict[str, str]:
    """What a stored model must agree with before this code may run it.

    The version of scikit-learn is in it: trees stored by one version need not load in another.
    """
    return {"model_code_version": MODEL_CODE_VERSION, "scikit_learn": version("scikit-learn")}


def model_parameters(seed: int) -> dict[str, Any]:
    """What decides the model besides the training rows, as JSON-able values."""
    trees = {
        f"{name}_{parameter}": value
        for name, parameters in TREE_PARAMETERS.items()
        for parameter, value in parameters.items()
    }
    return {
        "estimator": "ridge + HistGradientBoostingRegressor",
        **trees,
        "films_for_all_steps": FILMS_FOR_ALL_STEPS,
        "least_steps_share": LEAST_STEPS_SHARE,
        "least_learned_share": LEAST_LEARNED_SHARE,
        "yearly_weight_of_trees": YEARLY_WEIGHT_OF_TREES,
        "yearly_weight_of_line": YEARLY_WEIGHT_OF_LINE,
        "outcome_penalty": OUTCOME_PENALTY,
        "budget_penalty": BUDGET_PENALTY,
        "seed": seed,
        "interval_coverage": COVERAGE,
        "calibration_years": list(CALIBRATION_YEARS),
        **recipe_of_today(),
    }


def fit_revenue_model(
    features_before: pd.DataFrame, *, seed: int, origin: date | None = None
) -> RevenueModel:
    """Fit the model on the labelled films among some features.

    The interval is calibrated first, on films the calibrating parts have not seen; then the parts
    are fitted again on all films. The same rows in any order give the same model, bit for bit.

    Args:
        features_before: `features` rows of films released before the origin.
        seed: Seed of everything random.
        origin: The day from which on the model is to be used; None: the day after the last film.

    Returns:
        The fitted model.

    Raises:
        ValueError: A film was released on or after the origin.
        TooFewResidualsError: Fewer than `MINIMUM_RESIDUALS` labelled films.
    """
    films = labelled_films(features_before)
    if origin is not None and (films["release_date"] >= pd.Timestamp(origin)).any():
        raise ValueError(f"films released on or after {origin} must not train the model")
    end = pd.Timestamp(origin) if origin else films["release_date"].max() + pd.Timedelta(days=1)
    unseen = _unseen_predictions(films, seed, end)
    outcome = films.set_index("tmdb_id")["revenue_usd"].reindex(unseen["tmdb_id"])
    outcome_log = np.log1p(outcome.to_numpy(float))
    errors = outcome_log - unseen["predicted_log"].to_numpy(float)
    factor = calibrate_interval(errors, unseen["half_width_log"].to_numpy(float))
    parts = ForecastParts.fit(films, _origin_year(end), seed)
    validation = _validation(unseen["tmdb_id"], unseen["predicted_log"])
    return RevenueModel(parts, factor, len(unseen), len(films), validation)


def labelled_films(features: pd.DataFrame) -> pd.DataFrame:
    """The films with an outcome that may be trained or scored on, sorted by tmdb_id."""
    is_usable = features["is_labelled"].astype(bool) & ~features["is_unit_suspect"].astype(bool)
    films = features[is_usable]
    films = films.sort_values("tmdb_id", ignore_index=True)
    return films.assign(release_date=pd.to_datetime(films["release_date"]))


def _unseen_predictions(films: pd.DataFrame, seed: int, end: pd.Timestamp) -> pd.DataFrame:
    """Predictions of films the predicting parts were not fitted on.

    The year before the origin by parts of the years before it: the same step into the future the
    model will be used for; with few films in it the two years before. Further ahead no film of
    the year before has an outcome: the last year that has any stands for it. Where either side is
    too small (a young catalogue), five folds over all films instead: a little too narrow, since
    films of the same time help.

    Returns:
        Columns tmdb_id, predicted_log, half_width_log, sorted by tmdb_id.
    """
    if len(films) < MINIMUM_RESIDUALS:
        return pd.DataFrame(columns=["tmdb_id", "predicted_log", "half_width_log"])
    after_last = pd.Timestamp(year=films["release_date"].max().year + 1, month=1, day=1)
    one, two = (min(end, after_last) - pd.DateOffset(years=years) for years in CALIBRATION_YEARS)
    is_one_enough = (films["release_date"] >= one).sum() >= ENOUGH_CALIBRATION_FILMS
    since = one if is_one_enough else two
    is_recent = films["release_date"] >= since
    recent, earlier = films[is_recent], films[~is_recent]
    if len(recent) >= MINIMUM_RESIDUALS and len(earlier) >= 2 * MINIMUM_RESIDUALS:
        return _predicted_by(earlier, recent, _origin_year(since), seed)
    fold = np.arange(len(films)) % _FOLDS
    parts = [
        _predicted_by(films[fold != number], films[fold == number], _origin_year(end), seed)
        for number in range(_FOLDS)
    ]
    return pd.concat(parts).sort_values("tmdb_id", ignore_index=True)


def _predicted_by(
    train: pd.DataFrame, test: pd.DataFrame, origin_year: int, seed: int
) -> pd.DataFrame:
    """What parts fitted on some films predict for others."""
    logs = ForecastParts.fit(train, origin_year, seed).predict(test)
    ids = test["tmdb_id"].to_numpy(np.int64)
    return pd.DataFrame(
        {"tmdb_id": ids, "predicted_log": logs.point, "half_width_log": logs.half_width}
    )


def _origin_year(day: pd.Timestamp) -> int:
    """The first year that is predicted from that day on."""
    return int(day.year)


def _validation(tmdb_ids: ArrayLike, predicted_log: ArrayLike) -> pd.DataFrame:
    """`RevenueModel.validation` of films, in their order."""
    return pd.DataFrame(
        {
            "tmdb_id": np.asarray(tmdb_ids, dtype=np.int64),
            "predicted_log": np.asarray(predicted_log, dtype=np.float64),
        }
    )
