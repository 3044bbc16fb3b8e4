"""Rows of a Letterboxd export: what they hold, and how their odd values are read.

Lives here: the typed rows and the values in them. Not here: the files (`letterboxd_export.py`).
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any


@dataclass(frozen=True)
class Problem:
    """Something that could not be read; the rest was.

    Attributes:
        file: Name inside the export.
        words: What is wrong.
        row: Which data row, from 1; None: the whole file.
    """

    file: str
    words: str
    row: int | None = None


@dataclass(frozen=True)
class ExportedFilm:
    """A film on one of the member's own lists (watched, ratings, watchlist, likes).

    Attributes:
        film_uri: Letterboxd's address of the film; joins these files with each other.
        name: Title at Letterboxd.
        year: Release year at Letterboxd; None where it has none.
        logged_on: Day of the entry; for `watched` no day of a viewing.
        rating: 0.5-5 in halves; None: not rated.
    """

    film_uri: str
    name: str
    year: int | None
    logged_on: date | None
    rating: float | None = None


@dataclass(frozen=True)
class DiaryEntry:
    """One viewing or review.

    Attributes:
        entry_key: Names the entry, also in a later export: its address, or a hash where it has
            none. Never the film's address, whatever it looks like.
        film_uri: The film's, found by name and year among the other files; None: not found, or
            several films of that name and year.
        name: Title at Letterboxd.
        year: Release year at Letterboxd; None where it has none.
        logged_on: Day it was written down.
        watched_on: Day the film was seen.
        rating: 0.5-5 in halves; None: not rated.
        is_rewatch: Whether it was seen before.
        tags: The member's tags.
        review: The review as written, with its line ends and tags; private.
    """

    entry_key: str
    film_uri: str | None
    name: str
    year: int | None
    logged_on: date | None
    watched_on: date | None
    rating: float | None
    is_rewatch: bool
    tags: tuple[str, ...]
    review: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ListedFilm:
    """A film on a list the member made.

    Attributes:
        list_file: The list's file name without its ending.
        position: Place on the list, from 1.
        film_uri: Letterboxd's address of the film.
        name: Title at Letterboxd.
        year: Release year at Letterboxd; None where it has none.
    """

    list_file: str
    position: int
    film_uri: str
    name: str
    year: int | None


@dataclass(frozen=True)
class RawRow:
    """Values of a row, read tolerantly: what is odd is unknown and told.

    Attributes:
        file: Name inside the export.
        number: Which data row, from 1.
        values: Texts by column.
        problems: Where what is odd is noted.
    """

    file: str
    number: int
    values: Mapping[str, str]
    problems: list[Problem]

    def complain(self, words: str) -> None:
        """Note a problem of this row."""
        self.problems.append(Problem(self.file, words, self.number))

    def year(self) -> int | None:
        """Its release year."""
        return self._read("Year", lambda text: int(date(int(text), 1, 1).year))

    def day(self, column: str) -> date | None:
        """A day of it."""
        return self._read(column, date.fromisoformat)

    def rating(self) -> float | None:
        """Its rating: 0.5-5 in halves."""
        return self._read("Rating", _halves)

    def _read(self, column: str, convert: Callable[[str], Any]) -> Any:
        text = self.values[column]
        if not text:
            return None
        try:
            return convert(text)
        except ValueError:
            self.complain(f"{column} {text[:40]!r} is unknown")
            return None


def _halves(text: str) -> float:
    stars = float(text)
    if stars * 2 not in range(1, 11):
        raise ValueError("not 0.5-5 in halves")
    return stars


def entry_hash(row: Mapping[str, str], seen: dict[str, int]) -> str:
    """A key of an entry without an address: its row, and which of several equal ones it is."""
    content = "\x1f".join(f"{name}={row[name]}" for name in sorted(row))
    seen[content] = seen.get(content, 0) + 1
    return hashlib.sha256(f"{content}\x1f{seen[content]}".encode()).hexdigest()[:16]
