"""The model's benchmark asks the assets' own code about films in their own shape."""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ayne_dagster.domain.back_test import MODEL
from ayne_dagster.domain.features import FEATURE_SOURCE_COLUMNS, build_features
from ayne_dagster.domain.score_intervals import estimate_scores
from ayne_dagster.domain.year_model import films_with_outcome, training_films
from ayne_dagster_tests.domain.invented_films import all_years, many_films
from benchmarks import benchmark_films, model


def films(**facts: object) -> pd.DataFrame:
    """One invented film as the benchmark's file has films."""
    film = {
        "film_id": 7,
        "title": "Invented Storm 2",
        "release_date": "2015-03-06",
        "genre_names": "Drama, Comedy",
        "budget": 1_000.0,
        "revenue": 999.0,
        "runtime_in_min": 100.0,
        "production_company_name": "Invented Pictures, Made Up Films",
        "production_country_name": "United States of America, France",
        "spoken_languages": "English",
        "director": "A. Nobody",
        "writer": "A. Nobody (story), B. Nobody",
        "actors": None,
        "age_rating": None,
    }
    return pd.DataFrame([{**film, **facts}])


def test_a_film_of_the_benchmark_becomes_a_row_of_details() -> None:
    details = benchmark_films.as_details(films())
    assert set(FEATURE_SOURCE_COLUMNS) <= set(details.columns)
    row = details.iloc[0]
    assert row["genres"] == ["Drama", "Comedy"]
    assert row["countries"] == ["US", "France"]
    assert len(row["company_ids"]) == 2
    assert row["cast_ids"] == []
    assert row["writer_ids"][0] == row["director_ids"][0], "the same name is the same person"


@pytest.mark.parametrize(("name", "kept"), [("budget", 1_001.0), ("revenue", 1_000.0)])
def test_amounts_the_protocol_leaves_out_are_unknown(name: str, kept: float) -> None:
    """The one film with a budget of a few dollars counts among the 1,861, without its budget."""
    left_out = build_features(benchmark_films.as_details(films()), ["2015"])
    assert np.isnan(left_out[f"{name}_usd"][0])
    assert not left_out["is_unit_suspect"][0]
    features = build_features(benchmark_films.as_details(films(**{name: kept})), ["2015"])
    assert features[f"{name}_usd"][0] == kept


def test_other_films_than_those_of_the_goal_are_a_goal_missed() -> None:
    """A file with fewer films was scored as if it were the benchmark."""
    outcome = np.array([1e6, 2e7, 3e8, 4e7])
    predicted = pd.DataFrame(
        {"release_year": "2014", "revenue_usd": outcome, "lower_usd": outcome / 2,
         "upper_usd": outcome * 2}
    )  # fmt: skip
    ours = estimate_scores(outcome, {MODEL: outcome}, compared_with=MODEL, seed=1)[MODEL]
    films_goal, *others = model._goals(predicted, ours, 1.0, 1.0)
    assert (films_goal.words, films_goal.is_met) == ("n 4 = 1,861", False)
    assert others[0].is_met


def test_what_is_timed_is_the_training_and_scoring_of_a_year(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The fit alone was: a year also checks for leaks, fits the baselines, predicts and scores."""
    frame = many_films(120)
    features = build_features(frame, all_years(frame))
    year = int(features["release_year"].max())
    asked: list[tuple[pd.DataFrame, int]] = []
    monkeypatch.setattr(model, "_TRAINING_FILMS", 200)
    monkeypatch.setattr(model, "TEST_YEARS", range(year - 1, year + 1))
    monkeypatch.setattr(
        model, "train_year", lambda films, of_year, **_: asked.append((films, of_year))
    )
    model._time_training(features)
    ((films, of_year),) = asked
    assert of_year == year
    assert len(training_films(films, year)) == 200
    assert len(films_with_outcome(films, year)) == len(films_with_outcome(features, year)) > 0
    assert films["tmdb_id"].is_unique


def test_without_the_films_it_says_so_and_misses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model, "FILMS_FILE", tmp_path / "films.parquet")
    report = model.measure(7, argparse.Namespace(forecasts=tmp_path / "forecasts.csv"))
    assert report.setting.startswith("skipped:")
    assert report.is_met
    assert not report.goals
    assert not (tmp_path / "forecasts.csv").exists()
