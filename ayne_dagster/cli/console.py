"""What people see: tables, progress bars with rate and remaining time, JSON for machines.

Lives here: rich. Not here: what is shown (`cli/*.py`).
"""

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import click
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from ayne_dagster.cli.whole_words import WholeWordsTable

_PIPED_WIDTH = 120
"""Columns of what is printed into a pipe or a file."""


def console(*, stderr: bool = False) -> Console:
    """A console on standard output, or on standard error for what is no result.

    Into a pipe or a file it is `_PIPED_WIDTH` wide or wider, unless `COLUMNS` says otherwise: rich
    would take a terminal's 80 columns where nobody looks at one.
    """
    made = Console(stderr=stderr, highlight=False)
    if not made.is_terminal and not os.environ.get("COLUMNS", "").isdigit():
        made.width = max(made.width, _PIPED_WIDTH)
    return made


def print_json(value: Any) -> None:
    """One JSON document on standard output."""
    click.echo(json.dumps(value, indent=2, default=_plain, ensure_ascii=False))


def _plain(value: Any) -> Any:
    if isinstance(value, (datetime, date)):
        return value.isoformat()
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "item"):
        return value.item()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def table(
    title: str,
    columns: Sequence[str],
    rows: Iterable[Sequence[Any]],
    *,
    caption: str | None = None,
    whole: Sequence[str] = (),
    right: Sequence[str] = (),
) -> WholeWordsTable:
    """A table; columns whose every value is a number are aligned right.

    Args:
        title: Above it.
        columns: Their names.
        rows: Their values.
        caption: Below it.
        whole: Columns not broken over lines as long as the others can give way.
        right: Columns of amounts with their unit, aligned right as well.
    """
    rows = [list(row) for row in rows]
    made = WholeWordsTable(title, caption=caption, whole=whole)
    for index, name in enumerate(columns):
        numeric = bool(rows) and all(
            row[index] is None or isinstance(row[index], (int, float)) for row in rows
        )
        made.add_column(
            name,
            justify="right" if numeric or name in right else "left",
            overflow="fold",
        )
    for row in rows:
        # As text, not as markup: there are films called [rec].
        made.add_row(*(Text(_shown(value)) for value in row))
    return made


def _shown(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.3f}"
    return str(value)


def moment(value: datetime | None) -> str | None:
    """A UTC moment as tables show it, to the minute."""
    return None if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M}"


def duration(seconds: float | None) -> str | None:
    """Seconds as precise as they mean anything: 6.9 s, 62 s, 3,725 s."""
    if seconds is None:
        return None
    return f"{seconds:.1f} s" if seconds < 9.95 else f"{seconds:,.0f} s"


def dollars(value: float | None) -> str:
    """An amount as people say it: 1.2 bn, 35 m, 900 k."""
    if value is None or value != value:
        return "-"
    for limit, unit in ((1e9, "bn"), (1e6, "m"), (1e3, "k")):
        if abs(value) >= limit:
            return f"${value / limit:,.1f} {unit}"
    return f"${value:,.0f}"


def _duplicate_of_stderr() -> TextIO | None:
    """Standard error under a descriptor of its own; None where it is no real file."""
    try:
        number = sys.stderr.fileno()
    except (AttributeError, OSError, ValueError):
        return None
    return os.fdopen(os.dup(number), "w", encoding=sys.stderr.encoding, errors="replace")


class RateColumn(ProgressColumn):
    """Things per second."""

    def render(self, task: Task) -> Text:
        """The rate, once there is one."""
        speed = task.finished_speed or task.speed
        unit = task.fields.get("unit", "")
        return Text(f"{speed:,.0f} {unit}/s" if speed else "", style="cyan")


class ProgressBars:
    """Shows stages as bars on standard error; a `ProgressListener` of `sources/progress.py`."""

    def __init__(self, *, is_quiet: bool = False) -> None:
        # During a step Dagster points file descriptor 2 at a file: bars drawn through it were seen
        # only once everything was over. A duplicate made before stays with the terminal.
        self._terminal = _duplicate_of_stderr()
        shown = Console(file=self._terminal, stderr=True, highlight=False)
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<14}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            RateColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=shown,
            disable=is_quiet or not shown.is_terminal,
            # Python's own streams stay as they are: a step's output belongs to its logs first.
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()
        if self._terminal is not None:
            self._terminal.close()

    def say(self, line: str) -> None:
        """A line above the bars, as it is; any thread may say it."""
        self._progress.console.print(Text.from_ansi(line), soft_wrap=True)

    def begin(self, stage: str, total: int | None, unit: str) -> None:
        """A stage begins; one of the same name begins anew."""
        if stage in self._tasks:
            self._progress.remove_task(self._tasks[stage])
        self._tasks[stage] = self._progress.add_task(stage, total=total, unit=unit)

    def advance(self, stage: str, n: int = 1) -> None:
        """So many more are done."""
        self._progress.advance(self._tasks[stage], n)

    def end(self, stage: str) -> None:
        """The stage is over, finished or not."""
        self._progress.stop_task(self._tasks[stage])
