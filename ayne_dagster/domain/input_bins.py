"""The steps in which trees see their inputs: each column cut at the quantiles of training films.

Lives here: learning the cuts once per training, and films as numbers of steps. Not here: the
columns (`model_inputs.py`), the trees (`forecast_parts.py`).

scikit-learn cuts by itself, but once for each tree model, and with weighted films one weighted
percentile at a time: 8 s of CPU for four models of 6,800 films, of which cutting was 6 (1.9.1).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

MOST_STEPS = 64


@dataclass(frozen=True)
class InputBins:
    """Cuts by column.

    Attributes:
        columns: The columns, in the order the trees learned them in.
        cuts: For each its ascending cuts, at most `MOST_STEPS` - 1; None for a column of which no
            training film had a value.
    """

    columns: list[str]
    cuts: list[list[float] | None]

    @classmethod
    def learn(cls, matrix: pd.DataFrame) -> "InputBins":
        """Cut every column into steps of about equally many films."""
        columns = [str(name) for name in matrix.columns]
        return cls(columns, [_cuts(matrix[name].to_numpy(float)) for name in columns])

    def steps(self, matrix: pd.DataFrame) -> np.ndarray:
        """Films in numbers of steps, from 0 in each column, NaN where unknown.

        Args:
            matrix: Frame of `InputEncoding.matrix`.

        Returns:
            Float64 array of shape (films, inputs). A column no training film had a value in is 0
            throughout: binning fails on a column without any value, and a constant never splits.
        """
        columns = []
        for name, cuts in zip(self.columns, self.cuts, strict=True):
            values = matrix[name].to_numpy(float)
            if cuts is None:
                columns.append(np.zeros(len(values)))
                continue
            step = np.searchsorted(np.array(cuts), values, side="left").astype(float)
            columns.append(np.where(np.isnan(values), np.nan, step))
        return np.column_stack(columns)


def _cuts(values: np.ndarray) -> list[float] | None:
    known = values[~np.isnan(values)]
    if not known.size:
        return None
    distinct = np.unique(known)
    if len(distinct) <= MOST_STEPS:
        return ((distinct[:-1] + distinct[1:]) / 2).tolist()
    shares = np.linspace(0, 100, MOST_STEPS + 1)[1:-1]
    return np.unique(np.percentile(known, shares, method="averaged_inverted_cdf")).tolist()
