"""Whether a frame fulfils its table's contract, and the typed Arrow table it becomes.

Lives here: the one check every write passes before the warehouse is touched. All violations are
named at once. Not here: checks of rows already stored (`defs/checks.py`).
"""
# pyarrow makes its compute functions at import, out of sight of the type checker.
# pyright: reportAttributeAccessIssue=false

from collections.abc import Collection

import pandas as pd
import pyarrow as pa

from ayne_dagster.domain.tables.contract import Column, ColumnType, TableContract
from ayne_dagster.domain.value_kinds import refuse_wrong_dtype, refuse_wrong_objects

ARROW_TYPES: dict[ColumnType, pa.DataType] = {
    ColumnType.BIGINT: pa.int64(),
    ColumnType.INTEGER: pa.int32(),
    ColumnType.DOUBLE: pa.float64(),
    ColumnType.BOOLEAN: pa.bool_(),
    ColumnType.VARCHAR: pa.string(),
    ColumnType.DATE: pa.date32(),
    ColumnType.TIMESTAMPTZ: pa.timestamp("us", tz="UTC"),
    ColumnType.BIGINT_LIST: pa.list_(pa.int64()),
    ColumnType.VARCHAR_LIST: pa.list_(pa.string()),
}
_EXAMPLES = 3


class ContractViolation(ValueError):
    """A frame breaks its table's contract; nothing was written.

    Attributes:
        table: Name of the table.
        problems: Every violation found, in words, with example rows.
    """

    def __init__(self, table: str, problems: list[str]) -> None:
        self.table = table
        self.problems = problems
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(
            f"the frame breaks the contract of {table!r}; nothing was written:\n{lines}"
        )


def arrow_schema(contract: TableContract) -> pa.Schema:
    """The contract as an Arrow schema, nullability included."""
    return pa.schema(
        [pa.field(c.name, ARROW_TYPES[c.type], nullable=c.nullable) for c in contract.columns]
    )


def empty_frame(contract: TableContract) -> pd.DataFrame:
    """A frame with the contract's columns and no rows."""
    return arrow_schema(contract).empty_table().to_pandas()


def check_frame(
    frame: pd.DataFrame, contract: TableContract, *, years: Collection[str] | None = None
) -> pa.Table:
    """Check a frame and return it with the contract's columns, order and types.

    Args:
        frame: Rows to be written; columns are matched by name, in any order.
        contract: What the table promises.
        years: Partitions the write is for; None for an unpartitioned table. Rows of other years are
            a violation unless the contract says that rows may move.

    Returns:
        The same rows as an Arrow table of exactly the contract's schema.

    Raises:
        ContractViolation: With every violation found.
    """
    missing = [name for name in contract.column_names if name not in frame.columns]
    unknown = [str(name) for name in frame.columns if name not in contract.column_names]
    problems = []
    if missing:
        problems.append(f"columns missing: {', '.join(missing)}")
    if unknown:
        problems.append(f"columns the contract does not know: {', '.join(unknown)}")
    if problems:
        raise ContractViolation(contract.name, problems)

    arrays: dict[str, pa.Array] = {}
    for column in contract.columns:
        try:
            arrays[column.name] = _typed(frame[column.name], column)
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            problems.append(f"{column.name}: not {column.type}: {error}")
    for column in contract.columns:
        if column.name in arrays:
            problems.extend(_value_problems(arrays[column.name], column))
    if not problems:
        problems.extend(_key_problems(arrays, contract))
        problems.extend(_year_problems(arrays, contract, years))
    if problems:
        raise ContractViolation(contract.name, problems)
    return pa.table(
        [arrays[name] for name in contract.column_names],
        schema=pa.schema([(c.name, ARROW_TYPES[c.type]) for c in contract.columns]),
    )


def _typed(series: pd.Series, column: Column) -> pa.Array:
    """The column as Arrow, refusing every cast that would change a value.

    Raises:
        TypeError: A kind of value that Arrow would take but that is a mistake here.
        pyarrow.ArrowException: A value that does not fit.
    """
    wanted = ARROW_TYPES[column.type]
    missing = series.isna().to_numpy()
    if missing.all():
        return pa.nulls(len(series), wanted)
    if not pd.api.types.is_object_dtype(series.dtype):
        refuse_wrong_dtype(series, column.type)
        array = pa.Array.from_pandas(series, type=wanted, safe=True)
        return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    # Plain lists from here on: a hundred rows of fifty columns cost pandas 20 ms of overhead.
    values = known = series.tolist()
    if missing.any():
        known = [value for value, is_missing in zip(values, missing, strict=True) if not is_missing]
        # One spelling of missing: Arrow takes NaN, NaT and NA for values among lists.
        values = [
            None if is_missing else value for value, is_missing in zip(values, missing, strict=True)
        ]
    refuse_wrong_objects(known, column.type)
    if column.type.value.endswith("[]"):
        values = [None if value is None else list(value) for value in values]
    return pa.array(values, type=wanted)


def _value_problems(array: pa.Array, column: Column) -> list[str]:
    import pyarrow.compute as pc

    problems = []
    if not column.nullable and array.null_count:
        problems.append(f"{column.name}: {array.null_count} rows without a value")

    def report(bad: pa.BooleanArray, words: str) -> None:
        bad = pc.fill_null(bad, False)
        count = pc.sum(bad).as_py() or 0
        if count:
            shown = array.filter(bad)[:_EXAMPLES].to_pylist()
            problems.append(f"{column.name}: {count} rows {words}, for example {shown}")

    if column.minimum is not None or column.maximum is not None:
        # Extremes first: nearly always nothing is outside, and one pass says so.
        found = pc.min_max(array).as_py()
        least, most = found["min"], found["max"]
        if column.minimum is not None and least is not None and least < column.minimum:
            report(pc.less(array, column.minimum), f"below {column.minimum:g}")
        if column.maximum is not None and most is not None and most > column.maximum:
            report(pc.greater(array, column.maximum), f"above {column.maximum:g}")
    if column.one_of:
        known = pa.array(column.one_of)
        report(
            pc.and_(pc.is_valid(array), pc.invert(pc.is_in(array, value_set=known))),
            f"outside {list(column.one_of)}",
        )
    if column.pattern is not None:
        report(
            pc.invert(pc.match_substring_regex(array, f"^(?:{column.pattern})$")),
            f"not like {column.pattern!r}",
        )
    if column.type is ColumnType.DOUBLE and len(array):
        report(pc.or_(pc.is_nan(array), pc.is_inf(array)), "not a finite number")
    return problems


def _key_problems(arrays: dict[str, pa.Array], contract: TableContract) -> list[str]:
    import pyarrow.compute as pc

    names = list(contract.key)
    keys = pa.table([arrays[name] for name in names], names=names)
    counted = keys.group_by(names).aggregate([([], "count_all")])
    repeated = counted.filter(pc.greater(counted["count_all"], 1))
    if repeated.num_rows == 0:
        return []
    shown = repeated.slice(0, _EXAMPLES).drop_columns(["count_all"]).to_pylist()
    return [f"key {', '.join(contract.key)}: {repeated.num_rows} repeated, for example {shown}"]


def _year_problems(
    arrays: dict[str, pa.Array], contract: TableContract, years: Collection[str] | None
) -> list[str]:
    if contract.year_column is None or years is None or contract.rows_may_move:
        return []
    import pyarrow.compute as pc

    found = arrays[contract.year_column]
    outside = pc.invert(pc.is_in(found, value_set=pa.array(list(years), pa.string())))
    count = pc.sum(outside).as_py() or 0
    if not count:
        return []
    shown = pc.unique(found.filter(outside))[:_EXAMPLES].to_pylist()
    return [f"{contract.year_column}: {count} rows of years outside this run, for example {shown}"]
