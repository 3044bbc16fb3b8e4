"""Features of groups of years, read through queries, are those of all years at once."""

from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ayne_dagster.domain.features import FEATURE_SOURCE_COLUMNS, add_outcomes, build_features
from ayne_dagster.domain.film_facts import PAST_SOURCE_COLUMNS, FilmFacts, KnownPast
from ayne_dagster.domain.tables import FEATURES, FROZEN_FLAGS, OMDB_RATINGS, TMDB_DETAILS
from ayne_dagster.domain.year_model import (
    outcomes_fingerprint,
    training_films,
    training_fingerprint,
)
from ayne_dagster.storage.duckdb_io_manager import UpstreamMissing, load_frame
from ayne_dagster.storage.feature_queries import FeatureQueries
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.domain.invented_films import all_years, details, film, many_films
from ayne_dagster_tests.storage.film_rows import detailed, flagged, put, rated, row_of

FILMS = 400


def some_films() -> pd.DataFrame:
    """Films of twelve years: some without revenue, some in collections, some without a date."""
    rng = np.random.default_rng(3)
    frame = many_films(FILMS)
    frame.loc[rng.random(FILMS) < 0.4, "revenue_usd"] = None
    frame.loc[rng.random(FILMS) < 0.05, "revenue_usd"] = 7
    frame["collection_id"] = [int(n) if n < 15 else None for n in rng.integers(1, 60, FILMS)]
    return details(*plain_rows(frame), film(FILMS + 1, release_date=None))


def plain_rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


@pytest.fixture
def queries(warehouse: Warehouse) -> FeatureQueries:
    return FeatureQueries(warehouse)


def test_features_of_groups_equal_those_of_all_years_to_the_last_bit(
    queries: FeatureQueries,
) -> None:
    """A rounding that depends on who else is asked about would retrain every model."""
    films = some_films()
    rows = [row_of(TMDB_DETAILS, **row) for row in plain_rows(films)]
    put(queries.warehouse, TMDB_DETAILS, *rows)
    years = all_years(films)
    whole = build_features(films, years)
    past = KnownPast.of(FilmFacts.of(queries.past_films(years), PAST_SOURCE_COLUMNS))
    groups = [years[:1], years[1:5], years[5:]]
    parts = [build_features(queries.details(group), group, past) for group in groups]
    together = pd.concat(parts, ignore_index=True).sort_values("tmdb_id", ignore_index=True)
    pd.testing.assert_frame_equal(together, whole, check_exact=True)
    for name in [name for name in whole.columns if name.endswith("_history_log")]:
        assert whole[name].notna().any(), name
    assert whole["is_sequel"].any()


def test_only_films_that_can_mean_something_are_read_for_the_past(
    queries: FeatureQueries,
) -> None:
    put(
        queries.warehouse, TMDB_DETAILS, detailed(1, revenue_usd=5_000), detailed(2),
        detailed(3, collection_id=7), detailed(4, "2002", collection_id=7),
        detailed(5, "undated", revenue_usd=5_000, release_date=None),
    )  # fmt: skip
    assert sorted(queries.past_films(["1999", "2001"])["tmdb_id"]) == [1, 3]
    assert queries.past_films(["undated"]).empty
    assert sorted(queries.details(["2001"])["tmdb_id"]) == [1, 2, 3]
    assert list(queries.details(["2001"])) == list(FEATURE_SOURCE_COLUMNS)


def test_outcomes_are_found_by_film_even_where_their_table_has_the_old_year(
    queries: FeatureQueries,
) -> None:
    """A film that moved lost its rating until OMDb was asked again."""
    moved = detailed(
        1, "2002", release_date=date(2002, 1, 1), vote_count=40, vote_average=7.2, popularity=3.5
    )
    put(queries.warehouse, TMDB_DETAILS, moved, detailed(2, "2001"))
    put(
        queries.warehouse,
        OMDB_RATINGS,
        rated(1, "2001", imdb_rating=8.1, imdb_votes=900),
        rated(2, "2001"),
    )
    put(queries.warehouse, FROZEN_FLAGS, flagged(1, "2001", is_frozen=True))
    built = build_features(queries.details(["2002"]), ["2002"])
    frame = with_outcomes(queries, built, "2002")
    assert frame["outcome_imdb_rating"].tolist() == [8.1]
    assert frame["outcome_imdb_votes"].tolist() == [900]
    assert frame["outcome_vote_count"].tolist() == [40]
    assert frame["outcome_tmdb_rating"].tolist() == [7.2]
    assert frame["outcome_popularity"].tolist() == [3.5]
    assert frame["outcome_metascore"].isna().all()
    assert frame["is_settled"].tolist() == [True]


def test_a_film_nobody_voted_on_has_no_rating(queries: FeatureQueries) -> None:
    """TMDB's mean of no votes is 0, which would be the worst film ever made."""
    put(queries.warehouse, TMDB_DETAILS, detailed(1, vote_count=0, vote_average=0.0))
    frame = with_outcomes(queries, build_features(queries.details(["2001"]), ["2001"]), "2001")
    assert frame["outcome_vote_count"].tolist() == [0]
    assert frame["outcome_tmdb_rating"].isna().all()


def test_only_films_with_an_outcome_are_read_for_models(queries: FeatureQueries) -> None:
    with pytest.raises(UpstreamMissing, match="features"):
        queries.labelled()
    known = {"release_date": date(2001, 1, 1), "release_month": 1, "release_day_of_year": 1,
             "release_weekday": 0, "collection_films_before": 0}  # fmt: skip
    rows = [
        row_of(FEATURES, **known, tmdb_id=1, release_year="2001", is_labelled=True),
        row_of(FEATURES, **known, tmdb_id=2, release_year="2001"),
        row_of(FEATURES, **known, tmdb_id=3, release_year="2001", is_labelled=True,
               is_unit_suspect=True),
        row_of(FEATURES, **known, tmdb_id=4, release_year="2002", is_labelled=True),
    ]  # fmt: skip
    put(queries.warehouse, FEATURES, *rows)
    assert queries.labelled()["tmdb_id"].tolist() == [1, 4]
    assert queries.labelled("2001")["tmdb_id"].tolist() == [1]
    assert list(queries.labelled()) == FEATURES.column_names
    assert list(queries.labelled(columns=["revenue_usd", "tmdb_id"])) == ["revenue_usd", "tmdb_id"]


def test_films_with_an_outcome_decide_a_model_as_all_features_do(queries: FeatureQueries) -> None:
    """A hash or a type that differs between both readings would train every model again."""
    films = some_films()
    built = build_features(films, all_years(films))
    rows = built.astype(object).where(built.notna(), None).to_dict("records")
    put(queries.warehouse, FEATURES, *({str(n): v for n, v in row.items()} for row in rows))
    year = int(max(all_years(films)[:-1]))
    every, labelled = load_frame(queries.warehouse, FEATURES), queries.labelled(str(year))
    assert len(labelled) < len(every)
    assert set(labelled["release_year"]) == {y for y in every["release_year"] if y <= str(year)}
    assert training_fingerprint(labelled, year) == training_fingerprint(every, year)
    assert outcomes_fingerprint(labelled, year) == outcomes_fingerprint(every, year)
    pd.testing.assert_frame_equal(training_films(labelled, year), training_films(every, year))


def with_outcomes(queries: FeatureQueries, built: pd.DataFrame, year: str) -> pd.DataFrame:
    years = [year]
    return add_outcomes(
        built, queries.ratings(years), queries.flags(years), queries.audience(years)
    )


def test_without_ratings_and_flags_there_are_features_and_without_details_a_clear_error(
    queries: FeatureQueries,
) -> None:
    with pytest.raises(UpstreamMissing, match="tmdb_details"):
        queries.details(["2001"])
    put(queries.warehouse, OMDB_RATINGS, rated(1))
    with pytest.raises(UpstreamMissing, match="tmdb_details"):
        queries.past_films(["2001"])
    put(queries.warehouse, TMDB_DETAILS, detailed(1))
    built = build_features(queries.details(["2001"]), ["2001"])
    frame = with_outcomes(queries, built, "2001")
    assert frame["is_settled"].tolist() == [False]
