"""Days of TMDB's change feed, from the question to the stored rows.

Lives here: which of a run's days are asked for, the order of the steps, the report. Not here: how a
day is read (`sources/tmdb_changes.py`), and what it means for a film (`domain/refresh_policy.py`).

Each day is one transaction, its films together with the word that it was read to its end: a run
that is killed loses the day under way and nothing else.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, timedelta
from typing import Any

import pandas as pd

from ayne_dagster.defs.change_days import readable_days
from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.defs.interruptible import run_interruptibly
from ayne_dagster.domain.change_feed import FEED_REACHES_BACK_DAYS
from ayne_dagster.domain.tables import CHANGE_DAYS, TMDB_CHANGES
from ayne_dagster.storage.change_queries import ChangeQueries, forget_days
from ayne_dagster.storage.duckdb_io_manager import mirror_owed, write_batch

SWITCHED_OFF = "switched off: set CHANGES__IS_ENABLED=true to read TMDB's change feed"
OUT_OF_REACH = f"out of reach: TMDB's change feed goes back {FEED_REACHES_BACK_DAYS} days"
NOT_OVER = "not over yet: only whole UTC days are read"


@dataclass(frozen=True)
class DayFigures:
    """One day of the feed in numbers.

    Attributes:
        films_named: Films TMDB named.
        films_known: Of these, films known here.
        requests: Requests sent for it, retries included.
    """

    films_named: int
    films_known: int
    requests: int

    def metadata(self) -> dict[str, Any]:
        """The same for the UI."""
        return {
            "films named": self.films_named,
            "films known": self.films_known,
            "requests": self.requests,
        }


@dataclass
class FeedReport:
    """What a run did with its days.

    Attributes:
        read: Days read now.
        read_before: Days an earlier run has read; not asked for again.
        not_read: The other days, each with the reason.
        deferred_by: Why TMDB was asked no further, in words.
        requests: Requests sent, those for days that came to nothing included.
        days_forgotten: Days older than `CHANGES__KEEP_DAYS` that left.
        failures: What made single days, or the rest of the run, fail.
    """

    read: dict[date, DayFigures] = field(default_factory=dict)
    read_before: list[date] = field(default_factory=list)
    not_read: dict[date, str] = field(default_factory=dict)
    deferred_by: str | None = None
    requests: int = 0
    days_forgotten: int = 0
    failures: list[Exception] = field(default_factory=list)

    def metadata(self) -> dict[str, Any]:
        """The report as figures for the UI."""
        reasons = Counter(self.not_read.values())
        return {
            "days read": len(self.read),
            "days read before": len(self.read_before),
            "days not read": len(self.not_read),
            "reason": "; ".join(f"{words} ({days})" for words, days in reasons.items()) or "-",
            "films named": sum(figures.films_named for figures in self.read.values()),
            "films known": sum(figures.films_known for figures in self.read.values()),
            "requests": self.requests,
            "deferred by": self.deferred_by or "-",
            "days forgotten": self.days_forgotten,
        }


def read_days(
    days: Sequence[date], *, fetching: Fetching, is_forced: bool, purpose: str
) -> FeedReport:
    """Read what can be read of these days and was not, oldest first, and store each by itself.

    Args:
        days: The run's days.
        fetching: Warehouse, services, turns, mirror.
        is_forced: Read days again that were read before.
        purpose: Who does it, for others who wait.

    Returns:
        What was done. TMDB's quota and its outages end the reading and are no failure; a failure
        is in the report, not raised: the days before it are stored.
    """
    report, settings = FeedReport(), fetching.settings
    if not settings.changes.is_enabled:
        report.not_read = dict.fromkeys(days, SWITCHED_OFF)
        return report
    with fetching.turns.hold("changes", ["all"], purpose):
        fetching.set_back_clocks()
        queries = ChangeQueries(fetching.queries.warehouse)
        wanted = _wanted_days(days, queries, fetching, is_forced, report)
        if wanted:
            run_interruptibly(_read(wanted, queries, fetching, report, purpose))
        today = fetching.services.now().astimezone(UTC).date()
        report.days_forgotten = forget_days(
            queries.warehouse,
            today - timedelta(days=settings.changes.keep_days),
            fetching.mirror,
            purpose=purpose,
        )
        if fetching.mirror is not None:
            tables = (TMDB_CHANGES, CHANGE_DAYS)
            mirror_owed(queries.warehouse, fetching.mirror, tables, purpose=purpose)
    return report


def _wanted_days(
    days: Sequence[date],
    queries: ChangeQueries,
    fetching: Fetching,
    is_forced: bool,
    report: FeedReport,
) -> list[date]:
    """The days to ask for, oldest first; the report says what becomes of the others."""
    known = set(queries.days_read())
    readable = readable_days((), fetching.services.now())
    wanted = []
    for day in sorted(set(days)):
        if day in known and not (is_forced and day in readable):
            report.read_before.append(day)
        elif day in readable:
            wanted.append(day)
        else:
            report.not_read[day] = OUT_OF_REACH if day < readable[0] else NOT_OVER
    return wanted


async def _read(
    days: Sequence[date],
    queries: ChangeQueries,
    fetching: Fetching,
    report: FeedReport,
    purpose: str,
) -> None:
    # Only a run that asks pays for the HTTP library.
    from ayne_dagster.sources.failures import QuotaExhausted, ServiceUnavailable, UnusableAnswer
    from ayne_dagster.sources.progress import stage
    from ayne_dagster.sources.tmdb_changes import ChangedFilms, DayOutOfReach, EmptyDay

    def store(films: ChangedFilms, requests: int) -> None:
        known = queries.known_films(films.tmdb_ids)
        figures = DayFigures(len(films.tmdb_ids), len(known), requests)
        row = (films.day, films.read_at, figures.films_named, figures.films_known, requests)
        write_batch(
            queries.warehouse,
            TMDB_CHANGES,
            _frame(TMDB_CHANGES.column_names, [(id_, films.day, films.read_at) for id_ in known]),
            years=None,
            also={CHANGE_DAYS: _frame(CHANGE_DAYS.column_names, [row])},
            mirror=fetching.mirror,
            is_mirrored_later=True,
            purpose=purpose,
        )
        report.read[films.day] = figures

    async with fetching.services.tmdb() as tmdb:
        with stage("days of TMDB's change feed", len(days), "days") as advance:
            for place, day in enumerate(days):
                sent = tmdb.stats.requests
                try:
                    films = await tmdb.changed_films(day, names_films=queries.names_films())
                    store(films, tmdb.stats.requests - sent)
                except DayOutOfReach as error:
                    report.not_read[day] = f"{OUT_OF_REACH} ({error})"
                except EmptyDay as error:
                    # As with an outage: it comes later, or is believed.
                    report.not_read[day] = str(error)
                except UnusableAnswer as error:
                    # It says nothing about the next day.
                    report.not_read[day] = str(error)
                    report.failures.append(error)
                except (QuotaExhausted, ServiceUnavailable) as error:
                    report.deferred_by = str(error)
                    report.not_read.update(dict.fromkeys(days[place:], f"deferred: {error}"))
                    break
                except Exception as error:  # noqa: BLE001 - raised by the asset, after its report
                    report.not_read.update(dict.fromkeys(days[place:], f"not asked for: {error}"))
                    report.failures.append(error)
                    break
                finally:
                    report.requests = tmdb.stats.requests
                advance(1)


def _frame(columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> pd.DataFrame:
    return pd.DataFrame(list(rows), columns=list(columns), dtype=object)
