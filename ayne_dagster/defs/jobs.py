"""The jobs people and schedules start. `ayne collect` and `ayne demo` run these very jobs.

Lives here: which assets go together, by name. Not here: what an asset does (`assets/`).
"""

import dagster as dg

from ayne_dagster.defs.partitions import release_year_partitions
from ayne_dagster.domain.tables import (
    FEATURES,
    FORECASTS,
    IMDB_RATINGS,
    TMDB_CHANGES,
    TMDB_IDS,
    TRAINED_MODEL,
)

_MODELLING = dg.AssetSelection.assets(FEATURES.name, TRAINED_MODEL.name, FORECASTS.name)
_BULK = dg.AssetSelection.assets(TMDB_IDS.name, IMDB_RATINGS.name)
_FEED = dg.AssetSelection.assets(TMDB_CHANGES.name)


def jobs() -> dg.Definitions:
    """All jobs; each but `bulk_files` takes a range of release years."""
    years = release_year_partitions()
    everything = dg.AssetSelection.all() - _BULK - _FEED
    return dg.Definitions(
        jobs=[
            dg.define_asset_job(
                "collect",
                selection=everything - _MODELLING,
                partitions_def=years,
                description="Discover films, fetch what is due, flag: the first five assets.",
            ),
            dg.define_asset_job(
                "model",
                selection=_MODELLING,
                partitions_def=years,
                description="Features, the model of each year, forecasts. Sends no request.",
            ),
            dg.define_asset_job(
                "whole_graph",
                selection=everything,
                partitions_def=years,
                description="Everything from the lists to the forecasts.",
            ),
            dg.define_asset_job(
                "bulk_files",
                selection=_BULK,
                description="The whole files that need no key: TMDB's ids, IMDb's ratings. What is "
                "not switched on asks for nothing.",
            ),
        ]
    )
