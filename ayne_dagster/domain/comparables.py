"""Earlier films that are most like a film, with what they earned: a forecast people can check.

Lives here: the space in which films are near or far, and the nearest ones. It is no part of the
model: its weights are chosen, not learned, and nothing in it is known only after release.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ayne_dagster.domain.amounts import dollars_in_words
from ayne_dagster.domain.number_columns import as_floats

COMPARABLES = 5

WEIGHTS: dict[str, float] = {
    "budget": 2.0,
    "genres": 2.0,
    "franchise": 1.5,
    "company record": 1.0,
    "runtime": 0.5,
    "release year": 0.5,
}
"""How far films are apart in each respect: numbers per standard deviation of the earlier films,
genres from all in common (0) to none (1.4), franchise as sequel or not. Budget and genre first,
as people in the trade choose their comparables; a decade costs about as little as half an hour."""

_ROWS_AT_ONCE = 1_000
_ROUNDING = 1e-9
_DIGITS = 6
"""Between equal points the root of the rounding is left, up to 1e-6."""


@dataclass(frozen=True)
class Comparable:
    """An earlier film that is like another.

    Attributes:
        tmdb_id: Its id.
        title: Its title; None where unknown.
        release_year: Its release year.
        revenue_usd: What it earned worldwide, US dollars.
        distance: How unlike it is; 0 is the same in all respects.
    """

    tmdb_id: int
    title: str | None
    release_year: str
    revenue_usd: float
    distance: float

    def __str__(self) -> str:
        """`The Splintered Mainspring (2019): $45.2m`."""
        name = self.title or f"TMDB {self.tmdb_id}"
        return f"{name} ({self.release_year}): {dollars_in_words(self.revenue_usd)}"


def nearest_films(
    films: pd.DataFrame, earlier: pd.DataFrame, *, most: int = COMPARABLES
) -> list[list[Comparable]]:
    """The earlier films nearest to each film.

    Args:
        films: `features` rows.
        earlier: `features` rows with an outcome, all released before the films.
        most: How many each film gets, at most.

    Returns:
        For each film its comparables, the nearest first; of equal ones that with the smaller id.
    """
    if films.empty or earlier.empty:
        return [[] for _ in range(len(films))]
    earlier = earlier.sort_values("tmdb_id", ignore_index=True)
    space = _Space.of(earlier)
    known, asked = space.place(earlier), space.place(films)
    rows, found = _Rows.of(earlier), list[list[Comparable]]()
    for first in range(0, len(asked), _ROWS_AT_ONCE):
        squared = _squared_distances(asked[first : first + _ROWS_AT_ONCE], known)
        found.extend([rows.comparable(*near) for near in _nearest(one, most)] for one in squared)
    return found


@dataclass(frozen=True)
class _Rows:
    """What is told of the earlier films, as plain values: looked up a few thousand times."""

    ids: list[int]
    titles: list[Any]
    years: list[str]
    revenues: list[float]

    @classmethod
    def of(cls, earlier: pd.DataFrame) -> "_Rows":
        return cls(
            earlier["tmdb_id"].astype("int64").tolist(),
            earlier["title"].astype(object).tolist(),
            earlier["release_year"].astype(str).tolist(),
            earlier["revenue_usd"].astype(float).tolist(),
        )

    def comparable(self, at: int, distance: float) -> Comparable:
        title = self.titles[at]
        return Comparable(
            self.ids[at],
            title if isinstance(title, str) else None,
            self.years[at],
            self.revenues[at],
            distance,
        )


@dataclass(frozen=True)
class _Space:
    """Scales of the earlier films, so that films of any year are placed alike."""

    scales: dict[str, tuple[float, float]]
    genres: tuple[str, ...]

    @classmethod
    def of(cls, earlier: pd.DataFrame) -> "_Space":
        numbers = _numbers(earlier)
        scales = {}
        for name, values in numbers.items():
            known = values[~np.isnan(values)]
            mean, spread = (known.mean(), known.std()) if len(known) else (0.0, 0.0)
            scales[name] = (float(mean), float(spread) if spread > 0 else 1.0)
        named = sorted({name for names in earlier["genres"] for name in names})
        return cls(scales, tuple(named))

    def place(self, films: pd.DataFrame) -> np.ndarray:
        """Films as points, shape (films, dimensions).

        What is unknown lies in the middle; a dimension of its own keeps it apart from what is.
        """
        columns: list[np.ndarray] = []
        for name, values in _numbers(films).items():
            mean, spread = self.scales[name]
            is_known = ~np.isnan(values)
            columns.append(np.where(is_known, (values - mean) / spread, 0.0) * WEIGHTS[name])
            columns.append(is_known * WEIGHTS[name])
        columns.append(films["is_sequel"].astype(bool).to_numpy(float) * WEIGHTS["franchise"])
        return np.column_stack([*columns, _genre_points(films["genres"], self.genres)])


def _numbers(films: pd.DataFrame) -> dict[str, np.ndarray]:
    """The respects that are numbers, shape (films,) each; unknown is NaN."""
    with np.errstate(divide="ignore", invalid="ignore"):
        budget_log = np.log(as_floats(films["budget_usd"]))
    return {
        "budget": budget_log,
        "runtime": as_floats(films["runtime_minutes"]),
        "company record": as_floats(films["company_history_log"]),
        "release year": pd.to_datetime(films["release_date"]).dt.year.to_numpy(float),
    }


def _genre_points(genres: Sequence[Any] | pd.Series, known: Sequence[str]) -> np.ndarray:
    """Genres as points of equal length, so that a film of five is as far from others as of one."""
    place = {name: index for index, name in enumerate(known)}
    points = np.zeros((len(genres), len(known)))
    for row, names in enumerate(genres):
        places = sorted({place[name] for name in names if name in place})
        if places:
            points[row, places] = WEIGHTS["genres"] / np.sqrt(len(places))
    return points


def _squared_distances(asked: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Squared distances of shape (asked, known); the last bits depend on how many are asked."""
    return (asked**2).sum(axis=1)[:, None] + (known**2).sum(axis=1)[None, :] - 2 * asked @ known.T


def _nearest(squared: np.ndarray, most: int) -> list[tuple[int, float]]:
    """Places and distances of the nearest, ascending; of equal ones the earlier place first."""
    limit = np.partition(squared, most - 1)[most - 1] if len(squared) > most else np.inf
    within = np.flatnonzero(squared <= limit + _ROUNDING)
    distances = np.round(np.sqrt(np.maximum(squared[within], 0.0)), _DIGITS)
    order = np.argsort(distances, kind="stable")[:most]
    return [(int(within[at]), float(distances[at])) for at in order]
