"""Which kinds of Python and pandas values a column takes, so that no value is bent to fit.

Lives here: refusals of what Arrow would convert without a word: 3.7 minutes to 3, a time to its
date, the number 5 to 1970-01-06, true to 1. Not here: ranges and patterns (`frame_check.py`).
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from itertools import chain
from numbers import Integral, Real
from typing import Any

import numpy as np
import pandas as pd

from ayne_dagster.domain.tables.contract import ColumnType

_WHOLE = (ColumnType.BIGINT, ColumnType.INTEGER)
_NUMBERS = (*_WHOLE, ColumnType.DOUBLE)


def refuse_wrong_dtype(values: pd.Series, wanted: ColumnType) -> None:
    """Refuse a typed column whose values are not of a contract column's kind.

    Whether the values fit its size, Arrow says.

    Args:
        values: A column of one pandas type, not of objects.
        wanted: What the contract promises.

    Raises:
        TypeError: The type is another.
    """
    kind = values.dtype
    if wanted in _NUMBERS:
        fits = pd.api.types.is_numeric_dtype(kind) and not pd.api.types.is_bool_dtype(kind)
    elif wanted is ColumnType.BOOLEAN:
        fits = pd.api.types.is_bool_dtype(kind)
    elif wanted is ColumnType.DATE:
        fits = pd.api.types.is_datetime64_dtype(kind)
        if fits and (values.dropna() != values.dropna().dt.normalize()).any():
            raise TypeError("timestamps where a date is due")
    elif wanted is ColumnType.TIMESTAMPTZ:
        if pd.api.types.is_datetime64_dtype(kind):
            raise TypeError("timestamps without a time zone; give UTC")
        fits = isinstance(kind, pd.DatetimeTZDtype)
    elif wanted.value.endswith("[]"):
        fits = False
    else:
        return
    if not fits:
        raise TypeError(f"a column of {kind}")


def refuse_wrong_objects(values: Sequence[Any], wanted: ColumnType) -> None:
    """The same for Python objects, judged value by value.

    Args:
        values: The column's values, missing ones left out.
        wanted: What the contract promises.

    Raises:
        TypeError: With the first value that is something else.
    """
    kinds = set(map(type, values))
    if wanted in _NUMBERS:
        _only(values, kinds, (Real,), "no number", never=(bool, np.bool_))
        if wanted in _WHOLE:
            _refuse_fractions(values, kinds)
    elif wanted is ColumnType.BOOLEAN:
        _only(values, kinds, (bool, np.bool_), "neither true nor false")
    elif wanted is ColumnType.VARCHAR:
        _only(values, kinds, (str,), "no text")
    elif wanted is ColumnType.DATE:
        _only(values, kinds, (date,), "no date")
        for value in values if any(issubclass(k, datetime) for k in kinds) else ():
            if isinstance(value, datetime) and (
                value.tzinfo or value.time() != datetime.min.time()
            ):
                raise TypeError(f"timestamps where a date is due: {value}")
    elif wanted is ColumnType.TIMESTAMPTZ:
        _only(values, kinds, (datetime,), "no timestamp")
        if any(value.tzinfo is None for value in values):
            raise TypeError("timestamps without a time zone; give UTC")
    else:
        _only(values, kinds, (list, tuple, np.ndarray), "no list")
        if wanted is ColumnType.BIGINT_LIST:
            _refuse_fractions(
                chain.from_iterable(values), set(map(type, chain.from_iterable(values)))
            )


def _only(
    values: Sequence[Any],
    kinds: set[type],
    allowed: tuple[type, ...],
    words: str,
    never: tuple[type, ...] = (),
) -> None:
    wrong = {k for k in kinds if not issubclass(k, allowed) or issubclass(k, never)}
    if wrong:
        example = next(value for value in values if type(value) in wrong)
        raise TypeError(f"{example!r} is {words}")


def _refuse_fractions(values: Iterable[object], kinds: set[type]) -> None:
    if all(issubclass(kind, Integral) or not issubclass(kind, Real) for kind in kinds):
        return
    for value in values:
        if isinstance(value, Real) and not isinstance(value, Integral) and value != value // 1:
            raise TypeError(f"{value!r} is no whole number")
