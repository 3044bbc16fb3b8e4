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
from ayne_dagster.domain.tables.fetched import LIST_NAMES

T = ColumnType


def _source_column() -> Column:
    return Column(
        "source",
        T.VARCHAR,
        "Who was asked.",
        nullable=False,
        one_of=tuple(source.value for source in Source),
    )


REFRESH_HISTORY = TableContract(
    name="refresh_history",
    title="Every refresh of every film, and what it brought",
    grain="one answer of one source for one film",
    key=("source", "tmdb_id", "fetched_at"),
    write_mode=WriteMode.APPEND,
    year_column=None,
    mirror_month_of="fetched_at",
    columns=(
        _source_column(),
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
        Column("rotten_tomatoes_percent", T.INTEGER, "That day's Tomatometer (OMDb)."),
        Column("metascore", T.INTEGER, "That day's Metacritic score (OMDb), 0-100."),
    ),
)

REFRESH_STATE = TableContract(
    name="refresh_state",
    title="Where each film stands with each source: the sum of its refreshes",
    grain="one film at one source",
    key=("source", "tmdb_id"),
    write_mode=WriteMode.MERGE,
    year_column=None,
    newest_by="answered_at",
    is_mirrored=False,
    columns=(
        _source_column(),
        tmdb_id_column(),
        Column("imdb_id", T.VARCHAR, "The id OMDb was asked for; NULL for TMDB."),
        Column("answered_at", T.TIMESTAMPTZ, "When the source last answered.", nullable=False),
        Column(
            "outcome",
            T.VARCHAR,
            "What kind of answer that was.",
            nullable=False,
            one_of=tuple(outcome.value for outcome in FetchOutcome if outcome.is_answer),
        ),
        Column(
            "not_found_since",
            T.TIMESTAMPTZ,
            "First of the answers `not_found` since the last row; NULL: there is none.",
        ),
        Column(
            "gone_at",
            T.TIMESTAMPTZ,
            "When TMDB had no such film for the second time; NULL: it has it, or may.",
        ),
        Column("last_row_at", T.TIMESTAMPTZ, "When the source last gave a whole row."),
        Column("last_change_at", T.TIMESTAMPTZ, "When a stable field last changed."),
        Column(
            "unchanged_cycles",
            T.INTEGER,
            "Refreshes in a row without a change, at least a day apart.",
            nullable=False,
            minimum=0,
        ),
        Column(
            "last_cycle_at", T.TIMESTAMPTZ, "The refresh from which the next cycle is measured."
        ),
    ),
)

FAILED_REQUESTS = TableContract(
    name="failed_requests",
    title="Films a source did not answer for at all, and how often in a row",
    grain="one film at one source",
    key=("source", "tmdb_id"),
    write_mode=WriteMode.MERGE,
    year_column=None,
    newest_by="failed_at",
    is_mirrored=False,
    columns=(
        _source_column(),
        tmdb_id_column(),
        Column("imdb_id", T.VARCHAR, "The id OMDb was asked for; NULL for TMDB."),
        Column(
            "failed_at",
            T.TIMESTAMPTZ,
            "When it last failed, all tries included; an answer since then ends it.",
            nullable=False,
        ),
        Column(
            "failures",
            T.INTEGER,
            "Runs in a row in which it failed.",
            nullable=False,
            minimum=1,
        ),
        Column("detail", T.VARCHAR, "What the last one failed with, in words."),
    ),
)

QUARANTINED_ANSWERS = TableContract(
    name="quarantined_answers",
    title="Answers kept out of the tables, and why",
    grain="one answer",
    key=("service", "request_key", "answered_at"),
    write_mode=WriteMode.APPEND,
    year_column=None,
    columns=(
        Column("service", T.VARCHAR, "Who answered.", nullable=False),
        Column("request_key", T.VARCHAR, "What was asked for, as text.", nullable=False),
        Column("tmdb_id", T.BIGINT, "TMDB's id of the film it was meant for.", minimum=1),
        Column("answered_at", T.TIMESTAMPTZ, "When.", nullable=False),
        Column("reason", T.VARCHAR, "Why it is no row.", nullable=False),
        Column(
            "body",
            T.VARCHAR,
            "What was answered, JSON or raw text, cut where it is long; NULL once it is old.",
        ),
    ),
)

LIST_READINGS = TableContract(
    name="list_readings",
    title="When each of TMDB's lists was last read, and how deep",
    grain="one list",
    key=("list_name",),
    write_mode=WriteMode.MERGE,
    year_column=None,
    newest_by="read_at",
    columns=(
        Column("list_name", T.VARCHAR, "Which list.", nullable=False, one_of=LIST_NAMES),
        Column("read_at", T.TIMESTAMPTZ, "When it was asked for.", nullable=False),
        Column(
            "pages_asked",
            T.INTEGER,
            "How deep it was read, in pages of 20.",
            nullable=False,
            minimum=1,
        ),
        Column("films", T.INTEGER, "Films on it; a list may be empty.", nullable=False, minimum=0),
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
        Column(
            "pages_from_journal",
            T.INTEGER,
            "Pages a walk that was killed had left, not asked for again.",
            minimum=0,
        ),
        Column("films_reported", T.BIGINT, "Films TMDB said there are.", nullable=False, minimum=0),
        Column("films_seen", T.BIGINT, "Different films seen.", nullable=False, minimum=0),
        Column(
            "films_missing",
            T.BIGINT,
            "Reported and on no page, after looking for them; no window reaches these.",
            minimum=0,
        ),
        Column("is_truncated", T.BOOLEAN, "A limit cut the walk short.", nullable=False),
    ),
)
