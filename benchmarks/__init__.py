"""Benchmarks: each module measures one thing against its stated goal.

Lives here: the list of benchmarks. `python -m benchmarks --list` shows it. Each module has a
docstring, a `GOAL` in words and `measure(runs)`, which returns a `Report` (`reporting.py`).
"""

NAMES = ("storage", "startup", "fetching", "faults", "crash", "quota", "backfills", "scale")
"""Benchmarks in the order in which they run."""
