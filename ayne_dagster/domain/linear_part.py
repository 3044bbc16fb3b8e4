"""The linear part of the revenue model: ridge regression on standardised inputs.

Lives here: fitting it in closed form, and its numbers as JSON. It sees trends the trees cannot
carry on, and fills in a missing budget by what films like this one cost. Not here: the trees, of
which one kind learns what it leaves over (`forecast_parts.py`).
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from ayne_dagster.domain.model_inputs import BUDGET_COLUMN, linear_inputs

OUTCOME_PENALTY = 150.0
BUDGET_PENALTY = 30.0
MOST_DEVIATIONS = 4.0
"""An input counts as at most so many standard deviations from its mean: a line has no end."""


@dataclass(frozen=True)
class Line:
    """Standardisation and coefficients.

    Attributes:
        mean: Of each input, shape (inputs,).
        scale: Standard deviation of each input, 1 for a constant one.
        weights: Coefficients of the standardised inputs.
        intercept: Prediction where all inputs are at their mean.
    """

    mean: list[float]
    scale: list[float]
    weights: list[float]
    intercept: float

    @classmethod
    def fit(
        cls, inputs: np.ndarray, outcome: np.ndarray, sample_weight: np.ndarray, penalty: float
    ) -> "Line":
        """Weighted ridge regression; the standardisation is not weighted, the intercept is free.

        Args:
            inputs: Shape (films, inputs), without NaN.
            outcome: Shape (films,).
            sample_weight: Shape (films,), positive.
            penalty: Of squared coefficients.
        """
        mean, scale = inputs.mean(axis=0), inputs.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        standard = np.clip((inputs - mean) / scale, -MOST_DEVIATIONS, MOST_DEVIATIONS)
        share = sample_weight / sample_weight.sum()
        centre, usual = share @ standard, float(share @ outcome)
        rows = (standard - centre) * np.sqrt(sample_weight)[:, None]
        gram = rows.T @ rows + penalty * np.eye(rows.shape[1])
        weights = np.linalg.solve(gram, rows.T @ ((outcome - usual) * np.sqrt(sample_weight)))
        intercept = usual - float(centre @ weights)
        return cls(mean.tolist(), scale.tolist(), weights.tolist(), intercept)

    def predict(self, inputs: np.ndarray) -> np.ndarray:
        """Predictions of shape (films,)."""
        standard = (inputs - np.array(self.mean)) / np.array(self.scale)
        bounded = np.clip(standard, -MOST_DEVIATIONS, MOST_DEVIATIONS) * np.array(self.weights)
        # Row by row, so that a film's prediction does not depend on what else is asked about: over
        # columns that lie together, NumPy adds in an order that depends on how many rows there are.
        return self.intercept + np.ascontiguousarray(bounded).sum(axis=1)


@dataclass(frozen=True)
class LinearPart:
    """Two lines: what a film like this costs, and what it comes to.

    Attributes:
        budget: Log budget from everything else.
        outcome: Log revenue from everything, the budget filled in.
    """

    budget: Line
    outcome: Line

    @classmethod
    def fit(
        cls, matrix: pd.DataFrame, outcome: np.ndarray, sample_weight: np.ndarray
    ) -> "LinearPart":
        """Fit both lines.

        Args:
            matrix: Frame of `InputEncoding.matrix`.
            outcome: Log revenue in constant dollars, shape (films,).
            sample_weight: Shape (films,), positive.
        """
        from threadpoolctl import threadpool_limits

        others = linear_inputs(matrix).to_numpy()
        known = matrix[BUDGET_COLUMN].to_numpy(float)
        has_budget = ~np.isnan(known)
        # The number of threads decides how sums are split, and so their last bits.
        with threadpool_limits(limits=1):
            if has_budget.any():
                ones = np.ones(int(has_budget.sum()))
                budget = Line.fit(others[has_budget], known[has_budget], ones, BUDGET_PENALTY)
            else:
                nothing = [0.0] * others.shape[1]
                budget = Line(nothing, [1.0] * others.shape[1], nothing, 0.0)
            inputs = _with_budget(others, known, budget)
            return cls(budget, Line.fit(inputs, outcome, sample_weight, OUTCOME_PENALTY))

    def predict(self, matrix: pd.DataFrame) -> np.ndarray:
        """Log revenue in constant dollars, shape (films,)."""
        others = linear_inputs(matrix).to_numpy()
        known = matrix[BUDGET_COLUMN].to_numpy(float)
        return self.outcome.predict(_with_budget(others, known, self.budget))

    def as_description(self) -> dict[str, Any]:
        """Both lines as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "LinearPart":
        """The inverse of `as_description`.

        Raises:
            KeyError: A line is not described.
        """
        return cls(Line(**description["budget"]), Line(**description["outcome"]))


def _with_budget(others: np.ndarray, known: np.ndarray, budget: Line) -> np.ndarray:
    """The inputs with the budget, or what it would usually be; how far it is beyond that; flags."""
    usual = budget.predict(others)
    has_budget = ~np.isnan(known)
    filled = np.where(has_budget, known, usual)
    beyond = np.where(has_budget, filled - usual, 0.0)
    return np.column_stack([others, filled, ~has_budget, beyond, filled**2])
