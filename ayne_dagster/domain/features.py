"""What was known of a film before its release, plus its outcome where it is known.

Lives here: which details may be used, and how they become the `features` table. Not here: what a
film's facts are (`film_facts.py`), the numeric matrix of the model (`model_inputs.py`).
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ayne_dagster.domain.film_entities import ENTITY_KINDS, has_subtitle, is_numbered
from ayne_dagster.domain.film_facts import FilmFacts, KnownPast
from ayne_dagster.domain.point_in_time_history import history_columns_of
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
    "spoken_languages",
    "us_certification",
    "collection_id",
    "director_ids",
    "writer_ids",
    "cast_ids",
    "fetched_at",
)
"""The columns of `tmdb_details` that features are made of; `build_features` needs all of them."""

HISTORY_COLUMNS: tuple[str, ...] = tuple(
    name for kind in ENTITY_KINDS for name in history_columns_of(kind.name)
)
"""Track records: what earlier films of the same people, companies, genres ... had come to."""

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
    "is_us_production",
    "is_in_english",
    "us_certification",
    "is_sequel",
    "collection_films_before",
    "is_numbered_title",
    "has_subtitle",
    "title_words",
    *HISTORY_COLUMNS,
)
"""The allow-list: only these columns of `features` may become inputs of the model."""

OUTCOME_COLUMNS: tuple[str, ...] = (
    "outcome_vote_count",
    "outcome_popularity",
    "outcome_tmdb_rating",
    "outcome_imdb_rating",
    "outcome_imdb_votes",
    "outcome_metascore",
)
"""What is known of a film only after its release, beside revenue; kept for the leak marker and for
checks, never an input."""

FEATURES_CODE_VERSION = 2
"""Raise it whenever the same details would give other features: rows of before stand in the table
until their years run again, and a check names those years."""

POST_RELEASE_WORDS: tuple[str, ...] = (
    "outcome",
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


def build_features(
    details: pd.DataFrame, release_years: Sequence[str], past: KnownPast | None = None
) -> pd.DataFrame:
    """Turn details into the `features` rows of some release years.

    Args:
        details: `tmdb_details` rows of the asked years, with at least `FEATURE_SOURCE_COLUMNS`, as
            DuckDB, Arrow or plain Python give them.
        release_years: Partition keys to give rows for; `undated` gives none.
        past: What earlier films mean for these; films of the asked years may be in it. None: what
            `details` itself says, which then has to hold all earlier years too: rows of the asked
            years alone would make every film a debut.

    Returns:
        One row per dated film of these years, the columns of the FEATURES contract in their
        order, sorted by tmdb_id.

    Raises:
        ValueError: A source column is missing, or a film is there twice.
    """
    known = FilmFacts.of(details, FEATURE_SOURCE_COLUMNS)
    past = past or KnownPast.of(known)
    films = known.of_years([year for year in release_years if year != "undated"])
    frame = films.frame
    date = frame["release_date"]
    countries = films.lists["countries"].to_pylist()
    histories = past.histories(films)
    features = pd.DataFrame(
        {
            **frame[["tmdb_id", "release_year", "title", "release_date"]],
            "budget_usd": films.budget_usd,
            "runtime_minutes": frame["runtime_minutes"].where(frame["runtime_minutes"] >= 1),
            "release_month": date.dt.month.astype("int64"),
            "release_day_of_year": date.dt.dayofyear.astype("int64"),
            "release_weekday": date.dt.weekday.astype("int64"),
            "genres": _objects([names or [] for names in films.lists["genres"].to_pylist()]),
            "main_country": _objects([codes[0] if codes else None for codes in countries]),
            "original_language": frame["original_language"],
            "is_us_production": ["US" in (codes or []) for codes in countries],
            "is_in_english": _is_in_english(films),
            "us_certification": frame["us_certification"],
            "is_sequel": histories["collection_films_before"] > 0,
            **_title_facts(frame["title"]),
            **histories,
            "revenue_usd": frame["revenue_usd"],
            "is_unit_suspect": films.is_unit_suspect,
            "is_labelled": films.is_labelled,
            **dict.fromkeys(OUTCOME_COLUMNS, np.nan),
            "is_settled": False,
            "features_code_version": FEATURES_CODE_VERSION,
        }
    )
    return features[FEATURES.column_names].sort_values("tmdb_id", ignore_index=True)


def _is_in_english(films: FilmFacts) -> np.ndarray:
    """Whether English is spoken or the original language."""
    spoken = ["en" in (codes or []) for codes in films.lists["spoken_languages"].to_pylist()]
    original = films.frame["original_language"].eq("en").to_numpy(bool)
    return np.array(spoken, dtype=bool) | original


def _title_facts(titles: pd.Series) -> dict[str, Any]:
    """What a title says by itself."""
    return {
        "is_numbered_title": np.array([is_numbered(title) for title in titles], dtype=bool),
        "has_subtitle": np.array([has_subtitle(title) for title in titles], dtype=bool),
        "title_words": np.array([len((title or "").split()) for title in titles], dtype=np.int64),
    }


def _objects(values: list[Any]) -> pd.Series:
    return pd.Series(values, dtype=object)


def add_outcomes(
    features: pd.DataFrame, ratings: pd.DataFrame, flags: pd.DataFrame, audience: pd.DataFrame
) -> pd.DataFrame:
    """Put what is only known after release beside the features, as outcomes.

    Args:
        features: Rows of `build_features`.
        ratings: `omdb_ratings` rows with `tmdb_id`, `imdb_rating`, `imdb_votes` and `metascore`.
        flags: `frozen_flags` rows with `tmdb_id` and `is_frozen`.
        audience: `tmdb_details` rows with `tmdb_id`, `vote_count`, `vote_average` and
            `popularity`.

    Returns:
        The same rows with `OUTCOME_COLUMNS` and `is_settled` filled; unknown is NaN. Without a
        vote there is no rating: TMDB says 0.
    """
    # A film whose imdb id was corrected has two rows: the latest answer is about the right one.
    latest = ratings.sort_values("fetched_at") if "fetched_at" in ratings else ratings
    rating = latest.drop_duplicates("tmdb_id", keep="last").set_index("tmdb_id")
    of_tmdb = audience.set_index("tmdb_id")
    has_votes = pd.to_numeric(of_tmdb["vote_count"]) > 0
    known = {
        "outcome_vote_count": of_tmdb["vote_count"],
        "outcome_popularity": of_tmdb["popularity"],
        "outcome_tmdb_rating": of_tmdb["vote_average"].where(has_votes),
        "outcome_imdb_rating": rating["imdb_rating"],
        "outcome_imdb_votes": rating["imdb_votes"],
        "outcome_metascore": rating["metascore"],
    }
    ids = features["tmdb_id"]
    outcomes = {
        name: ids.map(pd.to_numeric(column)).astype(float) for name, column in known.items()
    }
    settled = flags.set_index("tmdb_id")["is_frozen"]
    return features.assign(**outcomes, is_settled=ids.map(settled).eq(True))
