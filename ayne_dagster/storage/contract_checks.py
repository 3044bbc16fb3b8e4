"""Checks of rows already stored, as SQL made from the table contracts.

Lives here: one query per table, one count per promise. Not here: Dagster's check definitions
(`defs/checks.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from ayne_dagster.domain.tables.contract import Column, ColumnType, TableContract
from ayne_dagster.storage.table_writes import stored_columns
from ayne_dagster.storage.warehouse import Warehouse


@dataclass(frozen=True)
class ContractFindings:
    """What a stored table breaks of its contract.

    Attributes:
        rows: Rows in the table.
        repeated_keys: Keys that stand in more than one row.
        missing: Rows per column without a value the contract wants.
        implausible: Rows per column outside the contract's range, values or pattern.
    """

    rows: int
    repeated_keys: int
    missing: dict[str, int]
    implausible: dict[str, int]


def check_stored_rows(warehouse: Warehouse, contract: TableContract) -> ContractFindings:
    """Count every breach of a contract among the stored rows, in one pass.

    Args:
        warehouse: Where.
        contract: The table, which exists.
    """
    table = warehouse.qualified(contract.name)
    key = ", ".join(f'"{name}"' for name in contract.key)
    required = [c for c in contract.columns if not c.nullable]
    bounded = [(c, condition) for c in contract.columns if (condition := _outside(c))]
    counts = [
        "count(*)",
        f"count(*) - count(DISTINCT ({key}))",
        *(f'count(*) FILTER (WHERE "{c.name}" IS NULL)' for c in required),
        *(f"count(*) FILTER (WHERE {condition})" for _, condition in bounded),
    ]
    parameters = [value for column, _ in bounded for value in _limits(column)]
    with warehouse.reading() as connection:
        stored = stored_columns(connection, table)
        # A column the contract has gained stands in the table after its next write.
        gained = ", ".join(
            f'NULL::{c.type.value} AS "{c.name}"' for c in contract.columns if c.name not in stored
        )
        rows = f"(SELECT *, {gained} FROM {table})" if gained else table
        row = connection.execute(f"SELECT {', '.join(counts)} FROM {rows}", parameters).fetchall()[
            0
        ]
    missing = row[2 : 2 + len(required)]
    outside = row[2 + len(required) :]
    return ContractFindings(
        rows=row[0],
        repeated_keys=row[1],
        missing={c.name: n for c, n in zip(required, missing, strict=True) if n},
        implausible={c.name: n for (c, _), n in zip(bounded, outside, strict=True) if n},
    )


def _outside(column: Column) -> str:
    """The condition under which a value breaks the contract; empty where nothing is promised."""
    name = f'"{column.name}"'
    conditions = []
    if column.minimum is not None:
        conditions.append(f"{name} < ?")
    if column.maximum is not None:
        conditions.append(f"{name} > ?")
    if column.one_of:
        conditions.append(f"{name} NOT IN ({', '.join('?' for _ in column.one_of)})")
    if column.pattern is not None:
        conditions.append(f"NOT regexp_full_match({name}, ?)")
    if column.type is ColumnType.DOUBLE:
        conditions.append(f"NOT isfinite({name})")
    return " OR ".join(conditions)


def _limits(column: Column) -> Sequence[float | str]:
    """The parameters of `_outside`, in its order."""
    bounds = [bound for bound in (column.minimum, column.maximum) if bound is not None]
    pattern = [column.pattern] if column.pattern is not None else []
    return [*bounds, *column.one_of, *pattern]
