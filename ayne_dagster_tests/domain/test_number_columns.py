"""A column of numbers gives the same floats whatever type it came in."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ayne_dagster.domain.number_columns import as_floats


@pytest.mark.parametrize("kind", ["Int64", "Int32", "Float64", "float64", "object"])
def test_missing_numbers_are_nan_in_every_type(kind: Any):
    floats = as_floats(pd.Series([3, None, -1], dtype=kind))
    assert floats.dtype == np.float64
    np.testing.assert_array_equal(floats, [3.0, np.nan, -1.0])


@pytest.mark.parametrize("kind", ["boolean", "object"])
def test_truth_values_are_one_and_zero(kind: Any):
    np.testing.assert_array_equal(
        as_floats(pd.Series([True, None, False], dtype=kind)), [1.0, np.nan, 0.0]
    )


def test_a_column_of_nothing_is_all_nan():
    np.testing.assert_array_equal(as_floats(pd.Series([None, None])), [np.nan, np.nan])


def test_what_is_no_number_is_refused():
    with pytest.raises(ValueError, match="many"):
        as_floats(pd.Series(["many"], dtype=object))
