"""Columns of numbers as plain floats, whatever type they came in.

Lives here: the one conversion that features, models and checks share. Not here: which values a
contract allows (`value_kinds.py`).
"""

import numpy as np
import pandas as pd


def as_floats(column: pd.Series) -> np.ndarray:
    """A column of numbers or truth values as floats; what is missing is NaN.

    Args:
        column: Of any numeric type, nullable or not, or of Python objects.

    Returns:
        Shape (rows,), float64.

    Raises:
        ValueError: A value is no number.
        TypeError: The same, of another kind.
    """
    return pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)
