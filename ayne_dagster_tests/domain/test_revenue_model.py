"""The model of a year knows nothing of the year, and the same films give the same bits."""

import json
from datetime import date

import numpy as np
import pandas as pd
import pytest

from ayne_dagster.domain.features import (
    FEATURE_SOURCE_COLUMNS,
    PostReleaseInputError,
    build_features,
)
from ayne_dagster.domain.film_facts import FilmFacts, KnownPast
from ayne_dagster.domain.intervals import TooFewResidualsError
from ayne_dagster.domain.model_inputs import GENRES, TYPED_BY_THE_CROWD, InputEncoding
from ayne_dagster.domain.revenue_model import (
    RevenueModel,
    fit_revenue_model,
    model_parameters,
)
from ayne_dagster_tests.domain.invented_films import all_years, details, film, many_films


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    frame = many_films(400)
    return build_features(frame, all_years(frame))


@pytest.fixture(scope="module")
def model(features: pd.DataFrame) -> RevenueModel:
    return fit_revenue_model(features, seed=42)


def test_the_same_films_in_another_order_give_the_same_bits(
    features: pd.DataFrame, model: RevenueModel
):
    shuffled = features.sample(frac=1, random_state=3)
    again = fit_revenue_model(shuffled, seed=42)
    pd.testing.assert_frame_equal(
        model.predict(features), again.predict(features), check_exact=True
    )
    assert again.as_description() == model.as_description()


def test_predictions_lie_in_their_interval_and_are_no_negative_amounts(
    features: pd.DataFrame, model: RevenueModel
):
    predicted = model.predict(features)
    assert (predicted["lower_usd"] >= 0).all()
    assert (predicted["lower_usd"] <= predicted["predicted_revenue_usd"]).all()
    assert (predicted["predicted_revenue_usd"] <= predicted["upper_usd"]).all()
    assert predicted["tmdb_id"].tolist() == features["tmdb_id"].tolist()


def test_the_outcome_is_not_looked_at_when_predicting(features: pd.DataFrame, model: RevenueModel):
    blind = features.assign(revenue_usd=np.nan, is_labelled=False)
    pd.testing.assert_frame_equal(model.predict(features), model.predict(blind), check_exact=True)


def test_films_with_everything_unknown_can_be_predicted(model: RevenueModel):
    unknown = film(
        1,
        budget_usd=None,
        runtime_minutes=None,
        genres=[],
        countries=[],
        original_language=None,
        us_certification=None,
        revenue_usd=None,
    )
    predicted = model.predict(build_features(details(unknown), ["2010"]))
    assert np.isfinite(predicted["predicted_revenue_usd"]).all()


def test_no_films_are_predicted_as_no_rows(features: pd.DataFrame, model: RevenueModel):
    assert model.predict(features.head(0)).empty


def test_unit_mistakes_never_train(features: pd.DataFrame, model: RevenueModel):
    """Not even when a frame calls them labelled."""
    mistaken = features.head(3).assign(
        tmdb_id=[90_001, 90_002, 90_003], revenue_usd=12.0, is_unit_suspect=True, is_labelled=True
    )
    again = fit_revenue_model(pd.concat([features, mistaken], ignore_index=True), seed=42)
    assert again.train_films == model.train_films
    pd.testing.assert_frame_equal(
        model.predict(features), again.predict(features), check_exact=True
    )


def test_films_of_the_origin_or_later_are_refused(features: pd.DataFrame):
    with pytest.raises(ValueError, match="2005-01-01"):
        fit_revenue_model(features, seed=42, origin=date(2005, 1, 1))


def test_a_young_catalogue_is_calibrated_by_folds_and_says_so(features: pd.DataFrame):
    """All films of one year: there are no years before the calibration years."""
    young = features[features["release_year"] == "2005"]
    fitted = fit_revenue_model(young, seed=1)
    assert fitted.calibration_films == int(young["is_labelled"].sum())
    assert "by folds" in fitted.calibration_in_words


@pytest.mark.parametrize("count", [0, 10])
def test_a_handful_of_films_is_too_few(features: pd.DataFrame, count: int):
    with pytest.raises(TooFewResidualsError):
        fit_revenue_model(features.head(count), seed=1)


def test_the_calibration_films_come_with_what_trees_that_had_not_seen_them_said(
    features: pd.DataFrame, model: RevenueModel
):
    """Two models of a year are compared on them, so they must be the films the interval is of."""
    newest = pd.to_datetime(features.loc[features["is_labelled"], "release_date"]).max()
    is_recent = pd.to_datetime(features["release_date"]) > newest - pd.DateOffset(years=2)
    recent = features[is_recent & features["is_labelled"]]
    assert model.validation["tmdb_id"].tolist() == recent["tmdb_id"].tolist()
    assert len(model.validation) == model.calibration_films
    seen = np.log1p(model.predict(recent)["predicted_revenue_usd"])
    outcome = np.log1p(recent["revenue_usd"].to_numpy(float))
    unseen_error = np.abs(model.validation["predicted_log"] - outcome).mean()
    assert np.abs(seen - outcome).mean() < unseen_error


def test_the_outcome_of_a_calibration_film_does_not_move_its_validation(features: pd.DataFrame):
    model = fit_revenue_model(features, seed=42)
    first = model.validation["tmdb_id"].iloc[0]
    is_first = features["tmdb_id"] == first
    absurd = features.assign(revenue_usd=features["revenue_usd"].where(~is_first, 9e12))
    again = fit_revenue_model(absurd, seed=42)
    pd.testing.assert_frame_equal(model.validation, again.validation, check_exact=True)


def test_everything_but_the_trees_survives_json(features: pd.DataFrame, model: RevenueModel):
    description = json.loads(json.dumps(model.as_description(), sort_keys=True))
    again = RevenueModel.from_description(model.parts.trees, description)
    pd.testing.assert_frame_equal(
        model.predict(features), again.predict(features), check_exact=True
    )
    pd.testing.assert_frame_equal(model.validation, again.validation, check_exact=True)


def test_the_matrix_has_the_same_columns_for_any_films(features: pd.DataFrame):
    encoding = InputEncoding.learn(features)
    columns = list(encoding.matrix(features).columns)
    assert list(encoding.matrix(features.head(0)).columns) == columns
    assert {f"is_{genre.lower().replace(' ', '_')}" for genre in GENRES} <= set(columns)


def test_a_column_known_only_after_release_cannot_slip_into_the_matrix(
    features: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
):
    """Whoever adds a plain column to the matrix meets the deny-list."""
    from ayne_dagster.domain import model_inputs

    leaking = (*model_inputs.PLAIN_COLUMNS, "revenue_usd")
    monkeypatch.setattr(model_inputs, "PLAIN_COLUMNS", leaking)
    monkeypatch.setattr(
        model_inputs, "MODEL_INPUT_COLUMNS", (*model_inputs.MODEL_INPUT_COLUMNS, "revenue_usd")
    )
    with pytest.raises(PostReleaseInputError, match="revenue_usd"):
        InputEncoding.learn(features).matrix(features)


def test_rare_new_and_unknown_texts_share_one_code(features: pd.DataFrame):
    encoding = InputEncoding.learn(features)
    strange = features.head(3).assign(
        main_country=pd.Series(["XX", None, "US"], dtype=object).to_numpy()
    )
    codes = encoding.matrix(strange)["main_country_code"].to_numpy()
    assert codes[0] == len(encoding.codes["main_country"])
    assert codes[1] == codes[0]
    assert codes[2] == encoding.codes["main_country"].index("US")


def test_an_empty_field_is_not_seen_as_empty(features: pd.DataFrame):
    """In a mixed catalogue the null flag of the country alone explains .31 of revenue."""
    encoding = InputEncoding.learn(features)
    columns = ["main_country", "original_language", "us_certification", "runtime_minutes"]
    empty = features.head(50).assign(**dict.fromkeys(columns))
    matrix = encoding.matrix(empty)
    names = [str(name) for name in matrix]
    facts = [name for name in names if name.startswith((*columns, "certification_level"))]
    assert len(facts) >= len(columns)
    assert not matrix[facts].isna().any(axis=None)


def test_a_film_whose_country_language_or_genre_nobody_typed_is_not_seen_as_such():
    """Their track records were NaN then and only then: a null flag with another name."""
    frame = many_films(120)
    past = KnownPast.of(FilmFacts.of(frame, FEATURE_SOURCE_COLUMNS))
    blank = frame.copy()
    for name in ("countries", "spoken_languages", "genres"):
        blank[name] = pd.Series([[] for _ in range(len(frame))], dtype=object)
    built = build_features(blank, all_years(frame), past)
    assert built["country_history_log"].isna().all()
    matrix = InputEncoding.learn(built).matrix(built)
    typed = [name for name in matrix if str(name).startswith(TYPED_BY_THE_CROWD)]
    assert len(typed) == 15
    assert (matrix[typed] == 0).all(axis=None)


def test_the_seed_and_the_version_of_the_trees_are_among_the_parameters():
    assert model_parameters(1) != model_parameters(2)
    assert "scikit_learn" in model_parameters(1)
