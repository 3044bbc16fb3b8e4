"""How `features` rows become the numbers the revenue model sees.

Lives here: the matrix of the trees, with encodings learned from training films and kept as plain
JSON values, and what is made of it for the linear part. Not here: the estimators
(`forecast_parts.py`, `linear_part.py`), and which columns are allowed at all (`features.py`).
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from ayne_dagster.domain.features import (
    HISTORY_COLUMNS,
    MODEL_INPUT_COLUMNS,
    reject_post_release_columns,
)
from ayne_dagster.domain.film_entities import certifications
from ayne_dagster.domain.number_columns import as_floats
from ayne_dagster.domain.price_index import log_price_level

GENRES: tuple[str, ...] = (
    "Action",
    "Adventure",
    "Animation",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Family",
    "Fantasy",
    "History",
    "Horror",
    "Music",
    "Mystery",
    "Romance",
    "Science Fiction",
    "TV Movie",
    "Thriller",
    "War",
    "Western",
)
"""TMDB's film genres (`GET /genre/movie/list`); others are ignored, so the matrix never changes."""

CODED_COLUMNS: tuple[str, ...] = ("main_country", "original_language")
"""Columns of a few texts, coded by how frequent each text is among the training films."""

CERTIFICATION_LEVELS: dict[str, float] = {
    **dict.fromkeys(("G", "TV-Y", "TV-Y7", "TV-Y7-FV", "TV-G"), 0.0),
    **dict.fromkeys(("PG", "TV-PG", "GP", "M", "M/PG", "Approved", "Passed"), 1.0),
    **dict.fromkeys(("PG-13", "TV-14"), 2.0),
    **dict.fromkeys(("R", "TV-MA", "MA-17"), 3.0),
    **dict.fromkeys(("NC-17", "X"), 4.0),
}
"""Who may see it, from all to adults only; any other word is `NOT_RATED_LEVEL`."""

NOT_RATED_LEVEL = 5.0

MINIMUM_FILMS_PER_CODE = 10
"""A country or language seen less often is "other": a code of its own would let the trees remember
single films."""

PLAIN_COLUMNS: tuple[str, ...] = (
    "runtime_minutes",
    "release_month",
    "release_day_of_year",
    "release_weekday",
    "is_us_production",
    "is_in_english",
    "is_sequel",
    "collection_films_before",
    "is_numbered_title",
    "has_subtitle",
    "title_words",
    *HISTORY_COLUMNS,
)
"""Columns the matrix takes as they are."""

TYPED_BY_THE_CROWD: tuple[str, ...] = tuple(
    f"{kind}_history_" for kind in ("genre", "country", "language")
)
"""Track records of what every film has: a film without any is one whose field nobody has filled."""

BUDGET_COLUMN = "budget_log"

USUAL_MINUTES, _MINUTES = 105.0, (40.0, 240.0)
_HARMONICS = (1, 2, 3)
_DAYS_OF_YEAR = 365.25


@dataclass(frozen=True)
class InputEncoding:
    """The learned part of the preprocessing: plain lists, so it is stored as JSON.

    Attributes:
        codes: Per coded column the known texts, the most frequent first (its code is 0).
    """

    codes: dict[str, list[str]]

    @classmethod
    def learn(cls, features: pd.DataFrame) -> "InputEncoding":
        """Learn the codes from training films; ties are settled by the alphabet."""
        codes: dict[str, list[str]] = {}
        for name in CODED_COLUMNS:
            counts = features[name].dropna().value_counts()
            frequent = counts[counts >= MINIMUM_FILMS_PER_CODE]
            # A stable sort by frequency after one by text: ties are in alphabetical order.
            by_text = frequent.sort_index()
            codes[name] = by_text.sort_values(ascending=False, kind="stable").index.to_list()
        return cls(codes)

    def as_description(self) -> dict[str, Any]:
        """The encoding as JSON-able values."""
        return asdict(self)

    @classmethod
    def from_description(cls, description: dict[str, Any]) -> "InputEncoding":
        """The inverse of `as_description`.

        Raises:
            KeyError: A coded column is not described.
        """
        return cls({name: [str(t) for t in description["codes"][name]] for name in CODED_COLUMNS})

    def matrix(self, features: pd.DataFrame) -> pd.DataFrame:
        """Encode films for the trees.

        Args:
            features: Rows with at least `MODEL_INPUT_COLUMNS`; further columns are not looked at.

        Returns:
            Float64 frame of shape (films, inputs) with the same columns for every model. A missing
            budget and a track record nobody has yet are NaN; other unknown facts are usual ones.
            Texts the training films did not have share one code beyond the known ones.
            Dollars are constant ones.

        Raises:
            KeyError: An input column is missing.
            PostReleaseInputError: An input is known only after release.
        """
        inputs = features.loc[:, list(MODEL_INPUT_COLUMNS)]
        years = release_years_of(inputs)
        certification = certifications(inputs["us_certification"])
        columns: dict[str, np.ndarray] = {
            BUDGET_COLUMN: np.log(as_floats(inputs["budget_usd"])) - log_price_level(years),
            "release_year_number": years.astype(float),
            "certification_level": np.array(
                [CERTIFICATION_LEVELS.get(word, NOT_RATED_LEVEL) for word in certification],
                dtype=float,
            ),
            "is_for_television": certification.str.startswith("TV-").to_numpy(float),
        }
        for name in PLAIN_COLUMNS:
            columns[name] = as_floats(inputs[name])
            if name.startswith(TYPED_BY_THE_CROWD):
                # That nobody typed them must not be seen: no record is the usual one.
                columns[name] = np.nan_to_num(columns[name])
        # As of texts: that nobody typed the running time must not be seen.
        columns["runtime_minutes"] = np.nan_to_num(columns["runtime_minutes"], nan=USUAL_MINUTES)
        for name in CODED_COLUMNS:
            columns[f"{name}_code"] = _codes(inputs[name], self.codes[name])
        genres = [set(names) for names in inputs["genres"]]
        for genre in GENRES:
            name = "is_" + genre.lower().replace(" ", "_")
            columns[name] = np.array([genre in named for named in genres], dtype=float)
        matrix = pd.DataFrame(columns, index=features.index, dtype=float)
        reject_post_release_columns(matrix)
        return matrix


def release_years_of(features: pd.DataFrame) -> np.ndarray:
    """Calendar years of release, int64 of shape (films,)."""
    return pd.to_datetime(features["release_date"]).dt.year.to_numpy(np.int64)


def linear_inputs(matrix: pd.DataFrame) -> pd.DataFrame:
    """What a linear rule can use of the trees' matrix, without the budget.

    Args:
        matrix: Frame of `InputEncoding.matrix`.

    Returns:
        Float64 frame without NaN, same rows: no history is a usual one (0), counts are logs, the
        season is a curve, each level of certification has its column.
    """
    columns: dict[str, np.ndarray] = {}
    for name in matrix.columns:
        values = matrix[name].to_numpy(float)
        if name.endswith("_history_films") or name == "collection_films_before":
            columns[name] = np.log1p(np.nan_to_num(values))
        elif name.endswith("_log") and name != BUDGET_COLUMN:
            columns[name] = np.nan_to_num(values)
        elif name.startswith(("is_", "has_")) or name in ("release_year_number", "title_words"):
            columns[name] = values
    minutes = np.clip(matrix["runtime_minutes"].to_numpy(float), *_MINUTES)
    columns["minutes"], columns["minutes_squared"] = minutes, (minutes - USUAL_MINUTES) ** 2
    turn = 2 * np.pi * matrix["release_day_of_year"].to_numpy(float) / _DAYS_OF_YEAR
    for times in _HARMONICS:
        columns[f"season_sine_{times}"] = np.sin(times * turn)
        columns[f"season_cosine_{times}"] = np.cos(times * turn)
    level = matrix["certification_level"].to_numpy(float)
    for number in range(int(NOT_RATED_LEVEL) + 1):
        columns[f"certification_is_{number}"] = (level == number).astype(float)
    return pd.DataFrame(columns, index=matrix.index, dtype=float)


def _codes(column: pd.Series, known: list[str]) -> np.ndarray:
    """Position of each text among the known ones, their number for other texts and for none.

    That a field is empty says where a row came from, and in a mixed catalogue that predicts revenue
    by itself (`MODEL_FACTS`): trees would give NaN a branch of its own.
    """
    position = {text: float(code) for code, text in enumerate(known)}
    other = float(len(known))
    return np.array(
        [other if pd.isna(text) else position.get(text, other) for text in column], dtype=float
    )
