"""`refresh_history` kept bounded: old rows are thinned to one a month, and no decision changes.

Lives here: which rows go, in SQL, and the one transaction in which they do. Not here: reading the
history (`history_queries.py`) and what it sums up to (`domain/refresh_states.py`).
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb

from ayne_dagster.domain.refresh_states import StateRules
from ayne_dagster.domain.tables import REFRESH_HISTORY
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.table_writes import ensure_table, stored_columns
from ayne_dagster.storage.warehouse import Warehouse, transaction

ROWS_AT_ONCE = 1_000_000
"""Rows one DELETE looks at, of whole films: what its windows hold in memory."""

_ALIVE = "outcome IN ('row', 'unchanged')"
_MONTH = "strftime(make_timestamp(epoch_us(fetched_at)), '%Y-%m')"

_CROWDED = f"""
    SELECT DISTINCT source, tmdb_id FROM {{history}}
    WHERE fetched_at < $before AND {_ALIVE}
    GROUP BY source, tmdb_id, {_MONTH} HAVING count(*) > 1
"""
"""Films with more than one old answer in some month: no other loses a row."""

_CROWDED_IN_GROUPS = f"""
    CREATE OR REPLACE TEMP TABLE crowded AS
    SELECT source, tmdb_id,
        (sum(count(*)) OVER (ORDER BY source, tmdb_id) // $rows_at_once)::INTEGER AS part
    FROM {{history}} SEMI JOIN ({_CROWDED}) USING (source, tmdb_id)
    GROUP BY source, tmdb_id
"""

_THIN = f"""
    DELETE FROM {{history}} WHERE rowid IN (
        WITH answers AS (
            SELECT h.rowid AS row_id, source, tmdb_id, fetched_at, outcome, imdb_id,
                {_ALIVE} AS is_alive, is_first OR len(changed_fields) > 0 AS is_change,
                epoch_us(fetched_at) AS moment, {_MONTH} AS month
            FROM {{history}} AS h
            SEMI JOIN (SELECT source, tmdb_id FROM crowded WHERE part = $part)
                USING (source, tmdb_id)
        ),
        compared AS (
            SELECT *,
                lag(imdb_id) OVER (PARTITION BY source, tmdb_id ORDER BY moment)
                    IS DISTINCT FROM imdb_id AS is_of_new_id,
                lead(month) OVER alike IS NOT DISTINCT FROM month AS has_later_in_month,
                lead(row_id) OVER (PARTITION BY source, tmdb_id, outcome ORDER BY moment) IS NULL
                    AS is_newest_of_outcome,
                is_change OR coalesce(moment - lag(moment) OVER alike >= $cycle_us, true)
                    AS is_anchor
            FROM answers
            WINDOW alike AS (PARTITION BY source, tmdb_id, is_alive ORDER BY moment)
        )
        SELECT row_id FROM compared
        QUALIFY is_alive AND fetched_at < $before AND has_later_in_month
            AND NOT is_change AND NOT is_of_new_id AND NOT is_newest_of_outcome
            -- Anchors from here on; the oldest row kept whatever its age is one itself.
            AND sum(is_anchor::INTEGER) OVER (
                PARTITION BY source, tmdb_id, is_alive ORDER BY moment DESC
            ) >= $keep_last + is_anchor::INTEGER
    )
"""
"""What goes: an old answer with a later one of its month, and of no other use.

What `refresh_state` is summed up from stays: changes and first answers; every answer that is no
row; the first after the imdb id asked for changed; the newest of each outcome. Unchanged refreshes
count only `cycle_us` apart, each measured from the last that counted, so that one row
less may move all counts after it. An anchor cannot be moved: it changed something, or came so long
after the answer before it that it counts wherever the count stood. From the last but `keep_last`
anchor on, everything stays.
"""


@dataclass(frozen=True)
class Compaction:
    """What a compaction did.

    Attributes:
        rows_before: Rows of the history before it.
        rows_deleted: Rows that left.
    """

    rows_before: int
    rows_deleted: int


def compact_history(
    warehouse: Warehouse,
    *,
    now: datetime,
    full_days: int | None,
    keep_last: int,
    cycle_after: timedelta = StateRules.cycle_after,
    mirror: ParquetMirror | None = None,
    rows_at_once: int = ROWS_AT_ONCE,
) -> Compaction:
    """Thin old months of `refresh_history`, whole months only, in one transaction.

    Doing it twice is doing it once. What `states_of_history` says afterwards is what it said
    before, now and after every later answer, but for unchanged cycles beyond `keep_last`.

    Args:
        warehouse: Where.
        now: The moment asked about, UTC.
        full_days: Months that ended before so many days ago are thinned; None: nothing is.
        keep_last: The newest rows of each film and source stay whatever their age. More than the
            unchanged cycles that freeze a film.
        cycle_after: Unchanged refreshes count only so far apart.
        mirror: Where the mirror lies, if there is one; the months that changed are written anew.
        rows_at_once: Rows one statement looks at.

    Returns:
        What was done.

    Raises:
        WarehouseBusy: Others held the file for too long; nothing was deleted.
    """
    if REFRESH_HISTORY.name not in warehouse.table_names():
        return Compaction(0, 0)
    history = warehouse.qualified(REFRESH_HISTORY.name)
    [size] = warehouse.rows(f"SELECT count(*) AS films FROM {history}")
    rows_before = size["films"]
    if full_days is None:
        return Compaction(rows_before, 0)
    before = (now.astimezone(UTC) - timedelta(days=full_days)).replace(
        day=1, hour=0, minute=0, second=0, microsecond=0
    )
    # Asked without the write lock: in most months of most collections there is nothing to do.
    some = f"SELECT count(*) AS films FROM ({_CROWDED.format(history=history)} LIMIT 1)"
    if not warehouse.rows(some, {"before": before})[0]["films"]:
        return Compaction(rows_before, 0)
    # The rebuild of a state knows no settings and uses the default: what holds for longer gaps
    # between cycles holds for shorter ones.
    cycle_us = max(cycle_after, StateRules.cycle_after) // timedelta(microseconds=1)
    numbers = {"before": before, "keep_last": keep_last, "cycle_us": cycle_us}

    def mirror_months(connection: duckdb.DuckDBPyConnection) -> None:
        if mirror is not None:
            mirror.write(connection, REFRESH_HISTORY, history, ())

    purpose = f"{REFRESH_HISTORY.name}, thinned"
    with warehouse.writing(purpose, after_commit=mirror_months) as connection:
        connection.execute(
            _CROWDED_IN_GROUPS.format(history=history),
            {"before": before, "rows_at_once": rows_at_once},
        )
        deleted, stored = 0, stored_columns(connection, history)
        with transaction(connection):
            # The mirror writes the columns of the contract.
            ensure_table(connection, REFRESH_HISTORY, history, stored)
            for part in _parts(connection):
                deleted += _thin(connection, history, {**numbers, "part": part})
            if mirror is not None and deleted:
                mirror.owe(REFRESH_HISTORY, ())
    return Compaction(rows_before, deleted)


def _parts(connection: duckdb.DuckDBPyConnection) -> list[int]:
    found = connection.execute("SELECT DISTINCT part FROM crowded ORDER BY part").fetchall()
    return [part for (part,) in found]


def _thin(connection: duckdb.DuckDBPyConnection, history: str, parameters: dict[str, Any]) -> int:
    done = connection.execute(_THIN.format(history=history), parameters).fetchone()
    return done[0] if done else 0
