"""The model of one release year: trained on the years before, scored on the year itself.

Lives here: the split at 1 January and the row of the `trained_model` table. A backfill over years
is the rolling-origin back-test. Not here: fitting and predicting (`revenue_model.py`).
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from ayne_dagster.domain.back_test import SCORE_COLUMNS, no_films, score_films, scores_of
from ayne_dagster.domain.baselines import baseline_parameters
from ayne_dagster.domain.features import MODEL_INPUT_COLUMNS
from ayne_dagster.domain.leaks import reject_leaks
from ayne_dagster.domain.number_columns import as_floats
from ayne_dagster.domain.revenue_model import (
    RevenueModel,
    fit_revenue_model,
    labelled_films,
    model_parameters,
)

POPULATION = "released before the year, worldwide gross >= 1,000 US dollars, no unit mistakes"
MINIMUM_FILMS = 50


@dataclass(frozen=True)
class YearModel:
    """What came of training for one release year.

    Attributes:
        year: The release year the model is for.
        status: One of the words of the TRAINED_MODEL contract.
        reason: The status in words.
        train_films: Labelled films released before the year.
        test_films: Labelled films of the year.
        scores: Every name of `SCORE_COLUMNS`; None where the score has no value.
        data_fingerprint: Hash of the training rows; None when there are too few.
        model: The model; None when there are too few films.
        predictions: Labelled films of the year, as `score_films` gives them. Empty unless scored.
    """

    year: int
    status: str
    reason: str
    train_films: int
    test_films: int
    scores: dict[str, float | None]
    data_fingerprint: str | None
    model: RevenueModel | None
    predictions: pd.DataFrame

    def contract_values(self) -> dict[str, Any]:
        """The TRAINED_MODEL row, without what is known only once the model is stored."""
        return {
            "release_year": f"{self.year:04d}",
            "status": self.status,
            "reason": self.reason,
            "population": POPULATION,
            "train_films": self.train_films,
            "test_films": self.test_films,
            **self.scores,
            "interval_factor": self.model.interval_factor if self.model else None,
            "data_fingerprint": self.data_fingerprint,
        }


def training_films(features: pd.DataFrame, year: int) -> pd.DataFrame:
    """The labelled films released before 1 January of the year, sorted by tmdb_id."""
    films = labelled_films(features)
    return films[films["release_date"] < pd.Timestamp(date(year, 1, 1))].reset_index(drop=True)


def films_with_outcome(features: pd.DataFrame, year: int) -> pd.DataFrame:
    """The labelled films of the year, sorted by tmdb_id."""
    return labelled_films(features[features["release_year"].astype(str) == f"{year:04d}"])


def training_fingerprint(features: pd.DataFrame, year: int) -> str:
    """The fingerprint `train_year` will give: says whether a stored model can be used again."""
    return data_fingerprint(training_films(features, year))


def outcomes_fingerprint(features: pd.DataFrame, year: int) -> str:
    """Hash of the films of the year that have an outcome: says whether its scores still hold.

    What decides the baselines is in it: their scores are stored beside the model's.
    Votes and ratings are left out, although the leak marker sees them: they move every day, and it
    would be fitted again for every year and run.
    """
    films = data_fingerprint(films_with_outcome(features, year))
    return _hash_of({"films": films, "baselines": baseline_parameters()})


def data_fingerprint(films: pd.DataFrame) -> str:
    """Hash of all that decides a model among its training rows, in 32 hexadecimal digits.

    Independent of the order of rows and columns, and of how a value is typed (Int64, float,
    NumPy array or list): the same films from a frame and from DuckDB give the same hash.

    Args:
        films: `features` rows with MODEL_INPUT_COLUMNS, tmdb_id and revenue_usd.
    """
    columns = ["tmdb_id", "revenue_usd", *MODEL_INPUT_COLUMNS]
    ordered = films.loc[:, columns].sort_values("tmdb_id", ignore_index=True)
    canonical: dict[str, pd.Series] = {}
    for name in columns:
        column = ordered[name]
        if name == "genres":
            canonical[name] = pd.Series(["|".join(sorted(names)) for names in column], dtype=object)
        elif name == "release_date":
            canonical[name] = pd.to_datetime(column).dt.strftime("%Y-%m-%d").astype(object)
        elif name in ("main_country", "original_language", "us_certification"):
            canonical[name] = column.astype(object).where(column.notna(), "")
        else:
            canonical[name] = pd.Series(as_floats(column))
    rows = pd.util.hash_pandas_object(pd.DataFrame(canonical), index=False, categorize=False)
    digest = hashlib.sha256(json.dumps(columns).encode())
    digest.update(rows.to_numpy("<u8").tobytes())
    return digest.hexdigest()[:32]


def parameters_hash(seed: int) -> str:
    """Hash of `model_parameters`: two runs that agree in it and in the data share a model."""
    return _hash_of(model_parameters(seed))


def _hash_of(values: dict[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def train_year(
    features: pd.DataFrame,
    year: int,
    *,
    seed: int,
    minimum_films: int = MINIMUM_FILMS,
    fitted: RevenueModel | None = None,
    fingerprint: str | None = None,
) -> YearModel:
    """Train the model of a release year and score it on that year.

    Args:
        features: `features` rows of the year and of all earlier years; later ones do no harm. Only
            films with an outcome are looked at.
        year: The release year.
        seed: Seed of everything random.
        minimum_films: With fewer labelled films before the year nothing is trained.
        fitted: A stored model of the same `training_fingerprint` and `parameters_hash`; it is
            scored instead of fitting again.
        fingerprint: `training_fingerprint` of these rows, where the caller has it already.

    Returns:
        The model with its scores; status and reason say what could be done.

    Raises:
        PostReleaseInputError: An input is known only after release, by its name or its values.
    """
    train = training_films(features, year)
    test = films_with_outcome(features, year)
    nothing: dict[str, float | None] = dict.fromkeys(SCORE_COLUMNS)
    if len(train) < minimum_films:
        reason = f"{len(train)} labelled films before {year}; {minimum_films} are needed"
        return YearModel(
            year, "too few films", reason, len(train), len(test), nothing, None, None, no_films()
        )
    reject_leaks(train)
    model = fitted or fit_revenue_model(train, seed=seed, origin=date(year, 1, 1))
    fingerprint = fingerprint or data_fingerprint(train)
    if test.empty:
        status, reason = "trained, no outcomes yet", f"no film of {year} has an outcome yet"
        predictions, scores = no_films(), nothing
    else:
        status = "scored"
        reason = f"trained on {len(train)} films before {year}, scored on {len(test)} of {year}"
        predictions = score_films(model, train, test, date(year, 1, 1), seed)
        scores = scores_of(predictions)
    reason += f"; {model.calibration_in_words}"
    return YearModel(
        year, status, reason, len(train), len(test), scores, fingerprint, model, predictions
    )
