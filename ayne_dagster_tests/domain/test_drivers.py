"""A driver is the factor by which a group of inputs moves a forecast, said in words."""

import numpy as np
import pandas as pd
import pytest

from ayne_dagster.domain.drivers import Driver, film_drivers, group_effects, typical_values
from ayne_dagster.domain.features import build_features
from ayne_dagster.domain.input_groups import INPUT_GROUPS
from ayne_dagster.domain.revenue_model import RevenueModel, fit_revenue_model
from ayne_dagster_tests.domain.invented_films import all_years, many_films


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    frame = many_films(400)
    return build_features(frame, all_years(frame))


@pytest.fixture(scope="module")
def model(features: pd.DataFrame) -> RevenueModel:
    return fit_revenue_model(features, seed=42)


def by_rule(films: pd.DataFrame) -> pd.DataFrame:
    """A model whose effects are known: budget to the power of one, times ten for a drama."""
    budget = pd.to_numeric(films["budget_usd"]).fillna(1e6).to_numpy(float)
    drama = np.array([10.0 if "Drama" in list(names) else 1.0 for names in films["genres"]])
    return pd.DataFrame({"predicted_revenue_usd": budget * drama - 1})


def test_the_factor_is_the_forecast_over_that_with_a_typical_value(features: pd.DataFrame):
    typical = typical_values(features)
    known = features["budget_usd"].notna()
    films = features[known].head(20)
    effects = group_effects(by_rule, films, typical)
    expected = np.log(films["budget_usd"].to_numpy(float) / typical["budget_usd"])
    assert effects["budget"].to_numpy() == pytest.approx(expected)
    untouched = [group for group in INPUT_GROUPS if group not in ("budget", "genres")]
    assert (effects[untouched].to_numpy() == 0).all()


def test_the_strongest_comes_first_whichever_way_it_moves(features: pd.DataFrame):
    films = features.head(2).assign(
        budget_usd=[1_000.0, 1e9],
        genres=pd.Series([["Drama"], ["Action"]], dtype=object, index=features.head(2).index),
    )
    train = features.assign(
        budget_usd=20e6, genres=pd.Series([["Comedy"]] * len(features), dtype=object)
    )
    small, big = film_drivers(by_rule, films, train)
    assert [driver.group for driver in small[:2]] == ["budget", "genres"]
    assert str(small[0]) == "budget of $1k: ×5e-05"
    assert str(small[1]) == "genre Drama: ×10"
    assert str(big[0]) == "budget of $1bn: ×50"
    assert len(small) == len(big) == 3


def test_every_group_can_be_replaced_for_a_real_model(features: pd.DataFrame, model: RevenueModel):
    effects = group_effects(model.predict, features, typical_values(features))
    assert list(effects.columns) == list(INPUT_GROUPS)
    assert np.isfinite(effects.to_numpy()).all()
    assert effects["budget"].abs().max() > 0.1


def test_what_decides_revenue_is_what_drives_forecasts(features: pd.DataFrame, model: RevenueModel):
    """The invented films earn by budget and company; nothing else should come first."""
    drivers = film_drivers(model.predict, features, features, most=1)
    first = pd.Series([one[0].group for one in drivers])
    assert first.isin(["budget", "company track record"]).mean() > 0.75


def test_a_typical_film_is_moved_by_nothing(features: pd.DataFrame, model: RevenueModel):
    typical = typical_values(features)
    month = typical["release_month"]
    date = pd.Timestamp(2005, month, 15)
    calendar = {"release_date": date, "release_day_of_year": date.dayofyear}
    values = {name: [value] for name, value in {**typical, **calendar}.items()}
    film = features.head(1).assign(**values)
    effects = group_effects(model.predict, film, typical)
    assert effects.to_numpy() == pytest.approx(np.zeros((1, len(INPUT_GROUPS))), abs=1e-12)


def test_a_typical_release_date_keeps_the_year(features: pd.DataFrame):
    """Otherwise the rise of prices over decades would pass for the effect of a month."""
    seen = []

    def watch(films: pd.DataFrame) -> pd.DataFrame:
        seen.append(pd.to_datetime(films["release_date"]).dt.year.tolist())
        return by_rule(films)

    group_effects(watch, features, typical_values(features))
    assert all(years == seen[0] for years in seen)


def test_one_film_is_explained_as_among_many(features: pd.DataFrame, model: RevenueModel):
    many = film_drivers(model.predict, features, features)
    one = film_drivers(model.predict, features.iloc[[7]], features)
    assert one == [many[7]]


def test_what_is_unknown_is_said_so(features: pd.DataFrame):
    film = features.head(1).assign(
        budget_usd=np.nan,
        runtime_minutes=np.nan,
        genres=pd.Series([[]], dtype=object, index=features.head(1).index),
        us_certification=None,
        main_country=None,
        original_language=None,
        director_history_log=np.nan,
    )
    (drivers,) = film_drivers(by_rule, film, features, most=len(INPUT_GROUPS))
    words = {driver.group: driver.words for driver in drivers}
    assert words["budget"] == "budget unknown"
    assert words["runtime"] == "runtime unknown"
    assert words["genres"] == "genres unknown"
    assert words["certification"] == "no US certification"
    assert words["country and language"] == "country and language unknown"
    assert words["director track record"] == "director without a track record"


def test_a_sequel_is_counted(features: pd.DataFrame):
    film = features.head(1).assign(is_sequel=True, collection_films_before=2)
    (drivers,) = film_drivers(by_rule, film, features, most=len(INPUT_GROUPS))
    words = {driver.group: driver.words for driver in drivers}
    assert words["collection"] == "film 3 of its collection"
    assert words["release date"].startswith("released in ")


@pytest.mark.parametrize(
    ("factor", "said"), [(3.14, "×3.1"), (12.6, "×13"), (1.0, "×1.0"), (0.42, "×0.42")]
)
def test_factors_are_rounded_to_what_they_can_mean(factor: float, said: str):
    assert str(Driver("budget", "budget", factor)) == f"budget: {said}"


def test_no_films_have_no_drivers(features: pd.DataFrame):
    assert film_drivers(by_rule, features.head(0), features) == []
