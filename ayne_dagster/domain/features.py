"""What was known of a film before its release, plus its outcome where it is known.

Lives here: which details may be used, and how they become the `features` table. Not here: the
numeric matrix of the model (`revenue_model.py`), the storing.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ayne_dagster.domain.point_in_time_history import films_before, history_of_lists
from ayne_dagster.domain.tables import FEATURES

FEATURE_SOURCE_COLUMNS: tuple[str, ...] = (
    "tmdb_id",
    "release_year",
    "title",
    "status",
    "release_date",
    "runtime_minutes",
    "budget_usd",
    "revenue_usd",
    "genres",
    "company_ids",
    "countries",
    "original_language",
    "us_certification",
    "collection_id",
    "director_ids",
    "cast_ids",
    "fetched_at",
)
"""The columns of `tmdb_details` that features are made of; `build_features` needs all of them."""

MODEL_INPUT_COLUMNS: tuple[str, ...] = (
    "budget_usd",
    "runtime_minutes",
    "release_date",
    "release_month",
    "release_day_of_year",
    "release_weekday",
    "genres",
    "main_country",
    "original_language",
    "us_certification",
    "is_sequel",
    "collection_films_before",
    "company_history_log",
    "director_history_log",
    "cast_history_log",
    "collection_history_log",
)
"""The allow-list: only these columns of `features` may become inputs of the model."""

POST_RELEASE_WORDS: tuple[str, ...] = (
    "vote",
    "popularity",
    "rating",
    "metascore",
    "tomato",
    "award",
    "oscar",
    "box_office",
    "revenue",
    "gross",
    "trending",
)
"""A column with one of these in its name is known only after release: never an input.

With votes, popularity and ratings the benchmark's error falls from 1.62 to 1.43 (`MODEL_FACTS`):
an error that good on future films would be a leak, not a model."""

UNIT_MISTAKE_BELOW_USD = 1_000
"""Amounts of 1-999 dollars are millions or thousands typed as dollars; 76 of 24,274 real films."""

BUDGET_MISSING_UP_TO_USD = 1_000
"""A budget up to here is a placeholder: taking it as missing gains .01 RMSLE (`MODEL_FACTS`)."""

SETTLED_AFTER_DAYS = 180
"""Revenue read earlier than so long after release is a part of the outcome, and no label."""

CAST_CONSIDERED = 5
"""Billing positions whose history counts."""


class PostReleaseInputError(ValueError):
    """A column that is known only after release was about to become an input of the model."""


def reject_post_release_columns(inputs: pd.DataFrame) -> None:
    """Make sure that no input of the model is known only after a film's release.

    Args:
        inputs: The frame the model is to see; only its column names are read.

    Raises:
        PostReleaseInputError: A column's name holds one of `POST_RELEASE_WORDS`.
    """
    leaks = [
        str(name)
        for name in inputs.columns
        if any(word in str(name).lower() for word in POST_RELEASE_WORDS)
    ]
    if leaks:
        raise PostReleaseInputError(
            f"known only after release, so no input of the model: {', '.join(leaks)}"
        )


def build_features(details: pd.DataFrame, release_years: Sequence[str]) -> pd.DataFrame:
    """Turn details into the `features` rows of some release years.

    The history of companies, people and collections comes from the films in `details`: rows of the
    asked years alone would make every film a debut.

    Args:
        details: `tmdb_details` rows of the asked years and of all earlier years, with at least
            `FEATURE_SOURCE_COLUMNS`, as DuckDB, Arrow or plain Python give them.
        release_years: Partition keys to give rows for; `undated` gives none.

    Returns:
        One row per dated film of these years, the columns of the FEATURES contract in their
        order, sorted by tmdb_id.

    Raises:
        ValueError: A source column is missing, or a film is there twice.
    """
    films = _normalise(details)
    budget, revenue = films["budget_usd"].to_numpy(), films["revenue_usd"].to_numpy()
    is_suspect = _is_unit_mistake(budget) | _is_unit_mistake(revenue)
    is_released = films["status"].isna() | (films["status"] == "Released")
    is_final = _is_final(films)
    is_labelled = (
        (revenue >= UNIT_MISTAKE_BELOW_USD) & ~is_suspect & is_released.to_numpy(bool) & is_final
    )
    outcome_log = np.where(is_labelled, np.log1p(revenue), np.nan)
    date = films["release_date"]
    days = date.to_numpy("datetime64[D]").astype(np.int64)
    collections = [[] if pd.isna(c) else [int(c)] for c in films["collection_id"]]
    cast = [ids[:CAST_CONSIDERED] for ids in films["cast_ids"]]
    earlier_in_collection = films_before(collections, days)

    features = pd.DataFrame(
        {
            "tmdb_id": films["tmdb_id"],
            "release_year": films["release_year"],
            "title": films["title"],
            "release_date": date,
            "budget_usd": np.where(budget > BUDGET_MISSING_UP_TO_USD, budget, np.nan),
            "runtime_minutes": films["runtime_minutes"].where(films["runtime_minutes"] >= 1),
            "release_month": date.dt.month.astype("int64"),
            "release_day_of_year": date.dt.dayofyear.astype("int64"),
            "release_weekday": date.dt.weekday.astype("int64"),
            "genres": films["genres"],
            "main_country": pd.Series(
                [c[0] if c else None for c in films["countries"]], dtype=object
            ),
            "original_language": films["original_language"],
            "us_certification": films["us_certification"],
            "is_sequel": earlier_in_collection > 0,
            "collection_films_before": earlier_in_collection,
            "company_history_log": history_of_lists(list(films["company_ids"]), days, outcome_log),
            "director_history_log": history_of_lists(
                list(films["director_ids"]), days, outcome_log
            ),
            "cast_history_log": history_of_lists(cast, days, outcome_log),
            "collection_history_log": history_of_lists(collections, days, outcome_log),
            "revenue_usd": revenue,
            "is_unit_suspect": is_suspect,
            "is_labelled": is_labelled,
            "outcome_imdb_rating": np.nan,
            "is_settled": False,
        }
    )
    asked = features["release_year"].isin([year for year in release_years if year != "undated"])
    return features.loc[asked, FEATURES.column_names].sort_values("tmdb_id", ignore_index=True)


def _is_final(films: pd.DataFrame) -> np.ndarray:
    """Whether revenue was read so long after release that a film has earned nearly all it will.

    A figure read in the first weeks is a part of the outcome: as a label it would teach, and as
    history it would lend its people, a fraction of what the film came to.
    """
    read_at = films["fetched_at"].dt.tz_localize(None)
    settled = films["release_date"] + pd.Timedelta(days=SETTLED_AFTER_DAYS)
    return (read_at.isna() | (read_at >= settled)).to_numpy(bool)


def add_outcomes(
    features: pd.DataFrame, ratings: pd.DataFrame, flags: pd.DataFrame
) -> pd.DataFrame:
    """Put what is only known after release beside the features, as outcomes.

    Args:
        features: Rows of `build_features`.
        ratings: `omdb_ratings` rows with `tmdb_id` and `imdb_rating`.
        flags: `frozen_flags` rows with `tmdb_id` and `is_frozen`.

    Returns:
        The same rows with `outcome_imdb_rating` and `is_settled` filled.
    """
    # A film whose imdb id was corrected has two rows: the latest answer is about the right one.
    latest = ratings.sort_values("fetched_at") if "fetched_at" in ratings else ratings
    rating = latest.drop_duplicates("tmdb_id", keep="last").set_index("tmdb_id")["imdb_rating"]
    settled = flags.set_index("tmdb_id")["is_frozen"]
    ids = features["tmdb_id"]
    return features.assign(
        outcome_imdb_rating=ids.map(rating).astype(float),
        is_settled=ids.map(settled).eq(True),
    )


def _normalise(details: pd.DataFrame) -> pd.DataFrame:
    """The dated films with plain types: floats, Python lists, None for unknown texts."""
    missing = [name for name in FEATURE_SOURCE_COLUMNS if name not in details.columns]
    if missing:
        raise ValueError(f"details lack the columns {', '.join(missing)}")
    frame = details.loc[:, list(FEATURE_SOURCE_COLUMNS)]
    frame = frame[frame["release_date"].notna() & (frame["release_year"] != "undated")]
    frame = frame.reset_index(drop=True)
    if frame["tmdb_id"].duplicated().any():
        twice = frame.loc[frame["tmdb_id"].duplicated(), "tmdb_id"].head(5).tolist()
        raise ValueError(f"details hold films twice, for instance {twice}")
    columns: dict[str, Any] = {
        "tmdb_id": frame["tmdb_id"].astype("int64"),
        "release_date": pd.to_datetime(frame["release_date"]).astype("datetime64[us]"),
        "fetched_at": pd.to_datetime(frame["fetched_at"], utc=True),
    }
    for name in ("runtime_minutes", "budget_usd", "revenue_usd"):
        number = pd.to_numeric(frame[name]).to_numpy(dtype=np.float64, na_value=np.nan)
        columns[name] = np.where(number > 0, number, np.nan)
    columns["collection_id"] = pd.to_numeric(frame["collection_id"]).to_numpy(
        dtype=np.float64, na_value=np.nan
    )
    for name in ("genres", "company_ids", "countries", "director_ids", "cast_ids"):
        columns[name] = pd.Series([_plain_list(value) for value in frame[name]], dtype=object)
    for name in ("release_year", "title", "status", "original_language", "us_certification"):
        text = frame[name].astype(object)
        columns[name] = text.where(text.notna() & (text != ""), None)
    return pd.DataFrame(columns, index=frame.index)


def _plain_list(value: Any) -> list[Any]:
    """A list column's cell as a list; NULL (None or NaN) is an empty one."""
    if value is None or value is pd.NA or isinstance(value, float):
        return []
    return list(value)


def _is_unit_mistake(amount_usd: np.ndarray) -> np.ndarray:
    """Whether an amount is known and too small to be dollars."""
    return (amount_usd > 0) & (amount_usd < UNIT_MISTAKE_BELOW_USD)
