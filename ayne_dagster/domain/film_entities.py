"""Who and what a film shares with other films: people, companies, genres, its series, and so on.

Lives here: from the lists and texts of films to ids that can be compared. Not here: what earlier
films with the same ids had earned (`point_in_time_history.py`).
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from ayne_dagster.domain.point_in_time_history import FilmEntities

if TYPE_CHECKING:
    from ayne_dagster.domain.film_facts import FilmFacts

CAST_CONSIDERED = 5
"""Billing positions whose history counts."""

COMPANIES_WITH_GENRES = 5
"""So many companies of a film are asked what they made of its genres."""

PEOPLE_YEARS = 5
MARKET_YEARS = 3
"""How long an outcome says something: of people and companies, and of genres and countries."""

NOT_RATED = "NR"
"""A missing certification is taken for one nobody gave: whether a volunteer typed it in must not
say anything by itself (`MODEL_FACTS`)."""

_NOT_RATED_WORDS = ("", "NR", "UR", "Not Rated", "Unrated", "N/A")

_SEQUEL_NUMBER = re.compile(
    r"(?:\s+(?:part|chapter|vol|volume|episode))?\s+"
    r"(?:\d{1,2}|ii|iii|iv|v|vi|vii|viii|ix|x|two|three|four|2d|3d)$"
)


@dataclass(frozen=True)
class EntityKind:
    """A kind of entity whose track record is a feature.

    Attributes:
        name: First word of its columns.
        words: What it is, as the contract's columns say it.
        of: The entities of some films.
        window_years: How long an outcome says something about the present.
        prior_films: As how many films the usual outcome counts.
    """

    name: str
    words: str
    of: Callable[["FilmFacts"], FilmEntities]
    window_years: int = PEOPLE_YEARS
    prior_films: float = 2.0

    @property
    def window_days(self) -> int:
        """The window in days."""
        return 365 * self.window_years


def entity_kinds() -> tuple[EntityKind, ...]:
    """Every kind, in the order of the columns; chosen in `docs/model_recipe.md`."""
    market = {"window_years": MARKET_YEARS, "prior_films": 5.0}
    return (
        EntityKind("company", "companies", _listed("company_ids")),
        EntityKind("director", "directors", _listed("director_ids")),
        EntityKind("writer", "writers", _listed("writer_ids")),
        EntityKind("cast", "first five cast members", _listed("cast_ids", CAST_CONSIDERED)),
        EntityKind("people", "directors, writers and first five cast members, as one", _people),
        EntityKind("collection", "collection", _collections),
        EntityKind("series", "series, as its title tells it", _series),
        EntityKind("genre", "genres", _texts("genres"), **market),
        EntityKind("country", "producing countries", _texts("countries"), **market),
        EntityKind("language", "spoken languages", _texts("spoken_languages"), **market),
        EntityKind("certification", "US certification", _certifications, **market),
        EntityKind("company_genre", "first five companies in its genres", _companies_in_genres),
    )


def certifications(texts: pd.Series) -> pd.Series:
    """US certifications with one word for all that say nobody gave one."""
    known = texts.astype(object).where(texts.notna(), "")
    return known.where(~known.isin(_NOT_RATED_WORDS), NOT_RATED)


def series_of(title: str | None) -> str | None:
    """What is left of a title without what tells its sequels apart: "Rocky" of "Rocky IV".

    Number, "Part 2", and what follows a colon or a dash are left out; None for no title.
    """
    if not title:
        return None
    return _SEQUEL_NUMBER.sub("", _main_title(title)) or None


def is_numbered(title: str | None) -> bool:
    """Whether the title ends in a number of a sequel: "Rocky IV", "Toy Story 3", "Part Two"."""
    return bool(title) and _SEQUEL_NUMBER.search(_main_title(str(title))) is not None


def has_subtitle(title: str | None) -> bool:
    """Whether something follows a colon or a dash."""
    return bool(title) and _main_title(str(title)) != _plain_title(str(title))


def _plain_title(title: str) -> str:
    plain = re.sub(r"[’'.,!?]", "", title.lower().replace("&", "and"))
    return re.sub(r"\s+", " ", re.sub(r"\s[-–]\s", ": ", plain)).strip()


def _main_title(title: str) -> str:
    return _plain_title(title).split(":")[0].strip()


def _listed(column: str, most: int | None = None) -> Callable[["FilmFacts"], FilmEntities]:
    """Entities of a column of id lists."""
    return lambda films: FilmEntities.of_lists(films.lists[column], most)


def _texts(column: str) -> Callable[["FilmFacts"], FilmEntities]:
    """Entities of a column of text lists."""
    return lambda films: FilmEntities.of_lists(_hashed_lists(films.lists[column]))


def _people(films: "FilmFacts") -> FilmEntities:
    parts = [
        FilmEntities.of_lists(films.lists["director_ids"]),
        FilmEntities.of_lists(films.lists["writer_ids"]),
        FilmEntities.of_lists(films.lists["cast_ids"], CAST_CONSIDERED),
    ]
    at = np.concatenate([part.films for part in parts])
    ids = np.concatenate([part.ids for part in parts])
    order = np.argsort(at, kind="stable")
    return FilmEntities.of_pairs(at[order], ids[order])


def _collections(films: "FilmFacts") -> FilmEntities:
    return FilmEntities.of_ids(films.frame["collection_id"].to_numpy())


def _series(films: "FilmFacts") -> FilmEntities:
    titles = films.frame["title"]
    series = np.array([series_of(title) or "" for title in titles], dtype=object)
    at = np.flatnonzero(series != "")
    return FilmEntities(at.astype(np.int64), _hash(series[at]))


def _certifications(films: "FilmFacts") -> FilmEntities:
    words = certifications(films.frame["us_certification"]).to_numpy(object)
    return FilmEntities(np.arange(len(words), dtype=np.int64), _hash(words))


def _companies_in_genres(films: "FilmFacts") -> FilmEntities:
    """Each company of a film with each of its genres; an id of both."""
    companies = FilmEntities.of_lists(films.lists["company_ids"], COMPANIES_WITH_GENRES)
    genres = FilmEntities.of_lists(_hashed_lists(films.lists["genres"]))
    starts = np.searchsorted(genres.films, companies.films)
    counts = np.searchsorted(genres.films, companies.films, side="right") - starts
    within = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    genre_ids = genres.ids[np.repeat(starts, counts) + within]
    company_ids = np.repeat(companies.ids, counts)
    mixed = (company_ids.view(np.uint64) * np.uint64(0x9E3779B97F4A7C15)).view(np.int64) ^ genre_ids
    return FilmEntities(np.repeat(companies.films, counts), mixed)


def _hashed_lists(lists: pa.ListArray) -> pa.ListArray:
    """Lists of texts as lists of ids; NULL stays NULL."""
    # The lists may be a slice: only their own values are hashed.
    texts = lists.flatten().to_numpy(zero_copy_only=False)
    lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])
    ids = pa.array(_hash(texts.astype(object)))
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), ids)


def _hash(texts: np.ndarray) -> np.ndarray:
    """Ids of texts, the same in every process; int64 of their shape."""
    if not len(texts):
        return np.empty(0, np.int64)
    return pd.util.hash_array(texts, categorize=True).view(np.int64)


ENTITY_KINDS = entity_kinds()
