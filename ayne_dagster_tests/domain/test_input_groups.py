"""Every input of the model has one name for people, and nothing else has."""

from collections import Counter

from ayne_dagster.domain.features import MODEL_INPUT_COLUMNS
from ayne_dagster.domain.input_groups import INPUT_GROUPS


def test_every_input_is_in_exactly_one_group():
    """One left out could never be named as the driver of a forecast."""
    grouped = Counter(column for columns in INPUT_GROUPS.values() for column in columns)
    assert grouped == Counter(MODEL_INPUT_COLUMNS)


def test_no_group_is_empty():
    assert all(INPUT_GROUPS.values())
