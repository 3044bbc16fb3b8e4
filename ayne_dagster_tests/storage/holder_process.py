"""A process of its own that holds a DuckDB file: run by the storage tests.

Prints `held` once it has the file, and lets go when its standard input is closed.
"""

import sys
from pathlib import Path

import duckdb


def hold(how: str, path: Path, purpose: str) -> None:
    if how == "read":
        with duckdb.connect(str(path), read_only=True):
            wait_for_the_end()
    else:
        # Imported here: a plain reader starts in a third of the time without it.
        from ayne_dagster.storage.warehouse import Warehouse

        with Warehouse(path).writing(purpose):
            wait_for_the_end()


def wait_for_the_end() -> None:
    sys.stdout.write("held\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    hold(sys.argv[1], Path(sys.argv[2]), sys.argv[3])
