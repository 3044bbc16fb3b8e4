"""Walking TMDB's discover: every film of a span of days, although pages are no snapshot.

Lives here: which queries are sent, and the record of what could not be seen. Not here: the queries
(`discover_windows.py`), the films seen (`sightings.py`), how a page is asked for
(`discover_pages.py`). Source of the limits: `docs/services.md`, "discover/movie"; why it counts:
`docs/decisions/0021-discover-is-reconciled-by-counting.md`.

Films without a release date match no window; they are known from the lists alone.
"""

import logging
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from ayne_dagster.sources.all_or_none import all_or_none
from ayne_dagster.sources.discover_windows import Window
from ayne_dagster.sources.http_client import Answer
from ayne_dagster.sources.languages import TMDB_LANGUAGES
from ayne_dagster.sources.sightings import Sightings
from ayne_dagster.sources.tmdb_payloads import MoviePage

logger = logging.getLogger(__name__)

PAGE_SIZE = 20
LAST_PAGE = 500
"""The last page TMDB gives; beyond is HTTP 400 code 22, so it is never asked for."""
MOST_PAGES = 450
"""Windows with more are split: 50 pages of headroom for what is added during the walk."""
_FEW_PAGES = 10
"""The totals of so few pages can all be too low by chance, so such windows are read page-sized."""
_FILMS_A_PAGE = 15
"""Known films of a part that is to fit one page: five places are left for films not seen yet."""
_FILMS_AN_EVEN_PART = 12
"""The same where films are not known yet: most such parts fit a page although films cluster."""
_ROUNDS = 2
"""How often a number that does not add up is asked for before something surer is done."""
_WALKS = 4
"""How often a window is read that nothing can cut."""
_ANSWERS_BELIEVED = 6
"""Totals heard of such a window before the largest is believed."""
_LEAST_SEARCH = 40
"""A window is taken apart with at most so many requests and one per film: twice what it ever took,
and an end where a service does not heed a filter."""

AskPage = Callable[[dict[str, Any]], Awaitable[Answer[MoviePage]]]


@dataclass(frozen=True)
class DiscoverWalk:
    """What a walk saw.

    Attributes:
        rows: One row a film, for `discovered_movies`, without `release_year`.
        windows: Windows read to their end, split ones not counted.
        requests: Requests sent, retries included.
        pages_from_journal: Pages a killed walk had left, not asked for again.
        films_reported: Films TMDB said there are.
        films_seen: Different films seen.
        is_truncated: A limit cut the walk short: not all pages were asked for.
        gap: Reported and not seen, never below 0.
    """

    rows: list[dict[str, Any]]
    windows: int
    requests: int
    pages_from_journal: int
    films_reported: int
    films_seen: int
    is_truncated: bool
    gap: int


class PageFigures(NamedTuple):
    """What a page says of its window, and how many different films it shows."""

    total_results: int
    total_pages: int
    shown: int


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
        self._few_pages = min(_FEW_PAGES, self._max_window_pages)
        self._languages = languages
        self._seen = Sightings(0)
        self._requests = 0
        self._pages = 0
        self._recalled = 0
        self._windows = 0
        self._search_left = 0
        self._is_truncated = False

    async def walk(self, window: Window) -> DiscoverWalk:
        """Walk it, in date order, everything; or with few pages allowed, the best known films.

        A cap is a choice of films: in date order it would be January's, so a walk that may ask
        for no more than one window's pages sorts by popularity and stays one window.
        """
        self._seen = Sightings(window.min_votes)
        is_capped = self._max_pages is not None and self._max_pages <= self._max_window_pages
        sort_by = "popularity.desc" if is_capped else "primary_release_date.asc"
        first = await self._page(window, 1, sort_by)
        if first is None:
            raise RuntimeError("a walk without its first page")
        if first.total_results == 0:
            # A service in trouble has said 0 of a year full of films, and a walk is believed for
            # weeks. The same page again takes nothing from the pages allowed.
            self._pages -= 1
            first = await self._page(window, 1, sort_by) or first
        if is_capped:
            self._windows = 1
            missing = await self._read(window, first, sort_by) - self._seen.count(window)
        else:
            missing = await self._cover(window, first)
        seen = len(self._seen)
        reported = seen + max(missing, 0)
        if self._is_truncated:
            reported = max(reported, first.total_results)
        return DiscoverWalk(
            rows=self._seen.rows,
            windows=self._windows,
            requests=self._requests,
            pages_from_journal=self._recalled,
            films_reported=reported,
            films_seen=seen,
            is_truncated=self._is_truncated,
            gap=reported - seen,
        )

    async def _cover(self, window: Window, first: PageFigures) -> int:
        """See every film of a window; the films that are missing in the end."""
        missing = await self._on_one_page(window, first)
        if missing is not None:
            return missing
        if first.total_pages > self._max_window_pages:
            parts = window.parts(self._languages)
            if parts:
                return await self._cover_parts(window, first, parts)
        elif first.total_pages <= self._few_pages and window.days > 1:
            parts = window.evenly(math.ceil(first.total_results / _FILMS_AN_EVEN_PART))
            return sum(await all_or_none(self._cover_part(part) for part in parts))
        return await self._walk_pages(window, first)

    async def _cover_part(self, part: Window) -> int:
        first = await self._page(part, 1)
        return 0 if first is None else await self._cover(part, first)

    async def _cover_parts(self, window: Window, first: PageFigures, parts: list[Window]) -> int:
        """The parts of a window too large, one after the other: each has many pages itself."""
        missing = 0
        for part in parts:
            missing += await self._cover_part(part)
        unlisted = first.total_results - self._seen.count(window) - missing
        if window.language is None and parts[0].language is not None and unlisted > 0:
            # Films of a language nobody listed: they exist, and no part of the walk reaches them.
            self._is_truncated = True
            missing += unlisted
        return missing

    async def _on_one_page(self, window: Window, first: PageFigures) -> int | None:
        """Films missing of a window that fits one page with room to spare; None: it does not.

        Such a page is a snapshot. A full page is not: it cannot show that there was one film more.
        """
        if first.total_results >= PAGE_SIZE:
            return None
        self._windows += 1
        page: PageFigures | None = first
        for _ in range(_ROUNDS):
            if page is None or page.shown >= page.total_results:
                break
            page = await self._page(window, 1)
        return max((page or first).total_results - self._seen.count(window), 0)

    async def _walk_pages(self, window: Window, first: PageFigures) -> int:
        """Read a window's pages, then count."""
        self._windows += 1
        total = await self._read(window, first)
        missing = max(total - self._seen.count(window), 0)
        if first.total_pages > LAST_PAGE or self._pages_left() == 0:
            return missing
        if missing == 0 and first.total_pages > self._few_pages:
            return 0
        if missing:
            logger.info(
                "discover %s..%s: %d of %d films not seen yet, looking for them",
                window.first_day,
                window.last_day,
                missing,
                total,
            )
        self._search_left += _LEAST_SEARCH + total
        return await self._reconcile(window, total)

    async def _reconcile(self, window: Window, total: int) -> int:
        """Find the films that were counted and not seen; those that cannot be found.

        The window is cut into twice as many parts as films are missing, and each part's total is
        compared with the films seen in it: equal, it is whole; unequal, it is cut again. A total
        that nothing explains (a part said one too few, or the world moved) is tried once more;
        then the window is taken apart into pages.
        """
        for _ in range(_ROUNDS):
            seen = self._seen.count(window)
            missing = total - seen
            is_small = total <= self._few_pages * PAGE_SIZE
            # A part with a film missing costs about as much as four pages that are whole.
            if is_small or 8 * missing * _FILMS_A_PAGE >= seen:
                break
            if missing <= 0:
                return 0
            parts = self._seen.cut(window, math.ceil(seen / (2 * missing)))
            checked = await all_or_none(self._check(part) for part in parts)
            unexplained = total - self._seen.count(window) - sum(films for films, _ in checked)
            if parts and unexplained <= 0:
                return sum(lost for _, lost in checked)
        return await self._take_apart(window, total)

    async def _check(self, part: Window) -> tuple[int, int]:
        """Films of a part's total that were not seen even after looking, and those lost of them.

        They differ where the total was of another moment: what is on no page is not lost.
        """
        first = await self._page(part, 1)
        if first is None:
            return 0, 0
        lost = await self._on_one_page(part, first)
        if lost is None:
            is_whole = first.total_results <= self._seen.count(part)
            lost = 0 if is_whole else await self._reconcile(part, first.total_results)
        return max(first.total_results - self._seen.count(part), 0), lost

    async def _take_apart(self, window: Window, total: int) -> int:
        """Ask for the window in parts that fit a page each: certain, whatever the totals say."""
        parts = self._seen.cut(window, _FILMS_A_PAGE)
        if not parts:
            return await self._walk_again(window, total)
        lost = sum(await all_or_none(self._take_part(part) for part in parts))
        is_by_language = window.language is None and parts[0].language is not None
        if is_by_language and self._seen.count(window) + lost < total:
            return await self._walk_again(window, total)
        if self._search_left <= 0:
            return max(total - self._seen.count(window), 0)
        return lost

    async def _take_part(self, part: Window) -> int:
        self._search_left -= 1
        first = await self._page(part, 1) if self._search_left > 0 else None
        if first is None:
            return 0
        lost = await self._on_one_page(part, first)
        return await self._take_apart(part, first.total_results) if lost is None else lost

    async def _walk_again(self, window: Window, total: int) -> int:
        """Read what nothing can cut (one day, one number of votes, one language) until it adds up.

        Returns:
            Films still missing after a few walks.
        """
        answers = 0
        for _ in range(_WALKS):
            first = await self._page(window, 1) if self._search_left > 0 else None
            if first is None:
                break
            self._search_left -= first.total_pages
            total = max(total, await self._read(window, first))
            answers += first.total_pages
            if self._seen.count(window) >= total and answers >= _ANSWERS_BELIEVED:
                return 0
        return max(total - self._seen.count(window), 0)

    async def _read(
        self, window: Window, first: PageFigures, sort_by: str = "primary_release_date.asc"
    ) -> int:
        """All pages of a window at the same time; the largest total any of them reports."""
        last = min(first.total_pages, LAST_PAGE)
        left = self._pages_left()
        until = last if left is None else min(last, left + 1)
        if until < first.total_pages:
            self._is_truncated = True
        pages = await all_or_none(self._page(window, n, sort_by) for n in range(2, until + 1))
        return max(page.total_results for page in (first, *pages) if page is not None)

    async def _page(
        self, window: Window, number: int, sort_by: str = "primary_release_date.asc"
    ) -> PageFigures | None:
        """Ask for a page and take in its films; None where no more pages are allowed."""
        if self._pages_left() == 0:
            self._is_truncated = True
            return None
        self._pages += 1
        answer = await self._ask_page(window.params(number, sort_by))
        self._requests += answer.tries
        self._recalled += answer.tries == 0
        self._seen.add(window, answer)
        page = answer.value
        shown = len({movie.id for movie in page.results})
        # A total from another moment may say less than the pages it names can hold, or this one
        # shows: believed, it would settle a window whose next page was never looked at.
        least = max(shown, (page.total_pages - 1) * PAGE_SIZE + 1 if page.total_pages > 1 else 0)
        return PageFigures(max(page.total_results, least), page.total_pages, shown)

    def _pages_left(self) -> int | None:
        return None if self._max_pages is None else max(self._max_pages - self._pages, 0)
