"""SQL of what the refresh policy needs to know of films, and of ratings that lost their film.

Lives here: the statements, with table names in braces. Not here: who runs them
(`movie_queries.py`) and what is due (`domain/refresh_policy.py`).
"""

_PLAN = """
WITH chosen AS (
  -- Not one FULL JOIN: it would pair all films to give those of a few years.
  SELECT d.tmdb_id, d.release_year, d.release_date,
    coalesce(x.popularity, d.popularity) AS popularity,
    d.imdb_id, d.changed_at, x.first_seen_at, x.last_seen_at, true AS is_detailed
  FROM {tmdb_details} AS d LEFT JOIN {discovered_movies} AS x ON x.tmdb_id = d.tmdb_id
  WHERE d.<chosen>
  UNION ALL
  SELECT x.tmdb_id, x.release_year, x.release_date, x.popularity,
    NULL, NULL, x.first_seen_at, x.last_seen_at, false
  FROM {discovered_movies} AS x
  WHERE x.<chosen>
    AND NOT EXISTS (SELECT 1 FROM {tmdb_details} AS d WHERE d.tmdb_id = x.tmdb_id)
),
named AS (
  -- The feed knows days only: one that names a film on the UTC day of its answer may mean before.
  SELECT c.tmdb_id, min(c.seen_at) AS named_at, min(c.changed_on) AS named_on
  FROM {tmdb_changes} AS c JOIN {refresh_state} AS s ON s.tmdb_id = c.tmdb_id AND s.source = 'tmdb'
  WHERE c.changed_on >= DATE '1970-01-01' + (epoch_us(s.answered_at) // 86400000000)::INTEGER
    AND c.tmdb_id IN (SELECT tmdb_id FROM chosen)
  GROUP BY c.tmdb_id
)
SELECT c.* EXCLUDE (is_detailed),
  t.answered_at AS tmdb_answered_at, t.outcome AS tmdb_outcome,
  t.not_found_since AS tmdb_not_found_since, t.gone_at AS tmdb_gone_at,
  coalesce(t.unchanged_cycles, 0) AS tmdb_unchanged_cycles,
  tq.failed_at AS tmdb_failed_at, tq.failures AS tmdb_failures,
  CASE WHEN t.answered_at IS NOT NULL THEN n.named_at END AS named_at,
  CASE WHEN t.answered_at IS NOT NULL THEN n.named_on END AS named_on,
  o.answered_at AS omdb_answered_at, o.outcome AS omdb_outcome,
  o.not_found_since AS omdb_not_found_since,
  coalesce(o.unchanged_cycles, 0) AS omdb_unchanged_cycles,
  oq.failed_at AS omdb_failed_at, oq.failures AS omdb_failures,
  r.imdb_id IS NOT NULL AS has_ratings,
  coalesce(f.is_frozen, false) AS is_frozen
FROM chosen AS c
-- A state says that a row was answered, and it is not there (it left when no film had its id, its
-- table was dropped): the film is asked for as if it never was. Where the last answer was another
-- one, that stands: asking again at once would end the same.
LEFT JOIN {refresh_state} AS t ON t.tmdb_id = c.tmdb_id AND t.source = 'tmdb'
  AND t.answered_at <= $believed_until
  AND (c.is_detailed OR t.outcome NOT IN ('row', 'unchanged'))
LEFT JOIN named AS n ON n.tmdb_id = c.tmdb_id
LEFT JOIN {omdb_ratings} AS r ON r.imdb_id = c.imdb_id
-- An answer for another imdb id says nothing about the one the film has now.
LEFT JOIN {refresh_state} AS o ON o.tmdb_id = c.tmdb_id AND o.source = 'omdb'
  AND o.imdb_id = c.imdb_id AND o.answered_at <= $believed_until
  AND (r.imdb_id IS NOT NULL OR o.outcome NOT IN ('row', 'unchanged'))
LEFT JOIN {failed_requests} AS tq ON tq.tmdb_id = c.tmdb_id AND tq.source = 'tmdb'
  AND tq.failed_at <= $believed_until
LEFT JOIN {failed_requests} AS oq ON oq.tmdb_id = c.tmdb_id AND oq.source = 'omdb'
  AND oq.imdb_id = c.imdb_id AND oq.failed_at <= $believed_until
LEFT JOIN (SELECT tmdb_id, is_frozen FROM {frozen_flags} WHERE is_frozen) AS f
  ON f.tmdb_id = c.tmdb_id
"""
FILMS_TO_PLAN = _PLAN.replace("<chosen>", "release_year IN (SELECT unnest($years))")
FILM_TO_PLAN = _PLAN.replace("<chosen>", "tmdb_id = $tmdb_id")

RATINGS_TO_REHOME = """
SELECT r.* REPLACE (d.release_year AS release_year, d.tmdb_id AS tmdb_id)
FROM {omdb_ratings} AS r
JOIN (SELECT imdb_id, min(tmdb_id) AS tmdb_id, arg_min(release_year, tmdb_id) AS release_year
      FROM {tmdb_details} WHERE imdb_id IS NOT NULL GROUP BY imdb_id) AS d
  ON d.imdb_id = r.imdb_id
WHERE (d.release_year <> r.release_year OR d.tmdb_id <> r.tmdb_id)
  AND (d.release_year IN (SELECT unnest($years)) OR r.release_year IN (SELECT unnest($years)))
"""

RATINGS_WITHOUT_FILM = """
SELECT r.* FROM {omdb_ratings} AS r
WHERE r.imdb_id NOT IN (SELECT imdb_id FROM {tmdb_details} WHERE imdb_id IS NOT NULL)
  -- The film says it has another id; a film that is not there, or has none, says nothing.
  AND r.tmdb_id IN (SELECT tmdb_id FROM {tmdb_details} WHERE imdb_id IS NOT NULL)
"""
