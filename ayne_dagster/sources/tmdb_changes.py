"""TMDB's change feed, one whole UTC day at a time: every film it names, or no answer.

Lives here: the pages of a day, and when a day counts as read. Not here: how it is asked
(`http_client.py`), which days are wanted and what is done with them (`defs/change_reads.py`).

Whether `end_date` belongs to the window is not confirmed
(`docs/decisions/0031-the-change-feed-day-by-day.md`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from ayne_dagster.domain.change_feed import FEED_REACHES_BACK_DAYS
from ayne_dagster.sources.all_or_none import all_or_none
from ayne_dagster.sources.failures import InvalidRequest, UnusableAnswer
from ayne_dagster.sources.http_client import Answer, ServiceClient
from ayne_dagster.sources.tmdb_payloads import ChangesPage

CHANGES_PATH = "movie/changes"
MOST_PAGES = 500
"""TMDB's documentation of errors names 500 as the last page of anything (code 22)."""
EMPTY_IS_BELIEVED_AFTER = timedelta(days=2)
"""So long after its end, a day that names nobody is not late any more."""
_DAY = timedelta(days=1)
_WINDOW_REFUSED = 20


class DayOutOfReach(InvalidRequest):
    """TMDB no longer answers for a day at the edge of its feed's reach."""


class EmptyDay(UnusableAnswer):
    """TMDB names nobody for a day so near that its feed may be late or broken."""


@dataclass(frozen=True)
class ChangedFilms:
    """Every film the feed names for one day.

    Attributes:
        day: The UTC day.
        tmdb_ids: Each film once, ascending.
        read_at: When its last page came, UTC.
    """

    day: date
    tmdb_ids: tuple[int, ...]
    read_at: datetime


async def read_day(http: ServiceClient, day: date, *, names_films: bool) -> ChangedFilms:
    """Read all pages of a day.

    The day alone is asked for first: right where `end_date` belongs to the window. Where it does
    not, that window is empty, and the day is asked for with the next day as its end. TMDB names
    thousands of films each day, so that an empty day is worth the second question.

    Args:
        http: Asks TMDB.
        day: A day that is over.
        names_films: Whether any other day named a film. Then an empty day is no answer before it is
            `EMPTY_IS_BELIEVED_AFTER` old; later it is, for a small service has empty days.

    Raises:
        DayOutOfReach: TMDB refuses a day at the edge of its reach.
        EmptyDay: It names nobody, and that is not believed yet.
        UnusableAnswer: The day cannot be read whole: too many pages, or they moved while they were
            read, twice.
        SourceError: A page failed, and so the day: half a day is none.
    """
    try:
        films = await _read_window(http, day, day) or await _read_window(http, day, day + _DAY)
    except InvalidRequest as error:
        is_edge = (http.now().date() - day).days >= FEED_REACHES_BACK_DAYS
        if is_edge and (error.payload or {}).get("status_code") == _WINDOW_REFUSED:
            refused = DayOutOfReach(error.service, error.detail)
            refused.tries = error.tries
            raise refused from error
        raise
    if not films and names_films:
        _doubt_emptiness(http, day)
    return ChangedFilms(day, tuple(sorted(films)), http.now())


def _doubt_emptiness(http: ServiceClient, day: date) -> None:
    """Refuse an empty day that is still near.

    Raises:
        EmptyDay: It is.
    """
    over_at = datetime.combine(day + _DAY, time(), UTC)
    believed_at = over_at + EMPTY_IS_BELIEVED_AFTER
    if http.now() < believed_at:
        raise EmptyDay(
            http.service,
            f"the change feed of {day} names no film, as other days do, and may be late; the day "
            f"counts as not read (believed if it is still so at {believed_at:%Y-%m-%d %H:%M} UTC)",
        )


async def _read_window(http: ServiceClient, first_day: date, end_date: date) -> set[int]:
    """Every film of a window, read again once where its pages moved meanwhile.

    Where the second walk stood still, its films and the first one's are the answer: a film named
    in vain costs one request at most, a film missed is missed for months.
    """
    pages = await _walk(http, first_day, end_date)
    films = _films(pages)
    if _stood_still(pages) and len(films) == pages[0].total_results:
        return films
    again = await _walk(http, first_day, end_date)
    if not _stood_still(again):
        totals = sorted({page.total_results for page in (*pages, *again)})
        raise UnusableAnswer(
            http.service,
            f"the change feed of {first_day} moved while it was read, twice: totals "
            f"{', '.join(map(str, totals))}; the day counts as not read",
        )
    return films | _films(again)


async def _walk(http: ServiceClient, first_day: date, end_date: date) -> list[ChangesPage]:
    """All pages of a window, in order."""
    window = {"start_date": first_day.isoformat(), "end_date": end_date.isoformat()}

    async def page(number: int) -> ChangesPage:
        answer: Answer[ChangesPage] = await http.ask(
            CHANGES_PATH, {**window, "page": number}, ChangesPage
        )
        return answer.value

    first = await page(1)
    if first.total_pages > MOST_PAGES:
        raise UnusableAnswer(
            http.service,
            f"the change feed of {first_day} has {first.total_pages} pages, and TMDB answers "
            f"{MOST_PAGES} at most; the day counts as not read",
        )
    return [first, *await all_or_none(page(number) for number in range(2, first.total_pages + 1))]


def _stood_still(pages: list[ChangesPage]) -> bool:
    """Whether all pages tell of the same list: same totals, and no page without films."""
    first = pages[0]
    is_empty = first.total_results == 0
    return all(
        (page.total_pages, page.total_results, page.page)
        == (first.total_pages, first.total_results, number)
        and bool(page.results) != is_empty
        for number, page in enumerate(pages, start=1)
    )


def _films(pages: Iterable[ChangesPage]) -> set[int]:
    return {film.id for page in pages for film in page.results}
