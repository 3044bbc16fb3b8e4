"""What is due, when, and why: the questions about freshness to one warehouse.

Lives here: asking. Not here: the rule (`domain/refresh_policy.py`), its twin in SQL
(`due_films.py`) and the statements that count (`due_counts.py`).

TMDB's change feed has a say in all of them: which of its days were read is read with each question.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import duckdb
import pandas as pd
import pyarrow as pa

from ayne_dagster.domain.change_feed import ChangeFeed, change_feed
from ayne_dagster.domain.due_reasons import Decision, explain
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.domain.refresh_states import believed_until
from ayne_dagster.domain.release_years import UNDATED
from ayne_dagster.storage.due_counts import (
    due_years_query,
    freshness_query,
    listed_new_query,
    next_due_query,
    next_films_query,
    spared_query,
)
from ayne_dagster.storage.due_films import due_query
from ayne_dagster.storage.film_plans import FILM_TO_PLAN, FILMS_TO_PLAN
from ayne_dagster.storage.movie_queries import MovieQueries
from ayne_dagster.storage.warehouse import rows_of

OVERDUE_AFTER = timedelta(days=1)
"""Due for longer than the daily run takes to come round."""
_TEXTS = {pa.string(): pd.ArrowDtype(pa.string())}


@dataclass(frozen=True)
class DueQueries(MovieQueries):
    """Questions about freshness to one warehouse."""

    def films_to_plan(self, years: Sequence[str], now: datetime) -> pd.DataFrame:
        """Every film known for the years, with what the refresh policy needs to know of it.

        Args:
            years: Release years.
            now: The moment asked about, UTC; states from ahead of it are not believed.

        Returns:
            One row per film, in no particular order: `tmdb_id`, `release_year`, `release_date`,
            `popularity`, `imdb_id`, `first_seen_at`, `last_seen_at`, `changed_at`, `has_ratings`,
            `is_frozen`, `tmdb_gone_at`, `named_at` and `named_on` (first naming in TMDB's change
            feed since its last answer: when it was read, and of which day) and per source
            `<source>_answered_at`, `_outcome`, `_not_found_since`, `_unchanged_cycles`,
            `_failed_at`, `_failures`. Years and outcomes are categories.
        """
        return self._plans(FILMS_TO_PLAN, {"years": list(years)}, now)

    def due(
        self,
        source: Source,
        years: Sequence[str],
        now: datetime,
        policy: RefreshPolicy,
        limit: int | None = None,
        *,
        force: bool = False,
    ) -> pd.DataFrame:
        """The films of these years to ask a source for, the most urgent first.

        Args:
            source: Whom to ask.
            years: Release years; a film's is the one TMDB gave, or the one it was discovered in.
            now: The moment asked about, UTC.
            policy: The numbers of the rule.
            limit: Most films; None: all.
            force: All films the source could be asked for, due or not.

        Returns:
            One row per film with what is needed to ask: `tmdb_id`, `imdb_id`, `release_year`,
            `popularity`, `<source>_not_found_since`, `due_at`, `why` (values of `Why`); of TMDB
            `etag`, of OMDb `ratings_tmdb_id` and `ratings_release_year` (whose row the ratings
            are). Texts are Arrow-backed, not Python objects.
        """
        with self._reading() as (connection, tables):
            feed = _feed(connection, tables)
            sql, parameters = due_query(source, years, now, policy, feed, limit=limit, force=force)
            found = connection.sql(sql.format(**tables), params=parameters).to_arrow_table()
        return found.to_pandas(types_mapper=_TEXTS.get)

    def films_known(self, source: Source, years: Sequence[str]) -> int:
        """How many films of these years a source could be asked for."""
        films = {
            Source.TMDB: "SELECT tmdb_id FROM {tmdb_details} WHERE release_year IN "
            "(SELECT unnest($years)) UNION ALL SELECT tmdb_id FROM {discovered_movies} "
            "WHERE release_year IN (SELECT unnest($years)) "
            "AND tmdb_id NOT IN (SELECT tmdb_id FROM {tmdb_details})",
            Source.OMDB: "SELECT tmdb_id FROM {tmdb_details} WHERE imdb_id IS NOT NULL "
            "AND release_year IN (SELECT unnest($years))",
        }
        sql = f"SELECT count(*) AS films FROM ({films[source]})"
        return self._rows(sql, {"years": list(years)})[0]["films"]

    def first_year_of_films(self) -> str | None:
        """The earliest release year with the details of a film; None: there is none."""
        sql = "SELECT min(release_year) AS year FROM {tmdb_details} WHERE release_year <> $undated"
        return self._rows(sql, {"undated": UNDATED})[0]["year"]

    def change_feed(self) -> ChangeFeed | None:
        """The days of TMDB's change feed that are known without a gap; None: none was read."""
        with self._reading() as (connection, tables):
            return _feed(connection, tables)

    def due_years(
        self, source: Source, years: Sequence[str], now: datetime, policy: RefreshPolicy
    ) -> list[dict[str, Any]]:
        """The years with due films, in order.

        Args:
            source: Whom to ask.
            years: Release years.
            now: The moment asked about, UTC.
            policy: The numbers of the rule.

        Returns:
            Rows `release_year`, `films`, `never_fetched` (of these), `due_since` and
            `newest_due_at` (when the first and the last of them came due, UTC).
        """
        with self._reading() as (connection, tables):
            feed = _feed(connection, tables)
            sql, parameters = due_years_query(source, years, now, policy, feed)
            return rows_of(connection.execute(sql.format(**tables), parameters))

    def listed_new_years(
        self, lists: Sequence[str], years: Sequence[str], now: datetime, policy: RefreshPolicy
    ) -> list[dict[str, Any]]:
        """The years with films of these lists that TMDB was never asked for, in order.

        Args:
            lists: Names of lists; the films that were on them when they were last read.
            years: Release years.
            now: The moment asked about, UTC.
            policy: The numbers of the rule.

        Returns:
            Rows as of `due_years`, of these films alone.
        """
        with self._reading() as (connection, tables):
            sql, parameters = listed_new_query(lists, years, now, policy)
            return rows_of(connection.execute(sql.format(**tables), parameters))

    def next_due(
        self, source: Source, years: Sequence[str], now: datetime, policy: RefreshPolicy
    ) -> datetime | None:
        """When the next film that is not due yet comes due, as things stand; None: no film does.

        A film that the feed names meanwhile comes due earlier; one that grows out of its age band,
        later.

        Args:
            source: Whom to ask.
            years: Release years.
            now: The moment asked about, UTC.
            policy: The numbers of the rule.
        """
        with self._reading() as (connection, tables):
            feed = _feed(connection, tables)
            sql, parameters = next_due_query(source, years, now, policy, feed)
            return rows_of(connection.execute(sql.format(**tables), parameters))[0]["due_at"]

    def next_due_films(
        self, source: Source, years: Sequence[str], now: datetime, policy: RefreshPolicy
    ) -> list[dict[str, Any]]:
        """The films that come due next, in the minute in which the first of them does, by year.

        As things stand: see `next_due`.

        Args:
            source: Whom to ask.
            years: Release years.
            now: The moment asked about, UTC.
            policy: The numbers of the rule.

        Returns:
            Rows `release_year`, `films` and `due_at`, which is that minute, UTC, in all of them;
            in the order of the years; empty where no film comes due.
        """
        with self._reading() as (connection, tables):
            feed = _feed(connection, tables)
            sql, parameters = next_films_query(source, years, now, policy, feed)
            return rows_of(connection.execute(sql.format(**tables), parameters))

    def freshness_by_year(
        self,
        years: Sequence[str],
        now: datetime,
        policy: RefreshPolicy,
        overdue_after: timedelta = OVERDUE_AFTER,
    ) -> list[dict[str, Any]]:
        """How the films of each year stand; films that are gone are left out.

        Args:
            years: Release years.
            now: The moment asked about, UTC.
            policy: The numbers of the rule.
            overdue_after: Due for at least so long is overdue.

        Returns:
            Rows `release_year`, `films` and, adding up to them, `fresh` (not due at any source),
            `due` (at one, not long), `overdue` (at one, for long), `frozen` (and not due).
        """
        with self._reading() as (connection, tables):
            sql, parameters = freshness_query(
                years, now, policy, _feed(connection, tables), now - overdue_after
            )
            return rows_of(connection.execute(sql.format(**tables), parameters))

    def spared_by_feed(self, years: Sequence[str], now: datetime, policy: RefreshPolicy) -> int:
        """Films due at TMDB by their age that the change feed keeps back: requests it saves now."""
        with self._reading() as (connection, tables):
            sql, parameters = spared_query(years, now, policy, _feed(connection, tables))
            return rows_of(connection.execute(sql.format(**tables), parameters))[0]["films"]

    def explain(self, tmdb_id: int, now: datetime, policy: RefreshPolicy) -> list[Decision]:
        """Why a film is due at each source or not; empty where it is not known.

        Args:
            tmdb_id: The film.
            now: The moment asked about, UTC.
            policy: The numbers of the rule.
        """
        film, feed = self._plans(FILM_TO_PLAN, {"tmdb_id": tmdb_id}, now), self.change_feed()
        return [one for source in Source for one in explain(film, source, now, policy, feed)]

    def _plans(self, sql: str, parameters: dict[str, Any], now: datetime) -> pd.DataFrame:
        with self._reading() as (connection, tables):
            found = connection.sql(
                sql.format(**tables), params={**parameters, "believed_until": believed_until(now)}
            ).to_arrow_table()
        for name in ("release_year", *(f"{source}_outcome" for source in Source)):
            place = found.column_names.index(name)
            found = found.set_column(place, name, found.column(place).dictionary_encode())
        return found.to_pandas(types_mapper=_TEXTS.get, date_as_object=False)


def _feed(connection: duckdb.DuckDBPyConnection, tables: dict[str, str]) -> ChangeFeed | None:
    days = connection.execute(f"SELECT changed_on FROM {tables['change_days']}").fetchall()
    return change_feed([day for (day,) in days])
