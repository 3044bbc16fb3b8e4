"""Start of a code location: our definitions against nothing but Dagster and the stock I/O manager.

Every run of a job, every sensor tick and every `ayne` command pays this first.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.reporting import Goal, Report, Row, Work, interleaved_medians

GOAL = "loading all definitions takes at most 1.30 x `import dagster, dagster_duckdb_pandas`"
MOST_RATIO = 1.30
_BARE = "import dagster, dagster_duckdb_pandas"
_IMPORTED = "import ayne_dagster.definitions"
_LOADED = "import ayne_dagster.definitions as door; door.defs()"
_EMPTY = f"""
{_BARE}
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
dagster.load_from_defs_folder(path_within_project=Path(sys.argv[1]))
"""
_EMPTY_PROJECT = """
[tool.dg]
directory_type = "project"
[tool.dg.project]
root_module = "nothing"
"""


def _fresh(code: str, *arguments: str) -> Work:
    """Run code in a fresh process, start and end of the process included."""
    command = [sys.executable, "-W", "ignore", "-c", code, *arguments]
    # Bytecode is kept, as on any ordinary machine: our modules are installed in place, so without
    # it they alone would be compiled anew in every process.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    return lambda: subprocess.run(command, check=True, env=environment)


def _make_empty_project(folder: Path) -> None:
    """A project without a single definition, to see what Dagster's own loader takes."""
    defs = folder / "nothing" / "defs"
    defs.mkdir(parents=True)
    for package in (defs.parent, defs):
        (package / "__init__.py").touch()
    (folder / "pyproject.toml").write_text(_EMPTY_PROJECT)


def measure(runs: int) -> Report:
    """Time fresh processes, in turn."""
    with tempfile.TemporaryDirectory() as folder:
        _make_empty_project(Path(folder))
        for code in (_IMPORTED, _BARE, _LOADED):
            _fresh(code)()
        medians = interleaved_medians(
            {
                "imported": lambda: _fresh(_IMPORTED),
                "bare": lambda: _fresh(_BARE),
                "loaded": lambda: _fresh(_LOADED),
                "empty": lambda: _fresh(_EMPTY, folder),
            },
            runs,
        )
    rows = [
        Row("import ayne_dagster.definitions", medians["imported"], medians["bare"]),
        Row("load the definitions", medians["loaded"], medians["bare"]),
    ]
    worst = max(row.ratio or 0.0 for row in rows)
    empty = medians["empty"]
    words = f"goal <= {MOST_RATIO:.2f} x `{_BARE}`, worst {worst:.2f}"
    return Report(
        name="startup",
        setting=f"fresh processes, medians of {runs}",
        baseline="bare dagster",
        rows=rows,
        goals=[Goal(words, worst <= MOST_RATIO)],
        notes=[
            f"Dagster's loader on an empty project: {empty:.0f} ms, {empty / medians['bare']:.2f} x"
        ],
    )
