"""Benchmarks: each module measures one thing against its stated goal.

Lives here: the list of benchmarks. `python -m benchmarks --list` shows it. Each module has a
docstring, a `GOAL` in words and `measure(runs)`, which returns a `Report` (`reporting.py`); one
with options of its own has `add_options(parser)` and `measure(runs, options)`.
"""

NAMES = (
    "storage",
    "startup",
    "fetching",
    "faults",
    "crash",
    "quota",
    "backfill",
    "backfills",
    "scale",
    "freshness",
    "model",
)
"""Benchmarks in the order in which they run."""
