"""Release years as Dagster partitions.

Static on purpose: a film set is no time window. Non-contiguous years load, `undated` has a home,
and a film whose date moves only changes its key.
See https://docs.dagster.io/guides/build/partitions-and-backfills.
"""

from functools import cache

import dagster as dg

from ayne_dagster.defs.clock import platform_clock
from ayne_dagster.domain.release_years import UNDATED, calendar_years, release_year_keys
from ayne_dagster.settings import load_settings


@cache
def release_year_partitions() -> dg.StaticPartitionsDefinition:
    """All release years the platform keeps.

    The one place where definitions depend on the clock and on a setting: Dagster wants partition
    keys when it loads the code location. A location that runs over New Year's Eve is reloaded to
    see the next year.
    """
    settings = load_settings()
    keys = release_year_keys(settings.first_release_year, platform_clock(settings)().date())
    return dg.StaticPartitionsDefinition(keys)


@cache
def year_and_all_before() -> dg.StaticPartitionMapping:
    """Each year reads itself and all earlier years; `undated` reads itself."""
    keys = release_year_partitions().get_partition_keys()
    years = [str(year) for year in calendar_years(keys)]
    onward = {year: years[index:] for index, year in enumerate(years)}
    return dg.StaticPartitionMapping({**onward, UNDATED: [UNDATED]})


def dated_keys(context: dg.AssetExecutionContext) -> list[str]:
    """The run's release years without `undated`, ascending."""
    return [str(year) for year in calendar_years(context.partition_keys)]
