"""What films of a budget usually come to, year by year, and how far each film was beyond it.

Lives here: the yardstick of track records: a hit is what earned more than its money. Not here: the
budget rule the model has to beat (`baselines.py`).
"""

import numpy as np

MEMORY_YEARS = 10
"""The usual of a year is that of the ten years before it."""

MINIMUM_FILMS = 30
"""With fewer films with a budget their line is noise; `FIRST_LINE` then speaks."""

MINIMUM_WITHOUT_BUDGET = 10

FIRST_LINE = (0.8, 4.0)
"""Slope and intercept of log revenue on log budget where nothing is known yet: about what the
first decades of real films gave."""

FIRST_WITHOUT_BUDGET = 16.0
"""Log revenue of a film without a budget where nothing is known yet: nine million dollars."""

_FIXED_POINT = 2**20


def beyond_budget(years: np.ndarray, outcome: np.ndarray, log_budget: np.ndarray) -> np.ndarray:
    """How far outcomes were above what films of that budget came to in the ten years before.

    The line is fitted on films of earlier years only, so no later film changes what an earlier one
    was worth. Its sums are exact integers: the order of the films does not matter to the last bit.

    Args:
        years: Years of release, int64 of shape (films,).
        outcome: Log revenue in constant dollars, NaN without a label, shape (films,).
        log_budget: Log budget in constant dollars, NaN without a budget, shape (films,).

    Returns:
        Differences of logs, NaN where there is no label, shape (films,).
    """
    has_label, has_budget = ~np.isnan(outcome), ~np.isnan(log_budget)
    usual = np.full(len(years), np.nan)
    for year in np.unique(years[has_label]):
        is_asked = has_label & (years == year)
        is_before = has_label & (years < year) & (years >= year - MEMORY_YEARS)
        slope, intercept = _line(log_budget, outcome, is_before & has_budget)
        without = _mean_without(outcome, is_before & ~has_budget)
        line = intercept + slope * np.where(has_budget, log_budget, 0.0)
        usual[is_asked] = np.where(has_budget, line, without)[is_asked]
    return outcome - usual


def _line(x: np.ndarray, y: np.ndarray, rows: np.ndarray) -> tuple[float, float]:
    """Least squares slope and intercept of some rows."""
    count = int(rows.sum())
    if count < MINIMUM_FILMS:
        return FIRST_LINE
    x, y = x[rows], y[rows]
    sum_x, sum_y = _exact_sum(x), _exact_sum(y)
    spread = _exact_sum(x * x) - sum_x * sum_x / count
    if spread <= 0:
        return FIRST_LINE
    slope = (_exact_sum(x * y) - sum_x * sum_y / count) / spread
    return slope, (sum_y - slope * sum_x) / count


def _mean_without(y: np.ndarray, rows: np.ndarray) -> float:
    count = int(rows.sum())
    return _exact_sum(y[rows]) / count if count >= MINIMUM_WITHOUT_BUDGET else FIRST_WITHOUT_BUDGET


def _exact_sum(values: np.ndarray) -> float:
    """A sum that does not depend on the order of its terms."""
    return int(np.rint(values * _FIXED_POINT).astype(np.int64).sum()) / _FIXED_POINT
