"""Contracts of the tables filled from whole files that need no key.

Lives here: TMDB's ids, IMDb's ratings, and which files were read. Not here: what the services say
film by film (`fetched.py`).
"""

from ayne_dagster.domain.tables.contract import (
    Column,
    ColumnType,
    OnMerge,
    TableContract,
    WriteMode,
    tmdb_id_column,
)
from ayne_dagster.domain.tables.fetched import IMDB_ID_PATTERN

T = ColumnType
TMDB_EXPORT_FILE = "tmdb_movie_ids"
IMDB_RATINGS_FILE = "imdb_title_ratings"
IMDB_CREDIT = "Information courtesy of IMDb (https://www.imdb.com). Used with permission."
"""The line IMDb asks for wherever its data is shown."""

TMDB_IDS = TableContract(
    name="tmdb_ids",
    title="Every film id TMDB's daily export has listed",
    grain="one film",
    key=("tmdb_id",),
    write_mode=WriteMode.MERGE,
    year_column=None,
    newest_by="last_exported_on",
    columns=(
        tmdb_id_column(),
        Column("original_title", T.VARCHAR, "Title in the original language."),
        Column("popularity", T.DOUBLE, "TMDB's popularity in that export.", minimum=0),
        Column("is_video", T.BOOLEAN, "TMDB's video flag: no film by itself, says TMDB."),
        Column(
            "first_exported_on",
            T.DATE,
            "Day of the first export read that listed it.",
            nullable=False,
            on_merge=OnMerge.KEEP,
        ),
        Column(
            "last_exported_on",
            T.DATE,
            "Day of the newest export read that listed it; stays when it is listed no more.",
            nullable=False,
        ),
    ),
)

IMDB_RATINGS = TableContract(
    name="imdb_ratings",
    title="IMDb's own ratings of the films with details, for personal and non-commercial use",
    grain="one imdb id",
    key=("imdb_id",),
    write_mode=WriteMode.MERGE,
    year_column=None,
    newest_by="fetched_at",
    columns=(
        Column("imdb_id", T.VARCHAR, "IMDb's id.", nullable=False, pattern=IMDB_ID_PATTERN),
        Column(
            "imdb_rating", T.DOUBLE, "IMDb rating, 0-10.", nullable=False, minimum=0, maximum=10
        ),
        Column("imdb_votes", T.BIGINT, "IMDb votes.", nullable=False, minimum=0),
        Column("file_date", T.DATE, "Day of the file, as its server dates it.", nullable=False),
        Column("fetched_at", T.TIMESTAMPTZ, "When that file was fetched.", nullable=False),
    ),
)

BULK_READS = TableContract(
    name="bulk_reads",
    title="Which whole files were read, and how many rows they had",
    grain="one file of one day",
    key=("file", "file_date"),
    write_mode=WriteMode.MERGE,
    year_column=None,
    newest_by="read_at",
    columns=(
        Column(
            "file",
            T.VARCHAR,
            "Which file.",
            nullable=False,
            one_of=(TMDB_EXPORT_FILE, IMDB_RATINGS_FILE),
        ),
        Column("file_date", T.DATE, "Day of the file.", nullable=False),
        Column("film_rows", T.BIGINT, "Usable lines of the file.", nullable=False, minimum=0),
        Column("bad_lines", T.BIGINT, "Lines left out: not readable.", nullable=False, minimum=0),
        Column(
            "read_at",
            T.TIMESTAMPTZ,
            "When its last rows were written; until then the file does not count as read.",
            nullable=False,
        ),
    ),
)
