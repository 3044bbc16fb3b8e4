"""The rules a model has to beat are no straw men, and the leak marker is no model."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from ayne_dagster.domain.baselines import NoForecastError, budget_rule, leak_marker, ols_rule
from ayne_dagster.domain.features import OUTCOME_COLUMNS, build_features
from ayne_dagster.domain.model_scores import rmsle
from ayne_dagster.domain.price_index import log_price_level
from ayne_dagster_tests.domain.invented_films import all_years, many_films

ORIGIN = date(2010, 1, 1)


def rule_frame(*rows: tuple[str, float | None, float]) -> pd.DataFrame:
    """Released, budget, revenue."""
    frame = pd.DataFrame(list(rows), columns=["release_date", "budget_usd", "revenue_usd"])
    return frame.assign(budget_usd=frame["budget_usd"].astype(float))


def test_the_budget_rule_multiplies_by_the_median_of_the_last_five_years():
    train = rule_frame(
        ("1990-01-01", 10.0, 1_000.0),
        ("2008-01-01", 10.0, 20.0),
        ("2009-01-01", 10.0, 30.0),
        ("2009-02-01", None, 7.0),
    )
    films = pd.DataFrame({"budget_usd": [100.0, None]})
    assert budget_rule(train, films, ORIGIN).tolist() == [250.0, 7.0]


def test_the_budget_rule_looks_further_back_where_the_five_years_are_empty():
    train = rule_frame(("1990-01-01", 10.0, 50.0))
    films = pd.DataFrame({"budget_usd": [100.0, None]})
    assert budget_rule(train, films, ORIGIN).tolist() == [500.0, 50.0]


def test_the_budget_rule_without_any_budget_says_the_median_revenue():
    train = rule_frame(("2009-01-01", None, 50.0), ("2009-01-01", None, 70.0))
    assert budget_rule(train, pd.DataFrame({"budget_usd": [1e6]}), ORIGIN) == [60.0]


def test_the_budget_rule_needs_films():
    with pytest.raises(ValueError, match="labelled"):
        budget_rule(rule_frame(), pd.DataFrame({"budget_usd": [1.0]}), ORIGIN)


def test_the_regression_finds_a_power_law_and_what_a_missing_budget_means():
    budgets = [1e6, 1e7, 1e8]
    train = rule_frame(
        *(("2010-01-01", budget, 3.0 * budget**0.9) for budget in budgets),
        ("2010-01-01", None, 5e4),
    )
    films = pd.DataFrame({"budget_usd": [2e7, None]})
    predicted = ols_rule(train, films, ORIGIN)
    assert predicted == pytest.approx([3.0 * 2e7**0.9, 5e4], rel=1e-3)


def test_the_regression_learns_in_dollars_of_one_worth():
    """The same films thirty years earlier, at its prices, teach the same."""
    level = float(np.exp(np.diff(log_price_level(np.array([1980, 2010]))))[0])
    films = pd.DataFrame({"budget_usd": [2e7, None]})
    rows = [(1e6, 2e6), (1e8, 9e7), (None, 4e5)]
    now = rule_frame(*(("2010-01-01", budget, revenue) for budget, revenue in rows))
    then = rule_frame(
        *(("1980-01-01", budget and budget / level, revenue / level) for budget, revenue in rows)
    )
    assert level > 2
    assert ols_rule(then, films, ORIGIN) == pytest.approx(ols_rule(now, films, ORIGIN), rel=1e-4)


def test_a_missing_budget_counts_as_a_usual_one_where_none_was_missing_before():
    train = rule_frame(("2010-01-01", 1e6, 1e6), ("2010-01-01", 1e8, 1e8))
    predicted = ols_rule(train, pd.DataFrame({"budget_usd": [None]}), ORIGIN)
    assert predicted == pytest.approx([1e7], rel=1e-3)


def test_the_regression_without_any_budget_says_the_geometric_mean():
    train = rule_frame(("2010-01-01", None, 1e4), ("2010-01-01", None, 1e6))
    predicted = ols_rule(train, pd.DataFrame({"budget_usd": [None, 1e6]}), ORIGIN)
    assert predicted[0] == pytest.approx(1e5, rel=1e-3)
    assert np.isfinite(predicted).all()


@pytest.fixture(scope="module")
def films() -> pd.DataFrame:
    """Films whose votes tell their revenue, as those of real ones nearly do."""
    frame = many_films(400)
    features = build_features(frame, all_years(frame))
    return features.assign(outcome_vote_count=features["revenue_usd"] / 1_000)


def test_the_leak_marker_sees_what_no_model_may(films: pd.DataFrame):
    is_before = films["release_date"] < pd.Timestamp(ORIGIN)
    labelled = films[films["is_labelled"]]
    train, test = labelled[is_before], labelled[~is_before]
    blind = dict.fromkeys(OUTCOME_COLUMNS, np.nan)
    actual = test["revenue_usd"].to_numpy()
    leaky = rmsle(actual, leak_marker(train, test, ORIGIN, 42))
    honest = rmsle(actual, leak_marker(train.assign(**blind), test.assign(**blind), ORIGIN, 42))
    assert leaky < honest / 2


def test_the_leak_marker_refuses_to_forecast(films: pd.DataFrame):
    upcoming = films.tail(1).assign(is_labelled=False, revenue_usd=np.nan)
    with pytest.raises(NoForecastError, match="forecasts nothing"):
        leak_marker(films[films["is_labelled"]], upcoming, ORIGIN, 42)


def test_the_same_films_give_the_same_leak_marker(films: pd.DataFrame):
    train = films[films["is_labelled"]]
    test = train.tail(40)
    first, second = (leak_marker(train, test, ORIGIN, 7) for _ in range(2))
    np.testing.assert_array_equal(first, second)
    assert leak_marker(train, test.head(0), ORIGIN, 7).shape == (0,)
