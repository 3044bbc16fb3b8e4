"""Shuffling an input hurts where the model leans on it, and nowhere else."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from ayne_dagster.domain.permutation_importance import grouped_importance
from ayne_dagster.domain.revenue_model import RevenueModel

GROUPS = {"budget": ("budget_usd", "budget_again"), "running time": ("runtime_minutes",)}


@dataclass
class TwiceTheBudget:
    """A model that looks at the budget only, in two columns that must be shuffled together."""

    factor: float = 2.0

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        mean = (features["budget_usd"] + features["budget_again"]) / 2
        return pd.DataFrame({"predicted_revenue_usd": (mean * self.factor).to_numpy()})


def films(seed: int, count: int = 60) -> pd.DataFrame:
    budget = np.exp(np.random.default_rng(seed).normal(16, 2, count))
    return pd.DataFrame(
        {
            "budget_usd": budget,
            "budget_again": budget,
            "runtime_minutes": np.arange(count, dtype=float),
            "revenue_usd": budget * 2,
        }
    )


def pairs(*seeds: int, count: int = 60) -> list[tuple[RevenueModel, pd.DataFrame]]:
    model: RevenueModel = TwiceTheBudget()  # pyright: ignore[reportAssignmentType]
    return [(model, films(seed, count)) for seed in seeds]


def test_what_the_model_leans_on_comes_first_and_the_rest_costs_nothing():
    found = grouped_importance(pairs(1, 2), seed=3, groups=GROUPS)
    assert list(found.index) == ["budget", "running time"]
    assert found["budget"] > 2
    assert found["running time"] == 0


def test_columns_of_a_group_move_together():
    """Shuffled apart, two copies of the budget would still half tell it."""
    together = grouped_importance(pairs(1), seed=3, groups=GROUPS)["budget"]
    shuffled = films(1)
    apart = np.log1p(shuffled["budget_usd"].sample(frac=1, random_state=4).to_numpy())
    expected = np.sqrt(np.mean((apart - np.log1p(shuffled["budget_usd"])) ** 2))
    assert together == pytest.approx(expected, rel=0.25)


def test_the_same_seed_shuffles_the_same_way():
    first, second = (grouped_importance(pairs(1), seed=3, groups=GROUPS) for _ in range(2))
    pd.testing.assert_series_equal(first, second)


def test_a_year_of_one_film_has_nothing_to_shuffle():
    assert grouped_importance(pairs(1, count=1), seed=3, groups=GROUPS).empty
    assert grouped_importance([], seed=3).empty
