"""The door Dagster opens. Everything it finds lies in `defs/`."""

from pathlib import Path

import dagster as dg


@dg.definitions
def defs() -> dg.Definitions:
    """All definitions of the platform."""
    return dg.load_from_defs_folder(path_within_project=Path(__file__).parent)
