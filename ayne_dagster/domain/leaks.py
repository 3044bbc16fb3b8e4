"""Whether what is known only after release has slipped among the inputs, under whatever name.

Lives here: the comparison of values. Not here: the words no input may carry in its name
(`features.py`), and what a leak would be worth (`baselines.leak_marker`).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ayne_dagster.domain.features import (
    MODEL_INPUT_COLUMNS,
    OUTCOME_COLUMNS,
    PostReleaseInputError,
    reject_post_release_columns,
)
from ayne_dagster.domain.model_scores import mean_ranks
from ayne_dagster.domain.number_columns import as_floats

LEAK_COLUMNS: tuple[str, ...] = ("revenue_usd", *OUTCOME_COLUMNS)
"""The columns of `features` that no input may equal."""

RANK_CORRELATION = 0.999
"""Of a column with another in other units, on another scale or rounded: no honest input comes near
(of real films votes and revenue, both outcomes, have about .8)."""

MINIMUM_FILMS = 30
MINIMUM_VALUES = 10
"""Columns of a few films or of a few values can agree by chance."""

_MOST_FILMS = 2_000
"""Films compared, evenly spread over all: a copy shows in any of them."""


@dataclass(frozen=True)
class Leak:
    """An input that says what is known only after release.

    Attributes:
        input: The input column.
        outcome: The column it gives away.
        films: Films compared.
        correlation: Rank correlation; 1 or -1: the same, or the same in other units.
    """

    input: str
    outcome: str
    films: int
    correlation: float

    def __str__(self) -> str:
        return (
            f"{self.input} is {self.outcome} (rank correlation {self.correlation:.4f}, "
            f"{self.films} films)"
        )


def find_leaks(features: pd.DataFrame, inputs: Sequence[str] = MODEL_INPUT_COLUMNS) -> list[Leak]:
    """Compare every numeric input with every outcome, on the films that have both.

    A copy, a logarithm, a rank, a rounded or a negated outcome are found; a noisy or a coarsely
    binned one is not.

    Args:
        features: `features` rows with the inputs and `LEAK_COLUMNS`.
        inputs: The columns to look at; those that are no numbers are left out.

    Returns:
        One entry per pair that agrees.
    """
    outcomes = {name: as_floats(features[name]) for name in LEAK_COLUMNS if name in features}
    return [
        leak
        for name, values in _numeric(features, inputs)
        for outcome, known in outcomes.items()
        if (leak := _compare(name, values, outcome, known)) is not None
    ]


def reject_leaks(features: pd.DataFrame, inputs: Sequence[str] = MODEL_INPUT_COLUMNS) -> None:
    """Make sure that no input is known only after release, by its name or by its values.

    Raises:
        PostReleaseInputError: One is.
    """
    reject_post_release_columns(features[list(inputs)].head(0))
    leaks = find_leaks(features, inputs)
    if leaks:
        raise PostReleaseInputError(
            "known only after release, so no input of the model: " + "; ".join(map(str, leaks))
        )


def _numeric(features: pd.DataFrame, inputs: Sequence[str]) -> Iterator[tuple[str, np.ndarray]]:
    """The inputs that are numbers, truth values among them."""
    for name in inputs:
        column = features[name]
        if pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column):
            yield name, as_floats(column)


def _compare(name: str, values: np.ndarray, outcome: str, known: np.ndarray) -> Leak | None:
    both = np.flatnonzero(np.isfinite(values) & np.isfinite(known))
    if len(both) < MINIMUM_FILMS:
        return None
    both = both[:: math.ceil(len(both) / _MOST_FILMS)]
    mine, theirs = values[both], known[both]
    if min(len(np.unique(mine)), len(np.unique(theirs))) < MINIMUM_VALUES:
        return None
    correlation = float(np.corrcoef(mean_ranks(mine), mean_ranks(theirs))[0, 1])
    if abs(correlation) < RANK_CORRELATION:
        return None
    return Leak(name, outcome, len(both), correlation)
