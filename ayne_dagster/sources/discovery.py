"""Walking TMDB's discover: every film of a span of days, in windows small enough to see all of.

Lives here: splitting, drift, and the record of what could not be seen. Not here: how a page is
asked for (`tmdb.py`). Source of the limits: `docs/services.md`, "discover/movie".

Films without a release date match no window; they are known from the lists alone.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from ayne_dagster.sources.http_client import Answer
from ayne_dagster.sources.languages import TMDB_LANGUAGES
from ayne_dagster.sources.tmdb_payloads import MoviePage
from ayne_dagster.sources.tmdb_rows import listed_row

logger = logging.getLogger(__name__)

LAST_PAGE = 500
"""The last page TMDB gives; beyond is HTTP 400 code 22, so it is never asked for."""
MOST_PAGES = 450
"""Windows with more are split: 50 pages of headroom for what is added during the walk."""
_TOLERATED_GAP = 0.001
_MOST_VOTES = 10_000_000

AskPage = Callable[[dict[str, Any]], Awaitable[Answer[MoviePage]]]


@dataclass(frozen=True)
class DiscoverWalk:
    """What a walk saw.

    Attributes:
        rows: One row a film, for `discovered_movies`, without `release_year`.
        windows: Windows walked, split ones not counted.
        requests: Requests sent, retries included.
        films_reported: Films TMDB said there are.
        films_seen: Different films seen.
        is_truncated: A limit cut the walk short: not all pages were asked for.
        gap: Reported and not seen, never below 0.
    """

    rows: list[dict[str, Any]]
    windows: int
    requests: int
    films_reported: int
    films_seen: int
    is_truncated: bool
    gap: int


@dataclass(frozen=True)
class Window:
    """What is asked for at once: days, and where one day is too much, a language and votes."""

    first_day: date
    last_day: date
    min_votes: int = 0
    max_votes: int | None = None
    language: str | None = None

    def params(self, page: int, sort_by: str = "primary_release_date.asc") -> dict[str, Any]:
        """The query of one page, without `region`: it would change what the date means."""
        params: dict[str, Any] = {
            "include_adult": "false",
            "include_video": "false",
            "sort_by": sort_by,
            "primary_release_date.gte": self.first_day.isoformat(),
            "primary_release_date.lte": self.last_day.isoformat(),
            "page": page,
        }
        if self.language is not None:
            params["with_original_language"] = self.language
        if self.min_votes > 0:
            params["vote_count.gte"] = self.min_votes
        if self.max_votes is not None:
            params["vote_count.lte"] = self.max_votes
        return params

    def parts(self, languages: Sequence[str]) -> list["Window"]:
        """Smaller windows that make up this one; none when it cannot be split any further."""
        days = (self.last_day - self.first_day).days
        if days > 0:
            middle = self.first_day + timedelta(days=days // 2)
            return [
                replace(self, last_day=middle),
                replace(self, first_day=middle + timedelta(days=1)),
            ]
        if self.language is None:
            return [replace(self, language=language) for language in languages]
        middle_votes = self._middle_votes()
        if middle_votes is None:
            return []
        return [
            replace(self, max_votes=middle_votes),
            replace(self, min_votes=middle_votes + 1),
        ]

    def _middle_votes(self) -> int | None:
        """Where the votes are split: most films have very few, so an open range is cut low."""
        if self.max_votes is None:
            return self.min_votes * 4 if self.min_votes < _MOST_VOTES else None
        if self.max_votes <= self.min_votes:
            return None
        return (self.min_votes + self.max_votes) // 2


class DiscoverWalker:
    """One walk over a span of days.

    Args:
        ask_page: Sends one query. Whatever it raises ends the walk: a page that failed is not
            left out, the walk has failed.
        max_pages: Pages it may ask for; None: all. See `walk`.
        max_window_pages: Windows with more pages are split; lower it to test with few films.
        languages: By which a single day is split.
    """

    def __init__(
        self,
        ask_page: AskPage,
        *,
        max_pages: int | None = None,
        max_window_pages: int = MOST_PAGES,
        languages: Sequence[str] = TMDB_LANGUAGES,
    ) -> None:
        if max_pages is not None and max_pages < 1:
            raise ValueError(f"max_pages is {max_pages}; give at least 1, or None for all")
        self._ask_page = ask_page
        self._max_pages = max_pages
        self._max_window_pages = min(max_window_pages, LAST_PAGE)
        self._languages = languages
        self._rows: dict[int, dict[str, Any]] = {}
        self._requests = 0
        self._pages = 0
        self._windows = 0
        self._reported = 0
        self._is_truncated = False

    async def walk(self, window: Window) -> DiscoverWalk:
        """Walk it, in date order, everything; or with few pages allowed, the best known films.

        A cap is a choice of films: in date order it would be January's, so a walk that may ask
        for no more than one window's pages sorts by popularity and stays one window.
        """
        if self._max_pages is not None and self._max_pages <= self._max_window_pages:
            await self._walk_best_known(window, self._max_pages)
        else:
            await self._walk_all(window)
        seen = len(self._rows)
        return DiscoverWalk(
            rows=list(self._rows.values()),
            windows=self._windows,
            requests=self._requests,
            films_reported=self._reported,
            films_seen=seen,
            is_truncated=self._is_truncated,
            gap=max(self._reported - seen, 0),
        )

    async def _walk_best_known(self, window: Window, max_pages: int) -> None:
        first = await self._page(window, 1, "popularity.desc")
        last = min(first.total_pages, max_pages)
        await self._walk_pages(window, first, last, "popularity.desc")

    async def _walk_all(self, window: Window) -> int:
        """Walk a window, in parts where it is too large; the films TMDB reported for it."""
        if self._pages_left() == 0:
            self._is_truncated = True
            return 0
        first = await self._page(window, 1)
        if first.total_pages <= self._max_window_pages:
            return await self._walk_pages(window, first, first.total_pages)
        parts = window.parts(self._languages)
        if not parts:
            return await self._walk_pages(window, first, min(first.total_pages, LAST_PAGE))
        before = self._reported
        for part in parts:
            await self._walk_all(part)
        unreported = first.total_results - (self._reported - before)
        is_by_language = window.language is None and parts[0].language is not None
        if is_by_language and unreported > 0:
            # Films of a language nobody listed: they exist, and no part of the walk reaches them.
            self._reported += unreported
            self._is_truncated = self._is_truncated or unreported > _tolerance(first.total_results)
        return self._reported - before

    async def _walk_pages(
        self, window: Window, first: MoviePage, last: int, sort_by: str = "primary_release_date.asc"
    ) -> int:
        """Walk a window's pages, and once more where films moved between pages meanwhile."""
        self._windows += 1
        seen: set[int] = set()
        reported = await self._once(window, first, last, sort_by, seen)
        is_whole = last >= min(first.total_pages, LAST_PAGE) and not self._is_truncated
        if is_whole and len(seen) < reported - _tolerance(reported) and last < LAST_PAGE:
            logger.info(
                "discover %s..%s: %d of %d films seen, walking once more",
                window.first_day,
                window.last_day,
                len(seen),
                reported,
            )
            if self._pages_left() != 0:
                again = await self._page(window, 1, sort_by)
                last = min(again.total_pages, LAST_PAGE)
                reported = await self._once(window, again, last, sort_by, seen)
        self._reported += reported
        return reported

    async def _once(
        self, window: Window, first: MoviePage, last: int, sort_by: str, seen: set[int]
    ) -> int:
        """All pages of a window at the same time; the total its last page reports."""
        left = self._pages_left()
        until = last if left is None else min(last, left + 1)
        if until < first.total_pages:
            self._is_truncated = True
        pages = [
            first,
            *await _all_or_none([self._page(window, n, sort_by) for n in range(2, until + 1)]),
        ]
        seen.update(movie.id for page in pages for movie in page.results)
        return pages[-1].total_results

    async def _page(
        self, window: Window, number: int, sort_by: str = "primary_release_date.asc"
    ) -> MoviePage:
        self._pages += 1
        answer = await self._ask_page(window.params(number, sort_by))
        self._requests += answer.tries
        for movie in answer.value.results:
            # The first sight stays: a film met again on the next page is the same film.
            self._rows.setdefault(
                movie.id,
                {
                    **listed_row(movie),
                    "sources": ["discover"],
                    "first_seen_at": answer.answered_at,
                    "last_seen_at": answer.answered_at,
                },
            )
        return answer.value

    def _pages_left(self) -> int | None:
        return None if self._max_pages is None else max(self._max_pages - self._pages, 0)


def _tolerance(reported: int) -> int:
    """Films that may be missing without a second walk: one in a thousand, none of a small window.

    Pages are served from caches of different ages, so a large window is hardly ever whole.
    """
    return int(reported * _TOLERATED_GAP)


async def _all_or_none(asks: list[Awaitable[MoviePage]]) -> list[MoviePage]:
    """All pages in order; the first failure cancels the others and is raised."""
    tasks = [asyncio.ensure_future(ask) for ask in asks]
    try:
        return list(await asyncio.gather(*tasks))
    except BaseException:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        raise
