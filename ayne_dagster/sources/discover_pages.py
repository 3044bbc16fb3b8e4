"""Pages of discover for one walk: from the journal where a killed walk left them, or asked for.

Lives here: which of both. Not here: how it is asked (`http_client.py`), the journal itself
(`page_journal.py`), and which pages are wanted (`discovery.py`).
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from ayne_dagster.sources.http_client import Answer, ServiceClient
from ayne_dagster.sources.page_journal import PageJournal
from ayne_dagster.sources.tmdb_payloads import MoviePage

DISCOVER_PATH = "discover/movie"
JOURNAL_AGE = timedelta(hours=6)
"""How old a kept page may be: a walk that goes on mixes its pages with today's, and the older they
are, the more films have moved in between."""


class DiscoverPages:
    """The pages of one walk.

    A query asked for a second time is always sent: it is asked because the first answer is doubted.

    Args:
        http: Asks TMDB.
        language: Of titles.
        journal: Where pages are kept; None: nowhere.
        newer_than: Older pages of the journal are asked for again.
    """

    def __init__(
        self, http: ServiceClient, language: str, journal: PageJournal | None, newer_than: datetime
    ) -> None:
        self._http = http
        self._language = language
        self._journal = journal
        self._newer_than = newer_than
        self._met: set[tuple[tuple[str, Any], ...]] = set()

    async def ask(self, params: dict[str, Any]) -> Answer[MoviePage]:
        """One page; an answer of 0 tries comes from the journal."""
        query = {"language": self._language, **params}
        recalled = self._recalled(query)
        if recalled is not None:
            return recalled
        answer = await self._http.ask(DISCOVER_PATH, query, MoviePage)
        if self._journal is not None:
            self._journal.keep(DISCOVER_PATH, query, answer.payload, answer.answered_at)
        return answer

    def _recalled(self, query: dict[str, Any]) -> Answer[MoviePage] | None:
        key = tuple(sorted(query.items()))
        is_first_time = key not in self._met
        self._met.add(key)
        if self._journal is None or not is_first_time:
            return None
        page = self._journal.recall(DISCOVER_PATH, query, self._newer_than)
        if page is None:
            return None
        try:
            value = MoviePage.model_validate(page.payload)
        except ValidationError:
            # Kept by another version of the platform: asking costs one request.
            return None
        return Answer(value, page.payload, page.answered_at, tries=0)


def forget_year(journal: PageJournal, year: int) -> None:
    """Drop the pages of a year whose films and walk are stored.

    Args:
        journal: Where they were kept.
        year: Its walk is finished.
    """
    days = date(year, 1, 1).isoformat(), date(year, 12, 31).isoformat()

    def is_of_year(params: Mapping[str, Any]) -> bool:
        first, last = (params.get(f"primary_release_date.{end}", "") for end in ("gte", "lte"))
        return days[0] <= str(first) and str(last) <= days[1] and bool(last)

    journal.forget(DISCOVER_PATH, is_of_year)
