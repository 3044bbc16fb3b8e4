"""The back-test is honest: trained before the year, scored on it, the same every time."""

from datetime import date

import pandas as pd
import pytest

from ayne_dagster.domain import baselines
from ayne_dagster.domain.features import OUTCOME_COLUMNS, build_features
from ayne_dagster.domain.tables import BACK_TEST, TRAINED_MODEL
from ayne_dagster.domain.year_model import (
    SCORE_COLUMNS,
    YearModel,
    data_fingerprint,
    outcomes_fingerprint,
    parameters_hash,
    train_year,
    training_films,
    training_fingerprint,
)
from ayne_dagster_tests.domain.invented_films import all_years, details, film, many_films

YEAR = 2010
UNFILLED = {
    "model_uri", "is_champion", "champion_uri", "promotion_reason", "trained_at",
    "outcomes_fingerprint", "parameters_hash",
}  # fmt: skip


@pytest.fixture(scope="module")
def frame() -> pd.DataFrame:
    return many_films(400)


@pytest.fixture(scope="module")
def features(frame: pd.DataFrame) -> pd.DataFrame:
    return build_features(frame, all_years(frame))


@pytest.fixture(scope="module")
def trained(features: pd.DataFrame) -> YearModel:
    return train_year(features, YEAR, seed=42)


@pytest.fixture(scope="module")
def without_outcomes(features: pd.DataFrame) -> YearModel:
    return train_year(features, 2020, seed=42)


def assert_same_model(first: YearModel, second: YearModel, films: pd.DataFrame) -> None:
    """Bit for bit: predictions, intervals, description, fingerprint."""
    assert first.model is not None
    assert second.model is not None
    pd.testing.assert_frame_equal(
        first.model.predict(films), second.model.predict(films), check_exact=True
    )
    assert first.model.as_description() == second.model.as_description()
    assert first.data_fingerprint == second.data_fingerprint


@pytest.mark.parametrize("released", [date(YEAR, 1, 1), date(YEAR + 1, 3, 1), date(2030, 1, 1)])
def test_a_film_of_the_year_or_later_with_absurd_revenue_changes_not_a_bit_of_the_model(
    frame: pd.DataFrame, features: pd.DataFrame, trained: YearModel, released: date
):
    """A leak of the future shows here first, through labels, history or rounding."""
    planted = details(
        film(
            99_999,
            release_date=released,
            revenue_usd=10**15,
            company_ids=list(range(1, 30)),
            director_ids=list(range(1, 80)),
        )
    )
    with_it = pd.concat([frame, planted], ignore_index=True)
    again = train_year(build_features(with_it, all_years(with_it)), YEAR, seed=42)
    assert_same_model(trained, again, features)


def test_two_runs_are_equal(features: pd.DataFrame, trained: YearModel):
    again = train_year(features, YEAR, seed=42)
    assert_same_model(trained, again, features)
    assert again.scores == trained.scores
    pd.testing.assert_frame_equal(again.predictions, trained.predictions, check_exact=True)


def test_training_films_end_on_the_last_day_before_the_year(features: pd.DataFrame):
    films = training_films(features, YEAR)
    assert films["release_date"].max() < pd.Timestamp(YEAR, 1, 1)
    assert films["release_date"].max() > pd.Timestamp(YEAR - 1, 11, 1)


def test_a_scored_year_fills_the_contract(features: pd.DataFrame, trained: YearModel):
    values = trained.contract_values()
    assert set(values) == set(TRAINED_MODEL.column_names) - UNFILLED
    assert trained.status == "scored"
    assert all(values[name] is not None for name in SCORE_COLUMNS)
    of_year = features[(features["release_year"] == str(YEAR)) & features["is_labelled"]]
    assert trained.test_films == len(of_year) == len(trained.predictions)


def test_the_model_beats_the_budget_rule_where_there_is_something_to_learn(trained: YearModel):
    rmsle, rule = trained.scores["rmsle"], trained.scores["rmsle_budget_rule"]
    assert rmsle is not None
    assert rule is not None
    assert rmsle < rule


@pytest.mark.parametrize("year", [1990, 2000])
def test_too_few_films_train_nothing_and_say_so(features: pd.DataFrame, year: int):
    result = train_year(features, year, seed=42)
    assert result.status == "too few films"
    assert "50 are needed" in result.reason
    assert result.model is None
    assert result.data_fingerprint is None
    assert set(result.scores.values()) == {None}
    assert result.predictions.empty


def test_a_year_without_outcomes_has_a_model_and_no_scores(without_outcomes: YearModel):
    result = without_outcomes
    assert result.status == "trained, no outcomes yet"
    assert result.model is not None
    assert result.test_films == 0
    assert set(result.scores.values()) == {None}


def test_a_year_further_ahead_is_calibrated_on_the_last_films_there_are_and_says_so(
    trained: YearModel, without_outcomes: YearModel
):
    """Its interval came from folds over all films, too narrow, and nothing said so."""
    model = without_outcomes.model
    assert model is not None
    assert model.calibration_films < model.train_films
    assert without_outcomes.reason == (
        "no film of 2020 has an outcome yet; the interval is calibrated on the newest "
        f"{model.calibration_films} of {model.train_films} films before it"
    )
    assert trained.model is not None
    assert trained.reason.endswith(
        f"; the interval is calibrated on the newest {trained.model.calibration_films} of "
        f"{trained.model.train_films} films before it"
    )


def test_scores_that_one_film_leaves_undefined_are_null_not_zero(features: pd.DataFrame):
    of_year = features[features["release_year"] == str(YEAR)].head(1)
    before = features[features["release_date"] < pd.Timestamp(YEAR, 1, 1)]
    result = train_year(pd.concat([before, of_year]), YEAR, seed=42)
    assert result.scores["spearman"] is None
    assert result.scores["r2_log"] is None
    assert result.scores["rmsle"] is not None


def test_empty_features_are_too_few_films(features: pd.DataFrame):
    assert train_year(features.head(0), YEAR, seed=42).status == "too few films"


def test_every_status_is_one_of_the_contract(
    features: pd.DataFrame, trained: YearModel, without_outcomes: YearModel
):
    too_few = train_year(features, 1990, seed=42)
    statuses = {trained.status, without_outcomes.status, too_few.status}
    assert statuses == set(TRAINED_MODEL.column("status").one_of)


def test_a_stored_model_is_scored_instead_of_fitting_again(
    features: pd.DataFrame, trained: YearModel
):
    again = train_year(features, YEAR, seed=42, fitted=trained.model)
    assert again.model is trained.model
    assert again.scores == trained.scores


def test_the_fingerprint_is_known_before_training(features: pd.DataFrame, trained: YearModel):
    assert training_fingerprint(features, YEAR) == trained.data_fingerprint
    again = train_year(features, YEAR, seed=42, fitted=trained.model, fingerprint="known already")
    assert again.data_fingerprint == "known already"


@pytest.mark.parametrize(
    ("name", "value"),
    [("BUDGET_RULE_YEARS", 7), ("LEAK_MARKER_PARAMETERS", {}), ("BASELINES_CODE_VERSION", "0")],
)
def test_scores_hold_only_as_long_as_the_baselines_beside_them(
    features: pd.DataFrame, name: str, value: object, monkeypatch: pytest.MonkeyPatch
):
    """A stored year kept the scores of a baseline that the code no longer had."""
    before = outcomes_fingerprint(features, YEAR)
    training, parameters = training_fingerprint(features, YEAR), parameters_hash(42)
    monkeypatch.setattr(baselines, name, value, raising=False)
    assert outcomes_fingerprint(features, YEAR) != before
    assert training_fingerprint(features, YEAR) == training
    assert parameters_hash(42) == parameters


def test_the_fingerprint_follows_the_values_and_not_the_order_or_the_types(features: pd.DataFrame):
    films = training_films(features, YEAR)
    first = data_fingerprint(films)
    assert data_fingerprint(films.sample(frac=1, random_state=1)[films.columns[::-1]]) == first
    retyped = films.assign(
        tmdb_id=films["tmdb_id"].astype("Int64"),
        genres=films["genres"].map(tuple),
        release_date=films["release_date"].dt.date,
    )
    assert data_fingerprint(retyped) == first
    changed = films.assign(revenue_usd=films["revenue_usd"].where(films.index > 0, 5e8))
    assert data_fingerprint(changed) != first


def test_outcomes_of_the_year_are_no_part_of_the_fingerprint(features: pd.DataFrame):
    later = features["release_date"] >= pd.Timestamp(YEAR, 1, 1)
    changed = features.assign(revenue_usd=features["revenue_usd"].mask(later, 7e7))
    assert training_fingerprint(changed, YEAR) == training_fingerprint(features, YEAR)


def test_moved_votes_do_not_score_a_year_again_and_the_leak_marker_s_column_says_so(
    features: pd.DataFrame,
):
    """Its score was read as today's, though the votes it saw were those of long ago."""
    moved = features.assign(**dict.fromkeys(OUTCOME_COLUMNS, 77.0))
    assert outcomes_fingerprint(moved, YEAR) == outcomes_fingerprint(features, YEAR)
    said = BACK_TEST.column("leak_marker_usd").description
    assert "as they were when the year was scored" in said


def test_the_parameters_hash_follows_the_seed():
    assert parameters_hash(1) == parameters_hash(1)
    assert parameters_hash(1) != parameters_hash(2)
