"""The jobs people and schedules start. `ayne collect` and `ayne demo` run these very jobs.

Lives here: which assets go together, by name. Not here: what an asset does (`assets/`), and what a
run may change of it (`job_options.py`).
"""

from dataclasses import dataclass

import dagster as dg

from ayne_dagster.domain.tables import (
    BACK_TEST,
    COLLECTION_STATS,
    DISCOVERED_MOVIES,
    FEATURES,
    FINAL_SETS,
    FORECASTS,
    FROZEN_FLAGS,
    IMDB_RATINGS,
    MOVIE_LISTS,
    OMDB_RATINGS,
    TMDB_DETAILS,
    TMDB_IDS,
    TRAINED_MODEL,
)

_LOOKING = (MOVIE_LISTS.name, DISCOVERED_MOVIES.name)
_REFRESHING = (TMDB_DETAILS.name, OMDB_RATINGS.name, FROZEN_FLAGS.name)
_COLLECTING = (*_LOOKING, *_REFRESHING)
_MODELLING = (
    FEATURES.name,
    TRAINED_MODEL.name,
    BACK_TEST.name,
    FORECASTS.name,
    FINAL_SETS.name,
)
_MEASURING = (COLLECTION_STATS.name,)
_BULK = (TMDB_IDS.name, IMDB_RATINGS.name)


@dataclass(frozen=True)
class Job:
    """A job in words and assets.

    Attributes:
        name: Its name.
        assets: The assets it materializes.
        description: What it does, as the UI shows it.
        has_options: Whether a run of it takes `RunOptions`.
    """

    name: str
    assets: tuple[str, ...]
    description: str
    has_options: bool = True


JOBS = (
    Job(
        "quick_update",
        _COLLECTING,
        "The popular and trending lists; their films that were never fetched are fetched. Walks no "
        "year of discover and refreshes nothing.",
    ),
    Job(
        "daily_update",
        (*_COLLECTING, *_MEASURING),
        "All five lists, discover for last, this and the coming years, every due film within the "
        "day's budget, flags, figures of the collection.",
    ),
    Job(
        "weekly_enrichment",
        (*_COLLECTING, *_MEASURING, *_MODELLING),
        "Everything that is due in every year, flags, figures of the collection, features, models "
        "of last year, this and the next, the back-test, forecasts.",
    ),
    Job(
        "refresh",
        _REFRESHING,
        "Fetch due films, flag them. Looks for no new film.",
    ),
    Job(
        "train_model",
        _MODELLING,
        "Features, models of last year, this and the next, the back-test, forecasts. Sends no "
        "request; what schedules start.",
    ),
    Job(
        "collect",
        (*_COLLECTING, *_MEASURING),
        "Discover films, fetch what is due, flag, figures of the collection: from the lists to the "
        "flags, and `collection_stats`.",
    ),
    Job(
        "model",
        _MODELLING,
        "Features, the model of each year, the back-test, forecasts. Sends no request.",
    ),
    Job(
        "whole_graph",
        (*_COLLECTING, *_MEASURING, *_MODELLING),
        "Everything from the lists to the forecasts, and `collection_stats`.",
    ),
    Job(
        "bulk_files",
        _BULK,
        "The whole files that need no key: TMDB's ids, IMDb's ratings. What is not switched on "
        "asks for nothing.",
        has_options=False,
    ),
)
JOB_NAMES = tuple(job.name for job in JOBS)
JOBS_WITHOUT_OPTIONS = tuple(job.name for job in JOBS if not job.has_options)


def jobs() -> dg.Definitions:
    """All jobs; each but `bulk_files` takes a range of release years."""
    # Their partitions are those of their assets.
    return dg.Definitions(
        jobs=[
            dg.define_asset_job(
                job.name,
                selection=dg.AssetSelection.assets(*job.assets),
                description=job.description,
            )
            for job in JOBS
        ]
    )
