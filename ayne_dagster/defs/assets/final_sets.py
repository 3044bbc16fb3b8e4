"""`final_sets`: the features as files for notebooks, split by time, with a data card."""

import dagster as dg
import pandas as pd

from ayne_dagster.charts.final_sets import plot_final_sets
from ayne_dagster.charts.images import inline_image
from ayne_dagster.charts.previews import preview
from ayne_dagster.defs.assets.features import features
from ayne_dagster.defs.assets.trained_model import TERMS_NOTICE
from ayne_dagster.defs.services import Services
from ayne_dagster.defs.table_assets import table_asset
from ayne_dagster.domain.final_sets import data_card, split_by_time
from ayne_dagster.domain.leaks import reject_leaks
from ayne_dagster.domain.tables import FINAL_SETS
from ayne_dagster.settings import Settings
from ayne_dagster.storage.final_set_files import FinalSetFiles
from ayne_dagster.storage.movie_queries import MovieQueries


@dg.asset(
    **table_asset(
        FINAL_SETS,
        group="modelling",
        kinds={"parquet", "pandas"},
        description="`features_v1`, `X_train`, `X_test`, `y_train` and `y_test` as Parquet in "
        "`DATABASE__PROCESSED_FOLDER`, with `DATA_CARD.md` beside them. Of all years, whatever "
        "years a run is over. Split by release year, never at random: the test films are those "
        "from `MODEL__FIRST_TEST_YEAR` on, by default of the newest year with enough of them.",
    ),
    deps=[features],
)
def final_sets(
    services: dg.ResourceParam[Services],
    queries: dg.ResourceParam[MovieQueries],
    settings: dg.ResourceParam[Settings],
) -> dg.MaterializeResult[pd.DataFrame]:
    """Split the films with an outcome by time, and write the files and their card."""
    files = FinalSetFiles(queries.warehouse, settings.resolve(settings.database.processed_folder))
    now = services.now()
    with files.staged() as staged:
        reject_leaks(staged.labelled)
        split = split_by_time(
            staged.labelled,
            first_test_year=settings.model.first_test_year,
            minimum_films=settings.model.minimum_films,
        )
        written = files.write(staged, split, now)
    card = data_card(
        split,
        written,
        staged.counts,
        seed=settings.model.seed,
        now=now,
        notice=TERMS_NOTICE,
        stand_in=settings.tmdb.stand_in,
    )
    path = files.write_card(card)
    years = {side: split.release_years[f"X_{side}"] for side in ("train", "test")}
    return dg.MaterializeResult(
        value=written,
        metadata={
            "folder": dg.MetadataValue.path(str(path.parent)),
            "first test year": split.first_test_year or "none: too few films with an outcome",
            "training films": len(split.sets["X_train"]),
            "test films": len(split.sets["X_test"]),
            "films per year": inline_image(plot_final_sets(years), "training and test films"),
            "data card": dg.MetadataValue.md(card),
            "preview": preview(written),
        },
    )
