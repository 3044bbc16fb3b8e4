"""The interval holds what it promises on residuals like those it was calibrated on."""

import numpy as np
import pytest

from ayne_dagster.domain.intervals import (
    MINIMUM_RESIDUALS,
    TooFewResidualsError,
    calibrate_interval,
)


def test_it_covers_at_least_the_promised_share_on_average():
    rng = np.random.default_rng(5)
    covered = []
    for _ in range(300):
        residuals = rng.standard_t(3, 60)
        interval = calibrate_interval(residuals[:-1])
        covered.append(interval.low <= residuals[-1] <= interval.high)
    assert 0.75 <= np.mean(covered) <= 0.9


def test_ranks_are_those_of_split_conformal_prediction():
    interval = calibrate_interval(np.arange(1.0, 100.0))
    assert (interval.low, interval.high) == (10.0, 90.0)


def test_flops_may_miss_further_than_hits():
    interval = calibrate_interval(np.concatenate([np.linspace(-5, 0, 50), np.linspace(0, 1, 50)]))
    assert -interval.low > interval.high


def test_too_few_residuals_give_no_interval_rather_than_a_guess():
    with pytest.raises(TooFewResidualsError):
        calibrate_interval(np.zeros(MINIMUM_RESIDUALS - 1))


def test_residuals_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="finite"):
        calibrate_interval(np.append(np.zeros(50), np.nan))
