"""What a table contract is: columns, types, key, year column, and how a write meets old rows.

Lives here: the vocabulary. Not here: the tables themselves (`fetched.py`, `derived.py`,
`operations.py`) and the check of a frame against its contract (`frame_check.py`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

RELEASE_YEAR = "release_year"
_IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")


class ColumnType(StrEnum):
    """The column types the platform stores, by their DuckDB name."""

    BIGINT = "BIGINT"
    INTEGER = "INTEGER"
    DOUBLE = "DOUBLE"
    BOOLEAN = "BOOLEAN"
    VARCHAR = "VARCHAR"
    DATE = "DATE"
    TIMESTAMPTZ = "TIMESTAMP WITH TIME ZONE"
    BIGINT_LIST = "BIGINT[]"
    VARCHAR_LIST = "VARCHAR[]"


class OnMerge(StrEnum):
    """What a merge does with a column of a row that is already there."""

    REPLACE = "replace"
    """The newest value wins."""
    KEEP = "keep"
    """The first value stays (`first_seen_at`)."""
    UNION = "union"
    """The union of both lists, sorted (`sources`)."""


class WriteMode(StrEnum):
    """What a write means for the rows the frame does not name."""

    MERGE = "merge"
    """They stay: the frame holds only what was refreshed."""
    REPLACE = "replace"
    """They go, within the run's partitions: the frame is the whole truth about them."""
    APPEND = "append"
    """They stay, and a row that is already there is never touched: a journal."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        name: Lower-case identifier; carries its unit or role (`_usd`, `_id`, `_days`, `_at`).
        type: How it is stored.
        description: One sentence for people; shown in the UI and in `docs/tables.md`.
        nullable: Whether unknown (NULL) is allowed.
        minimum: Smallest plausible value, inclusive; below is a violation, not a cast.
        maximum: Largest plausible value, inclusive.
        one_of: The only values allowed, where there are few.
        pattern: Regular expression the whole text must match.
        on_merge: What a merge does with the old value.
        keeps_known: Unknown does not replace known: a service that has lost a figure for a while
            (N/A, 0, null) takes nothing away. Never for a list (see `TableContract.kept_parts`),
            and not for what a service can withdraw on purpose, such as TMDB's release date.
        is_bookkeeping: Says when a row was made, not what it is: a replace whose rows differ only
            here changes nothing.
        default: What rows have that were stored before the column existed; a column that is not
            nullable needs one to join a table that is already there. A tuple for a list.
    """

    name: str
    type: ColumnType
    description: str
    nullable: bool = True
    minimum: float | None = None
    maximum: float | None = None
    one_of: tuple[str, ...] = ()
    pattern: str | None = None
    on_merge: OnMerge = OnMerge.REPLACE
    keeps_known: bool = False
    is_bookkeeping: bool = False
    default: str | int | float | bool | tuple[str | int, ...] | None = None

    def __post_init__(self) -> None:
        if not _IDENTIFIER.fullmatch(self.name):
            raise ValueError(f"column name {self.name!r} is not a lower-case identifier")
        if self.on_merge is OnMerge.UNION and not self.type.value.endswith("[]"):
            raise ValueError(f"column {self.name!r}: only lists can be united")
        if self.keeps_known and not self.nullable:
            raise ValueError(f"column {self.name!r}: what is never unknown has nothing to keep")


@dataclass(frozen=True)
class TableContract:
    """One table, written once: DDL, frame checks, asset checks, UI schema and docs come from it.

    Attributes:
        name: Table and asset name.
        title: What the table is, in a few words.
        grain: What one row is.
        key: Columns that identify a row; never NULL, unique.
        columns: All columns, in display order.
        write_mode: What a write means for rows it does not name.
        year_column: The partition column, or None for an unpartitioned table.
        rows_may_move: Whether a write may carry rows of years outside the run: a refreshed film
            whose release date changed moves to its new year.
        kept_parts: Columns that one part of an answer brings together: where several of them were
            known and the answer has none of them, the part was lost and not withdrawn, and what was
            known stays. One of them lost alone is news.
        is_mirrored: Whether people read it in the Parquet mirror; not, where it only serves the
            platform and would be written whole for a few rows.
        mirror_month_of: Timestamp column by whose month (UTC) an unpartitioned, append-only table
            is mirrored, so that a write touches the files of its own months only.
        newest_by: Timestamp or date column that decides which of two answers wins a merge; an older
            answer never overwrites a newer one, in whatever order they arrive.
    """

    name: str
    title: str
    grain: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    write_mode: WriteMode
    year_column: str | None = RELEASE_YEAR
    rows_may_move: bool = False
    newest_by: str | None = None
    mirror_month_of: str | None = None
    kept_parts: tuple[tuple[str, ...], ...] = ()
    is_mirrored: bool = True

    def __post_init__(self) -> None:
        if not _IDENTIFIER.fullmatch(self.name):
            raise ValueError(f"table name {self.name!r} is not a lower-case identifier")
        names = self.column_names
        if len(set(names)) != len(names):
            raise ValueError(f"table {self.name!r} names a column twice")
        for needed in (*self.key, *([self.year_column] if self.year_column else [])):
            if needed not in names:
                raise ValueError(f"table {self.name!r} has no column {needed!r}")
            if self.column(needed).nullable:
                raise ValueError(f"table {self.name!r}: {needed!r} must not be nullable")
        for name in (name for part in self.kept_parts for name in part):
            if name not in names:
                raise ValueError(f"table {self.name!r} has no column {name!r}")
        if self.mirror_month_of is not None:
            self._check_months()

    def _check_months(self) -> None:
        column = self.column(self.mirror_month_of or "")
        if self.year_column is not None or self.write_mode is not WriteMode.APPEND:
            raise ValueError(f"table {self.name!r}: only journals are mirrored by month")
        if column.nullable or column.type is not ColumnType.TIMESTAMPTZ:
            raise ValueError(f"table {self.name!r}: {column.name!r} is no moment every row has")

    @property
    def column_names(self) -> list[str]:
        """Names of all columns, in order."""
        return [column.name for column in self.columns]

    @property
    def value_columns(self) -> list[Column]:
        """Columns that say what a row is: neither key nor bookkeeping."""
        return [c for c in self.columns if c.name not in self.key and not c.is_bookkeeping]

    def column(self, name: str) -> Column:
        """The column of that name.

        Raises:
            KeyError: The table has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"table {self.name!r} has no column {name!r}")

    def select(self, names: Sequence[str]) -> list[Column]:
        """The columns of these names, in the order asked for."""
        return [self.column(name) for name in names]


def release_year_column() -> Column:
    """The partition column all partitioned tables share."""
    return Column(
        RELEASE_YEAR,
        ColumnType.VARCHAR,
        "Partition: year of the primary release date, or `undated`.",
        nullable=False,
        pattern=r"\d{4}|undated",
    )


def tmdb_id_column() -> Column:
    """The film's number at TMDB, the key of most tables."""
    return Column("tmdb_id", ColumnType.BIGINT, "TMDB's id of the film.", nullable=False, minimum=1)
