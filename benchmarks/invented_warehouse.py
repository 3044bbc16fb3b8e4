"""A warehouse of any number of invented films, made by the database itself from hashes.

Lives here: one INSERT per table. Columns have the widths of real ones, films lie in the order in
which they were fetched, not by year, and the same number of films gives the same rows every time.
"""

from pathlib import Path

import numpy as np

from ayne_dagster.domain.tables import (
    CHANGE_DAYS,
    DISCOVERED_MOVIES,
    OMDB_RATINGS,
    REFRESH_HISTORY,
    REFRESH_STATE,
    TMDB_CHANGES,
    TMDB_DETAILS,
)
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.storage.table_writes import create_table_sql
from ayne_dagster.storage.warehouse import Warehouse

LAST_YEAR = 2026
YEARS = tuple(str(year) for year in range(1900, LAST_YEAR + 1))
_SYLLABLES = ("ka", "lo", "mi", "ren", "dor", "sa", "vel", "tu", "bri", "an", "os", "ter", "ning")

# Shares as in TMDB's daily export: a tenth without a date, most films recent and little known.
_FILMS = """
CREATE TEMP TABLE films AS
SELECT i, (hash(i) >> 1)::BIGINT AS h,
  CASE WHEN hash(i, 'date') % 10 > 0 THEN make_date(
    $last - least(125, floor(125 * pow((hash(i, 'year') % 100000) / 100000, 1.5))::INTEGER), 1, 1)
    + ((hash(i, 'day') % 365)::INTEGER) END AS released,
  hash(i, 'votes') % 100 < 20 AS is_known,
  -- A hundred days: of a platform that was left alone for some time, a quarter is due.
  TIMESTAMPTZ '2026-06-01 00:00:00+00' - to_minutes((hash(i, 'fetched') % 144000)::BIGINT)
    AS answered,
  format('tt{:07d}', i) AS imdb
FROM range(1, $films + 1) AS numbers(i)
"""
_YEAR = "coalesce(year(released)::VARCHAR, 'undated')"
_TITLE = "substr($text, h % 90000, 8 + h % 25)"
_IS_RATED = "hash(i, 'rated') % 10 < 7"
_TABLES: dict[TableContract, str] = {
    DISCOVERED_MOVIES: f"""
SELECT i AS tmdb_id, {_YEAR} AS release_year, {_TITLE} AS title, {_TITLE} AS original_title,
  'en' AS original_language, released AS release_date, (h % 1000) / 50 AS popularity,
  (h % 100) / 10 AS vote_average, h % 500 AS vote_count, ['discover'] AS sources,
  answered - INTERVAL 30 DAY AS first_seen_at, answered AS last_seen_at
FROM films""",
    TMDB_DETAILS: f"""
SELECT i AS tmdb_id, {_YEAR} AS release_year,
  CASE WHEN h % 10 < 6 THEN imdb END AS imdb_id,
  CASE WHEN h % 10 < 5 THEN 'Q' || i END AS wikidata_id,
  {_TITLE} AS title, {_TITLE} AS original_title,
  ['en', 'fr', 'ja', 'es', 'de'][1 + h % 5] AS original_language,
  substr($text, h % 90000, 40 + h % 600) AS overview,
  CASE WHEN is_known THEN substr($text, h % 80000, 45) END AS tagline,
  CASE WHEN is_known THEN 'https://films.invalid/' || i END AS homepage,
  'Released' AS status, released AS release_date,
  CASE WHEN h % 10 < 8 THEN (40 + h % 120)::INTEGER END AS runtime_minutes,
  CASE WHEN is_known THEN (10 + hash(i, 'budget') % 90000000)::BIGINT END AS budget_usd,
  CASE WHEN is_known AND h % 3 = 0 THEN (900 + hash(i, 'revenue') % 300000000)::BIGINT END
    AS revenue_usd,
  coalesce(budget_usd, 0) AS budget_reported, coalesce(revenue_usd, 0) AS revenue_reported,
  (h % 1000) / 50 AS popularity, (h % 100) / 10 AS vote_average,
  h % 500 AS vote_count, false AS is_adult,
  list_slice(['Drama', 'Comedy', 'Thriller', 'Action'], 1 + h % 4,
    1 + (h % 4 + h % 3)::BIGINT) AS genres,
  ids(i, 'company', h % 4, 40000) AS company_ids,
  list_slice($names, h % 900, (h % 900 + h % 4)::BIGINT) AS companies,
  ['US'] AS countries, ['US'] AS origin_countries, ['en'] AS spoken_languages,
  CASE WHEN h % 25 = 0 THEN (hash(i, 'collection') % (1 + $films // 60))::BIGINT END
    AS collection_id,
  CASE WHEN h % 25 = 0 THEN {_TITLE} END AS collection,
  ids(i, 'director', 1, 1 + $films // 4) AS director_ids,
  list_slice($names, h % 901, h % 901) AS directors,
  ids(i, 'writer', 1, 1 + $films // 4) AS writer_ids,
  list_slice($names, h % 902, h % 902) AS writers,
  ids(i, 'cast', h % 16, 1 + $films) AS cast_ids,
  list_slice($names, h % 903, (h % 903 + h % 16)::BIGINT) AS cast_names,
  list_slice($names, h % 904, (h % 904 + h % 6)::BIGINT) AS keywords,
  ids(i, 'similar', CASE WHEN is_known THEN 20 ELSE 4 END, $films) AS similar_ids,
  CASE WHEN is_known THEN 'PG-13' END AS us_certification,
  CASE WHEN is_known THEN released END AS us_release_date,
  CASE WHEN is_known THEN substr(md5(i::VARCHAR), 1, 11) END AS trailer_youtube_key,
  '/' || substr(md5(i::VARCHAR), 1, 27) || '.jpg' AS poster_path,
  CASE WHEN is_known THEN '/' || substr(md5(i::VARCHAR), 3, 27) || '.jpg' END AS backdrop_path,
  md5(i::VARCHAR) AS stable_fingerprint, answered AS fetched_at, answered AS changed_at,
  NULL AS gone_at
FROM films""",
    OMDB_RATINGS: f"""
SELECT imdb AS imdb_id, i AS tmdb_id, {_YEAR} AS release_year, {_TITLE} AS title,
  year(released)::VARCHAR AS year_text, 'movie' AS media_type, 'R' AS rated,
  released AS released_on, (40 + h % 120)::INTEGER AS runtime_minutes,
  (10 + h % 90) / 10 AS imdb_rating, h % 100000 AS imdb_votes,
  CASE WHEN is_known THEN (h % 101)::INTEGER END AS rotten_tomatoes_percent,
  CASE WHEN is_known THEN (h % 101)::INTEGER END AS metascore, NULL AS us_box_office_usd,
  CASE WHEN is_known THEN '3 wins & 7 nominations' END AS awards,
  0 AS oscar_wins, 0 AS oscar_nominations, 3 AS award_wins, 7 AS award_nominations,
  md5(i::VARCHAR) AS stable_fingerprint, answered AS fetched_at, answered AS changed_at
FROM films WHERE h % 10 < 6 AND {_IS_RATED}""",
    REFRESH_HISTORY: f"""
SELECT CASE WHEN round = 2 THEN 'omdb' ELSE 'tmdb' END AS source, i AS tmdb_id,
  CASE WHEN h % 10 < 6 THEN imdb END AS imdb_id,
  answered - to_days((round * 60)::INTEGER) AS fetched_at,
  CASE WHEN round < 2 OR {_IS_RATED} THEN 'row' ELSE 'not_found' END AS outcome, NULL AS detail,
  CASE WHEN round = 0 AND h % 7 = 0 THEN ['overview'] ELSE [] END AS changed_fields,
  round = 1 AS is_first, (h % 1000) / 50 AS popularity, h % 500 AS vote_count,
  (h % 100) / 10 AS rating, NULL AS revenue_usd
FROM films, range(3) AS rounds(round) WHERE round < 2 OR h % 10 < 6""",
    # The sum of that history.
    REFRESH_STATE: f"""
SELECT 'tmdb' AS source, i AS tmdb_id, NULL AS imdb_id, answered AS answered_at, 'row' AS outcome,
  NULL AS not_found_since, NULL AS gone_at, answered AS last_row_at,
  answered - to_days(CASE WHEN h % 7 = 0 THEN 0 ELSE 60 END) AS last_change_at,
  CASE WHEN h % 7 = 0 THEN 0 ELSE 1 END AS unchanged_cycles, answered AS last_cycle_at
FROM films UNION ALL
SELECT 'omdb', i, imdb, answered - to_days(120), if({_IS_RATED}, 'row', 'not_found'),
  if({_IS_RATED}, NULL, answered - to_days(120)), NULL,
  if({_IS_RATED}, answered - to_days(120), NULL), NULL, 0, answered - to_days(120)
FROM films WHERE h % 10 < 6""",
    # TMDB names about 10,000 of its 1,170,000 films a day, some of them often; 180 days are kept.
    TMDB_CHANGES: """
SELECT DISTINCT
  1 + floor($films * pow((hash(day, n, 'named') % 1000000) / 1000000, 2))::BIGINT AS tmdb_id,
  DATE '2026-05-31' - day::INTEGER AS changed_on,
  changed_on + INTERVAL '25 hours' AS seen_at
FROM range(180) AS days(day), range($films // 117) AS numbers(n)""",
    CHANGE_DAYS: """
SELECT DATE '2026-05-31' - day::INTEGER AS changed_on, changed_on + INTERVAL '25 hours' AS read_at,
  10000 AS films_named, $films // 117 AS films_known, 100 AS requests
FROM range(180) AS days(day)""",
}
# Few ids are frequent, most are rare, as with real companies and people.
_IDS = """
CREATE TEMP MACRO ids(film, kind, count, most) AS list_transform(range(count),
  lambda n: 1 + floor(most * pow((hash(film, kind, n) % 1000000) / 1000000, 2))::BIGINT)
"""


def invent_warehouse(path: Path, films: int) -> Warehouse:
    """Make a warehouse with discovered films, details, ratings and refresh history.

    Args:
        path: The file, not there yet.
        films: How many films.
    """
    warehouse = Warehouse(path, connection_config=(("memory_limit", "4GB"),))
    given = {"text": _text(), "names": _names(), "films": films}
    with warehouse.writing("an invented warehouse") as connection:
        connection.execute(_IDS)
        connection.execute(_FILMS, {"films": films, "last": LAST_YEAR})
        for contract, rows in _TABLES.items():
            qualified = warehouse.qualified(contract.name)
            connection.execute(create_table_sql(contract, qualified))
            needed = {name: value for name, value in given.items() if f"${name}" in rows}
            connection.execute(f"INSERT INTO {qualified} BY NAME {rows}", needed or None)
        connection.execute("CHECKPOINT")
    return warehouse


def _text() -> str:
    draw = np.random.default_rng(7)
    words = ["".join(draw.choice(_SYLLABLES, draw.integers(1, 4))) for _ in range(20_000)]
    return (" ".join(words) * 2)[:100_000]


def _names() -> list[str]:
    words = _text().split()
    return [f"{a.title()} {b.title()}" for a, b in zip(words[:1000], words[1000:2000], strict=True)]
