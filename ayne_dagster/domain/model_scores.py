"""How good predictions were: the scores of the `trained_model` table.

Lives here: pure functions of outcomes and predictions in US dollars. A score of nothing raises; it
is never 0.0, which would look like a result.
"""

import numpy as np


class UndefinedScoreError(ValueError):
    """The score has no value for these films: none, too few, or all alike."""


def rmsle(actual_usd: np.ndarray, predicted_usd: np.ndarray) -> float:
    """Root mean squared error of ln(1+revenue); 0.69 is a typical miss by a factor of two.

    Args:
        actual_usd: Outcomes, shape (films,).
        predicted_usd: Predictions of the same films, same shape.

    Raises:
        UndefinedScoreError: No films.
        ValueError: Shapes differ, or a number is missing or negative.
    """
    actual, predicted = _logs(actual_usd, predicted_usd)
    return float(np.sqrt(np.mean((predicted - actual) ** 2)))


def r2_log(actual_usd: np.ndarray, predicted_usd: np.ndarray) -> float:
    """Share of the variance of ln(1+revenue) explained; negative when worse than the mean.

    Raises:
        UndefinedScoreError: Fewer than two films, or all outcomes equal.
        ValueError: As of `rmsle`.
    """
    actual, predicted = _logs(actual_usd, predicted_usd)
    spread = float(np.sum((actual - actual.mean()) ** 2))
    if spread == 0:
        raise UndefinedScoreError("R2 needs outcomes that differ")
    return float(1 - np.sum((predicted - actual) ** 2) / spread)


def spearman(actual_usd: np.ndarray, predicted_usd: np.ndarray) -> float:
    """Rank correlation: whether the bigger film was said to be the bigger one.

    Equal values share their mean rank.

    Raises:
        UndefinedScoreError: Fewer than two films, or all outcomes or all predictions equal.
        ValueError: As of `rmsle`.
    """
    actual, predicted = _logs(actual_usd, predicted_usd)
    if np.ptp(actual) == 0 or np.ptp(predicted) == 0:
        raise UndefinedScoreError("a rank correlation needs values that differ")
    correlation = np.corrcoef(mean_ranks(actual), mean_ranks(predicted))[0, 1]
    return float(np.clip(correlation, -1, 1))


def share_within_factor_two(actual_usd: np.ndarray, predicted_usd: np.ndarray) -> float:
    """Share of films predicted between half and double their outcome, both ends included.

    Raises:
        UndefinedScoreError: No films.
        ValueError: As of `rmsle`.
    """
    _logs(actual_usd, predicted_usd)
    actual, predicted = np.asarray(actual_usd, float), np.asarray(predicted_usd, float)
    return float(np.mean((predicted >= actual / 2) & (predicted <= actual * 2)))


def coverage(actual_usd: np.ndarray, lower_usd: np.ndarray, upper_usd: np.ndarray) -> float:
    """Share of outcomes inside their interval, both ends included.

    Raises:
        UndefinedScoreError: No films.
        ValueError: As of `rmsle`.
    """
    _logs(actual_usd, lower_usd)
    _logs(actual_usd, upper_usd)
    actual = np.asarray(actual_usd, float)
    inside = (actual >= np.asarray(lower_usd, float)) & (actual <= np.asarray(upper_usd, float))
    return float(np.mean(inside))


def median_width(lower_usd: np.ndarray, upper_usd: np.ndarray) -> float:
    """Median of upper over lower end: an interval of 1-10 million has the width 10.

    Raises:
        UndefinedScoreError: No films.
        ValueError: As of `rmsle`.
    """
    lower, upper = _logs(lower_usd, upper_usd)
    return float(np.exp(np.median(upper - lower)))


def _logs(actual_usd: np.ndarray, predicted_usd: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """ln(1+x) of both, after the checks every score shares."""
    actual = np.asarray(actual_usd, dtype=np.float64)
    predicted = np.asarray(predicted_usd, dtype=np.float64)
    if actual.shape != predicted.shape:
        raise ValueError(f"{actual.shape} outcomes, {predicted.shape} predictions")
    if actual.size == 0:
        raise UndefinedScoreError("there are no films to score")
    if not (np.isfinite(actual).all() and np.isfinite(predicted).all()):
        raise ValueError("outcomes and predictions must be finite numbers")
    if (actual < 0).any() or (predicted < 0).any():
        raise ValueError("outcomes and predictions must not be negative")
    return np.log1p(actual), np.log1p(predicted)


def mean_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values get the mean of their ranks."""
    _, where, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[where]
