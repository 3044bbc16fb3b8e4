"""The catalogue: every film of the sandbox, as columns for searching and records for answering.

Columns are arrays in one order (release day, then id; films without a date come first), so that
a window of dates is a slice. Where films come from is the business of the makers next door.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ayne_dagster.sandbox.film_records import Credits, Film, Keyword, Rating
from ayne_dagster.sandbox.reference_data import GENRES

GENRE_BIT: dict[int, int] = {genre_id: 1 << place for place, genre_id in enumerate(GENRES)}
# Records kept ready per kind; a record is some hundred bytes.
_RECORDS_KEPT = 16_384

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class FilmSource(Protocol):
    """Builds the records of one film on request; `row` is its place in the columns."""

    def film(self, row: int) -> Film:
        """Return the film itself."""
        ...

    def credits(self, row: int) -> Credits:
        """Return its cast and crew."""
        ...

    def keywords(self, row: int) -> tuple[Keyword, ...]:
        """Return its keywords."""
        ...

    def rating(self, row: int) -> Rating | None:
        """Return what OMDb knows, None when OMDb does not know the film."""
        ...


@dataclass(frozen=True)
class FilmColumns:
    """What searching and sorting needs, one element per film.

    `release_day` is a proleptic ordinal (`date.toordinal`), 0 for films without a date, and is
    ascending. `revenue_usd` and `vote_count` are as of the catalogue's day; the `final_` columns
    are what they grow to. `vote_average` is the opinion of those who will have voted.
    """

    id: Ints
    release_day: Ints
    runtime: Ints
    genre_bits: Ints
    popularity: Floats
    vote_average: Floats
    vote_count: Ints
    final_vote_count: Ints
    revenue_usd: Ints
    final_revenue_usd: Ints
    language: NDArray[np.str_]
    has_rating: NDArray[np.bool_]
    title: Sequence[str]
    original_title: Sequence[str]
    imdb_id: Sequence[str | None]


class Catalogue:
    """All films of a sandbox.

    Args:
        columns: the searchable columns.
        source: builds a film's records.
        as_of: the day the numbers of the columns belong to.
        seed: makes every later change reproducible.
    """

    def __init__(self, columns: FilmColumns, source: FilmSource, *, as_of: date, seed: int) -> None:
        self.columns = columns
        self.as_of = as_of
        self.seed = seed
        self._source = source
        self._row_by_id = {film_id: row for row, film_id in enumerate(columns.id.tolist())}
        self._row_by_imdb_id: dict[str, int] = {}
        for row, imdb_id in enumerate(columns.imdb_id):
            if imdb_id is not None:
                # Two films may claim one imdb id; the first keeps it, as a lookup needs one.
                self._row_by_imdb_id.setdefault(imdb_id, row)
        keep = lru_cache(maxsize=_RECORDS_KEPT)
        self.film: Callable[[int], Film] = keep(source.film)
        self.keywords: Callable[[int], tuple[Keyword, ...]] = keep(source.keywords)

    def __len__(self) -> int:
        return len(self.columns.id)

    def credits(self, row: int) -> Credits:
        """Return the cast and crew of the film in `row`."""
        return self._source.credits(row)

    def rating(self, row: int) -> Rating | None:
        """Return what OMDb knows of the film in `row`."""
        return self._source.rating(row)

    def row_of(self, reference: str) -> int | None:
        """Return the row for a TMDB id ("550") or an imdb id ("tt0137523"), None if unknown."""
        if reference.startswith("tt"):
            return self._row_by_imdb_id.get(reference)
        return self._row_by_id.get(int(reference)) if reference.isdecimal() else None

    def rows_released(self, first_day: int, last_day: int) -> slice:
        """Return the rows with a date from `first_day` to `last_day` (ordinals, inclusive)."""
        days = self.columns.release_day
        return slice(
            int(np.searchsorted(days, max(first_day, 1), side="left")),
            int(np.searchsorted(days, last_day, side="right")),
        )

    @cached_property
    def latest_row(self) -> int:
        """Row of the film with the highest id."""
        return int(np.argmax(self.columns.id))

    @cached_property
    def folded_titles(self) -> list[str]:
        """Titles for comparing without regard to case, both forms on one line."""
        return [
            title.casefold() if title == original else f"{title}\n{original}".casefold()
            for title, original in zip(self.columns.title, self.columns.original_title, strict=True)
        ]

    @cached_property
    def rows_by_folded_title(self) -> dict[str, list[int]]:
        """Exact title without regard to case -> rows."""
        rows: dict[str, list[int]] = {}
        for row, title in enumerate(self.columns.title):
            rows.setdefault(title.casefold(), []).append(row)
        return rows

    @cached_property
    def title_rank(self) -> Ints:
        """Place of each film in the order of titles."""
        return _ranks([title.casefold() for title in self.columns.title])

    @cached_property
    def original_title_rank(self) -> Ints:
        """Place of each film in the order of original titles."""
        return _ranks([title.casefold() for title in self.columns.original_title])

    @cached_property
    def _rows_by_genre(self) -> dict[int, Ints]:
        bits, by_votes = self.columns.genre_bits, self.rows_by_votes
        return {genre: by_votes[(bits[by_votes] & bit) != 0] for genre, bit in GENRE_BIT.items()}

    @cached_property
    def rows_by_votes(self) -> Ints:
        """All rows, most votes first."""
        return np.lexsort((self.columns.id, -self.columns.final_vote_count))

    def rows_of_genre(self, genre_id: int) -> Ints:
        """Return the rows of all films of a genre, most votes first."""
        return self._rows_by_genre.get(genre_id, np.empty(0, dtype=np.int64))


def genre_bits(genre_ids: Sequence[int]) -> int:
    """Return the set of genres as bits; unknown genres are left out."""
    bits = 0
    for genre_id in genre_ids:
        bits |= GENRE_BIT.get(genre_id, 0)
    return bits


def _ranks(names: list[str]) -> Ints:
    """Return the place of each name in sorted order (stable for equal names)."""
    order = sorted(range(len(names)), key=names.__getitem__)
    ranks = np.empty(len(names), dtype=np.int64)
    ranks[order] = np.arange(len(names))
    return ranks
