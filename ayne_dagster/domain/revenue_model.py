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

from ayne_dagster.domain.intervals import (
    COVERAGE,
    MINIMUM_RESIDUALS,
    ResidualInterval,
    calibrate_interval,
)
from ayne_dagster.domain.model_inputs import InputEncoding

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

MODEL_CODE_VERSION = "2"
"""Raise it whenever the same training rows would give another model: stored ones are then not
reused."""

CALIBRATION_YEARS = 2
"""The newest films before the origin that calibrate the interval (`MODEL_FACTS`: two years)."""

_FOLDS = 5
_ESTIMATOR_PARAMETERS: dict[str, Any] = {
    "learning_rate": 0.05,
    "max_iter": 250,
    "max_leaf_nodes": 15,
    "min_samples_leaf": 20,
    "l2_regularization": 1.0,
    "early_stopping": False,
}


@dataclass(frozen=True)
class RevenueModel:
    """A fitted model and everything needed to use it.

    Attributes:
        estimator: The fitted trees; predict ln(1+revenue) from `encoding.matrix`.
        encoding: How films become numbers.
        interval: Residual quantiles of the 80 % interval, in log space.
        calibration_films: Films the interval was calibrated on.
        train_films: Films the trees were fitted on.
        validation: What trees that had not seen them predicted for the calibration films: tmdb_id
            (int64) and predicted_log (float, ln(1+revenue)), sorted by tmdb_id. Two models of a
            year are compared on the films both have here.
    """

    estimator: "HistGradientBoostingRegressor"
    encoding: InputEncoding
    interval: ResidualInterval
    calibration_films: int
    train_films: int
    validation: pd.DataFrame

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """Predict the worldwide gross of films.

        Args:
            features: `features` rows; outcomes in them are not looked at.

        Returns:
            Columns tmdb_id, predicted_revenue_usd, lower_usd, upper_usd in the order of the
            rows; the prediction is the centre in log space, which is nearer the median than
            the mean. Empty for no rows.
        """
        predicted_log = _predict_log(self.estimator, self.encoding, features)
        low = predicted_log + min(self.interval.low, 0.0)
        high = predicted_log + max(self.interval.high, 0.0)
        return pd.DataFrame(
            {
                "tmdb_id": features["tmdb_id"].to_numpy(np.int64),
                "predicted_revenue_usd": np.expm1(np.maximum(predicted_log, 0.0)),
                "lower_usd": np.expm1(np.maximum(low, 0.0)),
                "upper_usd": np.expm1(np.maximum(high, 0.0)),
            }
        )

    def as_description(self) -> dict[str, Any]:
        """Everything but the trees, as JSON-able values."""
        return {
            "encoding": self.encoding.as_description(),
            "residual_low_log": self.interval.low,
            "residual_high_log": self.interval.high,
            "calibration_films": self.calibration_films,
            "train_films": self.train_films,
            "validation": {
                "tmdb_id": self.validation["tmdb_id"].tolist(),
                "predicted_log": self.validation["predicted_log"].tolist(),
            },
        }

    @classmethod
    def from_description(
        cls, estimator: "HistGradientBoostingRegressor", description: dict[str, Any]
    ) -> "RevenueModel":
        """Put trees and their description together again.

        Raises:
            KeyError: The description lacks an entry.
        """
        return cls(
            estimator,
            InputEncoding.from_description(description["encoding"]),
            ResidualInterval(
                float(description["residual_low_log"]), float(description["residual_high_log"])
            ),
            int(description["calibration_films"]),
            int(description["train_films"]),
            _validation(
                description["validation"]["tmdb_id"], description["validation"]["predicted_log"]
            ),
        )


def model_parameters(seed: int) -> dict[str, Any]:
    """What decides the model besides the training rows, as JSON-able values.

    The version of scikit-learn is among them: trees stored by one version need not load in
    another.
    """
    return {
        "estimator": "HistGradientBoostingRegressor",
        **_ESTIMATOR_PARAMETERS,
        "seed": seed,
        "interval_coverage": COVERAGE,
        "calibration_years": CALIBRATION_YEARS,
        "model_code_version": MODEL_CODE_VERSION,
        "scikit_learn": version("scikit-learn"),
    }


def fit_revenue_model(
    features_before: pd.DataFrame, *, seed: int, origin: date | None = None
) -> RevenueModel:
    """Fit the model on the labelled films among some features.

    The interval is calibrated first, on films the calibrating model has not seen; then the trees
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
    validation = _unseen_predictions(films, seed, origin)
    outcome = films.set_index("tmdb_id")["revenue_usd"].reindex(validation["tmdb_id"])
    residuals = np.log1p(outcome.to_numpy(float)) - validation["predicted_log"].to_numpy()
    interval = calibrate_interval(residuals)
    encoding = InputEncoding.learn(films)
    estimator = _fit_trees(encoding, films, seed)
    return RevenueModel(estimator, encoding, interval, len(residuals), len(films), validation)


def labelled_films(features: pd.DataFrame) -> pd.DataFrame:
    """The films with an outcome that may be trained or scored on, sorted by tmdb_id."""
    is_usable = features["is_labelled"].astype(bool) & ~features["is_unit_suspect"].astype(bool)
    films = features[is_usable]
    films = films.sort_values("tmdb_id", ignore_index=True)
    return films.assign(release_date=pd.to_datetime(films["release_date"]))


def _unseen_predictions(films: pd.DataFrame, seed: int, origin: date | None) -> pd.DataFrame:
    """Predictions of films the predicting trees were not fitted on, as `RevenueModel.validation`.

    The two years before the origin by trees of the years before them: the same step into the
    future the model will be used for. Where either side is too small (a young catalogue), five
    folds over all films instead: a little too narrow, since films of the same time help.
    """
    if len(films) < MINIMUM_RESIDUALS:
        return _validation([], [])
    end = pd.Timestamp(origin) if origin else films["release_date"].max() + pd.Timedelta(days=1)
    is_recent = films["release_date"] >= end - pd.DateOffset(years=CALIBRATION_YEARS)
    recent, earlier = films[is_recent], films[~is_recent]
    if len(recent) >= MINIMUM_RESIDUALS and len(earlier) >= 2 * MINIMUM_RESIDUALS:
        return _predicted_by(earlier, recent, seed)
    fold = np.arange(len(films)) % _FOLDS
    parts = [
        _predicted_by(films[fold != number], films[fold == number], seed)
        for number in range(_FOLDS)
    ]
    return pd.concat(parts).sort_values("tmdb_id", ignore_index=True)


def _predicted_by(train: pd.DataFrame, test: pd.DataFrame, seed: int) -> pd.DataFrame:
    """What trees fitted on some films predict for others."""
    encoding = InputEncoding.learn(train)
    estimator = _fit_trees(encoding, train, seed)
    return _validation(test["tmdb_id"], _predict_log(estimator, encoding, test))


def _validation(tmdb_ids: ArrayLike, predicted_log: ArrayLike) -> pd.DataFrame:
    """`RevenueModel.validation` of films, in their order."""
    return pd.DataFrame(
        {
            "tmdb_id": np.asarray(tmdb_ids, dtype=np.int64),
            "predicted_log": np.asarray(predicted_log, dtype=np.float64),
        }
    )


def _fit_trees(
    encoding: InputEncoding, films: pd.DataFrame, seed: int
) -> "HistGradientBoostingRegressor":
    """Fit the trees on one thread: two trainers sharing two cores took 5.8 s instead of 0.2 s."""
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    estimator = HistGradientBoostingRegressor(**_ESTIMATOR_PARAMETERS, random_state=seed)
    matrix = encoding.matrix(films)
    # Binning fails on a column without any value (scikit-learn 1.9.1); a constant is never split.
    nothing_known = matrix.columns[matrix.isna().all()]
    matrix = matrix.fillna(dict.fromkeys(nothing_known, 0.0)).to_numpy()
    with threadpool_limits(limits=1, user_api="openmp"):
        return estimator.fit(matrix, np.log1p(films["revenue_usd"].to_numpy(float)))


def _predict_log(
    estimator: "HistGradientBoostingRegressor", encoding: InputEncoding, features: pd.DataFrame
) -> np.ndarray:
    """Predicted ln(1+revenue), shape (films,); the trees refuse empty input, so it is answered."""
    from threadpoolctl import threadpool_limits

    if features.empty:
        return np.empty(0)
    with threadpool_limits(limits=1, user_api="openmp"):
        return estimator.predict(encoding.matrix(features).to_numpy())
