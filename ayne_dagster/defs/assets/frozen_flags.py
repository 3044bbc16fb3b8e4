"""`frozen_flags`: how fresh each film is, when it is due, and why."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from ayne_dagster.charts.frozen_flags import (
    FRESHNESS,
    FlagFigures,
    plot_freshness_by_year,
    plot_frozen_flags,
)
from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.previews import preview
from ayne_dagster.defs.assets.omdb_ratings import omdb_ratings
from ayne_dagster.defs.assets.tmdb_details import tmdb_details
from ayne_dagster.defs.services import Services
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.defs.whole_partitions import (
    add_partition_row_counts,
    group_writer,
    sampled_partitions,
    year_groups,
)
from ayne_dagster.domain.freezing import flag_films
from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.domain.tables import FROZEN_FLAGS
from ayne_dagster.settings import Settings
from ayne_dagster.storage.due_queries import DueQueries


@dg.asset(
    **table_asset(
        FROZEN_FLAGS,
        group="freshness",
        kinds={"pandas", "duckdb"},
        description="Age band, due time per source, unchanged refreshes in a row, frozen or not, "
        "and the reason in words. The next run asks only for what is due here.",
    ),
    deps=[tmdb_details, omdb_ratings],
)
def frozen_flags(
    context: dg.AssetExecutionContext,
    services: dg.ResourceParam[Services],
    queries: dg.ResourceParam[DueQueries],
    policy: dg.ResourceParam[RefreshPolicy],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult:
    """Flag every film of the run's years, some years at a time."""
    now, feed = services.now(), queries.change_feed()
    written = group_writer(context, queries, settings, FROZEN_FLAGS)
    figures = FlagFigures()
    for years in year_groups(queries, context.partition_keys):
        flags = flag_films(queries.films_to_plan(years, now), now, policy, feed)
        written.write(years, flags)
        figures += FlagFigures.of(flags, now)
    years = queries.freshness_by_year(context.partition_keys, now, policy)
    shares = {year["release_year"]: _shares(year) for year in years}
    add_partition_row_counts(context, context.asset_key, written.rows, shares)
    first = sampled_partitions(
        queries, FROZEN_FLAGS, context.partition_keys, FROZEN_FLAGS.column_names, most=10
    )
    return dg.MaterializeResult(
        metadata={
            **written.figures(),
            "films": figures.films,
            "frozen": figures.frozen,
            "due at TMDB now": figures.due_at_tmdb,
            "due at OMDb now": figures.due_at_omdb,
            "age bands and due times": inline_image(
                plot_frozen_flags(figures), "age bands and due times"
            ),
            "freshness by year": inline_image(plot_freshness_by_year(years), "freshness by year"),
            "freshness of the years": _table(years),
            "preview": preview(first, of=figures.films),
        },
    )


def _shares(year: Mapping[str, Any]) -> dict[str, float]:
    """The freshness of a partition, as the UI plots it over time."""
    films = year["films"]
    return {f"share {name}": round(year[name] / films, 4) for name in FRESHNESS if films}


def _table(years: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """The freshness of every year of the run."""
    columns = [
        dg.TableColumn("release_year", "string"),
        dg.TableColumn("films", "int"),
        *(dg.TableColumn(name, "int") for name in FRESHNESS),
        *(dg.TableColumn(f"share {name}", "float") for name in FRESHNESS),
    ]
    names = ("release_year", "films", *FRESHNESS)
    return dg.MetadataValue.table(
        [dg.TableRecord({**{name: year[name] for name in names}, **_shares(year)})
         for year in years],
        dg.TableSchema(columns),
    )  # fmt: skip
