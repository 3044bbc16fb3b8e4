"""What a clock that was ahead has stored, taken back.

Lives here: which moments of which tables, and the one transaction. Not here: how far ahead a moment
may be and is still believed (`domain/refresh_states.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from ayne_dagster.domain.refresh_states import believed_until
from ayne_dagster.domain.tables import (
    CHANGE_DAYS,
    DISCOVERED_MOVIES,
    DISCOVERY_WALKS,
    FAILED_REQUESTS,
    LIST_READINGS,
    OMDB_RATINGS,
    REFRESH_STATE,
    TMDB_CHANGES,
    TMDB_DETAILS,
)
from ayne_dagster.domain.tables.contract import TableContract
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.warehouse import Warehouse, transaction


@dataclass(frozen=True)
class _Moment:
    """A moment that says when something was done, and what becomes of a row that is ahead.

    Attributes:
        contract: The table.
        column: The moment.
        set_back: The row stays and this is set; None: it goes, and is done again.
    """

    contract: TableContract
    column: str
    set_back: str | None = None


_FETCHED = "fetched_at = $now, changed_at = least(changed_at, $now)"
_MOMENTS = (
    # What was learnt about films stays, as if it had been learnt now.
    _Moment(TMDB_DETAILS, "fetched_at", _FETCHED),
    _Moment(OMDB_RATINGS, "fetched_at", _FETCHED),
    _Moment(
        DISCOVERED_MOVIES,
        "last_seen_at",
        "last_seen_at = $now, first_seen_at = least(first_seen_at, $now)",
    ),
    # That something was done is believed no more. A day of the feed may not even have been over.
    _Moment(REFRESH_STATE, "answered_at"),
    _Moment(FAILED_REQUESTS, "failed_at"),
    _Moment(LIST_READINGS, "read_at"),
    _Moment(DISCOVERY_WALKS, "walked_at"),
    _Moment(CHANGE_DAYS, "read_at"),
    _Moment(TMDB_CHANGES, "seen_at"),
)


def set_back_clocks(warehouse: Warehouse, now: datetime, mirror: ParquetMirror | None) -> int:
    """Take back what a clock that was ahead has stored, so that newer answers are let in.

    A merge keeps what is later, so a film would be asked for again and again until that moment; a
    list, a year or a day of the change feed counts as read until then and is not read at all.
    The journals (`refresh_history`, the archive) stay as they were written.

    Args:
        warehouse: Where.
        now: The moment asked about, UTC.
        mirror: Where the mirror lies, if there is one; what changed is written anew.

    Returns:
        Rows that were set back or left.

    Raises:
        WarehouseBusy: Others held the file for too long; nothing was written.
    """
    tables = warehouse.table_names()
    moments = [moment for moment in _MOMENTS if moment.contract.name in tables]
    if not moments:
        return 0
    latest = {"latest": believed_until(now)}
    counts = ", ".join(
        f"(SELECT count(*) FROM {warehouse.qualified(moment.contract.name)} "
        f"WHERE {moment.column} > $latest) AS {moment.contract.name}"
        for moment in moments
    )
    [ahead] = warehouse.rows(f"SELECT {counts}", latest)
    wrong = [moment for moment in moments if ahead[moment.contract.name]]
    if not wrong:
        return 0
    with warehouse.writing("what a clock that was ahead has stored") as connection:
        with transaction(connection):
            for moment in wrong:
                qualified = warehouse.qualified(moment.contract.name)
                if mirror is not None and moment.contract.is_mirrored:
                    mirror.owe(moment.contract, _years(connection, moment, qualified, latest))
                _set_back(connection, moment, qualified, {**latest, "now": now})
        if mirror is not None:
            contracts = [moment.contract for moment in wrong if moment.contract.is_mirrored]
            mirror.catch_up(connection, contracts, warehouse.qualified)
    return sum(ahead.values())


def _years(
    connection: duckdb.DuckDBPyConnection,
    moment: _Moment,
    qualified: str,
    latest: Mapping[str, Any],
) -> list[str]:
    """The partitions with rows that are ahead; none of an unpartitioned table."""
    year = moment.contract.year_column
    if year is None:
        return []
    sql = f"SELECT DISTINCT {year} FROM {qualified} WHERE {moment.column} > $latest ORDER BY 1"
    return [name for (name,) in connection.execute(sql, latest).fetchall()]


def _set_back(
    connection: duckdb.DuckDBPyConnection,
    moment: _Moment,
    qualified: str,
    moments: Mapping[str, Any],
) -> None:
    where = f"WHERE {moment.column} > $latest"
    if moment.set_back is not None:
        connection.execute(f"UPDATE {qualified} SET {moment.set_back} {where}", moments)
    else:
        connection.execute(f"DELETE FROM {qualified} {where}", {"latest": moments["latest"]})
