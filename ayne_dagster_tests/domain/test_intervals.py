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
        spread = rng.uniform(0.5, 3, 60)
        errors = rng.standard_t(3, 60) * spread
        factor = calibrate_interval(errors[:-1], spread[:-1])
        covered.append(abs(errors[-1]) <= factor * spread[-1])
    assert 0.75 <= np.mean(covered) <= 0.88


def test_the_rank_is_that_of_split_conformal_prediction():
    errors = np.arange(1.0, 100.0) * np.where(np.arange(99) % 2, 1, -1)
    assert calibrate_interval(errors, np.full(99, 2.0)) == 40.0


def test_films_said_to_be_uncertain_may_miss_further():
    """The factor is of the error by its predicted spread, not of the error."""
    errors = np.concatenate([np.full(50, 1.0), np.full(50, 4.0)])
    assert calibrate_interval(errors, errors / 2) == 2.0


def test_too_few_residuals_give_no_interval_rather_than_a_guess():
    few = np.ones(MINIMUM_RESIDUALS - 1)
    with pytest.raises(TooFewResidualsError):
        calibrate_interval(few, few)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_errors_that_are_no_numbers_are_refused(wrong: float):
    with pytest.raises(ValueError, match="finite"):
        calibrate_interval(np.append(np.zeros(50), wrong), np.ones(51))


@pytest.mark.parametrize("wrong", [np.nan, 0.0, -1.0])
def test_a_spread_that_is_no_positive_number_is_refused(wrong: float):
    with pytest.raises(ValueError, match="half widths"):
        calibrate_interval(np.zeros(51), np.append(np.ones(50), wrong))
