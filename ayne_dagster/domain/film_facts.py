"""The facts of films that features are made of, with plain types, and which revenues are labels.

Lives here: from `tmdb_details` rows to arrays. Not here: the features (`features.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ayne_dagster.domain.budget_usual import beyond_budget
from ayne_dagster.domain.film_entities import ENTITY_KINDS
from ayne_dagster.domain.frame_check import ARROW_TYPES
from ayne_dagster.domain.number_columns import as_floats
from ayne_dagster.domain.point_in_time_history import (
    HISTORY_FACTS,
    FilmEntities,
    PastOutcomes,
    TrackRecords,
    films_before,
    history_columns_of,
    index_releases,
)
from ayne_dagster.domain.price_index import log_price_level
from ayne_dagster.domain.tables import TMDB_DETAILS

PAST_SOURCE_COLUMNS: tuple[str, ...] = (
    "tmdb_id",
    "release_year",
    "title",
    "status",
    "release_date",
    "budget_usd",
    "revenue_usd",
    "genres",
    "company_ids",
    "countries",
    "spoken_languages",
    "us_certification",
    "collection_id",
    "director_ids",
    "writer_ids",
    "cast_ids",
    "fetched_at",
)
"""The columns of `tmdb_details` that say what a film means for later ones."""

UNIT_MISTAKE_BELOW_USD = 1_000
"""Amounts of 1-999 dollars are millions or thousands typed as dollars; 76 of 24,274 real films."""

SETTLED_AFTER_DAYS = 180
"""Revenue read earlier than so long after release is a part of the outcome, and no label."""

BUDGET_MISSING_UP_TO_USD = 1_000
"""A budget up to here is a placeholder: taking it as missing gains .01 RMSLE (`MODEL_FACTS`)."""

_NUMBERS = ("runtime_minutes", "budget_usd", "revenue_usd")
_LISTS = (
    "genres",
    "company_ids",
    "countries",
    "spoken_languages",
    "director_ids",
    "writer_ids",
    "cast_ids",
)
_TEXTS = ("release_year", "title", "status", "original_language", "us_certification")


@dataclass(frozen=True)
class FilmFacts:
    """Dated films.

    Attributes:
        frame: Dates, numbers (unknown is NaN) and texts (unknown is None), one row per film.
        lists: List columns by name, one list per film; unknown is NULL.
    """

    frame: pd.DataFrame
    lists: dict[str, pa.ListArray]

    @classmethod
    def of(cls, details: pd.DataFrame, columns: Sequence[str]) -> "FilmFacts":
        """Take the dated films of `details`.

        Args:
            details: Rows as DuckDB, Arrow or plain Python give them.
            columns: The columns wanted, all of `PAST_SOURCE_COLUMNS` among them.

        Raises:
            ValueError: A column is missing, or a film is there twice.
        """
        missing = [name for name in columns if name not in details.columns]
        if missing:
            raise ValueError(f"details lack the columns {', '.join(missing)}")
        frame = details.loc[:, list(columns)]
        frame = frame[frame["release_date"].notna() & (frame["release_year"] != "undated")]
        frame = frame.reset_index(drop=True)
        if frame["tmdb_id"].duplicated().any():
            twice = frame.loc[frame["tmdb_id"].duplicated(), "tmdb_id"].head(5).tolist()
            raise ValueError(f"details hold films twice, for instance {twice}")
        lists = {name: _arrow_lists(frame[name], name) for name in _LISTS if name in columns}
        return cls(_plain(frame, columns), lists)

    def of_years(self, release_years: Sequence[str]) -> "FilmFacts":
        """The films of these years."""
        asked = self.frame["release_year"].isin(list(release_years)).to_numpy(bool)
        return FilmFacts(
            self.frame[asked].reset_index(drop=True),
            {name: lists.filter(pa.array(asked)) for name, lists in self.lists.items()},
        )

    @property
    def days(self) -> np.ndarray:
        """Release days, days since 1970-01-01, int64 of shape (films,)."""
        return self.frame["release_date"].to_numpy("datetime64[D]").astype(np.int64)

    @property
    def is_unit_suspect(self) -> np.ndarray:
        """Whether budget or revenue is too small to be dollars, shape (films,)."""
        return _is_unit_mistake(self.frame["budget_usd"].to_numpy()) | _is_unit_mistake(
            self.frame["revenue_usd"].to_numpy()
        )

    @property
    def is_labelled(self) -> np.ndarray:
        """Whether the film has an outcome that may be trained on, shape (films,)."""
        status = self.frame["status"]
        is_released = (status.isna() | (status == "Released")).to_numpy(bool)
        is_known = self.frame["revenue_usd"].to_numpy() >= UNIT_MISTAKE_BELOW_USD
        return is_known & ~self.is_unit_suspect & is_released & self._is_final

    @property
    def _is_final(self) -> np.ndarray:
        """Whether revenue was read so long after release that a film has earned nearly all it will.

        A figure read in the first weeks is a part of the outcome: as a label it would teach, and
        as history it would lend its people, a fraction of what the film came to.
        """
        read_at = self.frame["fetched_at"].dt.tz_localize(None)
        settled = self.frame["release_date"] + pd.Timedelta(days=SETTLED_AFTER_DAYS)
        return (read_at.isna() | (read_at >= settled)).to_numpy(bool)

    @property
    def budget_usd(self) -> np.ndarray:
        """Budgets in US dollars of the time, NaN for none, shape (films,)."""
        budget = self.frame["budget_usd"].to_numpy(float)
        return np.where(budget > BUDGET_MISSING_UP_TO_USD, budget, np.nan)

    @property
    def years(self) -> np.ndarray:
        """Calendar years of release, int64 of shape (films,)."""
        return self.frame["release_date"].dt.year.to_numpy(np.int64)

    @property
    def collections(self) -> FilmEntities:
        """The films' collections, at most one each."""
        return FilmEntities.of_ids(self.frame["collection_id"].to_numpy())


@dataclass(frozen=True)
class KnownPast:
    """What earlier films mean for later ones, for any later film.

    Films without a usable revenue and without a collection mean nothing, so they may be left out.

    Attributes:
        records: Track records by name of `ENTITY_KINDS`.
        collection_releases: When each collection's films were released.
    """

    records: dict[str, TrackRecords]
    collection_releases: PastOutcomes

    @classmethod
    def of(cls, films: FilmFacts) -> "KnownPast":
        """Learn from films, those asked about later among them."""
        years, days = films.years, films.days
        level = log_price_level(years)
        outcome = np.log1p(films.frame["revenue_usd"].to_numpy()) - level
        outcome = np.where(films.is_labelled, outcome, np.nan)
        beyond = beyond_budget(years, outcome, np.log(films.budget_usd) - level)
        records = {
            kind.name: TrackRecords.learn(
                kind.of(films),
                days,
                outcome,
                beyond,
                window_days=kind.window_days,
                prior_films=kind.prior_films,
            )
            for kind in ENTITY_KINDS
        }
        return cls(records, index_releases(films.collections, days))

    def histories(self, films: FilmFacts) -> dict[str, np.ndarray]:
        """The history columns of `features`, each of shape (films,)."""
        days, collections = films.days, films.collections
        columns = {
            "collection_films_before": films_before(self.collection_releases, collections, days)
        }
        for kind in ENTITY_KINDS:
            history = self.records[kind.name].history(kind.of(films), days)
            names = zip(history_columns_of(kind.name), HISTORY_FACTS, strict=True)
            columns |= {name: history[fact] for name, fact in names}
        return columns


def _plain(frame: pd.DataFrame, wanted: Sequence[str]) -> pd.DataFrame:
    """The columns that are no lists: numbers as floats, None for unknown texts."""
    columns: dict[str, Any] = {
        "tmdb_id": frame["tmdb_id"].astype("int64"),
        "release_date": pd.to_datetime(frame["release_date"]).astype("datetime64[us]"),
        "fetched_at": pd.to_datetime(frame["fetched_at"], utc=True),
        "collection_id": as_floats(frame["collection_id"]),
    }
    for name in (name for name in _NUMBERS if name in wanted):
        number = as_floats(frame[name])
        columns[name] = np.where(number > 0, number, np.nan)
    for name in (name for name in _TEXTS if name in wanted):
        text = frame[name].astype(object)
        columns[name] = text.where(text.notna() & (text != ""), None)
    return pd.DataFrame(columns, index=frame.index)


def _arrow_lists(column: pd.Series, name: str) -> pa.ListArray:
    """A list column as one Arrow array: no Python object per film, which a million would not fit.

    Columns of Arrow lists stay what they are; NULL may also be NaN or NA, as pandas likes it.
    """
    wanted = ARROW_TYPES[TMDB_DETAILS.column(name).type]
    if isinstance(column.dtype, pd.ArrowDtype):
        lists = pa.array(column.array)
    else:
        missing = column.isna().to_numpy()
        lists = pa.array(column.to_numpy(), type=wanted, mask=missing)
    return lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists


def _is_unit_mistake(amount_usd: np.ndarray) -> np.ndarray:
    """Whether an amount is known and too small to be dollars."""
    return (amount_usd > 0) & (amount_usd < UNIT_MISTAKE_BELOW_USD)
