"""Amounts are said as people say them."""

import pytest

from ayne_dagster.domain.amounts import dollars_in_words


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (0, "$0"),
        (12, "$12"),
        (950_000, "$950k"),
        (1_000_000, "$1m"),
        (35_460_000, "$35.5m"),
        (200_000_000, "$200m"),
        (999_960_000, "$1bn"),
        (1_240_000_000, "$1.2bn"),
        (2_923_000_000, "$2.9bn"),
    ],
)
def test_an_amount_has_two_or_three_digits_that_mean_something(amount: float, said: str):
    assert dollars_in_words(amount) == said
