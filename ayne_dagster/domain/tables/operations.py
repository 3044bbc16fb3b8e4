"""Contracts of the tables that record the work itself, not the films.

Lives here: what was asked and what came of it. They are no assets: assets write them on the way.
"""

from ayne_dagster.domain.outcomes import FetchOutcome, Source
from ayne_dagster.domain.tables.contract import (
    RELEASE_YEAR,
    Column,
    ColumnType,
    TableContract,
    WriteMode,
    release_year_column,
    tmdb_id_column,
)

T = ColumnType

REFRESH_HISTORY = TableContract(
    name="refresh_history",
    title="Every refresh of every film, and what it brought",
    grain="one answer of one source for one film",
    key=("source", "tmdb_id", "fetched_at"),
    write_mode=WriteMode.APPEND,
    year_column=None,
    mirror_month_of="fetched_at",
    columns=(
        Column(
            "source",
            T.VARCHAR,
            "Who was asked.",
            nullable=False,
            one_of=tuple(source.value for source in Source),
        ),
        tmdb_id_column(),
        Column("imdb_id", T.VARCHAR, "The id OMDb was asked for."),
        Column("fetched_at", T.TIMESTAMPTZ, "When.", nullable=False),
        Column(
            "outcome",
            T.VARCHAR,
            "What kind of answer.",
            nullable=False,
            one_of=tuple(outcome.value for outcome in FetchOutcome),
        ),
        Column("detail", T.VARCHAR, "The service's own words, where it was not a row."),
        Column("changed_fields", T.VARCHAR_LIST, "Stable fields that changed.", nullable=False),
        Column("is_first", T.BOOLEAN, "First answer for this film.", nullable=False),
        Column("popularity", T.DOUBLE, "That day's popularity."),
        Column("vote_count", T.BIGINT, "That day's votes of the source."),
        Column("rating", T.DOUBLE, "That day's mean rating of the source, 0-10."),
        Column("revenue_usd", T.BIGINT, "That day's revenue (TMDB) or US box office (OMDb)."),
    ),
)

DISCOVERY_WALKS = TableContract(
    name="discovery_walks",
    title="When each year was last walked through TMDB's discover, and what could not be seen",
    grain="one release year",
    key=(RELEASE_YEAR,),
    write_mode=WriteMode.MERGE,
    columns=(
        release_year_column(),
        Column("walked_at", T.TIMESTAMPTZ, "When.", nullable=False),
        Column(
            "min_votes",
            T.INTEGER,
            "Only films with at least so many votes.",
            nullable=False,
            minimum=0,
        ),
        Column("max_pages", T.INTEGER, "Pages allowed for the year; NULL: all.", minimum=1),
        Column("windows", T.INTEGER, "Windows of dates walked.", nullable=False, minimum=0),
        Column("requests", T.INTEGER, "Requests sent.", nullable=False, minimum=0),
        Column("films_reported", T.BIGINT, "Films TMDB said there are.", nullable=False, minimum=0),
        Column("films_seen", T.BIGINT, "Different films seen.", nullable=False, minimum=0),
        Column("is_truncated", T.BOOLEAN, "A limit cut the walk short.", nullable=False),
    ),
)
