"""Which films a TMDB query finds, and in which order: discover, the lists, trending, search.

Rows in, rows out; pages, bodies and errors of other kinds are built elsewhere. Unknown
parameters are ignored, as the service does.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ayne_dagster.sandbox.answers import TmdbError
from ayne_dagster.sandbox.catalogue import Ints, genre_bits
from ayne_dagster.sandbox.hashing import mix_array, uniform_array
from ayne_dagster.sandbox.world import World

NOW_PLAYING_DAYS = 42
UPCOMING_DAYS = 21
TOP_RATED_MIN_VOTES = 200
_RE_RELEASES = 3
_QUERIES_KEPT = 64
_LAST_DAY = date.max.toordinal()
_DEFAULT_SORT = "popularity.desc"


class FilmQueries:
    """Answers which rows match; keeps the last orders found."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._catalogue = world.catalogue
        self._found: OrderedDict[tuple[object, ...], Ints] = OrderedDict()

    def discover(self, params: Mapping[str, str], day: int) -> Ints:
        """Return the rows of `discover/movie`, sorted.

        Raises:
            TmdbError: 23 when a date is not YYYY-MM-DD.
        """
        known = tuple((name, params[name]) for name in _DISCOVER_PARAMS if params.get(name))
        key = ("discover", known, self._world.effective_day(day))
        if key not in self._found:
            self._keep(key, self._discover(dict(known), day))
        return self._found[key]

    def named_list(self, name: str, day: int) -> Ints:
        """Return the rows of popular, top_rated, now_playing or upcoming, sorted."""
        key = (name, day, self._world.effective_day(day))
        if key not in self._found:
            self._keep(key, self._named_list(name, day))
        return self._found[key]

    def trending(self, window: str, day: int) -> Ints:
        """Return all rows in the order of a day's or a week's attention."""
        turn = day if window == "day" else day // 7
        key = ("trending", window, turn, self._world.effective_day(day))
        if key not in self._found:
            columns = self._catalogue.columns
            luck = uniform_array(self._catalogue.seed, 301, columns.id, turn)
            score = self._world.numbers(day).popularity * (0.4 + luck)
            self._keep(key, np.lexsort((columns.id, -score)))
        return self._found[key]

    def search(self, text: str, year: str | None, day: int) -> Ints:
        """Return rows whose title holds `text`, exact titles first, then by popularity."""
        folded = text.casefold().strip()
        titles = self._catalogue.folded_titles
        rows = np.array([r for r, title in enumerate(titles) if folded in title], dtype=np.int64)
        if year is not None and year.isdecimal():
            span = self._catalogue.rows_released(*_year_days(int(year)))
            rows = rows[(rows >= span.start) & (rows < span.stop)]
        is_exact = np.array([titles[r].split("\n")[0] == folded for r in rows.tolist()], dtype=bool)
        popularity = self._world.numbers(day).popularity[rows]
        return rows[np.lexsort((rows, -popularity, ~is_exact))] if len(rows) else rows

    def changed(self, first_day: int, last_day: int) -> tuple[Ints, list[int]]:
        """Return the rows edited in the window (inclusive) and ids that are gone."""
        days = range(first_day, last_day + 1)
        rows = [self._world.rows_edited_on(day) for day in days]
        gone = sorted({film_id for day in days for film_id in self._world.gone_ids_on(day)})
        found = np.unique(np.concatenate(rows)) if rows else np.empty(0, dtype=np.int64)
        # The feed has no order of its own; a fixed shuffle keeps clients from relying on one.
        order = np.argsort(mix_array(self._catalogue.seed, 302, self._catalogue.columns.id[found]))
        return found[order], gone

    def _keep(self, key: tuple[object, ...], rows: Ints) -> None:
        self._found[key] = rows
        if len(self._found) > _QUERIES_KEPT:
            self._found.popitem(last=False)

    def _discover(self, params: Mapping[str, str], day: int) -> Ints:
        columns, numbers = self._catalogue.columns, self._world.numbers(day)
        window = _date_window(params)
        span = slice(0, len(self._catalogue)) if window is None else self._window(*window)
        keep = np.ones(span.stop - span.start, dtype=bool)
        for name, values in (
            ("with_runtime", columns.runtime),
            ("vote_count", numbers.vote_count),
            ("vote_average", numbers.vote_average),
        ):
            low, high = _number(params, f"{name}.gte"), _number(params, f"{name}.lte")
            if low is not None:
                keep &= values[span] >= low
            if high is not None:
                keep &= values[span] <= high
        if "with_original_language" in params:
            wanted = params["with_original_language"].split("|")
            keep &= np.isin(columns.language[span], wanted)
        if "with_genres" in params:
            keep &= _has_genres(columns.genre_bits[span], params["with_genres"])
        if "without_genres" in params:
            keep &= ~_has_genres(columns.genre_bits[span], params["without_genres"])
        rows = np.flatnonzero(keep) + span.start
        return rows[self._order(rows, params.get("sort_by", _DEFAULT_SORT), day)]

    def _window(self, first_day: int, last_day: int) -> slice:
        span = self._catalogue.rows_released(first_day, last_day)
        return slice(span.start, max(span.start, span.stop))

    def _order(self, rows: Ints, sort_by: str, day: int) -> Ints:
        """Return the order of `rows`; films with equal values follow their ids."""
        columns, numbers = self._catalogue.columns, self._world.numbers(day)
        field, _, direction = sort_by.partition(".")
        values: dict[str, NDArray[Any]] = {
            "popularity": numbers.popularity,
            "revenue": numbers.revenue_usd,
            "primary_release_date": columns.release_day,
            "vote_average": numbers.vote_average,
            "vote_count": numbers.vote_count,
        }
        if field == "title":
            values[field] = self._catalogue.title_rank
        elif field == "original_title":
            values[field] = self._catalogue.original_title_rank
        if field not in values or direction not in ("asc", "desc"):
            field, direction = "popularity", "desc"
        key = values[field][rows]
        # Votes break ties of catalogues that do not know a popularity.
        tie = (columns.id[rows], -numbers.vote_count[rows])
        return np.lexsort((*tie, -key if direction == "desc" else key))

    def _named_list(self, name: str, day: int) -> Ints:
        numbers = self._world.numbers(day)
        if name == "popular":
            rows = np.arange(len(self._catalogue))
        elif name == "top_rated":
            rows = np.flatnonzero(numbers.vote_count >= TOP_RATED_MIN_VOTES)
            if len(rows) < 2 * 20:
                rows = np.flatnonzero(numbers.vote_count > 0)
            return rows[self._order(rows, "vote_average.desc", day)]
        else:
            span = self._window(*list_window(name, day))
            rows = np.arange(span.start, span.stop)
            if name == "now_playing":
                # Old films return to the cinemas, so not every date lies in the window.
                old = np.flatnonzero(self._catalogue.columns.release_day < day - 3_650)
                rows = np.concatenate(
                    [rows, old[np.argsort(-numbers.vote_count[old])][:_RE_RELEASES]]
                )
        return rows[self._order(rows, _DEFAULT_SORT, day)]


def list_window(name: str, day: int) -> tuple[int, int]:
    """Return the first and last day (ordinals) of now_playing and upcoming."""
    if name == "now_playing":
        return day - NOW_PLAYING_DAYS, day
    return day, day + UPCOMING_DAYS


def parse_day(text: str) -> int:
    """Return the ordinal of a YYYY-MM-DD date.

    Raises:
        TmdbError: 23 for anything else.
    """
    try:
        if len(text) == 10:
            return date.fromisoformat(text).toordinal()
    except ValueError:
        pass
    raise TmdbError(23)


def _date_window(params: Mapping[str, str]) -> tuple[int, int] | None:
    """Return the narrowest window the date parameters ask for, None without any."""
    first, last = 1, _LAST_DAY
    is_asked = False
    for prefix in ("primary_release_date", "release_date"):
        if f"{prefix}.gte" in params:
            first, is_asked = max(first, parse_day(params[f"{prefix}.gte"])), True
        if f"{prefix}.lte" in params:
            last, is_asked = min(last, parse_day(params[f"{prefix}.lte"])), True
    for name in ("primary_release_year", "year"):
        if params.get(name, "").isdecimal():
            low, high = _year_days(int(params[name]))
            first, last, is_asked = max(first, low), min(last, high), True
    return (first, last) if is_asked else None


def _year_days(year: int) -> tuple[int, int]:
    if not 1 <= year <= date.max.year:
        return 1, 0
    return date(year, 1, 1).toordinal(), date(year, 12, 31).toordinal()


def _number(params: Mapping[str, str], name: str) -> float | None:
    try:
        return float(params[name]) if name in params else None
    except ValueError:
        return None


def _has_genres(bits: Ints, wanted: str) -> NDArray[np.bool_]:
    """Tell which films have all genres of "1,2" or any of "1|2"."""
    ids = [int(part) for part in wanted.replace("|", ",").split(",") if part.isdecimal()]
    mask = genre_bits(ids)
    return (bits & mask) != 0 if "|" in wanted else (bits & mask) == mask


_DISCOVER_PARAMS = (
    "primary_release_date.gte", "primary_release_date.lte", "release_date.gte",
    "release_date.lte", "primary_release_year", "year", "with_runtime.gte", "with_runtime.lte",
    "vote_count.gte", "vote_count.lte", "vote_average.gte", "vote_average.lte",
    "with_original_language", "with_genres", "without_genres", "sort_by",
)  # fmt: skip
