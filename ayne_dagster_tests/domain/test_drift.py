"""Drift is said when it is there, and not when few films alone make a difference."""

import numpy as np
import pandas as pd
import pytest

from ayne_dagster.domain.drift import (
    STABILITY_LIMIT,
    compared_inputs,
    error_drift,
    input_drift,
    newest_year,
    stability_index,
)
from ayne_dagster.domain.features import MODEL_INPUT_COLUMNS

YEARS = [str(year) for year in range(2014, 2020)]
INPUTS = ["budget_usd", "main_country", "genres", "is_sequel"]


def films(per_year: int = 200, seed: int = 1) -> pd.DataFrame:
    generator = np.random.default_rng(seed)
    count = per_year * len(YEARS)
    budget = np.exp(generator.normal(16, 1.5, count))
    genres = generator.choice(["Drama", "Comedy", "Horror"], count)
    countries = generator.choice(["US", "FR", "IN", ""], count)
    return pd.DataFrame(
        {
            "release_year": np.repeat(YEARS, per_year),
            "budget_usd": np.where(generator.random(count) < 0.2, np.nan, budget),
            "main_country": [code or None for code in countries],
            "genres": pd.Series([[genre, "Family"] for genre in genres]),
            "is_sequel": generator.random(count) < 0.1,
        }
    )


def drifted(frame: pd.DataFrame) -> set[str]:
    year, found = input_drift(frame, INPUTS)
    assert year == YEARS[-1]
    assert found[0] == max(found, key=lambda one: one.stability_index)
    return {one.name for one in found if one.has_drifted}


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("per_year", [40, 400])
def test_films_of_the_same_kind_have_not_drifted(per_year: int, seed: int):
    assert drifted(films(per_year, seed)) == set()


def newest(frame: pd.DataFrame) -> pd.Series:
    return frame["release_year"] == YEARS[-1]


def test_larger_budgets_have_drifted_and_nothing_else():
    frame = films()
    tripled = frame["budget_usd"].where(~newest(frame), frame["budget_usd"] * 5)
    assert drifted(frame.assign(budget_usd=tripled)) == {"budget_usd"}


def test_budgets_that_are_no_longer_known_have_drifted():
    """Every known budget is what it was: only how many are unknown has changed."""
    frame = films()
    is_lost = newest(frame) & (np.arange(len(frame)) % 2 == 0)
    assert drifted(frame.assign(budget_usd=frame["budget_usd"].mask(is_lost))) == {"budget_usd"}


def test_a_new_country_and_a_new_genre_have_drifted():
    frame = films()
    is_new = newest(frame) & (np.arange(len(frame)) % 2 == 0)
    country = frame["main_country"].mask(is_new, "KR")
    genres = pd.Series([["Western"] if new else names for new, names in
                        zip(is_new, frame["genres"], strict=True)])  # fmt: skip
    changed = frame.assign(main_country=country, genres=genres)
    assert drifted(changed) == {"main_country", "genres"}


def test_the_newest_year_is_one_with_enough_films():
    frame = pd.concat([films(), films().tail(5).assign(release_year="2020")])
    assert newest_year(frame) == "2019"
    assert newest_year(frame.head(3)) is None


def test_a_year_whose_outcomes_have_only_begun_to_come_in_is_not_compared():
    """Films of January to May are no sample of a year."""
    frame = pd.concat([films(), films().tail(60).assign(release_year="2020")])
    assert newest_year(frame) == "2020"
    assert newest_year(frame, is_whole=True) == "2019"
    assert input_drift(frame, INPUTS)[0] == "2019"


def test_what_moves_by_its_nature_is_not_compared():
    """The record of all films in English is one number that is another every year."""
    compared = set(compared_inputs())
    assert compared < set(MODEL_INPUT_COLUMNS)
    assert {"budget_usd", "company_history_log", "company_genre_history_log"} <= compared
    assert not {"release_month", "language_history_log", "genre_history_films"} & compared


def test_track_records_of_a_young_catalogue_are_still_growing():
    """Everybody is a debut in the first year, and has twenty films in the last."""
    frame = films()
    growing = frame["release_year"].astype(int).rename("company_history_films")
    frame = frame.assign(company_history_films=growing)
    inputs = [*INPUTS, "company_history_films"]
    assert "company_history_films" not in {one.name for one in input_drift(frame, inputs)[1]}
    old = pd.concat([frame, frame.head(40).assign(release_year="1999")])
    assert "company_history_films" in {
        one.name for one in input_drift(old, inputs)[1] if one.has_drifted
    }


def test_a_first_year_has_nothing_to_be_compared_with():
    frame = films()
    assert input_drift(frame[newest(frame)], INPUTS) == (None, [])
    assert input_drift(frame.head(0), INPUTS) == (None, [])
    assert error_drift(scored(1.0).head(200), seed=1) is None


def test_the_index_is_zero_for_equal_shares_and_grows_with_the_shift():
    before = np.array([500.0, 500.0])
    assert stability_index(before, before) == pytest.approx(0)
    small = stability_index(before, np.array([550.0, 450.0]))
    large = stability_index(before, np.array([800.0, 200.0]))
    assert 0 < small < 0.1 < STABILITY_LIMIT < large


def scored(newest_spread: float, per_year: int = 200) -> pd.DataFrame:
    generator = np.random.default_rng(2)
    count = per_year * len(YEARS)
    years = np.repeat(YEARS, per_year)
    actual = np.exp(generator.normal(17, 2, count))
    spread = np.where(years == YEARS[-1], newest_spread, 1.0)
    predicted = actual * np.exp(generator.normal(0, spread, count))
    return pd.DataFrame(
        {
            "tmdb_id": np.arange(count) + 1,
            "release_year": years,
            "revenue_usd": actual,
            "predicted_revenue_usd": predicted,
            "lower_usd": predicted / 3.6,
            "upper_usd": predicted * 3.6,
        }
    )


def test_errors_that_grew_by_half_have_drifted():
    found = error_drift(scored(1.5), seed=1)
    assert found is not None
    assert (found.year, found.films, found.films_before) == ("2019", 200, 1_000)
    assert found.has_drifted
    assert found.interval_coverage < found.interval_coverage_before


def test_the_order_of_the_rows_does_not_move_the_interval_of_an_error():
    rows = scored(1.5)
    assert error_drift(rows.sample(frac=1, random_state=3), seed=1) == error_drift(rows, seed=1)


@pytest.mark.parametrize(("spread", "per_year"), [(1.0, 200), (0.5, 200), (1.2, 30)])
def test_errors_that_shrank_or_grew_by_chance_have_not(spread: float, per_year: int):
    found = error_drift(scored(spread, per_year), seed=1)
    assert found is not None
    assert not found.has_drifted
