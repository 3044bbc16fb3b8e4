"""The fitted parts of a revenue model: a ridge regression, two point trees, two quantile trees.

Lives here: fitting them on films of before an origin, and what they say of a film in log revenue.
Not here: how sure the model may be (`intervals.py`), and which films it is fitted on
(`revenue_model.py`). What each part brings stands in `docs/model_recipe.md`.
"""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ayne_dagster.domain.input_bins import MOST_STEPS, InputBins
from ayne_dagster.domain.intervals import COVERAGE
from ayne_dagster.domain.linear_part import LinearPart
from ayne_dagster.domain.model_inputs import InputEncoding, release_years_of
from ayne_dagster.domain.price_index import log_price_level

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

YEARLY_WEIGHT_OF_TREES = 0.95
YEARLY_WEIGHT_OF_LINE = 0.9
"""A film counts by these factors for each year it lies before the origin: the market moves."""

_TREES: dict[str, Any] = {
    "learning_rate": 0.05,
    "min_samples_leaf": 20,
    "l2_regularization": 5.0,
    "max_features": 0.25,
    "max_bins": MOST_STEPS,
    "early_stopping": False,
}
TREE_PARAMETERS: dict[str, dict[str, Any]] = {
    "level": {**_TREES, "max_iter": 180, "max_leaf_nodes": 12},
    "surplus": {**_TREES, "max_iter": 120, "max_leaf_nodes": 12},
    "low": {
        **_TREES,
        "loss": "quantile",
        "quantile": round((1 - COVERAGE) / 2, 9),
        "max_iter": 100,
        "max_leaf_nodes": 8,
        "min_samples_leaf": 40,
    },
    "high": {
        **_TREES,
        "loss": "quantile",
        "quantile": round((1 + COVERAGE) / 2, 9),
        "max_iter": 100,
        "max_leaf_nodes": 8,
        "min_samples_leaf": 40,
    },
}
"""The trees by name: of log revenue; of what the line leaves over; of revenue's outer tenths."""

FILMS_FOR_ALL_STEPS = 2_000
LEAST_STEPS_SHARE = 0.2
LEAST_LEARNED_SHARE = 0.4
"""Fewer films are boosted in proportionally fewer steps, down to a share: a step costs the same
however few they are. Steps times learning rate go down to a share of their own, by longer steps:
what was learned before it is worth its time (what it costs: `docs/model_recipe.md`)."""

LEAST_HALF_WIDTH = 0.3
"""In logs; no film is surer than 0.74 to 1.35 times the forecast: quantile trees can cross."""


@dataclass(frozen=True)
class PredictedLogs:
    """What the parts say of films, ln(1+revenue) in dollars of the films' years.

    Attributes:
        point: The forecast, shape (films,).
        half_width: Half the distance of the outer tenths, before calibration, shape (films,).
    """

    point: np.ndarray
    half_width: np.ndarray


@dataclass(frozen=True)
class ForecastParts:
    """Fitted parts.

    Attributes:
        encoding: How films become numbers.
        bins: The steps in which the trees see them.
        line: The linear part.
        trees: By each name of `TREE_PARAMETERS`.
    """

    encoding: InputEncoding
    bins: InputBins
    line: LinearPart
    trees: "dict[str, HistGradientBoostingRegressor]"

    @classmethod
    def fit(cls, films: pd.DataFrame, origin_year: int, seed: int) -> "ForecastParts":
        """Fit all parts, on one thread: two trainers sharing two cores took 5.8 s, not 0.2 s.

        Args:
            films: Labelled films of before the origin, in a fixed order.
            origin_year: The first year to be predicted.
            seed: Seed of everything random.
        """
        from sklearn.ensemble import HistGradientBoostingRegressor
        from threadpoolctl import threadpool_limits

        years = release_years_of(films)
        outcome = np.log1p(films["revenue_usd"].to_numpy(float)) - log_price_level(years)
        age = np.maximum(origin_year - years, 0)
        encoding = InputEncoding.learn(films)
        matrix = encoding.matrix(films)
        line = LinearPart.fit(matrix, outcome, YEARLY_WEIGHT_OF_LINE**age)
        left_over = outcome - line.predict(matrix)
        bins = InputBins.learn(matrix)
        inputs = bins.steps(matrix)
        share = min(len(films) / FILMS_FOR_ALL_STEPS, 1.0)
        # What fewer steps than that would leave unlearned, longer ones make up for.
        steps_share = max(share, LEAST_STEPS_SHARE)
        stride = max(share, LEAST_LEARNED_SHARE) / steps_share
        trees = {}
        with threadpool_limits(limits=1, user_api="openmp"):
            for number, (name, parameters) in enumerate(TREE_PARAMETERS.items()):
                target = left_over if name == "surplus" else outcome
                small = {
                    "max_iter": round(parameters["max_iter"] * steps_share),
                    "learning_rate": parameters["learning_rate"] * stride,
                }
                estimator = HistGradientBoostingRegressor(
                    **(parameters | small), random_state=seed + number
                )
                trees[name] = estimator.fit(
                    inputs, target, sample_weight=YEARLY_WEIGHT_OF_TREES**age
                )
        return cls(encoding, bins, line, trees)

    def predict(self, features: pd.DataFrame) -> PredictedLogs:
        """What the parts say of films; the trees refuse empty input, so it is answered here."""
        from threadpoolctl import threadpool_limits

        if features.empty:
            return PredictedLogs(np.empty(0), np.empty(0))
        matrix = self.encoding.matrix(features)
        level = log_price_level(release_years_of(features))
        line = self.line.predict(matrix)
        inputs = self.bins.steps(matrix)
        with threadpool_limits(limits=1, user_api="openmp"):
            said = {name: trees.predict(inputs) for name, trees in self.trees.items()}
        point = (said["level"] + line + said["surplus"]) / 2
        half_width = np.maximum((said["high"] - said["low"]) / 2, LEAST_HALF_WIDTH)
        return PredictedLogs(point + level, half_width)

    def as_description(self) -> dict[str, Any]:
        """Everything but the trees, as JSON-able values."""
        return {
            "encoding": self.encoding.as_description(),
            "bins": asdict(self.bins),
            "line": self.line.as_description(),
        }

    @classmethod
    def from_description(
        cls, trees: "dict[str, HistGradientBoostingRegressor]", description: dict[str, Any]
    ) -> "ForecastParts":
        """Put trees and their description together again.

        Raises:
            KeyError: The description lacks an entry, or a kind of trees is missing.
        """
        return cls(
            InputEncoding.from_description(description["encoding"]),
            InputBins(**description["bins"]),
            LinearPart.from_description(description["line"]),
            {name: trees[name] for name in TREE_PARAMETERS},
        )
