"""What is known only after release is found among the inputs under any name."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from ayne_dagster.domain.features import MODEL_INPUT_COLUMNS, PostReleaseInputError, build_features
from ayne_dagster.domain.leaks import LEAK_COLUMNS, find_leaks, reject_leaks
from ayne_dagster.domain.year_model import train_year
from ayne_dagster_tests.domain.invented_films import all_years, many_films

YEAR = 2010


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    frame = many_films(400)
    features = build_features(frame, all_years(frame))
    generator = np.random.default_rng(8)
    votes = np.floor(features["revenue_usd"] ** 0.8 * generator.lognormal(-8, 1, len(features)))
    return features.assign(
        outcome_vote_count=votes,
        outcome_popularity=votes * generator.lognormal(0, 0.5, len(features)),
        outcome_imdb_rating=generator.uniform(2, 9, len(features)).round(1),
    )


def two_digits(values: pd.Series) -> pd.Series:
    return values.map(lambda value: float(f"{value:.2g}"))


def test_honest_inputs_pass(features: pd.DataFrame):
    assert find_leaks(features) == []
    reject_leaks(features)


@pytest.mark.parametrize("outcome", ["outcome_vote_count", "outcome_popularity", "revenue_usd"])
@pytest.mark.parametrize(
    "disguise",
    [lambda v: v, np.log1p, lambda v: -v / 1_000, lambda v: v.rank(), two_digits],
    ids=["a copy", "its logarithm", "other units", "its rank", "rounded"],
)
def test_a_renamed_post_release_column_is_found_among_the_inputs(
    features: pd.DataFrame, outcome: str, disguise: Callable[[pd.Series], pd.Series]
):
    """The name `buzz` is on no list of words; its values are."""
    leaking = features.assign(buzz=disguise(features[outcome]))
    inputs = (*MODEL_INPUT_COLUMNS, "buzz")
    found = find_leaks(leaking, inputs)
    assert ("buzz", outcome) in {(leak.input, leak.outcome) for leak in found}
    assert {leak.input for leak in found} == {"buzz"}
    with pytest.raises(PostReleaseInputError, match=f"buzz is {outcome}"):
        reject_leaks(leaking, inputs)


def test_a_copy_is_found_where_it_is_known_of_some_films_only(features: pd.DataFrame):
    some = features["outcome_vote_count"].where(np.arange(len(features)) % 3 == 0)
    leaking = features.assign(runtime_minutes=some)
    assert [leak.input for leak in find_leaks(leaking)] == ["runtime_minutes"]


def test_training_refuses_a_renamed_vote_count(features: pd.DataFrame):
    """Where no check ran, as in a notebook or a benchmark, training itself says no."""
    leaking = features.assign(runtime_minutes=features["outcome_vote_count"] + 1)
    with pytest.raises(PostReleaseInputError, match="runtime_minutes is outcome_vote_count"):
        train_year(leaking, YEAR, seed=42)


def test_a_post_release_column_is_refused_by_its_name_even_without_a_value(
    features: pd.DataFrame,
):
    with pytest.raises(PostReleaseInputError, match="outcome_metascore"):
        reject_leaks(features, (*MODEL_INPUT_COLUMNS, "outcome_metascore"))


def test_a_handful_of_films_and_columns_of_few_values_prove_nothing(features: pd.DataFrame):
    few = features.head(20).assign(runtime_minutes=features["outcome_vote_count"])
    assert find_leaks(few) == []
    flags = features.assign(is_sequel=features["outcome_vote_count"] > 100)
    flags = flags.assign(outcome_vote_count=flags["is_sequel"].astype(float))
    assert find_leaks(flags) == []


@pytest.mark.parametrize(("films", "compared"), [(2_000, 2_000), (3_999, 2_000), (4_001, 1_334)])
def test_two_thousand_films_are_compared_at_most(films: int, compared: int):
    """The stride of whole films let nearly twice as many through."""
    votes = np.random.default_rng(5).permutation(films).astype(float)
    leaking = pd.DataFrame({"buzz": votes, "outcome_vote_count": votes})
    (leak,) = find_leaks(leaking, ("buzz",))
    assert leak.films == compared


def test_every_outcome_of_the_table_is_compared():
    from ayne_dagster.domain.tables import FEATURES

    outcomes = {name for name in FEATURES.column_names if name.startswith("outcome_")}
    assert {*outcomes, "revenue_usd"} == set(LEAK_COLUMNS)
