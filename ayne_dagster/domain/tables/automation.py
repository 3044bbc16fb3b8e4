"""Contracts of the tables that decide and record automatic work: change feed, runs, statistics.

Lives here: what TMDB's change feed named, what every run did, how the collection grew.
"""

from ayne_dagster.domain.tables.contract import (
    Column,
    ColumnType,
    TableContract,
    WriteMode,
    tmdb_id_column,
)

T = ColumnType

TMDB_CHANGES = TableContract(
    name="tmdb_changes",
    title="Known films that TMDB's change feed named, day by day",
    grain="one film on one day",
    key=("tmdb_id", "changed_on"),
    write_mode=WriteMode.APPEND,
    year_column=None,
    mirror_month_of="seen_at",
    columns=(
        tmdb_id_column(),
        Column("changed_on", T.DATE, "The UTC day of the change.", nullable=False),
        Column("seen_at", T.TIMESTAMPTZ, "When the feed of that day was read.", nullable=False),
    ),
)

CHANGE_DAYS = TableContract(
    name="change_days",
    title="Days of TMDB's change feed that were read to their end",
    grain="one day",
    key=("changed_on",),
    write_mode=WriteMode.MERGE,
    year_column=None,
    columns=(
        Column("changed_on", T.DATE, "The UTC day.", nullable=False),
        Column("read_at", T.TIMESTAMPTZ, "When it was read.", nullable=False),
        Column("films_named", T.BIGINT, "Films TMDB named.", nullable=False, minimum=0),
        Column("films_known", T.BIGINT, "Of these, films known here.", nullable=False, minimum=0),
        Column("requests", T.INTEGER, "Requests sent.", nullable=False, minimum=0),
    ),
)

RUN_STATUSES = ("success", "failed", "canceled", "running")

PIPELINE_RUNS = TableContract(
    name="pipeline_runs",
    title="Every run and what it did",
    grain="one run",
    key=("run_id",),
    write_mode=WriteMode.MERGE,
    year_column=None,
    newest_by="updated_at",
    columns=(
        Column("run_id", T.VARCHAR, "Dagster's id of the run.", nullable=False),
        Column("job", T.VARCHAR, "Its job.", nullable=False),
        Column("kind", T.VARCHAR, "Who started it: `schedule`, `sensor`, `backfill`, `command` or "
               "`UI`.", nullable=False),
        Column("categories", T.VARCHAR_LIST, "Lists of TMDB it read.", nullable=False),
        Column("release_years", T.VARCHAR, "Partition or range of partitions it worked on."),
        Column("started_at", T.TIMESTAMPTZ, "When it began."),
        Column("ended_at", T.TIMESTAMPTZ, "When it ended; NULL: it has not."),
        Column("seconds", T.DOUBLE, "How long it took.", minimum=0),
        Column("status", T.VARCHAR, "How it stands.", nullable=False, one_of=RUN_STATUSES),
        Column("films_processed", T.BIGINT, "Films answered for by the service that answered "
               "for most; a step that was killed has none.", nullable=False, minimum=0),
        Column("tmdb_requests", T.BIGINT, "Requests sent to TMDB.", nullable=False, minimum=0),
        Column("omdb_requests", T.BIGINT, "Requests sent to OMDb.", nullable=False, minimum=0),
        Column("films_failed", T.BIGINT, "Films asked for and not answered, at the service that "
               "failed for most: they stay due.", nullable=False, minimum=0, default=0),
        Column("films_deferred", T.BIGINT, "Films left due by quota or limit, at the service that "
               "left most.", nullable=False, minimum=0),
        Column("error", T.VARCHAR, "Why it failed, in words."),
        Column("updated_at", T.TIMESTAMPTZ, "The state of Dagster's record this row tells.",
               nullable=False),
    ),
)  # fmt: skip

COLLECTION_STATS = TableContract(
    name="collection_stats",
    title="How the collection stands, measured from time to time",
    grain="one figure at one time",
    key=("measured_at", "figure", "part"),
    write_mode=WriteMode.APPEND,
    year_column=None,
    mirror_month_of="measured_at",
    columns=(
        Column("measured_at", T.TIMESTAMPTZ, "When.", nullable=False),
        Column("figure", T.VARCHAR, "What was counted: `films`, `due now` and others.",
               nullable=False),
        Column("part", T.VARCHAR, "Of which part: a source, an age band, a service; `all`.",
               nullable=False),
        Column("value", T.DOUBLE, "How many.", nullable=False),
    ),
)  # fmt: skip
