"""Comparable films are earlier ones that are really alike, the same for the same question."""

import time

import pandas as pd
import pytest

from ayne_dagster.domain.comparables import nearest_films
from ayne_dagster.domain.features import build_features
from ayne_dagster_tests.domain.invented_films import all_years, many_films


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    frame = many_films(500)
    return build_features(frame, all_years(frame))


@pytest.fixture(scope="module")
def earlier(features: pd.DataFrame) -> pd.DataFrame:
    return features[features["release_year"] < "2011"]


@pytest.fixture(scope="module")
def films(features: pd.DataFrame) -> pd.DataFrame:
    return features[features["release_year"] == "2011"]


def test_a_film_asked_about_itself_is_its_own_nearest(earlier: pd.DataFrame):
    found = nearest_films(earlier, earlier)
    assert [one[0].tmdb_id for one in found] == earlier["tmdb_id"].tolist()
    assert all(one[0].distance == 0 for one in found)


def test_five_are_given_the_nearest_first(films: pd.DataFrame, earlier: pd.DataFrame):
    for one in nearest_films(films, earlier):
        distances = [film.distance for film in one]
        assert len(one) == 5
        assert distances == sorted(distances)
        assert all(film.release_year < "2011" for film in one)


def test_genre_and_budget_come_first(films: pd.DataFrame, earlier: pd.DataFrame):
    """Three genres at random would be shared by a third; a budget at random is far."""
    asked = films[films["budget_usd"].notna()]
    first = [one[0].tmdb_id for one in nearest_films(asked, earlier)]
    found = earlier.set_index("tmdb_id").loc[first].reset_index()
    same_genre = found["genres"].map(tuple) == asked["genres"].map(tuple).to_numpy()
    ratios = found["budget_usd"].astype(float) / asked["budget_usd"].to_numpy(float)
    assert same_genre.mean() > 0.95
    assert ratios.between(0.4, 2.5).mean() > 0.9


def test_a_film_without_a_budget_is_beside_others_without_one(
    films: pd.DataFrame, earlier: pd.DataFrame
):
    """They are another kind of film; a middling budget would be invented."""
    asked = films[films["budget_usd"].isna()]
    unknown = set(earlier.loc[earlier["budget_usd"].isna(), "tmdb_id"])
    assert all(one[0].tmdb_id in unknown for one in nearest_films(asked, earlier))


def test_one_film_gets_the_same_as_among_many_and_in_any_order(
    films: pd.DataFrame, earlier: pd.DataFrame
):
    many = nearest_films(films, earlier)
    assert nearest_films(films.iloc[[3]], earlier) == [many[3]]
    assert nearest_films(films, earlier.sample(frac=1, random_state=1)) == many


def test_of_equal_films_that_with_the_smaller_id_comes_first(
    films: pd.DataFrame, earlier: pd.DataFrame
):
    twins = pd.concat([earlier, earlier.assign(tmdb_id=earlier["tmdb_id"] + 10_000)])
    for one in nearest_films(films, twins, most=2):
        assert one[1].tmdb_id == one[0].tmdb_id + 10_000


def test_it_is_said_with_title_year_and_revenue(films: pd.DataFrame, earlier: pd.DataFrame):
    named = earlier.assign(title="Invented", revenue_usd=45_200_000.0)
    assert str(nearest_films(films, named)[0][0]).startswith("Invented (20")
    assert str(nearest_films(films, named)[0][0]).endswith("): $45.2m")
    untitled = nearest_films(films, earlier.assign(title=None))[0][0]
    assert str(untitled).startswith(f"TMDB {untitled.tmdb_id} (")


def test_few_or_no_earlier_films_give_few_or_none(films: pd.DataFrame, earlier: pd.DataFrame):
    assert [len(one) for one in nearest_films(films, earlier.head(3))] == [3] * len(films)
    assert nearest_films(films, earlier.head(0)) == [[]] * len(films)
    assert nearest_films(films.head(0), earlier) == []


def test_a_thousand_films_among_five_thousand_take_a_moment(features: pd.DataFrame):
    asked = pd.concat([features] * 2, ignore_index=True)
    known = pd.concat([features] * 10, ignore_index=True)
    known["tmdb_id"] = range(len(known))
    began = time.process_time()
    nearest_films(asked, known)
    assert time.process_time() - began < 5
