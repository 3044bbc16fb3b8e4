"""What the models lean on: how much worse they are when an input is shuffled among films.

Lives here: grouped permutation importance on films the models were not trained on. Not here: which
inputs are a group (`input_groups.py`), what drives one forecast (`drivers.py`).
"""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ayne_dagster.domain.input_groups import INPUT_GROUPS
from ayne_dagster.domain.model_scores import rmsle
from ayne_dagster.domain.revenue_model import RevenueModel

REPEATS = 3
"""Shuffles of each group in each year, so that one lucky shuffle does not decide."""


def grouped_importance(
    scored: Sequence[tuple[RevenueModel, pd.DataFrame]],
    *,
    seed: int,
    groups: Mapping[str, Sequence[str]] = INPUT_GROUPS,
) -> pd.Series:
    """How much the pooled RMSLE grows when the columns of a group are shuffled together.

    Within each year, so that a film gets the inputs of another film of its year. A group whose
    answer also lies in others looks less important than it is, and none of this says what causes
    revenue.

    Args:
        scored: For each year its model and its films with an outcome (`features` rows).
        seed: Seed of the shuffles.
        groups: Columns of `features` by the name of their group.

    Returns:
        Growth of RMSLE by group, the largest first; empty where there are no films.
    """
    years = [(model, films) for model, films in scored if len(films) > 1]
    if not years:
        return pd.Series(dtype=float)
    generator = np.random.default_rng(seed)
    actual = np.concatenate([films["revenue_usd"].to_numpy(float) for _, films in years])
    parts = [_predict_shuffled(model, films, groups, generator) for model, films in years]
    undisturbed = np.concatenate([part[0] for part in parts])
    shuffled = np.concatenate([part[1] for part in parts], axis=-1)
    base = rmsle(actual, undisturbed)
    growth = [
        np.mean([rmsle(actual, predicted) - base for predicted in repeats]) for repeats in shuffled
    ]
    return pd.Series(growth, index=list(groups), dtype=float).sort_values(ascending=False)


def _predict_shuffled(
    model: RevenueModel,
    films: pd.DataFrame,
    groups: Mapping[str, Sequence[str]],
    generator: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Predictions of the films as they are, and per group and repeat, in one call of the model.

    Returns:
        Arrays of shape (films,) and (groups, repeats, films).
    """
    films = films.reset_index(drop=True)
    copies = [films]
    for columns in groups.values():
        for _ in range(REPEATS):
            order = generator.permutation(len(films))
            moved = films[list(columns)].iloc[order].reset_index(drop=True)
            copies.append(films.assign(**{str(name): moved[name] for name in moved}))
    predicted = model.predict(pd.concat(copies, ignore_index=True))
    values = predicted["predicted_revenue_usd"].to_numpy(float).reshape(len(copies), len(films))
    return values[0], values[1:].reshape(len(groups), REPEATS, len(films))
