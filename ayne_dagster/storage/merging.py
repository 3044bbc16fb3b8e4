"""How rows of a frame meet those of a table: what moves, what goes, what is rewritten.

Lives here: the statements of a merge and of a replace, on a frame registered as `STAGED`. Not here:
the write around them, its transaction and its report (`table_writes.py`).

Each reads as little of the table as it can: keys, years and moments of all rows, everything else of
the rows that are named.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from ayne_dagster.domain.tables.contract import Column, OnMerge, TableContract, WriteMode

STAGED = "staged_rows"
"""Name under which the rows to write are registered."""


def merge_sql(contract: TableContract, qualified: str, *, is_newer: bool = False) -> str:
    """The MERGE statement of a contract.

    Args:
        contract: The table.
        qualified: Its quoted name with its schema.
        is_newer: No row of the frame is as old as the one stored: then each that is newer differs,
            and no column but that moment is read to find out.
    """
    key = ", ".join(f'"{name}"' for name in contract.key)
    branches = []
    if contract.write_mode is not WriteMode.APPEND:
        updates = ", ".join(
            f'"{c.name}" = {_merged(c)}'
            for c in contract.columns
            if c.name not in contract.key and c.on_merge is not OnMerge.KEEP
        )
        if updates:
            differs = _is_newer(contract) if is_newer else _differs(contract)
            branches.append(f"WHEN MATCHED AND {differs} THEN UPDATE SET {updates}")
    branches.append("WHEN NOT MATCHED THEN INSERT BY NAME")
    year = f', "{contract.year_column}"' if contract.year_column else ""
    return (
        f"MERGE INTO {qualified} AS t USING {STAGED} AS s USING ({key}) "
        + " ".join(branches)
        + f" RETURNING merge_action{year}"
    )


def clear_rows(
    connection: duckdb.DuckDBPyConnection,
    contract: TableContract,
    qualified: str,
    years: Sequence[str] | None,
) -> Counter[str]:
    """Delete what a replace does not name; how many rows of which partition.

    As a branch of the MERGE it would join every row of the table, whatever the partitions.
    """
    same = " AND ".join(f't."{name}" = s."{name}"' for name in contract.key)
    year = f't."{contract.year_column}"' if contract.year_column else "NULL"
    inside, parameters = "", []
    if contract.year_column and years is not None:
        inside, parameters = f" AND {year} IN (SELECT unnest(?))", [list(years)]
    deleted = connection.execute(
        f"DELETE FROM {qualified} AS t WHERE NOT EXISTS "
        f"(SELECT 1 FROM {STAGED} AS s WHERE {same}){inside} RETURNING {year}",
        parameters,
    ).fetchall()
    return Counter(row[0] for row in deleted)


def _merged(column: Column) -> str:
    if column.on_merge is OnMerge.UNION:
        both = f'list_concat(t."{column.name}", s."{column.name}")'
        return f"list_sort(list_distinct({both}))"
    return f's."{column.name}"'


def _compared(contract: TableContract) -> list[Column]:
    return [c for c in contract.value_columns if c.on_merge is not OnMerge.KEEP]


def _differs(contract: TableContract) -> str:
    """Whether a matched row is to be rewritten: something differs, and not from an older answer."""
    compared = _compared(contract)
    if not compared:
        return "false"
    stored = ", ".join(f't."{c.name}"' for c in compared)
    fresh = ", ".join(_merged(c) for c in compared)
    differs = f"ROW({stored}) IS DISTINCT FROM ROW({fresh})"
    if contract.newest_by:
        differs += f' AND s."{contract.newest_by}" >= t."{contract.newest_by}"'
    return differs


def _is_newer(contract: TableContract) -> str:
    return f's."{contract.newest_by}" > t."{contract.newest_by}"'


@dataclass(frozen=True)
class RowsMet:
    """What the rows of the frame meet in the table.

    Attributes:
        count: How many are there already, older or newer.
        left: How many leave which partition for another.
        has_ties: Whether some are as old as what they meet, or may be: whether those differ only
            their values can say.
    """

    count: int
    left: Mapping[str, int]
    has_ties: bool


def rows_met(
    connection: duckdb.DuckDBPyConnection, contract: TableContract, qualified: str
) -> RowsMet:
    """What the rows of the frame meet, asked of keys, years and moments only."""
    year, newest = contract.year_column, contract.newest_by
    moves, left = "false", f't."{year}"' if year else "NULL"
    if year is not None and year not in contract.key:
        moves = f'{left} <> s."{year}"'
    tie = counts = "true"
    if newest is not None:
        counts = f'coalesce(s."{newest}" >= t."{newest}", false)'
        if contract.column(newest) in _compared(contract):
            tie = f's."{newest}" = t."{newest}"'
    key = ", ".join(f'"{name}"' for name in contract.key)
    met = connection.execute(
        f"SELECT {left}, {moves}, {tie}, {counts}, count(*) FROM {qualified} AS t "
        f"JOIN {STAGED} AS s USING ({key}) GROUP BY ALL"
    ).fetchall()
    left_by: Counter[str] = Counter()
    for stored_year, is_moved, _, is_taken, count in met:
        if is_moved and is_taken:
            left_by[stored_year] += count
    return RowsMet(
        count=sum(row[-1] for row in met),
        left=left_by,
        has_ties=any(is_tie and is_taken for _, _, is_tie, is_taken, _ in met),
    )
