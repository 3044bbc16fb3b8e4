"""The simulated world of `freshness`: real films, and what changes about them, day by day.

Lives here: reading the catalogue, drawing changes, what the change feed names. Not here: who asks
for what (`freshness_strategies.py`) and what it comes to (`freshness.py`).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import (
    NEW,
    OLD,
    SETTLING,
    UNDATED_BAND,
    UNRELEASED,
    YOUNG,
    age_bands,
)
from ayne_dagster.domain.tables.derived import AGE_BANDS

DAY_SECONDS = 86_400
CHANGES_PER_DAY = {
    UNRELEASED: 0.20,
    NEW: 0.20,
    YOUNG: 0.08,
    SETTLING: 0.04,
    OLD: 0.005,
    # Nobody has measured them: they share the chance of the band whose interval they share.
    UNDATED_BAND: 0.04,
}
"""Chance of a day that a film's stable fields change; of old films the mean, by share of votes."""
FILMS_NAMED_BY_FEED = (7_000, 12_000)
"""Films of all of TMDB that its feed names a day, 100 a page, however small the collection is."""
FEED_PAGE = 100


class CatalogueMissing(Exception):
    """The films of the catalogue are not where they were looked for."""


def read_films(catalogue: Path, most: int | None = None, seed: int = 0) -> pd.DataFrame:
    """The films of the catalogue.

    Args:
        catalogue: Folder with `movies.parquet` and `ratings.parquet`.
        most: So many drawn from all, the same for the same seed; None: all.
        seed: Of the draw.

    Returns:
        One row per film, sorted by `tmdb_id`: `release_date` (NaT: none), `imdb_id`, `popularity`,
        `vote_count`, and `has_ratings`: OMDb knows it.

    Raises:
        CatalogueMissing: A file is not there.
    """
    files = [catalogue / "movies.parquet", catalogue / "ratings.parquet"]
    for file in files:
        if not file.is_file():
            raise CatalogueMissing(
                f"there is no {file}: name the folder of the catalogue with --catalogue"
            )
    columns = ["tmdb_id", "imdb_id", "release_date", "popularity", "vote_count"]
    films = pd.read_parquet(files[0], columns=columns)
    known_to_omdb = pd.read_parquet(files[1], columns=["imdb_id"])["imdb_id"]
    films["release_date"] = pd.to_datetime(films["release_date"])
    films["has_ratings"] = films["imdb_id"].isin(known_to_omdb)
    if most is not None and most < len(films):
        films = films.sample(most, random_state=seed)
    return films.sort_values("tmdb_id", ignore_index=True)


@dataclass(frozen=True)
class Changes:
    """What changed at one source.

    Attributes:
        film: Row of each change's film, sorted, then by time.
        second: Its moment, seconds since the start.
        band: The film's age band on that day, as its place in `AGE_BANDS`.
    """

    film: np.ndarray
    second: np.ndarray
    band: np.ndarray


@dataclass(frozen=True)
class World:
    """Films and their changes.

    Attributes:
        start: The first midnight, UTC.
        days: How many days pass.
        films: As `read_films` returns them; all known from the first day.
        bands: Per day, the age band of each film, as its place in `AGE_BANDS`.
        changes: Per source, what changed. OMDb's, of films it knows, are as likely as TMDB's and
            independent of them.
        named: Per day, the rows of the known films TMDB's feed names.
        pages: Per day, the pages of the feed.
    """

    start: datetime
    days: int
    films: pd.DataFrame
    bands: list[np.ndarray]
    changes: dict[Source, Changes]
    named: list[np.ndarray]
    pages: list[int]

    @property
    def seconds(self) -> int:
        """How long the world lasts."""
        return self.days * DAY_SECONDS


def make_world(
    films: pd.DataFrame,
    start: date,
    days: int,
    *,
    seed: int,
    needless_names: float = 0.0,
) -> World:
    """Draw every change.

    Args:
        films: As `read_films` returns them.
        start: The first day.
        days: How many.
        seed: Of all draws; the same seed makes the same world.
        needless_names: The feed names as many films more, by this share, for edits of fields that
            are not stored.
    """
    begin = datetime(start.year, start.month, start.day, tzinfo=UTC)
    chance, bands = _chances(films, begin, days)
    sources = [np.random.default_rng([seed, number]) for number in range(4)]
    is_changed = {
        Source.TMDB: _drawn(chance, sources[0]),
        Source.OMDB: _drawn(chance, sources[1]) & films["has_ratings"].to_numpy(),
    }
    is_named = is_changed[Source.TMDB] | _drawn(
        np.minimum(chance * needless_names, 1.0), sources[2]
    )
    volumes = sources[3].integers(*FILMS_NAMED_BY_FEED, size=days, endpoint=True)
    return World(
        start=begin,
        days=days,
        films=films,
        bands=list(bands),
        changes={
            source: _changes(is_changed[source], bands, random)
            for source, random in zip(Source, sources, strict=False)
        },
        named=[np.flatnonzero(of_day) for of_day in is_named],
        pages=[int(-(-volume // FEED_PAGE)) for volume in volumes],
    )


def _chances(films: pd.DataFrame, start: datetime, days: int) -> tuple[np.ndarray, np.ndarray]:
    """Chance of a change and age band, by day and film.

    The chance of old films goes with their votes: few change often, most never, and their mean
    stays what it is.
    """
    votes = films["vote_count"].to_numpy(dtype=float)
    chance = np.empty((days, len(films)), dtype=np.float32)
    bands = np.empty((days, len(films)), dtype=np.int8)
    for day in range(days):
        of_day = age_bands(films["release_date"], start + timedelta(days=day)).to_numpy()
        bands[day] = pd.Categorical(of_day, AGE_BANDS).codes
        for band, share in CHANGES_PER_DAY.items():
            chance[day, of_day == band] = share
        is_old = of_day == OLD
        mean = votes[is_old].mean() if is_old.any() else 0.0
        if mean:
            chance[day, is_old] = np.minimum(CHANGES_PER_DAY[OLD] * votes[is_old] / mean, 1.0)
    return chance, bands


def _drawn(chance: np.ndarray, random: np.random.Generator) -> np.ndarray:
    return random.random(chance.shape, dtype=np.float32) < chance


def _changes(is_changed: np.ndarray, bands: np.ndarray, random: np.random.Generator) -> Changes:
    """The changes drawn, each at a moment of its day."""
    day, film = np.nonzero(is_changed)
    second = day * DAY_SECONDS + random.integers(0, DAY_SECONDS, size=len(day))
    order = np.lexsort((second, film))
    return Changes(film[order], second[order], bands[day, film][order])
