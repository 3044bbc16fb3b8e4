"""The parts of the model: the line has an end, the steps are those of the training films."""

from typing import Literal

import numpy as np
import pandas as pd
import pytest

from ayne_dagster.domain.input_bins import InputBins
from ayne_dagster.domain.linear_part import Line


def test_a_line_finds_what_is_linear():
    rng = np.random.default_rng(4)
    inputs = rng.normal(5, 3, (500, 3))
    outcome = 2 + inputs @ np.array([1.0, -0.5, 0.0])
    line = Line.fit(inputs, outcome, np.ones(500), penalty=1e-6)
    inside = inputs[(np.abs((inputs - 5) / 3) < 3).all(axis=1)]
    assert line.predict(inside) == pytest.approx(2 + inside @ np.array([1.0, -0.5, 0.0]), abs=0.05)


def test_a_line_does_not_run_away_with_an_input_nobody_ever_saw():
    inputs = np.linspace(0, 1, 100)[:, None]
    line = Line.fit(inputs, inputs[:, 0], np.ones(100), penalty=1e-6)
    assert line.predict(np.array([[1e9]]))[0] < 3


def test_heavier_films_pull_the_line():
    inputs, outcome = np.zeros((100, 1)), np.repeat([1.0, 3.0], 50)
    weight = np.repeat([1.0, 3.0], 50)
    assert Line.fit(inputs, outcome, weight, 1.0).predict(inputs[:1])[0] == pytest.approx(2.5)


@pytest.mark.parametrize("order", ["C", "F"])
def test_a_film_is_said_the_same_of_alone_and_among_others(order: Literal["C", "F"]):
    """A frame's values lie column by column, where sums of one row and of many differ."""
    rng = np.random.default_rng(6)
    inputs = np.array(rng.normal(size=(300, 40)), order=order)
    line = Line.fit(inputs, rng.normal(size=300), np.ones(300), 1.0)
    alone = np.array([line.predict(inputs[row : row + 1])[0] for row in range(300)])
    assert np.array_equal(alone, line.predict(inputs))


def test_steps_are_ranks_among_training_films_and_unknown_stays_unknown():
    known = pd.DataFrame(
        {"a": np.arange(1000.0), "b": [1.0, 2.0] * 500, "c": np.full(1000, np.nan)}
    )
    bins = InputBins.learn(known)
    steps = bins.steps(pd.DataFrame({"a": [-5, 499, 9e9, np.nan], "b": 2.0, "c": 7.0}))
    assert steps[:3, 0].tolist() == [0, 31, 63]
    assert np.isnan(steps[3, 0])
    assert (steps[:, 1] == 1).all()
    assert (steps[:, 2] == 0).all(), "a column no training film had a value in says nothing"
