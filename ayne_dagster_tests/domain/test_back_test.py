"""The back-test scores the model and every baseline on the same films, and says how sure it is."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from ayne_dagster.domain import model_scores
from ayne_dagster.domain.back_test import (
    PREDICTIONS,
    SCORE_COLUMNS,
    SCORED_COLUMNS,
    no_films,
    pooled_scores,
    pooled_table,
    score_films,
    scores_by_year,
    scores_of,
)
from ayne_dagster.domain.features import build_features
from ayne_dagster.domain.revenue_model import fit_revenue_model, labelled_films
from ayne_dagster.domain.score_intervals import estimate_scores
from ayne_dagster.domain.tables import TRAINED_MODEL
from ayne_dagster_tests.domain.invented_films import all_years, many_films

ORIGIN = date(2010, 1, 1)


@pytest.fixture(scope="module")
def scored() -> pd.DataFrame:
    frame = many_films(400)
    films = labelled_films(build_features(frame, all_years(frame)))
    is_before = films["release_date"] < pd.Timestamp(ORIGIN)
    model = fit_revenue_model(films[is_before], seed=42, origin=ORIGIN)
    return score_films(model, films[is_before], films[~is_before], ORIGIN, 42)


def table_of(scored: pd.DataFrame) -> pd.DataFrame:
    return pooled_table(scored, pooled_scores(scored, seed=1), seed=1)


def test_each_film_has_the_words_of_the_model_and_of_every_baseline(scored: pd.DataFrame):
    assert list(scored) == list(SCORED_COLUMNS)
    for column in PREDICTIONS.values():
        assert np.isfinite(scored[column].to_numpy(float)).all(), column
    assert (scored["lower_usd"] <= scored["predicted_revenue_usd"]).all()
    assert (scored["predicted_revenue_usd"] <= scored["upper_usd"]).all()


def test_the_scores_are_those_of_their_column(scored: pd.DataFrame):
    scores = scores_of(scored)
    assert set(SCORE_COLUMNS) <= set(TRAINED_MODEL.column_names)
    for score, column, name in (
        (model_scores.rmsle, "predicted_revenue_usd", "rmsle"),
        (model_scores.spearman, "ols_usd", "spearman_ols"),
        (model_scores.r2_log, "leak_marker_usd", "r2_log_leak_marker"),
        (
            model_scores.share_within_factor_two,
            "budget_rule_usd",
            "share_within_factor_two_budget_rule",
        ),
    ):
        expected = score(scored["revenue_usd"].to_numpy(), scored[column].to_numpy())
        assert scores[name] == expected, name


def test_the_order_of_the_films_does_not_move_an_interval(scored: pd.DataFrame):
    """Rows come from the warehouse in any order; the same films then got other intervals."""
    shuffled = scored.sample(frac=1, random_state=3)
    assert list(shuffled["tmdb_id"]) != list(scored["tmdb_id"])
    estimates = pooled_scores(scored, seed=1)
    assert pooled_scores(shuffled, seed=1) == estimates
    pd.testing.assert_frame_equal(
        pooled_table(shuffled, estimates, seed=1), pooled_table(scored, estimates, seed=1)
    )


def test_no_films_have_no_scores_and_no_table():
    assert set(scores_of(no_films()).values()) == {None}
    assert table_of(no_films()).empty
    assert scores_by_year(no_films()).empty


def test_the_pooled_table_names_its_films_and_compares_pairs(scored: pd.DataFrame):
    table = table_of(scored).set_index("prediction")
    assert list(table.index) == list(PREDICTIONS)
    assert set(table["films"]) == {len(scored)}
    assert table.loc["model", "RMSLE minus the model's"] == ""
    assert table.loc["budget rule", "80 % interval holds"] == ""
    rmsle = model_scores.rmsle(
        scored["revenue_usd"].to_numpy(float), scored["ols_usd"].to_numpy(float)
    )
    assert str(table.loc["regression on the budget", "RMSLE"]).startswith(f"{rmsle:.3f} (")


def test_each_year_has_the_scores_of_its_films(scored: pd.DataFrame):
    table = scores_by_year(scored).set_index("release_year")
    assert list(table.index) == sorted(set(scored["release_year"]))
    assert int(table["films"].sum()) == len(scored)
    of_year = scored[scored["release_year"] == "2010"]
    assert table.loc["2010", "rmsle"] == scores_of(of_year)["rmsle"]


def test_a_wide_interval_is_said_to_be_wide():
    assert model_scores.median_width(np.array([1e6, 1e6]), np.array([1e7, 1e7])) == pytest.approx(
        10, rel=1e-4
    )


def test_intervals_hold_the_figure_and_narrow_with_more_films():
    generator = np.random.default_rng(4)

    def width(films: int) -> float:
        actual = np.exp(generator.normal(17, 2, films))
        predicted = {"model": actual * np.exp(generator.normal(0, 1, films))}
        found = estimate_scores(actual, predicted, compared_with="model", seed=3)["model"]
        for estimate in (found.rmsle, found.r2_log, found.spearman):
            assert estimate.low < estimate.value < estimate.high
        assert found.rmsle.value == pytest.approx(model_scores.rmsle(actual, predicted["model"]))
        assert found.r2_log.value == pytest.approx(model_scores.r2_log(actual, predicted["model"]))
        assert found.spearman.value == pytest.approx(
            model_scores.spearman(actual, predicted["model"])
        )
        return found.rmsle.high - found.rmsle.low

    assert width(1_600) == pytest.approx(width(100) / 4, rel=0.4)


def test_a_difference_is_paired_so_that_it_sees_what_two_intervals_do_not():
    """Both errors depend on which films are drawn; their difference hardly does."""
    generator = np.random.default_rng(5)
    actual = np.exp(generator.normal(17, 2, 300))
    miss = generator.normal(0, 1.5, 300)
    predicted = {"model": actual * np.exp(miss), "slightly worse": actual * np.exp(1.05 * miss)}
    found = estimate_scores(actual, predicted, compared_with="model", seed=3)
    assert found["slightly worse"].rmsle.low < found["model"].rmsle.high
    assert found["slightly worse"].rmsle_difference.low > 0
    assert found["model"].rmsle_difference.high == 0


def test_the_same_seed_draws_the_same_films(scored: pd.DataFrame):
    pd.testing.assert_frame_equal(table_of(scored), table_of(scored))
