"""What a film was worth beyond its budget is judged by earlier films only."""

import numpy as np
import pytest

from ayne_dagster.domain.budget_usual import FIRST_LINE, FIRST_WITHOUT_BUDGET, beyond_budget


def films(count: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    budget = rng.normal(16, 1, count)
    outcome = 3 + 0.9 * budget + rng.normal(0, 0.1, count)
    budget[::4], outcome[::4] = np.nan, 14.0
    return rng.integers(2000, 2004, count), outcome, budget


def test_what_a_budget_usually_gives_is_nothing_beyond():
    years, outcome, budget = films()
    beyond = beyond_budget(years, outcome, budget)
    late = years == 2003
    assert np.abs(beyond[late & ~np.isnan(budget)]).max() < 0.5
    assert beyond[late & np.isnan(budget)] == pytest.approx(0, abs=1e-6)


def test_nothing_is_known_before_the_first_year():
    years, outcome, budget = np.array([2000, 2000]), np.array([16.0, 15.0]), np.array([15, np.nan])
    slope, intercept = FIRST_LINE
    expected = [16 - intercept - slope * 15, 15 - FIRST_WITHOUT_BUDGET]
    assert beyond_budget(years, outcome, budget).tolist() == pytest.approx(expected)


def test_neither_later_films_nor_another_order_move_the_last_bit():
    years, outcome, budget = films()
    before = beyond_budget(years, outcome, budget)
    order = np.random.default_rng(1).permutation(len(years))
    assert np.array_equal(beyond_budget(years[order], outcome[order], budget[order]), before[order])
    later = beyond_budget(np.append(years, 2003), np.append(outcome, 40.0), np.append(budget, 1.0))
    assert np.array_equal(later[:-1], before)
