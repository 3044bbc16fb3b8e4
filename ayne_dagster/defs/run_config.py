"""Typed options of a run, shown in the launchpad.

Lives here: what one run may change. What holds for all runs is a setting (`settings/`).
"""

import dagster as dg
from pydantic import Field


class ListsConfig(dg.Config):
    """Options of `movie_lists`."""

    pages: int | None = Field(
        default=None,
        ge=1,
        description="Pages read of each list, 20 films each; default: the setting.",
    )
    force: bool = Field(default=False, description="Read the lists even when they are fresh.")


class DiscoveryConfig(dg.Config):
    """Options of `discovered_movies`."""

    min_votes: int | None = Field(
        default=None,
        ge=0,
        description="Only films with at least so many votes; default: the setting.",
    )
    max_pages: int | None = Field(
        default=None,
        ge=1,
        description="Most pages per year, 20 films each; default: the setting.",
    )
    force: bool = Field(default=False, description="Walk every year, even those walked recently.")


class BulkConfig(dg.Config):
    """Options of `tmdb_ids` and `imdb_ratings`."""

    accept_smaller: bool = Field(
        default=False,
        description="Take a file even though it lost more than a fifth of its rows.",
    )


class FetchConfig(dg.Config):
    """Options of `tmdb_details` and `omdb_ratings`."""

    limit: int | None = Field(
        default=None,
        ge=1,
        description="Most films asked for in this run; the rest stays due. Default: the setting.",
    )
    force: bool = Field(
        default=False, description="Ask for every film of the run's years, due or not."
    )


class ChangesConfig(dg.Config):
    """Options of `tmdb_changes`."""

    force: bool = Field(
        default=False, description="Read the run's days again, even those read before."
    )
