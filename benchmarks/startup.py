"""Start of a code location: our definitions against nothing but Dagster and the stock I/O manager.

Every run of a job, every sensor tick and every `ayne` command pays this first.
"""

import subprocess
import sys

from benchmarks.reporting import Goal, Report, Row, Work, interleaved_medians

GOAL = "loading all definitions takes at most 1.30 x `import dagster, dagster_duckdb_pandas`"
MOST_RATIO = 1.30
_BARE = "import dagster, dagster_duckdb_pandas"
_IMPORTED = "import ayne_dagster.definitions"
_LOADED = "import ayne_dagster.definitions as door; door.defs()"


def _fresh(code: str) -> Work:
    """Run code in a fresh process, start and end of the process included."""
    return lambda: subprocess.run([sys.executable, "-W", "ignore", "-c", code], check=True)


def measure(runs: int) -> Report:
    """Time fresh processes, in turn."""
    medians = interleaved_medians(
        {
            "imported": lambda: _fresh(_IMPORTED),
            "bare": lambda: _fresh(_BARE),
            "loaded": lambda: _fresh(_LOADED),
        },
        runs,
    )
    rows = [
        Row("import ayne_dagster.definitions", medians["imported"], medians["bare"]),
        Row("load the definitions", medians["loaded"], medians["bare"]),
    ]
    worst = max(row.ratio or 0.0 for row in rows)
    return Report(
        name="startup",
        setting=f"fresh processes, medians of {runs}",
        baseline="bare dagster",
        rows=rows,
        goals=[
            Goal(f"goal <= {MOST_RATIO:.2f} x `{_BARE}`, worst {worst:.2f}", worst <= MOST_RATIO)
        ],
    )
