"""TMDB: lists, discover, and films with everything about them in one request.

Lives here: what is asked for and in which order. Not here: how it is asked (`http_client.py`), how
discover is walked (`discovery.py`), how answers are read (`tmdb_payloads.py`, `tmdb_rows.py`).
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta
from types import TracebackType
from typing import Any, Self

import httpx
from pydantic import SecretStr

from ayne_dagster.domain.outcomes import FetchOutcome
from ayne_dagster.logs import log_context
from ayne_dagster.sources.credentials import tmdb_credential
from ayne_dagster.sources.discover_pages import JOURNAL_AGE, DiscoverPages
from ayne_dagster.sources.discover_windows import Window
from ayne_dagster.sources.discovery import MOST_PAGES, DiscoverWalk, DiscoverWalker
from ayne_dagster.sources.failures import (
    InvalidRequest,
    NotFound,
    NotModified,
    SourceError,
    UnusableAnswer,
)
from ayne_dagster.sources.fetch_result import FetchResult
from ayne_dagster.sources.http_client import Answer, RequestStats, ServiceClient
from ayne_dagster.sources.languages import TMDB_LANGUAGES
from ayne_dagster.sources.page_journal import PageJournal
from ayne_dagster.sources.request_budget import RequestBudget
from ayne_dagster.sources.retrying import RetryPolicy
from ayne_dagster.sources.tmdb_changes import ChangedFilms, read_day
from ayne_dagster.sources.tmdb_payloads import APPENDED, MovieDetails, MoviePage
from ayne_dagster.sources.tmdb_rows import details_row, listed_row

SERVICE = "tmdb"
DEFAULT_BASE_URL = "https://api.themoviedb.org/3"
LIST_PATHS: dict[str, str] = {
    "popular": "movie/popular",
    "top_rated": "movie/top_rated",
    "upcoming": "movie/upcoming",
    "now_playing": "movie/now_playing",
    "trending_week": "trending/movie/week",
}
_LAST_PAGE = 500


class TmdbClient:
    """Asks TMDB. Use it as an async context manager, in one event loop.

    Args:
        credential: A v3 key (32 hex digits) or an API Read Access Token; told apart by shape.
        base_url: TMDB's address, or the sandbox's, with `/3`.
        budget: Pace and quota, shared with everything else that asks.
        now: Clock, UTC.
        max_connections: Most requests at once; TMDB's staff named 20 connections per address.
        timeout_seconds: For connecting, and for each silence while reading.
        language: Of titles and texts (`en-US`).
        credential_setting: Name of the setting to correct when TMDB refuses the credential.
        policy: How stubborn.
        transport: Replaces the network in tests.
        sleep: Replaces waiting between tries in tests.
        journal: Keeps pages of discover, so that a walk that was killed can go on; None: it begins
            again.
        journal_age: Pages of the journal that are older are asked for again.
    """

    def __init__(
        self,
        *,
        credential: SecretStr,
        budget: RequestBudget,
        now: Callable[[], datetime],
        base_url: str = DEFAULT_BASE_URL,
        max_connections: int = 10,
        timeout_seconds: float = 30.0,
        language: str = "en-US",
        credential_setting: str = "tmdb.api_key",
        policy: RetryPolicy | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        sleep: Callable[[float], Awaitable[None]] | None = None,
        journal: PageJournal | None = None,
        journal_age: timedelta = JOURNAL_AGE,
    ) -> None:
        self._language = language
        self._journal = journal
        self._journal_age = journal_age
        self._http = ServiceClient(
            service=SERVICE,
            base_url=base_url,
            credential=tmdb_credential(credential),
            credential_setting=credential_setting,
            budget=budget,
            now=now,
            max_connections=max_connections,
            timeout_seconds=timeout_seconds,
            policy=policy,
            transport=transport,
            sleep=sleep,
        )

    @property
    def stats(self) -> RequestStats:
        """Requests sent so far, by what they came to."""
        return self._http.stats

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._http.aclose()

    async def movie_list(self, list_name: str, pages: int) -> list[dict[str, Any]]:
        """The first pages of a list, as rows of `movie_lists`.

        Pages are no snapshot: a film can appear on two of them. It keeps its first place, and the
        walk ends at a page without a new film (trending has been seen to repeat page 1).

        Args:
            list_name: One of `LIST_PATHS`.
            pages: Most pages asked for, 20 films each.

        Raises:
            ValueError: No such list.
            UnusableAnswer: A page that should have films had none, twice.
            SourceError: A page failed; the list is then unknown, not shorter.
        """
        if list_name not in LIST_PATHS:
            raise ValueError(f"no list {list_name!r}; there are {', '.join(LIST_PATHS)}")
        rows: dict[int, dict[str, Any]] = {}
        for number in range(1, min(pages, _LAST_PAGE) + 1):
            answer = await self._list_page(list_name, number)
            known = len(rows)
            for movie in answer.value.results:
                if movie.id not in rows:
                    rows[movie.id] = {
                        "list_name": list_name,
                        "position": len(rows) + 1,
                        **listed_row(movie),
                        "seen_at": answer.answered_at,
                    }
            if len(rows) == known or number >= answer.value.total_pages:
                break
        return list(rows.values())

    async def _list_page(self, list_name: str, number: int) -> Answer[MoviePage]:
        """A page of a list; one without films, which TMDB is known to send, is asked for again."""
        params = {"language": self._language, "page": number}
        answer = await self._http.ask(LIST_PATHS[list_name], params, MoviePage)
        if answer.value.results:
            return answer
        again = await self._http.ask(LIST_PATHS[list_name], params, MoviePage)
        pages, films = again.value.total_pages, again.value.total_results
        # A list of no films is one when it says so twice; one with a page before this is not.
        is_believed = films == 0 if number == 1 else films > 0 and number > pages
        if not again.value.results and not is_believed:
            words = f"list {list_name}: page {number} of {pages} came without films, twice"
            error = UnusableAnswer(SERVICE, words)
            error.tries, error.payload = answer.tries + again.tries, again.payload
            raise error
        return again

    async def discover_year(
        self, year: int, *, min_votes: int = 0, max_pages: int | None = None, **limits: Any
    ) -> DiscoverWalk:
        """Every film with a primary release date in that year; see `discover_window`."""
        return await self.discover_window(
            date(year, 1, 1),
            date(year, 12, 31),
            min_votes=min_votes,
            max_pages=max_pages,
            **limits,
        )

    async def discover_window(
        self,
        first_day: date,
        last_day: date,
        *,
        min_votes: int = 0,
        max_pages: int | None = None,
        max_window_pages: int = MOST_PAGES,
        languages: Sequence[str] = TMDB_LANGUAGES,
    ) -> DiscoverWalk:
        """Every film with a primary release date from one day to another, both included.

        Args:
            first_day: From.
            last_day: To.
            min_votes: Only films with at least so many votes.
            max_pages: Pages allowed; None: all. With a cap the best known films come first.
            max_window_pages: Windows with more pages are split.
            languages: By which a single day too large is split.

        Raises:
            ValueError: The days are in the wrong order.
            SourceError: A page failed, and so the walk.
        """
        if last_day < first_day:
            raise ValueError(f"the window ends ({last_day}) before it begins ({first_day})")
        pages = DiscoverPages(
            self._http, self._language, self._journal, self._http.now() - self._journal_age
        )
        walker = DiscoverWalker(
            pages.ask,
            max_pages=max_pages,
            max_window_pages=max_window_pages,
            languages=languages,
        )
        with log_context(service=SERVICE):
            return await walker.walk(Window(first_day, last_day, min_votes=min_votes))

    async def changed_films(self, day: date, *, names_films: bool) -> ChangedFilms:
        """Every film the change feed names for a day that is over; see `read_day`.

        Args:
            day: The day.
            names_films: Whether any other day named a film: an empty day is doubted then.

        Raises:
            SourceError: The day could not be read whole.
        """
        with log_context(service=SERVICE):
            return await read_day(self._http, day, names_films=names_films)

    async def movie(self, tmdb_id: int, *, etag: str | None = None) -> FetchResult:
        """A film with credits, keywords, videos, similar films, ids and releases: ONE request.

        A part that TMDB left out is asked for by itself.

        Args:
            tmdb_id: Which film.
            etag: `FetchResult.etag` of its last answer, to be asked with If-None-Match. That TMDB
                answers 304 is not confirmed; a service that does not gives the row as ever.

        Returns:
            A row of `tmdb_details` without `release_year`, `stable_fingerprint`, `changed_at` and
            `gone_at`; or `UNCHANGED`, `NOT_FOUND`, or `UNUSABLE` with the reason.

        Raises:
            BadCredential: The credential is refused.
            QuotaExhausted: The day is used up.
            InvalidRequest: The id is no id.
            ServiceUnavailable: No answer after all tries.
        """
        if tmdb_id < 1:
            raise InvalidRequest(SERVICE, f"{tmdb_id} is no TMDB id")
        with log_context(service=SERVICE, film=tmdb_id):
            params = {"language": self._language, "append_to_response": ",".join(APPENDED)}
            try:
                answer = await self._http.ask(f"movie/{tmdb_id}", params, MovieDetails, etag=etag)
            except NotModified as error:
                error.etag = error.etag or etag
                return self._without_row(tmdb_id, FetchOutcome.UNCHANGED, error)
            except NotFound as error:
                return self._without_row(tmdb_id, FetchOutcome.NOT_FOUND, error)
            except UnusableAnswer as error:
                return self._without_row(tmdb_id, FetchOutcome.UNUSABLE, error)
            return await self._with_parts(tmdb_id, answer)

    async def _with_parts(self, tmdb_id: int, answer: Answer[MovieDetails]) -> FetchResult:
        """The film's row, after asking for the parts that were left out."""
        payload, tries = answer.payload, answer.tries
        if answer.value.id != tmdb_id:
            error = UnusableAnswer(SERVICE, f"asked for {tmdb_id}, the answer is {answer.value.id}")
            error.tries, error.payload = tries, payload
            return self._without_row(tmdb_id, FetchOutcome.UNUSABLE, error)
        for part in answer.value.missing_parts:
            params = {} if part in ("credits", "keywords") else {"language": self._language}
            try:
                alone = await self._http.ask(f"movie/{tmdb_id}/{part}", params, APPENDED[part])
            except (NotFound, UnusableAnswer) as error:
                error.tries += tries
                error.payload = payload
                return self._without_row(tmdb_id, FetchOutcome.UNUSABLE, error)
            except SourceError as error:
                error.tries += tries
                raise
            tries += alone.tries
            payload = {**payload, part: alone.payload}
        return FetchResult(
            key=tmdb_id,
            outcome=FetchOutcome.ROW,
            row=row_of(payload, answer.answered_at),
            fetched_at=answer.answered_at,
            requests=tries,
            payload=payload,
            # The validator is that of the answer without the parts: it says nothing about them.
            etag=None if answer.value.missing_parts else answer.etag,
        )

    def _without_row(self, tmdb_id: int, outcome: FetchOutcome, error: SourceError) -> FetchResult:
        return FetchResult.without_row(tmdb_id, outcome, error, self._http.now())


def row_of(payload: dict[str, Any], fetched_at: datetime) -> dict[str, Any]:
    """The row of `tmdb_details` a film's answer makes; the same for a live and an archived one."""
    return details_row(MovieDetails.model_validate(payload), fetched_at)
