"""`features`: what is known of a film before its release, plus its outcome where known."""

import dagster as dg

from ayne_dagster.charts.features import PLOTTED_COLUMNS, plot_features
from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.previews import preview
from ayne_dagster.defs.partitions import year_and_all_before
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.defs.whole_partitions import (
    add_partition_row_counts,
    group_writer,
    sampled_partitions,
    year_groups,
)
from ayne_dagster.domain.features import add_outcomes, build_features
from ayne_dagster.domain.film_facts import PAST_SOURCE_COLUMNS, FilmFacts, KnownPast
from ayne_dagster.domain.tables import FEATURES, FROZEN_FLAGS, OMDB_RATINGS, TMDB_DETAILS
from ayne_dagster.settings import Settings
from ayne_dagster.storage.feature_queries import FeatureQueries
from ayne_dagster.storage.movie_queries import MovieQueries


@dg.asset(
    **table_asset(
        FEATURES,
        group="modelling",
        kinds={"pandas", "duckdb"},
        description="Only what was known before release may become an input of the model: budget, "
        "runtime, calendar, genres, country, certification, and the track record of companies, "
        "people and collections by films released at least 180 days before. The outcome stands "
        "beside it: revenue, IMDb rating, and whether the film's facts have settled. Films "
        "without a date have no features.",
    ),
    deps=[
        dg.AssetDep(TMDB_DETAILS.name, partition_mapping=year_and_all_before()),
        OMDB_RATINGS.name,
        FROZEN_FLAGS.name,
    ],
)
def features(
    context: dg.AssetExecutionContext,
    queries: dg.ResourceParam[MovieQueries],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult:
    """Build the features of the run's years, some at a time, from them and all years before."""
    asked = FeatureQueries(queries.warehouse)
    keys = context.partition_keys
    past = KnownPast.of(FilmFacts.of(asked.past_films(keys), PAST_SOURCE_COLUMNS))
    written = group_writer(context, queries, settings, FEATURES)
    labelled = suspect = 0
    for years in year_groups(queries, keys):
        built = build_features(asked.details(years), years, past)
        frame = add_outcomes(built, asked.ratings(years), asked.flags(years), asked.audience(years))
        written.write(years, frame)
        labelled += int(frame["is_labelled"].sum())
        suspect += int(frame["is_unit_suspect"].sum())
    add_partition_row_counts(context, context.asset_key, written.rows)
    films = written.rows.total()
    shown = sampled_partitions(queries, FEATURES, keys, PLOTTED_COLUMNS)
    first = sampled_partitions(queries, FEATURES, keys, FEATURES.column_names, most=10)
    return dg.MaterializeResult(
        metadata={
            **written.figures(),
            "films": films,
            "films with an outcome": labelled,
            "kept out as unit mistakes": suspect,
            "features": inline_image(
                plot_features(shown, films=films), "unknown inputs, correlations"
            ),
            "preview": preview(first, of=films),
        },
    )
