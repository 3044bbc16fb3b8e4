"""Features hold only what was known before release, whatever the frame they are made from."""

from datetime import UTC, date, datetime, timedelta

import numpy as np
import pandas as pd
import pytest

from ayne_dagster.domain.features import (
    FEATURE_SOURCE_COLUMNS,
    MODEL_INPUT_COLUMNS,
    PostReleaseInputError,
    build_features,
    reject_post_release_columns,
)
from ayne_dagster.domain.tables import FEATURES, TMDB_DETAILS
from ayne_dagster_tests.domain.invented_films import all_years, details, film, many_films

LIST_COLUMNS = [
    *("genres", "company_ids", "countries", "spoken_languages"),
    *("director_ids", "writer_ids", "cast_ids"),
]


def one(frame: pd.DataFrame, tmdb_id: int) -> pd.Series:
    """The row of one film."""
    return frame[frame["tmdb_id"] == tmdb_id].iloc[0]


def test_rows_are_those_of_the_asked_years_in_the_contracts_columns():
    frame = details(
        film(3, release_date=date(2011, 1, 1)),
        film(2, release_date=date(2010, 1, 1)),
        film(1, release_date=date(2011, 5, 1)),
    )
    features = build_features(frame, ["2011"])
    assert features["tmdb_id"].tolist() == [1, 3]
    assert list(features.columns) == FEATURES.column_names


def test_every_source_column_is_one_of_the_details_table():
    """A column that is not in the table would be asked of the warehouse in vain."""
    assert set(FEATURE_SOURCE_COLUMNS) <= set(TMDB_DETAILS.column_names)


@pytest.mark.parametrize("placeholder", [1, 500, 1_000])
def test_a_budget_of_up_to_a_thousand_dollars_is_missing(placeholder: int):
    features = build_features(details(film(1, budget_usd=placeholder)), ["2010"])
    assert np.isnan(features["budget_usd"].iloc[0])


@pytest.mark.parametrize("facts", [{"revenue_usd": 1}, {"revenue_usd": 999}, {"budget_usd": 25}])
def test_unit_mistakes_give_neither_labels_nor_history(facts: dict[str, int]):
    """38 such rows once carried 36 % of the squared error."""
    frame = details(
        film(1, director_ids=[9], **facts),
        film(2, director_ids=[9], release_date=date(2015, 1, 1)),
    )
    features = build_features(frame, ["2010", "2015"])
    assert one(features, 1)["is_unit_suspect"]
    assert not one(features, 1)["is_labelled"]
    assert np.isnan(one(features, 2)["director_history_log"])


@pytest.mark.parametrize(
    "facts", [{"revenue_usd": None}, {"revenue_usd": 0}, {"status": "Post Production"}]
)
def test_a_film_without_an_outcome_is_not_labelled_and_not_suspect(facts: dict):
    features = build_features(details(film(1, **facts)), ["2010"])
    assert not features.loc[0, "is_labelled"]
    assert not features.loc[0, "is_unit_suspect"]


def test_history_uses_only_labels_of_films_released_180_days_before():
    frame = details(
        film(1, company_ids=[5], release_date=date(2010, 1, 1), revenue_usd=10_000_000),
        film(2, company_ids=[5], release_date=date(2010, 6, 29)),
        film(3, company_ids=[5], release_date=date(2010, 6, 30), revenue_usd=None),
    )
    features = build_features(frame, ["2010"])
    assert np.isnan(one(features, 2)["company_history_log"])
    assert one(features, 3)["company_history_films"] == 1
    assert one(features, 3)["company_history_log"] == 0, "as good as all films: it is the only one"


def test_how_many_companies_were_typed_in_is_not_counted():
    """The sum over a film's companies was the length of its list in disguise."""
    frame = details(
        *(film(n, company_ids=[n], release_date=date(2005, 1, 1)) for n in (1, 2, 3)),
        film(4, company_ids=[1]),
        film(5, company_ids=[1, 2, 3]),
    )
    features = build_features(frame, ["2010"])
    assert one(features, 4)["company_history_films"] == 1
    assert one(features, 5)["company_history_films"] == 1


def test_only_the_first_five_of_the_cast_have_a_history():
    frame = details(
        film(1, cast_ids=[6], release_date=date(2005, 1, 1)),
        film(2, cast_ids=[1, 2, 3, 4, 5, 6]),
        film(3, cast_ids=[1, 2, 3, 4, 6]),
    )
    features = build_features(frame, ["2010"])
    assert np.isnan(one(features, 2)["cast_history_log"])
    assert one(features, 3)["cast_history_films"] == 1 / 5


def test_the_first_film_of_a_collection_is_no_sequel():
    """A film gets its collection because it was a success: the membership itself is a leak."""
    frame = details(
        film(1, collection_id=77, release_date=date(2009, 1, 1)),
        film(2, collection_id=77, release_date=date(2010, 6, 1)),
    )
    features = build_features(frame, ["2009", "2010"])
    assert one(features, 1)[["is_sequel", "collection_films_before"]].tolist() == [False, 0]
    assert one(features, 2)[["is_sequel", "collection_films_before"]].tolist() == [True, 1]


def test_a_series_is_known_by_its_title():
    """Sequels are known before TMDB has a collection of them, and a benchmark has none at all."""
    frame = details(
        film(1, title="The Invented Storm", release_date=date(2005, 1, 1)),
        film(2, title="The Invented Storm II: Thunder", release_date=date(2008, 1, 1)),
        film(3, title="Something Else", release_date=date(2008, 1, 1)),
    )
    features = build_features(frame, ["2005", "2008"])
    assert one(features, 2)["series_history_films"] == 1
    assert np.isnan(one(features, 1)["series_history_films"])
    assert np.isnan(one(features, 3)["series_history_films"])
    told = ["is_numbered_title", "has_subtitle", "title_words"]
    assert one(features, 2)[told].tolist() == [True, True, 5]
    assert one(features, 3)[told].tolist() == [False, False, 2]


def test_a_hit_is_measured_by_its_budget_and_by_its_time():
    """The same gross is a flop of a large budget, and was more in dollars of an earlier year."""
    frame = details(
        *(film(100 + n, release_date=date(1990, 1, 1), budget_usd=10**7) for n in range(40)),
        film(1, release_date=date(1995, 1, 1), director_ids=[1], budget_usd=10**6),
        film(2, release_date=date(1995, 1, 1), director_ids=[2], budget_usd=10**8),
        film(3, release_date=date(1999, 1, 1), director_ids=[1]),
        film(4, release_date=date(1999, 1, 1), director_ids=[2]),
    )
    features = build_features(frame, ["1999"])
    name = "director_history_beyond_budget_log"
    assert one(features, 3)[name] > one(features, 4)[name]


def test_a_film_that_exists_only_in_somebodys_mind_gets_features():
    """`ayne predict` asks for films no service knows; their ids are made up and negative."""
    frame = many_films(50)
    idea = details(film(-1, release_date=date(2030, 5, 1), revenue_usd=None, company_ids=[3]))
    features = build_features(pd.concat([frame, idea], ignore_index=True), ["2030"])
    assert features["tmdb_id"].tolist() == [-1]
    assert not features["is_labelled"].iloc[0]


def test_films_without_a_date_give_no_rows():
    frame = details(film(1, release_date=None), film(2))
    assert build_features(frame, ["undated", "2010"])["tmdb_id"].tolist() == [2]


def test_later_films_change_nothing_of_earlier_ones():
    frame = many_films(200)
    planted = details(
        film(9_999, release_date=date(2030, 1, 1), revenue_usd=10**15, company_ids=[1, 2, 3])
    )
    years = all_years(frame)
    before = build_features(frame, years)
    after = build_features(pd.concat([frame, planted], ignore_index=True), years)
    pd.testing.assert_frame_equal(before, after, check_exact=True)


def test_frames_of_duckdb_and_of_plain_python_give_the_same_features():
    """DuckDB gives arrays for lists, Int64 with NA for counts, and microsecond timestamps."""
    plain = many_films(60)
    typed = plain.copy()
    for name in LIST_COLUMNS:
        typed[name] = plain[name].map(np.array)
    for name in ("runtime_minutes", "budget_usd", "revenue_usd", "collection_id"):
        typed[name] = plain[name].astype("Int64")
    typed["tmdb_id"] = plain["tmdb_id"].astype("int64")
    typed["release_date"] = pd.to_datetime(plain["release_date"]).astype("datetime64[us]")
    years = all_years(plain)
    pd.testing.assert_frame_equal(build_features(plain, years), build_features(typed, years))


def test_null_lists_are_empty_lists():
    frame = details(film(1, genres=None, company_ids=float("nan"), countries=pd.NA))
    features = build_features(frame, ["2010"])
    assert features.loc[0, "genres"] == []
    assert features.loc[0, "main_country"] is None


def test_an_empty_frame_gives_an_empty_frame_with_the_right_columns():
    features = build_features(pd.DataFrame(columns=list(FEATURE_SOURCE_COLUMNS)), ["2010"])
    assert features.empty
    assert list(features.columns) == FEATURES.column_names


def test_a_missing_source_column_is_named():
    with pytest.raises(ValueError, match="cast_ids"):
        build_features(details(film(1)).drop(columns="cast_ids"), ["2010"])


def test_a_film_that_is_there_twice_is_refused():
    with pytest.raises(ValueError, match="twice"):
        build_features(details(film(1), film(1)), ["2010"])


@pytest.mark.parametrize(
    "leak", ["vote_count", "popularity", "imdb_rating", "metascore", "oscar_wins", "revenue_usd"]
)
def test_a_column_known_only_after_release_is_no_input(leak: str):
    with pytest.raises(PostReleaseInputError, match=leak):
        reject_post_release_columns(pd.DataFrame({"budget_log": [1.0], leak: [1.0]}))


def test_the_allow_list_holds_only_columns_of_the_table_and_no_leak():
    assert set(MODEL_INPUT_COLUMNS) <= set(FEATURES.column_names)
    reject_post_release_columns(pd.DataFrame(columns=list(MODEL_INPUT_COLUMNS)))


@pytest.mark.parametrize(("days", "is_labelled"), [(1, False), (179, False), (180, True)])
def test_a_gross_read_soon_after_release_is_no_label(days: int, is_labelled: bool) -> None:
    """A first weekend's $5,000 taught the model that the director is poison."""
    released = date(2010, 6, 1)
    read_at = datetime(2010, 6, 1, tzinfo=UTC) + timedelta(days=days)
    young = film(1, release_date=released, fetched_at=read_at, director_ids=[7])
    later = film(2, release_date=date(2012, 6, 1), director_ids=[7])
    features = build_features(details(young, later), ["2010", "2012"]).set_index("tmdb_id")
    assert bool(features.loc[1, "is_labelled"]) is is_labelled
    assert features["director_history_log"].notna()[2] == is_labelled
