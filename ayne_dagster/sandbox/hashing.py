"""Deterministic pseudo-random numbers from a few integers (splitmix64 finaliser).

The scalar and the array form give the same bits, so a whole catalogue and a single film
always agree on what happened on a day. No state, no generator objects, no security use.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_MASK = (1 << 64) - 1
_STEP = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB


def mix(*parts: int) -> int:
    """Return 64 well-mixed bits for the integers in `parts` (order matters)."""
    state = 0
    for part in parts:
        state = ((state ^ (part & _MASK)) + _STEP) & _MASK
        state = ((state ^ (state >> 30)) * _FIRST) & _MASK
        state = ((state ^ (state >> 27)) * _SECOND) & _MASK
        state ^= state >> 31
    return state


def mix_array(*parts: int | NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return `mix` element by element; integers are repeated along the arrays."""
    # Rows of one element instead of scalars: numpy warns about overflow on scalars only.
    state = np.zeros(1, dtype=np.uint64)
    for part in parts:
        values = np.atleast_1d(np.asarray(part, dtype=np.int64)).astype(np.uint64)
        state = (state ^ values) + np.uint64(_STEP)
        state = (state ^ (state >> np.uint64(30))) * np.uint64(_FIRST)
        state = (state ^ (state >> np.uint64(27))) * np.uint64(_SECOND)
        state = state ^ (state >> np.uint64(31))
    return state


def uniform_array(*parts: int | NDArray[np.int64]) -> NDArray[np.float64]:
    """Return numbers in [0, 1) made from `mix_array`."""
    return (mix_array(*parts) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def pick_hex(bits: int, length: int) -> str:
    """Return `length` (at most 32) hexadecimal digits made from `bits`."""
    return f"{bits:016x}{bits * _SECOND & _MASK:016x}"[:length]
