"""A run over many years, in a process of its own to be killed: used by `test_discovery_runs.py`."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from ayne_dagster_tests.defs.world import World


def main(url: str, folder: str, first_year: str, last_year: str) -> None:
    """Discover these years from the sandbox at that address."""
    sandbox: Any = SimpleNamespace(url=url)
    world = World(Path(folder), sandbox)
    world.run("collect", (first_year, last_year), assets=["movie_lists", "discovered_movies"])


if __name__ == "__main__":
    main(*sys.argv[1:])
