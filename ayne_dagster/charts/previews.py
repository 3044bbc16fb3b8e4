"""The first rows of a frame as a Markdown table people can read.

Lives here: how cells are worded. Not here: which rows are worth showing.
"""

from datetime import date, datetime
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

TEXT_LENGTH = 40
LIST_ITEMS = 3


def preview(frame: pd.DataFrame, rows: int = 10, of: int | None = None) -> dg.MarkdownMetadataValue:
    """The first rows of a frame for `MaterializeResult.metadata`.

    Args:
        frame: Any frame; long texts and lists are shortened.
        rows: How many rows at most.
        of: How many rows there are in all, where the frame holds a few of them only.

    Returns:
        A Markdown table with a line saying how many rows there are in all.
    """
    return dg.MetadataValue.md(markdown_table(frame, rows, of))


def markdown_table(frame: pd.DataFrame, rows: int = 10, of: int | None = None) -> str:
    """The same as plain Markdown."""
    if frame.empty:
        return "No rows."
    head = frame.head(rows)
    names = [_escape(str(name)) for name in head.columns]
    aligned = [
        "---:" if _is_numeric(head.iloc[:, position]) else "---" for position in range(len(names))
    ]
    lines = [_row(names), _row(aligned)]
    columns = [
        [format_cell(value, str(name)) for value in head.iloc[:, position]]
        for position, name in enumerate(head.columns)
    ]
    lines += [_row(list(cells)) for cells in zip(*columns, strict=True)]
    total = len(frame) if of is None else of
    if total > len(head):
        lines += ["", f"{len(head)} of {total:,} rows."]
    return "\n".join(lines)


def format_cell(value: Any, column: str) -> str:
    """One value as people write it; unknown is empty.

    Args:
        value: The cell.
        column: Its column: ids and years get no thousands separators.
    """
    if isinstance(value, (list, tuple, set, np.ndarray)):
        return _escape(_format_list(list(value)))
    if value is None or value is pd.NA or value is pd.NaT or value != value:
        return ""
    if isinstance(value, (bool, np.bool_)):
        return "yes" if value else "no"
    if isinstance(value, (int, np.integer)):
        return _format_integer(int(value), column)
    if isinstance(value, (float, np.floating)):
        is_whole = float(value).is_integer() and abs(value) >= 1000
        return _format_integer(int(value), column) if is_whole else f"{value:,.4g}"
    if isinstance(value, datetime):
        is_day = (value.hour, value.minute, value.second, value.microsecond) == (0, 0, 0, 0)
        return f"{value:%Y-%m-%d}" if is_day else f"{value:%Y-%m-%d %H:%M}"
    if isinstance(value, date):
        return value.isoformat()
    return _escape(_shorten(str(value)))


def _format_integer(value: int, column: str) -> str:
    is_name = column == "id" or column.endswith(("_id", "year"))
    return str(value) if is_name else f"{value:,}"


def _format_list(values: list[Any]) -> str:
    shown = ", ".join(_shorten(str(value)) for value in values[:LIST_ITEMS])
    more = len(values) - LIST_ITEMS
    return f"{shown} (+{more})" if more > 0 else shown


def _shorten(text: str) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= TEXT_LENGTH else plain[: TEXT_LENGTH - 1].rstrip() + "…"


def _escape(text: str) -> str:
    """Keep a cell in its cell: a pipe would end it, an angle bracket would be HTML."""
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;")


def _is_numeric(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"
