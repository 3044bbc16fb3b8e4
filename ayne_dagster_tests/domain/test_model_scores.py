"""Scores agree with their definitions, and a score of nothing is an error."""

import numpy as np
import pytest

from ayne_dagster.domain.model_scores import (
    UndefinedScoreError,
    coverage,
    r2_log,
    rmsle,
    share_within_factor_two,
    spearman,
)

NOTHING = np.array([])


@pytest.mark.parametrize("score", [rmsle, r2_log, spearman, share_within_factor_two])
def test_a_score_of_nothing_raises(score):
    """An earlier system stored 0.0 for a failed training; it looked like a perfect error."""
    with pytest.raises(UndefinedScoreError):
        score(NOTHING, NOTHING)


def test_coverage_of_nothing_raises():
    with pytest.raises(UndefinedScoreError):
        coverage(NOTHING, NOTHING, NOTHING)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -1.0])
def test_a_missing_or_negative_number_is_refused(bad: float):
    with pytest.raises(ValueError):
        rmsle(np.array([1.0]), np.array([bad]))


def test_different_numbers_of_films_are_refused():
    with pytest.raises(ValueError, match="predictions"):
        rmsle(np.array([1.0, 2.0]), np.array([1.0]))


def test_rmsle_of_a_constant_factor_is_its_logarithm():
    actual = np.array([1e6, 1e7, 1e8])
    assert rmsle(actual, actual * 2) == pytest.approx(np.log(2), abs=1e-6)


def test_r2_is_one_for_a_perfect_and_zero_for_the_mean_prediction():
    actual = np.expm1(np.array([14.0, 16.0, 18.0]))
    assert r2_log(actual, actual) == 1
    assert r2_log(actual, np.expm1(np.full(3, 16.0))) == pytest.approx(0)


def test_scores_that_need_a_spread_say_so():
    same = np.array([5e6, 5e6])
    with pytest.raises(UndefinedScoreError):
        r2_log(same, np.array([1e6, 2e6]))
    with pytest.raises(UndefinedScoreError):
        spearman(np.array([1e6, 2e6]), same)


def test_spearman_gives_ties_their_mean_rank():
    """Expected value by scipy.stats.spearmanr."""
    actual, predicted = np.array([1.0, 2, 2, 3, 9]), np.array([1.0, 3, 2, 2, 8])
    assert spearman(actual, predicted) == pytest.approx(0.7631578947)
    assert spearman(actual, -actual + 20) == pytest.approx(-1)


def test_both_ends_of_a_factor_of_two_and_of_an_interval_count():
    actual = np.array([10.0, 10, 10, 10])
    assert share_within_factor_two(actual, np.array([5.0, 20, 4.9, 20.1])) == 0.5
    assert coverage(actual, np.array([10.0, 1, 11, 1]), np.array([20.0, 10, 20, 9])) == 0.5
