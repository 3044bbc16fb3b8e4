"""How many films are due, and when the next ones come due: counted in the warehouse.

Lives here: statements that count over the rule in SQL. Not here: the rule (`due_films.py`) and who
runs them (`due_queries.py`).
"""

import re
from collections.abc import Sequence
from datetime import datetime

from ayne_dagster.domain.change_feed import ChangeFeed
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.storage.due_films import (
    DUE_AT,
    IS_CANDIDATE,
    IS_DUE,
    Query,
    due_parameters,
    timed_films,
    with_needed,
)

_YEARS_DUE = f"""
SELECT release_year, count(*) AS films, count(*) FILTER (WHERE NOT is_answered) AS never_fetched,
  min(due_at) AS due_since, max(due_at) AS newest_due_at
FROM (SELECT release_year, is_answered, {DUE_AT} FROM timed AS due WHERE {IS_DUE})
GROUP BY release_year ORDER BY release_year
"""
_IS_LISTED_AND_NEW = """is_asked AND answered_at IS NULL AND tmdb_id IN (
    SELECT tmdb_id FROM {movie_lists} WHERE list_name IN (SELECT unnest($lists)))"""
_HAS_A_TIME = """is_asked AND (is_answered
    OR tmdb_id IN (SELECT tmdb_id FROM {failed_requests}))"""
_NEXT_DUE = """
SELECT to_timestamp(min(due_seconds)) AS due_at FROM timed WHERE due_seconds > $seconds
"""
_NEXT_FILMS = """,
coming AS (
  SELECT release_year, due_seconds // 60 AS due_minute FROM timed WHERE due_seconds > $seconds
)
SELECT release_year, count(*) AS films, to_timestamp(60 * due_minute) AS due_at FROM coming
WHERE due_minute = (SELECT min(due_minute) FROM coming)
GROUP BY release_year, due_minute ORDER BY release_year
"""
_SPARED = """
SELECT count(*) AS films FROM timed
WHERE is_spared AND plain_seconds <= $seconds AND due_seconds > $seconds
"""
_STATES = f"""
SELECT tmdb_id, release_year, is_frozen, {IS_DUE} AS is_due, {DUE_AT} FROM timed AS due
"""
_BY_YEAR = """
WITH states AS (
  SELECT t.release_year, t.is_frozen,
    CASE WHEN t.is_due THEN t.due_at END AS tmdb_due_at,
    CASE WHEN o.is_due THEN o.due_at END AS omdb_due_at,
    least(tmdb_due_at, omdb_due_at) AS due_at
  FROM (<tmdb>) AS t LEFT JOIN (<omdb>) AS o ON o.tmdb_id = t.tmdb_id
)
SELECT release_year, count(*) AS films,
  count(*) FILTER (WHERE due_at IS NULL AND NOT is_frozen) AS fresh,
  count(*) FILTER (WHERE due_at > $overdue_before) AS due,
  count(*) FILTER (WHERE due_at <= $overdue_before) AS overdue,
  count(*) FILTER (WHERE due_at IS NULL AND is_frozen) AS frozen
FROM states GROUP BY release_year ORDER BY release_year
"""


def due_years_query(
    source: Source,
    years: Sequence[str],
    now: datetime,
    policy: RefreshPolicy,
    feed: ChangeFeed | None = None,
) -> Query:
    """How many films are due in each year that has any, and since when."""
    sql = timed_films(source, policy, IS_CANDIDATE) + _YEARS_DUE
    return with_needed(sql, due_parameters(source, years, now, policy, feed))


def listed_new_query(
    lists: Sequence[str], years: Sequence[str], now: datetime, policy: RefreshPolicy
) -> Query:
    """How many films of these lists TMDB was never asked for, in each year that has any."""
    sql = timed_films(Source.TMDB, policy, _IS_LISTED_AND_NEW) + _YEARS_DUE
    parameters = due_parameters(Source.TMDB, years, now, policy, None) | {"lists": list(lists)}
    return with_needed(sql, parameters)


def next_due_query(
    source: Source,
    years: Sequence[str],
    now: datetime,
    policy: RefreshPolicy,
    feed: ChangeFeed | None = None,
) -> Query:
    """When the first of the films that are not due yet comes due."""
    sql = timed_films(source, policy, _HAS_A_TIME) + _NEXT_DUE
    return with_needed(sql, due_parameters(source, years, now, policy, feed))


def next_films_query(
    source: Source,
    years: Sequence[str],
    now: datetime,
    policy: RefreshPolicy,
    feed: ChangeFeed | None = None,
) -> Query:
    """How many films of each year come due in the minute in which the first of them does."""
    sql = timed_films(source, policy, _HAS_A_TIME) + _NEXT_FILMS
    return with_needed(sql, due_parameters(source, years, now, policy, feed))


def spared_query(
    years: Sequence[str], now: datetime, policy: RefreshPolicy, feed: ChangeFeed | None
) -> Query:
    """How many films would be due at TMDB by the plain rule and are kept back by the feed."""
    sql = timed_films(Source.TMDB, policy, "is_asked AND is_spared") + _SPARED
    return with_needed(sql, due_parameters(Source.TMDB, years, now, policy, feed))


def freshness_query(
    years: Sequence[str],
    now: datetime,
    policy: RefreshPolicy,
    feed: ChangeFeed | None,
    overdue_before: datetime,
) -> Query:
    """Per year: films, and how many are fresh, due, overdue and frozen; they add up."""
    sql, parameters = _BY_YEAR, {"overdue_before": overdue_before}
    for source in Source:
        # Both rules in one statement: their parameters must not meet.
        ours = timed_films(source, policy, "is_asked") + _STATES
        sql = sql.replace(f"<{source}>", re.sub(r"\$(\w+)", rf"${source}_\1", ours))
        given = due_parameters(source, years, now, policy, feed)
        parameters |= {f"{source}_{name}": value for name, value in given.items()}
    return with_needed(sql, parameters)
