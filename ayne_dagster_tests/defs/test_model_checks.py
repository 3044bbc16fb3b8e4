"""What must not be learned stops before training, through the real graph; drift only warns."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pytest

from ayne_dagster.defs import whole_partitions
from ayne_dagster.defs.model_checks import (
    errors_have_not_grown,
    features_are_of_this_code,
    inputs_have_not_drifted,
    no_input_is_known_only_after_release,
)
from ayne_dagster.domain.features import FEATURES_CODE_VERSION, build_features
from ayne_dagster.domain.tables import BACK_TEST, FEATURES
from ayne_dagster.settings import Settings
from ayne_dagster.storage.movie_queries import MovieQueries
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.defs.world import THIS_YEAR, World
from ayne_dagster_tests.domain.invented_films import all_years, many_films
from ayne_dagster_tests.domain.test_drift import films as films_of_six_years
from ayne_dagster_tests.domain.test_drift import scored
from ayne_dagster_tests.storage.film_rows import put, row_of

SCORED = str(THIS_YEAR - 1)


@pytest.fixture
def queries(tmp_path: Path) -> MovieQueries:
    return MovieQueries(Warehouse(tmp_path / "films.duckdb"))


def result_of(given: Any) -> dg.AssetCheckResult:
    assert isinstance(given, dg.AssetCheckResult)
    return given


def rows(frame: pd.DataFrame) -> list[Mapping[str, Any]]:
    return [
        {"tmdb_id": number + 1, **{str(name): value for name, value in row.items()}}
        for number, row in enumerate(
            frame.astype(object).where(frame.notna(), None).to_dict("records")
        )
    ]


def put_features(queries: MovieQueries, frame: pd.DataFrame) -> None:
    given = [
        row_of(
            FEATURES,
            **{"release_date": f"{row['release_year']}-05-05", "is_labelled": True,
               "release_month": 5, "release_day_of_year": 125, "release_weekday": 1,
               "collection_films_before": 0, "genres": [], "revenue_usd": 5e6, **row},
        )
        for row in rows(frame)
    ]  # fmt: skip
    for row in given:
        row["release_date"] = pd.Timestamp(row["release_date"]).date()
    put(queries.warehouse, FEATURES, *given)


@pytest.mark.slow
def test_a_vote_count_renamed_into_the_features_stops_before_training(world: World):
    """The blocking check speaks, and no model is made of it."""
    world.execute("UPDATE tmdb_details SET runtime_minutes = vote_count + 1")
    run = world.run("model")
    assert not run.success
    assert "features.no_input_is_known_only_after_release" in run.failed_checks()
    assert not {"trained_model", "back_test", "forecasts"} & run.materialized


@pytest.mark.slow
def test_a_unit_mistake_reaches_neither_training_nor_the_back_test(world: World):
    """Revenue of 12 (millions, typed as dollars): flagged, kept, and learned from by nobody."""
    (mistaken,) = world.rows(
        "SELECT tmdb_id FROM back_test WHERE release_year = ? ORDER BY ALL LIMIT 1", SCORED
    )
    films = "SELECT test_films FROM trained_model WHERE release_year = ?"
    trained = "SELECT train_films FROM trained_model WHERE release_year = ?"
    before = world.value(films, SCORED), world.value(trained, str(THIS_YEAR))
    world.execute("UPDATE tmdb_details SET revenue_usd = 12 WHERE tmdb_id = ?", *mistaken)
    run = world.run("model")
    assert run.success, run.failure_words()
    flags = "SELECT is_unit_suspect, is_labelled FROM features WHERE tmdb_id = ?"
    assert world.rows(flags, *mistaken) == [(True, False)]
    assert world.rows("SELECT * FROM back_test WHERE tmdb_id = ?", *mistaken) == []
    after = world.value(films, SCORED), world.value(trained, str(THIS_YEAR))
    assert after == (before[0] - 1, before[1] - 1)


def test_the_check_names_the_input_and_what_it_gives_away(queries: MovieQueries):
    frame = films_of_six_years(20).assign(
        outcome_vote_count=range(120), runtime_minutes=range(1, 121)
    )
    put_features(queries, frame)
    result = result_of(no_input_is_known_only_after_release(queries=queries))
    assert not result.passed
    assert "runtime_minutes is outcome_vote_count" in str(result.metadata["leaks"].value)
    put_features(queries, frame.assign(runtime_minutes=100))
    assert result_of(no_input_is_known_only_after_release(queries=queries)).passed


def test_drift_of_an_input_warns_and_stops_nothing(queries: MovieQueries):
    frame = films_of_six_years(60)
    put_features(queries, frame)
    assert result_of(inputs_have_not_drifted(queries=queries)).passed
    is_newest = frame["release_year"] == frame["release_year"].max()
    put_features(queries, frame.assign(budget_usd=frame["budget_usd"].mask(is_newest, 9e8)))
    result = result_of(inputs_have_not_drifted(queries=queries))
    assert not result.passed
    assert result.severity is dg.AssetCheckSeverity.WARN
    assert result.metadata["drifted"].value == "budget_usd"


def test_drift_is_seen_among_many_films_without_an_outcome(
    queries: MovieQueries, monkeypatch: pytest.MonkeyPatch
):
    """A sample of all films held a hundredth of those with an outcome: nothing to compare."""
    monkeypatch.setattr(whole_partitions.sampled_partitions, "__defaults__", (50,))
    frame = films_of_six_years(60)
    is_newest = frame["release_year"] == frame["release_year"].max()
    drifted = frame.assign(budget_usd=frame["budget_usd"].mask(is_newest, 9e8), is_labelled=True)
    put_features(queries, pd.concat([drifted, frame.assign(is_labelled=False)]))
    result = result_of(inputs_have_not_drifted(queries=queries))
    assert result.metadata["drifted"].value == "budget_usd"


def test_grown_errors_warn_and_stop_nothing(queries: MovieQueries):
    settings = Settings()
    for spread, is_fine in ((1.0, True), (2.0, False)):
        put(
            queries.warehouse,
            BACK_TEST,
            *(row_of(BACK_TEST, **r) for r in rows(scored(spread, 60))),
        )
        result = result_of(errors_have_not_grown(queries=queries, settings=settings))
        assert result.passed is is_fine
        assert result.severity is dg.AssetCheckSeverity.WARN
    assert result.metadata["newest year"].value == "2019"


def test_an_empty_warehouse_has_nothing_to_warn_of(queries: MovieQueries):
    assert result_of(no_input_is_known_only_after_release(queries=queries)).passed
    assert result_of(inputs_have_not_drifted(queries=queries)).passed
    assert result_of(errors_have_not_grown(queries=queries, settings=Settings())).passed


def test_years_whose_features_another_version_of_the_code_made_are_named_with_what_to_run(
    queries: MovieQueries,
):
    """Rows of before stood among those of today until their years ran again, and nobody said so."""
    assert result_of(features_are_of_this_code(queries=queries)).passed
    versions = {"2001": FEATURES_CODE_VERSION + 1, "2002": None, "2005": FEATURES_CODE_VERSION + 1,
                "2006": FEATURES_CODE_VERSION}  # fmt: skip
    put_features(
        queries,
        pd.DataFrame({"release_year": versions.keys(), "features_code_version": versions.values()}),
    )
    result = result_of(features_are_of_this_code(queries=queries))
    assert (result.passed, result.severity) == (False, dg.AssetCheckSeverity.WARN)
    said = {name: value.value for name, value in result.metadata.items()}
    assert said["years of another version"] == "2001-2002, 2005"
    assert "`ayne model train --years 2005`" in str(said["what to run"])
    with duckdb.connect(str(queries.warehouse.path)) as connection:
        connection.execute("ALTER TABLE features DROP COLUMN features_code_version")
    result = result_of(features_are_of_this_code(queries=queries))
    assert result.metadata["years of another version"].value == "2001-2002, 2005-2006"


def test_features_name_the_version_of_the_code_that_made_them(queries: MovieQueries):
    frame = many_films(20)
    built = build_features(frame, all_years(frame))
    assert set(built["features_code_version"]) == {FEATURES_CODE_VERSION}
