"""What is due, decided in the warehouse: the refresh rule in SQL, for a million films at once.

Lives here: the rule of `domain/refresh_policy.py` a second time, with the policy's numbers as
parameters, so that only due films leave the database. The rule people read is the other one; a test
holds both equal over films of every kind.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ayne_dagster.domain.change_feed import ChangeFeed
from ayne_dagster.domain.failed_requests import MOST_FAILURES_COUNTED, RETRY_GROWTH
from ayne_dagster.domain.outcomes import FetchOutcome, Source
from ayne_dagster.domain.refresh_policy import (
    BAND_ENDS,
    OLD,
    SPREAD_MULTIPLIER,
    UNDATED_BAND,
    RefreshPolicy,
    Why,
)
from ayne_dagster.domain.refresh_states import believed_until

_STATED = {
    # Films TMDB was never asked for stand in discovered_movies only.
    Source.TMDB: """
films AS (
  SELECT
    coalesce(d.tmdb_id, x.tmdb_id) AS tmdb_id,
    CASE WHEN d.tmdb_id IS NULL THEN x.release_year ELSE d.release_year END AS release_year,
    CASE WHEN d.tmdb_id IS NULL THEN x.release_date ELSE d.release_date END AS release_date,
    coalesce(x.popularity, d.popularity) AS popularity, d.imdb_id, d.etag,
    coalesce(x.first_seen_at, d.changed_at) AS known_since, x.last_seen_at,
    d.tmdb_id IS NOT NULL AS is_detailed
  FROM {tmdb_details} AS d FULL JOIN {discovered_movies} AS x ON x.tmdb_id = d.tmdb_id
),
stated AS (
  SELECT f.*, s.answered_at, s.outcome, s.not_found_since, s.gone_at IS NOT NULL AS is_gone,
    s.gone_at IS NULL OR coalesce(f.last_seen_at > s.answered_at, false) AS is_asked
  FROM films AS f LEFT JOIN {refresh_state} AS s
    ON s.tmdb_id = f.tmdb_id AND s.source = 'tmdb' AND s.answered_at <= $believed_until
    -- A row that was answered and is not there was lost: asked for as if for the first time.
    AND (f.is_detailed OR s.outcome NOT IN ('row', 'unchanged'))
  WHERE f.release_year IN (SELECT unnest($years))
)""",
    # OMDb is asked by imdb id. What it said about another id does not count, nor does a row that is
    # not there any more (it left when no film had its id).
    Source.OMDB: """
stated AS (
  SELECT d.tmdb_id, d.release_year, d.release_date, d.imdb_id,
    d.popularity, d.changed_at AS known_since,
    s.answered_at, s.outcome, s.not_found_since, false AS is_gone, g.tmdb_id IS NULL AS is_asked
  FROM {tmdb_details} AS d
  LEFT JOIN (
    SELECT * FROM {refresh_state} WHERE source = 'omdb'
      AND answered_at <= $believed_until
      AND (outcome NOT IN ('row', 'unchanged') OR imdb_id IN (SELECT imdb_id FROM {omdb_ratings}))
  ) AS s ON s.tmdb_id = d.tmdb_id AND s.imdb_id = d.imdb_id
  LEFT JOIN {refresh_state} AS g
    ON g.tmdb_id = d.tmdb_id AND g.source = 'tmdb' AND g.gone_at IS NOT NULL
    AND g.answered_at <= $believed_until
  WHERE d.imdb_id IS NOT NULL AND d.release_year IN (SELECT unnest($years))
)""",
}

_SPREAD = """
spread AS (
  SELECT *, answered_at IS NOT NULL AS is_answered,
    epoch_us(answered_at) // 1000000 AS answered_seconds,
    CASE WHEN is_gone OR outcome = '{not_found}' THEN $not_found_days
      WHEN outcome = '{unusable}' THEN $unusable_days END AS fixed_days,
    CASE {bands} END AS band_days, CASE {rechecks} END AS recheck_days,
    $spread_low + $spread_width
      * ((((tmdb_id % 4294967296)::UBIGINT * {multiplier}::UBIGINT) % 4294967296)::DOUBLE
         / 4294967296::DOUBLE) AS factor,
    coalesce(outcome IN ('row', 'unchanged') AND NOT is_gone, false) AS is_standing
  FROM stated
)"""

# What the change feed says of each film: named since its last answer, kept back, or nothing.
_WITHOUT_FEED = """
told AS (
  SELECT *, NULL::BIGINT AS named_seconds, NULL::DOUBLE AS gap_days,
    false AS is_kept_back, false AS is_spared
  FROM spread
)"""
_WITH_FEED = """
named AS (
  SELECT c.tmdb_id, min(epoch_us(c.seen_at) // 1000000) AS named_seconds
  FROM {tmdb_changes} AS c JOIN {refresh_state} AS s ON s.tmdb_id = c.tmdb_id AND s.source = 'tmdb'
  WHERE c.changed_on >= DATE '1970-01-01' + (epoch_us(s.answered_at) // 86400000000)::INTEGER
  GROUP BY c.tmdb_id
),
told AS (
  SELECT s.*, CASE WHEN is_standing THEN n.named_seconds END AS named_seconds,
    CASE WHEN is_standing AND n.tmdb_id IS NOT NULL THEN CASE <gaps> END END AS gap_days,
    -- Named by a clock that is ahead of this one: nobody knows for how long.
    is_standing AND $is_believed AND answered_seconds >= $feed_since
      AND coalesce(n.named_seconds <= $seconds, true) AS is_kept_back,
    is_kept_back AND n.tmdb_id IS NULL AS is_spared
  FROM spread AS s LEFT JOIN named AS n ON n.tmdb_id = s.tmdb_id
)"""

_TIMED = """
candidates AS (
  SELECT * FROM told WHERE {is_candidate}
),
plainly AS (
  SELECT c.*, coalesce(f.is_frozen, false) AS is_frozen,
    CASE WHEN f.is_frozen THEN recheck_days ELSE band_days END AS plain_days,
    answered_seconds + floor(coalesce(fixed_days, plain_days * factor) * 86400::DOUBLE)::BIGINT
      AS plain_seconds,
    epoch_us(q.failed_at) // 1000000 + floor(least($longest_retry_hours, $retry_hours
        * pow({growth}, least(q.failures, {most_failures}) - 1)) / 24::DOUBLE * 86400::DOUBLE
      )::BIGINT AS retry_seconds
  FROM candidates AS c LEFT JOIN {frozen_flags} AS f ON f.tmdb_id = c.tmdb_id
  LEFT JOIN {failed_requests} AS q ON q.tmdb_id = c.tmdb_id AND q.source = '{source}'
    AND {is_same_id} AND q.failed_at <= $believed_until
    AND (c.answered_at IS NULL OR q.failed_at > c.answered_at)
),
timed AS (
  SELECT *,
    CASE WHEN is_kept_back THEN answered_seconds
        + floor(greatest(plain_days, recheck_days) * factor * 86400::DOUBLE)::BIGINT
      ELSE plain_seconds END AS unnamed_seconds,
    coalesce(named_seconds <= unnamed_seconds, false) AS is_named,
    retry_seconds IS NOT NULL AS is_failed,
    -- Of a film never asked for there is none; of one that failed there is one after all.
    CASE WHEN is_failed AND NOT is_answered
        THEN greatest(retry_seconds, epoch_us(least(known_since, $now)) // 1000000)
      WHEN is_named
        THEN greatest(named_seconds, least(plain_seconds, {gap_seconds}), retry_seconds)
      ELSE greatest(unnamed_seconds, retry_seconds) END AS due_seconds,
    CASE {why} END AS why
  FROM plainly
)"""
_GAP_SECONDS = "answered_seconds + floor(gap_days * 86400::DOUBLE)::BIGINT"
_WHY = f"""WHEN NOT is_answered THEN '{Why.NEVER_FETCHED}'
      WHEN is_gone OR outcome = '{FetchOutcome.NOT_FOUND}' THEN '{Why.NOT_FOUND}'
      WHEN outcome = '{FetchOutcome.UNUSABLE}' THEN '{Why.UNUSABLE}'
      WHEN is_named THEN '{Why.NAMED}'
      WHEN is_kept_back OR is_frozen THEN '{Why.RECHECK}' ELSE '{Why.INTERVAL}'"""

# A film that is not due by the shorter of its intervals needs no look at its flags.
IS_CANDIDATE = f"""is_asked AND (answered_at IS NULL
    OR answered_seconds + floor(coalesce(fixed_days,
        CASE WHEN is_spared THEN recheck_days ELSE least(band_days, recheck_days) END * factor)
      * 86400::DOUBLE) <= $seconds
    OR greatest({_GAP_SECONDS}, named_seconds) <= $seconds)"""
IS_DUE = "coalesce(due_seconds <= $seconds, true)"
_DUE = """
chosen AS (
  {chosen}
  WHERE {is_due}
),
due AS (
  SELECT * FROM chosen AS due {limit}
)"""

# Films never asked for have no due second and come first; those that failed come last.
_ORDER = (
    "due.is_failed, due.due_seconds NULLS FIRST, due.popularity DESC NULLS LAST, "
    "due.release_date DESC NULLS LAST, due.tmdb_id"
)
DUE_AT = """CASE WHEN due_seconds IS NOT NULL THEN to_timestamp(due_seconds)
    ELSE date_trunc('second', least(known_since, $now)) END AS due_at"""
_CHOSEN = {
    Source.TMDB: "SELECT t.* FROM timed AS t",
    Source.OMDB: "SELECT t.* REPLACE (coalesce(x.popularity, t.popularity) AS popularity) "
    "FROM timed AS t LEFT JOIN {discovered_movies} AS x ON x.tmdb_id = t.tmdb_id",
}
_SHOWN = {
    Source.TMDB: f"""
SELECT due.tmdb_id, due.imdb_id, due.release_year, due.popularity,
  not_found_since AS tmdb_not_found_since, due.etag, {DUE_AT}, due.why
FROM due
""",
    # Films can share an imdb id: the ratings belong to the one with the lowest id.
    Source.OMDB: f"""
SELECT due.tmdb_id, due.imdb_id, due.release_year, due.popularity,
  not_found_since AS omdb_not_found_since, own.ratings_tmdb_id, own.ratings_release_year, {DUE_AT},
  due.why
FROM due JOIN (
  SELECT imdb_id, min(tmdb_id) AS ratings_tmdb_id,
    arg_min(release_year, tmdb_id) AS ratings_release_year
  FROM {{tmdb_details}} WHERE imdb_id IN (SELECT imdb_id FROM due) GROUP BY imdb_id
) AS own ON own.imdb_id = due.imdb_id
""",
}


Query = tuple[str, dict[str, Any]]
"""A statement with table names in braces, and its parameters."""


def due_query(
    source: Source,
    years: Sequence[str],
    now: datetime,
    policy: RefreshPolicy,
    feed: ChangeFeed | None = None,
    *,
    limit: int | None = None,
    force: bool = False,
) -> Query:
    """The films to ask a source for, most urgent first.

    Args:
        source: Whom to ask.
        years: Release years of the films.
        now: The moment asked about, UTC.
        policy: The numbers of the rule.
        feed: What is known of TMDB's change feed.
        limit: Most films; None: all.
        force: All films the source could be asked for, due or not.
    """
    due = _DUE.format(
        chosen=_CHOSEN[source],
        is_due="true" if force else IS_DUE,
        limit="" if limit is None else f"ORDER BY {_ORDER} LIMIT $most",
    )
    candidate = "true" if force else IS_CANDIDATE
    why = f"WHEN true THEN '{Why.FORCED}'" if force else _WHY
    sql = f"{timed_films(source, policy, candidate, why)},{due}{_SHOWN[source]}ORDER BY {_ORDER}"
    parameters = due_parameters(source, years, now, policy, feed) | {"most": limit}
    return with_needed(sql, parameters)


def timed_films(source: Source, policy: RefreshPolicy, candidate: str, why: str = _WHY) -> str:
    """The films of the years with their due times, as a statement's CTEs up to `timed`."""
    has_feed = source is Source.TMDB and policy.is_feed_enabled
    spread = _SPREAD.format(
        not_found=FetchOutcome.NOT_FOUND.value,
        unusable=FetchOutcome.UNUSABLE.value,
        bands=_bands("band"),
        rechecks=_bands("recheck"),
        multiplier=SPREAD_MULTIPLIER,
    )
    told = _WITH_FEED.replace("<gaps>", _bands("gap")) if has_feed else _WITHOUT_FEED
    timed = _TIMED.format(
        is_candidate=candidate,
        gap_seconds=_GAP_SECONDS,
        why=why,
        source=source.value,
        # OMDb is asked by imdb id: that another one failed says nothing.
        is_same_id="q.imdb_id = c.imdb_id" if source is Source.OMDB else "true",
        growth=RETRY_GROWTH,
        most_failures=MOST_FAILURES_COUNTED,
        frozen_flags="{frozen_flags}",
        failed_requests="{failed_requests}",
    )
    return f"WITH {_STATED[source]},{spread},{told},{timed}"


def due_parameters(
    source: Source,
    years: Sequence[str],
    now: datetime,
    policy: RefreshPolicy,
    feed: ChangeFeed | None,
) -> dict[str, Any]:
    """Every parameter the statements about a source can have."""
    parameters: dict[str, Any] = {
        "years": list(years),
        "now": now,
        "seconds": int(now.timestamp() // 1),
        "believed_until": believed_until(now),
        "today": now.astimezone(UTC).date(),
        "not_found_days": float(policy.not_found_days[source]),
        "unusable_days": float(policy.unusable_days),
        "retry_hours": float(policy.retry_hours),
        "longest_retry_hours": float(policy.longest_retry_hours),
        # In the order of operations of `spread_factors`: both come to the same last bit.
        "spread_low": float(1 - policy.spread),
        "spread_width": float(2 * policy.spread),
        "is_believed": policy.believes(feed, now),
        "feed_since": int(feed.since.timestamp()) if feed else 0,
    }
    for number, band in enumerate(_BANDS):
        parameters[f"band_{number}_days"] = float(policy.days(source, band))
        parameters[f"recheck_{number}_days"] = float(policy.recheck_days(source, band))
        parameters[f"gap_{number}_days"] = float(policy.gap_days[band])
    return parameters


_BANDS = (UNDATED_BAND, *(band for band, _ in BAND_ENDS), OLD)


def _bands(kind: str) -> str:
    """The branches of a CASE from age to the days of its band."""
    branches = [f"WHEN release_date IS NULL THEN ${kind}_0_days"]
    for number, (_, last_day) in enumerate(BAND_ENDS, start=1):
        branches.append(
            f"WHEN $today::DATE - release_date <= {last_day} THEN ${kind}_{number}_days"
        )
    return " ".join([*branches, f"ELSE ${kind}_{len(_BANDS) - 1}_days"])


def with_needed(sql: str, parameters: dict[str, Any]) -> Query:
    """The statement with the parameters it names: DuckDB refuses others."""
    named = set(re.findall(r"\$(\w+)", sql))
    return sql, {name: value for name, value in parameters.items() if name in named}
