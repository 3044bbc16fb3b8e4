"""Typed config of single assets, shown in the launchpad.

Lives here: what concerns one asset alone. Not here: the options all assets of a run share
(`job_options.py`) and what holds for all runs (`settings/`).
"""

import dagster as dg
from pydantic import Field


class BulkConfig(dg.Config):
    """Options of `tmdb_ids` and `imdb_ratings`."""

    accept_smaller: bool = Field(
        default=False,
        description="Take a file even though it lost more than a fifth of its rows.",
    )


class ChangesConfig(dg.Config):
    """Options of `tmdb_changes`."""

    force: bool = Field(
        default=False, description="Read the run's days again, even those read before."
    )
