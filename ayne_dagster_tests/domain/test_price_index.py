"""Constant dollars: the index has every year, and goes on after its last one."""

import numpy as np
import pytest

from ayne_dagster.domain.price_index import BASE_YEAR, CPI_U, YEARLY_GROWTH, log_price_level


def test_the_index_has_every_year_from_its_first_to_its_last():
    assert sorted(CPI_U) == list(range(min(CPI_U), max(CPI_U) + 1))


def test_a_dollar_of_1980_bought_three_times_that_of_2019():
    assert np.exp(-log_price_level(np.array([1980]))[0]) == pytest.approx(255.657 / 82.4)
    assert log_price_level(np.array([BASE_YEAR]))[0] == 0


def test_years_outside_the_index_have_a_level():
    first, last = min(CPI_U), max(CPI_U)
    levels = log_price_level(np.array([first - 20, first, last, last + 2]))
    assert levels[0] == levels[1]
    assert levels[3] - levels[2] == pytest.approx(2 * np.log1p(YEARLY_GROWTH))
