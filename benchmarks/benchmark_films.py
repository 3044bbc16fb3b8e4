"""The benchmark's films in the shape of `tmdb_details`, so that the assets' own code measures.

Lives here: names become ids, texts become lists, the benchmark's population rule. Not here: models
and scores (`model.py`).
"""

import hashlib
import re
from pathlib import Path

import numpy as np
import pandas as pd

from ayne_dagster.domain.features import OUTCOME_COLUMNS, build_features
from ayne_dagster.domain.film_facts import BUDGET_MISSING_UP_TO_USD

FILMS_FILE = Path(__file__).resolve().parents[2] / "shared" / "model_benchmark" / "films.parquet"
POPULATION = "released 1950-2019, worldwide gross >= 1,000 US dollars, at least 200 TMDB votes"
MINIMUM_REVENUE_USD = 1_000

_LISTS = {
    "genres": "genre_names",
    "companies": "production_company_name",
    "countries": "production_country_name",
    "spoken_languages": "spoken_languages",
    "directors": "director",
    "writers": "writer",
    "cast_names": "actors",
}
_CODES = {"United States of America": "US", "English": "en"}
"""The features ask for these two by their codes; other names serve as codes of themselves."""

_OUTCOMES = {
    "outcome_vote_count": "tmdb_vote_count",
    "outcome_popularity": "tmdb_popularity",
    "outcome_tmdb_rating": "tmdb_vote_average",
    "outcome_imdb_rating": "imdb_rating",
    "outcome_imdb_votes": "imdb_votes",
    "outcome_metascore": "metascore",
}


def read_features(path: Path = FILMS_FILE) -> pd.DataFrame:
    """The films as `features` rows, outcomes beside them, made by the assets' own functions.

    Raises:
        FileNotFoundError: The benchmark's folder is not there.
    """
    films = pd.read_parquet(path)
    details = as_details(films)
    features = build_features(details, sorted(details["release_year"].unique()))
    outcomes = films.set_index("film_id")
    votes = outcomes["imdb_votes"].str.replace(",", "")
    known = outcomes.assign(imdb_votes=pd.to_numeric(votes, errors="coerce"))
    ids = features["tmdb_id"]
    return features.assign(**{name: ids.map(known[_OUTCOMES[name]]) for name in OUTCOME_COLUMNS})


def as_details(films: pd.DataFrame) -> pd.DataFrame:
    """The benchmark's rows as `tmdb_details` rows with what features are made of.

    A budget of up to 1,000 is left out before anything sees it, as the benchmark's protocol has
    it: otherwise the one film with such a budget would be quarantined and n were 1,860. The same
    goes for revenues below 1,000, which the population rule leaves out. There are no collections,
    and the original language is not told.
    """
    released = pd.to_datetime(films["release_date"])
    lists = {name: _split(films[column]) for name, column in _LISTS.items()}
    writers = [[re.sub(r"\s*\(.*?\)", "", name) for name in names] for names in lists["writers"]]
    return pd.DataFrame(
        {
            "tmdb_id": films["film_id"].astype("int64"),
            "release_year": released.dt.year.map("{:04d}".format),
            "title": films["title"],
            "status": "Released",
            "release_date": released.dt.date,
            "runtime_minutes": films["runtime_in_min"],
            "budget_usd": films["budget"].where(films["budget"] > BUDGET_MISSING_UP_TO_USD),
            "revenue_usd": films["revenue"].where(films["revenue"] >= MINIMUM_REVENUE_USD),
            "genres": _objects(lists["genres"]),
            "company_ids": _ids(lists["companies"]),
            "countries": _objects(_coded(lists["countries"])),
            "original_language": None,
            "spoken_languages": _objects(_coded(lists["spoken_languages"])),
            "us_certification": films["age_rating"],
            "collection_id": np.nan,
            "director_ids": _ids(lists["directors"]),
            "writer_ids": _ids([[name for name in names if name] for names in writers]),
            "cast_ids": _ids(lists["cast_names"]),
            "fetched_at": pd.NaT,
        }
    )


def _split(column: pd.Series) -> list[list[str]]:
    return [
        [name for name in (part.strip() for part in str(text).split(", ")) if name]
        if isinstance(text, str)
        else []
        for text in column
    ]


def _coded(lists: list[list[str]]) -> list[list[str]]:
    return [[_CODES.get(name, name) for name in names] for names in lists]


def _ids(lists: list[list[str]]) -> pd.Series:
    """Ids of names: the same name is the same person or company, which is not always so."""
    return _objects([[_id(name) for name in dict.fromkeys(names)] for names in lists])


def _id(name: str) -> int:
    return int.from_bytes(hashlib.blake2b(name.encode(), digest_size=7).digest(), "big")


def _objects(values: list) -> pd.Series:
    return pd.Series(values, dtype=object)
