"""Constant dollars: the index has every year, and goes on after its last one."""

import numpy as np
import pytest

from ayne_dagster.domain.price_index import BASE_YEAR, CPI_U, YEARLY_GROWTH, log_price_level


def test_the_index_has_every_year_from_its_first_to_its_last():
    assert sorted(CPI_U) == list(range(min(CPI_U), max(CPI_U) + 1))


def test_a_dollar_of_1980_bought_three_times_that_of_2019():
    assert np.exp(-log_price_level(np.array([1980]))[0]) == pytest.approx(251.107 / 72.6)
    assert log_price_level(np.array([BASE_YEAR]))[0] == 0


def test_years_outside_the_index_have_a_level():
    first, last = min(CPI_U), max(CPI_U)
    levels = log_price_level(np.array([first - 20, first, last + 1, last + 3]))
    assert levels[0] == levels[1]
    assert levels[3] - levels[2] == pytest.approx(2 * np.log1p(YEARLY_GROWTH))


def test_a_year_s_level_does_not_need_that_year_s_prices(monkeypatch: pytest.MonkeyPatch):
    """The average of 2021 stood in January 2022: a model of 2021 that knew it knew the future."""
    before = log_price_level(np.array([2021]))[0] - log_price_level(np.array([2020]))[0]
    monkeypatch.setitem(CPI_U, 2021, 999.0)
    after = log_price_level(np.array([2021]))[0] - log_price_level(np.array([2020]))[0]
    assert before == after
    assert log_price_level(np.array([2022]))[0] > log_price_level(np.array([2021]))[0] + 1
