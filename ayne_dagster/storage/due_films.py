"""What is due, decided in the warehouse: the refresh rule in SQL, for a million films at once.

Lives here: the rule of `domain/refresh_policy.py` a second time, with the policy's numbers as
parameters, so that only due films leave the database. The rule people read is the other one; a test
holds both equal over films of every kind.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from ayne_dagster.domain.outcomes import FetchOutcome, Source
from ayne_dagster.domain.refresh_policy import (
    BAND_ENDS,
    OLD,
    SPREAD_MULTIPLIER,
    UNDATED_BAND,
    RefreshPolicy,
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

# A film that is not due by the shorter of its two intervals needs no look at its flags.
_DUE = """
spread AS (
  SELECT *, answered_at IS NOT NULL AS is_answered,
    epoch_us(answered_at) // 1000000 AS answered_seconds,
    CASE WHEN is_gone OR outcome = '{not_found}' THEN $not_found_days
      WHEN outcome = '{unusable}' THEN $unusable_days END AS fixed_days,
    CASE {bands} END AS band_days,
    $spread_low + $spread_width
      * ((((tmdb_id % 4294967296)::UBIGINT * {multiplier}::UBIGINT) % 4294967296)::DOUBLE
         / 4294967296::DOUBLE) AS factor
  FROM stated
),
candidates AS (
  SELECT * FROM spread WHERE {is_candidate}
),
timed AS (
  SELECT c.*, answered_seconds + floor(
      coalesce(fixed_days, CASE WHEN f.is_frozen THEN $frozen_days ELSE band_days END * factor)
      * 86400::DOUBLE)::BIGINT AS due_seconds
  FROM candidates AS c LEFT JOIN {frozen_flags} AS f ON f.tmdb_id = c.tmdb_id
),
chosen AS (
  {chosen}
  WHERE {is_due}
),
due AS (
  SELECT * FROM chosen AS due {limit}
)"""
_CANDIDATE = """is_asked AND (answered_at IS NULL OR answered_seconds + floor(
    coalesce(fixed_days, least(band_days, $frozen_days) * factor) * 86400::DOUBLE) <= $seconds)"""
_IS_DUE = "(answered_at IS NULL OR due_seconds <= $seconds)"

# Films never asked for have no due second and come first.
_ORDER = (
    "due.due_seconds NULLS FIRST, due.popularity DESC NULLS LAST, "
    "due.release_date DESC NULLS LAST, due.tmdb_id"
)
_DUE_AT = """CASE WHEN is_answered THEN to_timestamp(due_seconds)
    ELSE date_trunc('second', least(known_since, $now)) END AS due_at"""
_CHOSEN = {
    Source.TMDB: "SELECT t.* FROM timed AS t",
    Source.OMDB: "SELECT t.* REPLACE (coalesce(x.popularity, t.popularity) AS popularity) "
    "FROM timed AS t LEFT JOIN {discovered_movies} AS x ON x.tmdb_id = t.tmdb_id",
}
_SHOWN = {
    Source.TMDB: f"""
SELECT due.tmdb_id, due.imdb_id, due.release_year, due.popularity,
  not_found_since AS tmdb_not_found_since, due.etag, {_DUE_AT}
FROM due
""",
    # Films can share an imdb id: the ratings belong to the one with the lowest id.
    Source.OMDB: f"""
SELECT due.tmdb_id, due.imdb_id, due.release_year, due.popularity,
  not_found_since AS omdb_not_found_since, own.ratings_tmdb_id, own.ratings_release_year, {_DUE_AT}
FROM due JOIN (
  SELECT imdb_id, min(tmdb_id) AS ratings_tmdb_id,
    arg_min(release_year, tmdb_id) AS ratings_release_year
  FROM {{tmdb_details}} WHERE imdb_id IN (SELECT imdb_id FROM due) GROUP BY imdb_id
) AS own ON own.imdb_id = due.imdb_id
""",
}


def due_query(
    source: Source,
    years: Sequence[str],
    now: datetime,
    policy: RefreshPolicy,
    *,
    limit: int | None = None,
    force: bool = False,
) -> tuple[str, dict[str, Any]]:
    """The films to ask a source for, most urgent first.

    Args:
        source: Whom to ask.
        years: Release years of the films.
        now: The moment asked about, UTC.
        policy: The numbers of the rule.
        limit: Most films; None: all.
        force: All films the source could be asked for, due or not.

    Returns:
        The statement, with table names in braces, and its parameters.
    """
    parameters: dict[str, Any] = {
        "years": list(years),
        "now": now,
        "believed_until": believed_until(now),
        "today": now.astimezone(UTC).date(),
        "not_found_days": float(policy.not_found_days[source]),
        "unusable_days": float(policy.unusable_days),
        "frozen_days": float(policy.frozen_recheck_days),
        # In the order of operations of `spread_factors`: both come to the same last bit.
        "spread_low": float(1 - policy.spread),
        "spread_width": float(2 * policy.spread),
    }
    bands, days_of_band = _bands(policy.interval_days[source])
    parameters |= days_of_band
    due = _DUE.format(
        not_found=FetchOutcome.NOT_FOUND.value,
        unusable=FetchOutcome.UNUSABLE.value,
        bands=bands,
        multiplier=SPREAD_MULTIPLIER,
        is_candidate="true" if force else _CANDIDATE,
        is_due="true" if force else _IS_DUE,
        limit="" if limit is None else f"ORDER BY {_ORDER} LIMIT $most",
        chosen=_CHOSEN[source],
        frozen_flags="{frozen_flags}",
    )
    if limit is not None:
        parameters["most"] = limit
    if not force:
        parameters["seconds"] = int(now.timestamp() // 1)
    return f"WITH {_STATED[source]},{due}{_SHOWN[source]}ORDER BY {_ORDER}", parameters


def _bands(interval_days: dict[str, float]) -> tuple[str, dict[str, float]]:
    """The branches of a CASE from age to interval, and their parameters."""
    branches = ["WHEN release_date IS NULL THEN $undated_days"]
    parameters = {"undated_days": float(interval_days[UNDATED_BAND])}
    for number, (band, last_day) in enumerate(BAND_ENDS):
        branches.append(f"WHEN $today::DATE - release_date <= {last_day} THEN $band_{number}_days")
        parameters[f"band_{number}_days"] = float(interval_days[band])
    parameters["old_days"] = float(interval_days[OLD])
    return " ".join([*branches, "ELSE $old_days"]), parameters
