"""How `features` rows become the numeric matrix the revenue model sees.

Lives here: encodings, learned from training films and kept as plain JSON values. Not here: the
estimator (`revenue_model.py`), and which columns are allowed at all (`features.py`).
"""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from ayne_dagster.domain.features import MODEL_INPUT_COLUMNS, reject_post_release_columns

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

CODED_COLUMNS: tuple[str, ...] = ("main_country", "original_language", "us_certification")
"""Columns of a few texts, coded by how frequent each text is among the training films."""

MINIMUM_FILMS_PER_CODE = 10
"""A country, language or certification seen less often is "other": a code of its own would let
the trees remember single films."""

PLAIN_COLUMNS: tuple[str, ...] = (
    "runtime_minutes",
    "release_month",
    "release_day_of_year",
    "release_weekday",
    "is_sequel",
    "collection_films_before",
    "company_history_log",
    "director_history_log",
    "cast_history_log",
    "collection_history_log",
)
"""Columns the matrix takes as they are."""


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
        """Encode films for the estimator.

        Args:
            features: Rows with at least `MODEL_INPUT_COLUMNS`; further columns are not looked at.

        Returns:
            Float64 frame of shape (films, inputs) with the same columns for every model; unknown
            is NaN. Texts the training films did not have share one code beyond the known ones.

        Raises:
            KeyError: An input column is missing.
            PostReleaseInputError: An input is known only after release.
        """
        inputs = features.loc[:, list(MODEL_INPUT_COLUMNS)]
        columns: dict[str, np.ndarray] = {
            "budget_log": np.log(_numbers(inputs["budget_usd"])),
            "release_year_number": pd.to_datetime(inputs["release_date"]).dt.year.to_numpy(float),
        }
        for name in PLAIN_COLUMNS:
            columns[name] = _numbers(inputs[name])
        for name in CODED_COLUMNS:
            columns[f"{name}_code"] = _codes(inputs[name], self.codes[name])
        genres = [set(names) for names in inputs["genres"]]
        for genre in GENRES:
            name = "is_" + genre.lower().replace(" ", "_")
            columns[name] = np.array([genre in named for named in genres], dtype=float)
        matrix = pd.DataFrame(columns, index=features.index, dtype=float)
        reject_post_release_columns(matrix)
        return matrix


def _numbers(column: pd.Series) -> np.ndarray:
    """A column of numbers or booleans, nullable or object, as floats."""
    return pd.to_numeric(column).to_numpy(dtype=np.float64, na_value=np.nan)


def _codes(column: pd.Series, known: list[str]) -> np.ndarray:
    """Position of each text among the known ones, their number for other texts, NaN for none."""
    position = {text: float(code) for code, text in enumerate(known)}
    other = float(len(known))
    return np.array(
        [np.nan if pd.isna(text) else position.get(text, other) for text in column], dtype=float
    )
