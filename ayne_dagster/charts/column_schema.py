"""A table contract as the column schema Dagster's UI shows.

Lives here: the translation. Not here: the contracts (`domain/tables`) and the check of frames.
"""

import dagster as dg

from ayne_dagster.domain.tables import Column, TableContract


def column_schema(contract: TableContract) -> dg.TableSchema:
    """Types, descriptions and constraints of a table, for `dagster/column_schema` metadata.

    Args:
        contract: The table.

    Returns:
        One entry per column in the contract's order. A key of one column is unique by itself; a
        key of several is a constraint of the table.
    """
    others = [f"one row per {contract.grain.removeprefix('one ')}"]
    if len(contract.key) > 1:
        others.append(f"unique: {', '.join(contract.key)}")
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name=column.name,
                type=column.type.value,
                description=column.description,
                constraints=dg.TableColumnConstraints(
                    nullable=column.nullable,
                    unique=contract.key == (column.name,),
                    other=_limits(column),
                ),
            )
            for column in contract.columns
        ],
        constraints=dg.TableConstraints(other=others),
    )


def _limits(column: Column) -> list[str]:
    """What a value must be, in words."""
    limits = []
    if column.minimum is not None:
        limits.append(f">= {column.minimum:g}")
    if column.maximum is not None:
        limits.append(f"<= {column.maximum:g}")
    if column.one_of:
        limits.append(f"one of: {', '.join(column.one_of)}")
    if column.pattern:
        limits.append(f"matches {column.pattern}")
    return limits
