"""Asset checks of features and models: nothing leaks, and what has drifted is said.

Lives here: check definitions. A leak blocks; drift warns. Not here: the rules (`domain/leaks.py`,
`domain/drift.py`) and the checks of all other tables (`checks.py`).
See https://docs.dagster.io/guides/test/asset-checks.
"""

import dagster as dg
import pandas as pd

from ayne_dagster.charts.previews import markdown_table
from ayne_dagster.defs.partitions import release_year_partitions
from ayne_dagster.defs.whole_partitions import sampled_partitions, stored_partitions
from ayne_dagster.domain import drift
from ayne_dagster.domain.features import (
    FEATURES_CODE_VERSION,
    MODEL_INPUT_COLUMNS,
    PostReleaseInputError,
    reject_post_release_columns,
)
from ayne_dagster.domain.leaks import LEAK_COLUMNS, RANK_CORRELATION, find_leaks
from ayne_dagster.domain.release_years import contiguous_blocks
from ayne_dagster.domain.tables import BACK_TEST, FEATURES
from ayne_dagster.settings import Settings
from ayne_dagster.storage.duckdb_io_manager import UpstreamMissing
from ayne_dagster.storage.feature_queries import FeatureQueries
from ayne_dagster.storage.movie_queries import MovieQueries


@dg.asset_check(
    asset=FEATURES.name,
    blocking=True,
    description="No input of the model is known only after release: neither by its name (votes, "
    "popularity, ratings, awards, box office ...) nor by its values, compared with those of votes, "
    f"popularity, ratings and revenue (rank correlation {RANK_CORRELATION} or more).",
)
def no_input_is_known_only_after_release(
    queries: dg.ResourceParam[MovieQueries],
) -> dg.AssetCheckResult:
    """Block training where a post-release column has come in, renamed or not."""
    try:
        reject_post_release_columns(pd.DataFrame(columns=list(MODEL_INPUT_COLUMNS)))
    except PostReleaseInputError as error:
        return dg.AssetCheckResult(passed=False, metadata={"inputs": str(error)})
    columns = list(dict.fromkeys((*MODEL_INPUT_COLUMNS, *LEAK_COLUMNS)))
    films = sampled_partitions(queries, FEATURES, _all_years(), columns)
    leaks = find_leaks(films)
    return dg.AssetCheckResult(
        passed=not leaks,
        metadata={
            "films compared": len(films),
            "inputs": ", ".join(MODEL_INPUT_COLUMNS),
            "compared with": ", ".join(LEAK_COLUMNS),
            "leaks": "; ".join(map(str, leaks)) or "none",
        },
    )


@dg.asset_check(
    asset=FEATURES.name,
    description="The films with an outcome of the newest whole year are like those of the "
    f"{drift.REFERENCE_YEARS} years before: no input has a population stability index above "
    f"{drift.STABILITY_LIMIT}, or above what so few films give by chance. The release date and "
    "the track records of genres, countries, languages and certifications are left out: they move "
    "by their nature.",
)
def inputs_have_not_drifted(queries: dg.ResourceParam[MovieQueries]) -> dg.AssetCheckResult:
    """Warn where what the model is told has shifted since the films it learned from."""
    columns = drift.compared_inputs()
    try:
        films = FeatureQueries(queries.warehouse).labelled(columns=["release_year", *columns])
    except UpstreamMissing:
        return _too_few()
    year, found = drift.input_drift(films, columns)
    if year is None:
        return _too_few()
    table = pd.DataFrame(
        {
            "input": one.name,
            "stability index": one.stability_index,
            "warns above": one.limit,
            "has drifted": one.has_drifted,
        }
        for one in found
    )
    return dg.AssetCheckResult(
        passed=not any(one.has_drifted for one in found),
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "newest year": year,
            "drifted": ", ".join(one.name for one in found if one.has_drifted) or "none",
            "inputs": dg.MetadataValue.md(markdown_table(table, len(table))),
        },
    )


@dg.asset_check(
    asset=FEATURES.name,
    description="Every row of `features` was made by the code of today. After an upgrade rows of "
    "years that have not run again are of the code before, and whoever reads the table reads both.",
)
def features_are_of_this_code(queries: dg.ResourceParam[MovieQueries]) -> dg.AssetCheckResult:
    """Warn where features of two versions of the code stand side by side, and say what to run."""
    keys = _all_years()
    found = FeatureQueries(queries.warehouse).years_of_other_code(FEATURES_CODE_VERSION)
    blocks = contiguous_blocks([year for year in found if year in keys], keys)
    spans = ["-".join(dict.fromkeys((block[0], block[-1]))) for block in blocks]
    run = (
        f"materialize {FEATURES.name} of these years, or wait for the weekly run, or `ayne model "
        f"train --years {blocks[-1][-1]}`: both make those of all years"
        if blocks
        else "nothing"
    )
    return dg.AssetCheckResult(
        passed=not spans,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "version of the code": FEATURES_CODE_VERSION,
            "years of another version": ", ".join(spans) or "none",
            "what to run": run,
        },
    )


@dg.asset_check(
    asset=BACK_TEST.name,
    description="The RMSLE of the newest scored year is at most "
    f"{drift.ERROR_GROWTH - 1:.0%} above that of the {drift.ERROR_YEARS} years before, or above it "
    "only by chance (90 % bootstrap interval).",
)
def errors_have_not_grown(
    queries: dg.ResourceParam[MovieQueries], settings: dg.ResourceParam[Settings]
) -> dg.AssetCheckResult:
    """Warn where the models have become worse than their back-test promised."""
    stored = stored_partitions(queries, BACK_TEST, _all_years())
    found = drift.error_drift(stored, settings.model.seed)
    if found is None:
        return _too_few()
    table = pd.DataFrame(
        {
            "years": [found.year, f"the {drift.ERROR_YEARS} before"],
            "films": [found.films, found.films_before],
            "RMSLE": [found.rmsle, found.rmsle_before],
            "80 % interval holds": [found.interval_coverage, found.interval_coverage_before],
        }
    )
    return dg.AssetCheckResult(
        passed=not found.has_drifted,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "newest year": found.year,
            "RMSLE, lower end of its 90 % interval": round(found.rmsle_low, 3),
            "errors": dg.MetadataValue.md(markdown_table(table)),
        },
    )


def model_checks() -> list[dg.AssetChecksDefinition]:
    """All checks of this module: a new one has to be named here."""
    return [
        no_input_is_known_only_after_release,
        inputs_have_not_drifted,
        features_are_of_this_code,
        errors_have_not_grown,
    ]


def _all_years() -> list[str]:
    return list(release_year_partitions().get_partition_keys())


def _too_few() -> dg.AssetCheckResult:
    """Nothing to compare yet: no reason to warn."""
    return dg.AssetCheckResult(
        passed=True,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={"compared": f"nothing: fewer than {drift.MINIMUM_FILMS} films with an outcome"},
    )
