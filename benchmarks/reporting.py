"""What a benchmark returns and how it is shown: a table of ratios, and one line with the verdict.

Lives here: the shape of results and medians of interleaved runs. Not here: what is measured.
"""

import gc
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from rich.console import Console

from ayne_dagster.cli.whole_words import WholeWordsTable

Work = Callable[[], object]
Prepare = Callable[[], Work]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes:
        what: What was done.
        ours_ms: Median of ours, milliseconds.
        baseline_ms: Median of what it is compared with; None where there is nothing like it.
        baseline_was: What the other side did, where it is not the same call.
    """

    what: str
    ours_ms: float
    baseline_ms: float | None = None
    baseline_was: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours by the other; below 1 is faster."""
        return None if self.baseline_ms is None else self.ours_ms / self.baseline_ms


@dataclass(frozen=True)
class Figures:
    """A table of figures that are no times of two sides.

    Attributes:
        title: What they say.
        columns: Their names.
        lines: One tuple a line, as long as `columns`.
    """

    title: str
    columns: Sequence[str]
    lines: Sequence[Sequence[str | int | float | None]]


@dataclass(frozen=True)
class Goal:
    """One promise and how it went.

    Attributes:
        words: Goal and figure, as the verdict says them.
        is_met: Whether it was kept.
    """

    words: str
    is_met: bool


@dataclass(frozen=True)
class Report:
    """A benchmark's outcome.

    Attributes:
        name: Which benchmark.
        setting: What was measured, on how much, how often.
        baseline: Name of the other side.
        rows: The table.
        goals: The promises.
        notes: Further lines shown under the table.
        figures: Further tables.
        remarks: Title of the last column, where it does not say what the other side did.
    """

    name: str
    setting: str
    baseline: str
    rows: Sequence[Row]
    goals: Sequence[Goal]
    notes: Sequence[str] = field(default_factory=tuple)
    figures: Sequence[Figures] = field(default_factory=tuple)
    remarks: str = ""

    @property
    def is_met(self) -> bool:
        """Whether every goal was met."""
        return all(goal.is_met for goal in self.goals)

    @property
    def verdict(self) -> str:
        """The one line that says goals and figures."""
        words = "; ".join(
            f"{goal.words}{'' if goal.is_met else ' (missed)'}" for goal in self.goals
        )
        return f"{self.name}: {words} — {'met' if self.is_met else 'missed'}"


def interleaved_medians(sides: Mapping[str, Prepare], runs: int) -> dict[str, float]:
    """Median milliseconds of each side, runs taken in turn so that a busy machine hits all alike.

    Args:
        sides: By name, a function that prepares one run (not timed) and returns its work (timed).
        runs: Timed runs per side; one more goes before and is not counted.
    """
    taken: dict[str, list[float]] = {name: [] for name in sides}
    for run in range(runs + 1):
        # Turn about who goes first: the second finds a warmer machine.
        names = list(sides) if run % 2 else list(sides)[::-1]
        for name in names:
            work = sides[name]()
            gc.collect()
            start = time.perf_counter()
            work()
            seconds = time.perf_counter() - start
            if run:
                taken[name].append(seconds * 1000)
    return {name: statistics.median(times) for name, times in taken.items()}


def print_report(report: Report, console: Console) -> None:
    """Show the tables, the notes and, last, the verdict in one line."""
    if report.rows:
        console.print(_times(report))
    else:
        console.print(f"{report.name}: {report.setting}", highlight=False, soft_wrap=True)
    for figures in report.figures:
        table = WholeWordsTable(figures.title)
        for index, name in enumerate(figures.columns):
            table.add_column(name, justify="right" if index else "left")
        for line in figures.lines:
            table.add_row(*(_shown(value) for value in line))
        console.print(table)
    for note in report.notes:
        console.print(note, highlight=False, soft_wrap=True)
    console.print(report.verdict, highlight=False, soft_wrap=True)


def _times(report: Report) -> WholeWordsTable:
    table = WholeWordsTable(f"{report.name}: {report.setting}")
    table.add_column("what")
    table.add_column("ours, ms", justify="right")
    table.add_column(f"{report.baseline}, ms", justify="right")
    table.add_column("ratio", justify="right")
    table.add_column(report.remarks or f"where {report.baseline} did otherwise")
    for row in report.rows:
        other = "-" if row.baseline_ms is None else f"{row.baseline_ms:.1f}"
        ratio = "-" if row.ratio is None else f"{row.ratio:.2f}"
        table.add_row(row.what, f"{row.ours_ms:.1f}", other, ratio, row.baseline_was)
    return table


def _shown(value: str | int | float | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else value
