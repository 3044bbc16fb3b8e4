"""An upgrade leaves models of another version behind: they are trained again or left out, in words.

Each of these runs once stopped at the first such model, or left its year without forecasts.
"""

import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ayne_dagster.defs.job_options import ModelYears, RunOptions
from ayne_dagster.storage.model_files import DESCRIPTION_FILE, TREES_FILE
from ayne_dagster_tests.defs.world import THIS_YEAR, World

MODELLED = ["trained_model", "back_test", "forecasts"]
THIS, BEFORE, NEXT = str(THIS_YEAR), str(THIS_YEAR - 1), str(THIS_YEAR + 1)
RECENT_ONLY = RunOptions(models=ModelYears.recent)
LATER = datetime(THIS_YEAR + 4, 6, 1, tzinfo=UTC)
"""None of the years of the world is recent then."""


def folder_of(world: World, year: str) -> Path:
    uri = world.value("SELECT champion_uri FROM trained_model WHERE release_year = ?", year)
    return world.folder / "mlflow/artifacts/models" / uri.removeprefix("models:/") / "artifacts"


def write_as_before(world: World, year: str) -> None:
    """The year's model in the format of a former version, which knew no `validation`."""
    file = folder_of(world, year) / DESCRIPTION_FILE
    description = json.loads(file.read_text())
    del description["validation"]
    file.write_text(json.dumps(description))


def model_of(world: World, year: str) -> tuple:
    (row,) = world.rows(
        "SELECT parameters_hash, model_uri, champion_uri, trained_at FROM trained_model "
        "WHERE release_year = ?", year
    )  # fmt: skip
    return row


@pytest.mark.slow
def test_a_model_of_another_version_is_trained_even_where_only_recent_ones_are_asked_for(
    world: World,
):
    today, outdated, *_ = model_of(world, BEFORE)
    write_as_before(world, BEFORE)
    world.execute(
        "UPDATE trained_model SET parameters_hash = 'of before', champion_uri = NULL "
        "WHERE release_year = ?", BEFORE
    )  # fmt: skip
    untouched = model_of(world, NEXT)
    run = world.run("weekly_enrichment", options=RECENT_ONLY, assets=MODELLED, at=LATER)
    assert run.success, run.failure_words()
    parameters, model, champion, _ = model_of(world, BEFORE)
    assert (parameters, model) == (today, champion)
    assert model != outdated
    assert world.value("SELECT count(*) FROM forecasts WHERE release_year = ?", BEFORE) > 0
    assert model_of(world, NEXT) == untouched
    assert run.figures("back_test")["left out of what the models lean on"] == "none"


@pytest.mark.slow
def test_a_model_whose_files_are_gone_is_trained_even_where_only_recent_ones_are_asked_for(
    world: World,
):
    _, gone, *_ = model_of(world, BEFORE)
    folder = folder_of(world, BEFORE)
    (folder / TREES_FILE).unlink()
    # The store of a copied world still names the files of the first.
    with sqlite3.connect(world.folder / "mlflow/mlflow.db") as store:
        store.execute(
            "UPDATE logged_models SET artifact_location = ? WHERE model_id = ?",
            [folder.as_uri(), gone.removeprefix("models:/")],
        )
    run = world.run("weekly_enrichment", options=RECENT_ONLY, assets=MODELLED, at=LATER)
    assert run.success, run.failure_words()
    assert model_of(world, BEFORE)[1] != gone


def test_what_models_lean_on_leaves_out_those_that_cannot_be_loaded_and_says_so(world: World):
    """A run over one year looks at the models of others too, which it does not train."""
    write_as_before(world, BEFORE)
    run = world.run("model", years=(THIS, THIS), assets=["back_test"])
    assert run.success, run.failure_words()
    said = run.figures("back_test")["left out of what the models lean on"]
    assert said == f"{BEFORE}: its files are gone, or of another version of the platform"
