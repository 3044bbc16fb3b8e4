"""`ayne model`: who is champion and why; a worse one takes force, and the reason is kept."""

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pytest
from click.testing import CliRunner
from filelock import FileLock

from ayne_dagster.cli.champion_writes import ModelsElsewhere
from ayne_dagster.cli.errors import is_expected
from ayne_dagster.cli.main import ayne
from ayne_dagster.cli.model import NothingToCompare, PromotionRefused
from ayne_dagster.storage.model_registry import FORCED, VersionNotFoundError
from ayne_dagster.storage.warehouse import WarehouseBusy
from ayne_dagster_tests.cli.conftest import Invoke
from ayne_dagster_tests.cli.modelled_films import BAD, GOOD, YEAR, registry_in

OF_YEAR = ("--year", str(YEAR))


def document(invoke: Invoke, *arguments: str) -> dict[str, Any]:
    result = invoke("model", *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def row_of_year(data: Path) -> dict[str, Any]:
    with duckdb.connect(str(data / "ayne.duckdb"), read_only=True) as connection:
        found = connection.execute(
            "SELECT model_uri, champion_uri, is_champion, promotion_reason FROM trained_model "
            "WHERE release_year = ?", [str(YEAR)]
        )  # fmt: skip
        names = [column[0] for column in found.description or ()]
        (row,) = found.fetchall()
    return dict(zip(names, row, strict=True))


def test_the_list_shows_champions_and_candidates_with_scores(invoke: Invoke, modelled: Path):
    (one,) = document(invoke, "list")["models"]
    assert (one["year"], one["version"]) == (YEAR, GOOD)
    assert one["aliases"] == ["candidate", "champion"]
    assert one["rmsle"] > 0
    assert one["train_films"] > one["test_films"] > 0
    every = document(invoke, "list", *OF_YEAR)["models"]
    assert [one["version"] for one in every] == [GOOD, BAD]
    assert every[0]["rmsle"] < every[1]["rmsle"]
    shown = invoke("model", "list")
    assert "champion" in shown.output
    assert str(YEAR) in shown.output


def test_without_a_store_the_list_says_what_makes_a_model_and_makes_no_store(
    invoke: Invoke, database: Path
):
    shown = invoke("model", "list")
    assert shown.exit_code == 0
    assert "There is no model yet. `ayne model train` makes one." in shown.output
    assert document(invoke, "list") == {"models": []}
    assert not (database.parent / "mlflow").exists()


def test_two_are_compared_on_the_same_films_with_an_interval(invoke: Invoke, modelled: Path):
    report = document(invoke, "compare", str(BAD), str(GOOD), *OF_YEAR)
    comparison = report["comparison"]
    assert comparison["candidate_rmsle"] > comparison["champion_rmsle"]
    assert comparison["difference"]["low"] <= comparison["difference"]["value"]
    assert not comparison["is_not_worse"]
    assert comparison["films"] >= 30
    turned = document(invoke, "compare", str(GOOD), str(BAD), *OF_YEAR)["comparison"]
    assert turned["difference"]["value"] == pytest.approx(-comparison["difference"]["value"])
    shown = invoke("model", "compare", str(BAD), "champion", *OF_YEAR)
    assert f"Version {BAD} is worse than version {GOOD}" in shown.output
    assert f"films of {YEAR} with an outcome" in shown.output


def test_a_model_is_not_compared_with_itself(invoke: Invoke, modelled: Path):
    """It was not worse than itself, with a difference of +0.000 between +0.000 and +0.000."""
    shown = invoke("model", "compare", *OF_YEAR)
    assert shown.exit_code == 0
    assert f"Both are version {GOOD} of {YEAR}, which is candidate and champion: " in shown.output
    assert "RMSLE" not in shown.output
    assert f"version {BAD} of {YEAR}: " in invoke("model", "compare", "1", "1", *OF_YEAR).output
    report = document(invoke, "compare", *OF_YEAR)
    assert report["comparison"] is None
    assert report["first"] == report["second"]


def test_a_worse_one_is_refused_with_the_numbers(modelled: Path):
    with pytest.raises(PromotionRefused, match=r"worse than the champion: RMSLE .* `--force`"):
        CliRunner().invoke(ayne, ["model", "promote", str(BAD), *OF_YEAR], catch_exceptions=False)
    champion = registry_in(modelled).champion(YEAR)
    assert champion is not None
    assert champion.version == GOOD
    assert row_of_year(modelled)["is_champion"]


def test_force_makes_it_champion_everywhere_and_the_reason_is_kept(invoke: Invoke, modelled: Path):
    before = row_of_year(modelled)
    report = document(
        invoke, "promote", str(BAD), *OF_YEAR, "--force", "--reason", "to see it fail"
    )
    assert report["is_forced"]
    champion = registry_in(modelled).champion(YEAR)
    assert champion is not None
    assert (champion.version, champion.decision) == (BAD, FORCED)
    assert champion.reason == report["reason"]
    assert "by force, against the rule: worse than the champion" in report["reason"]
    assert report["reason"].endswith("said: to see it fail")
    after = row_of_year(modelled)
    assert after["model_uri"] == before["model_uri"]
    assert (after["champion_uri"], after["is_champion"]) == (champion.model_uri, False)
    assert after["promotion_reason"] == report["reason"]


def test_back_to_the_better_one_needs_no_force(invoke: Invoke, modelled: Path):
    invoke("model", "promote", str(BAD), *OF_YEAR, "--force")
    shown = invoke("model", "promote", "candidate", *OF_YEAR)
    assert shown.exit_code == 0, shown.output
    assert f"version {GOOD} was made champion by hand: not worse" in shown.output
    assert f"`ayne model train --years {YEAR}`" in shown.output
    assert row_of_year(modelled)["is_champion"]


def test_the_champion_is_not_promoted_again(invoke: Invoke, modelled: Path):
    before = row_of_year(modelled)
    shown = invoke("model", "promote", "champion", *OF_YEAR)
    assert f"Version {GOOD} is champion of {YEAR} already" in shown.output
    assert row_of_year(modelled) == before


def test_a_promotion_that_did_not_reach_the_table_is_healed_by_another(
    invoke: Invoke, modelled: Path, monkeypatch: pytest.MonkeyPatch
):
    """The registry named the new champion, the table the old one, and repeating did nothing."""
    monkeypatch.setenv("DATABASE__WAIT_SECONDS", "0.2")
    before = row_of_year(modelled)
    # Whoever writes holds this lock first, so readers still come in between.
    with FileLock(modelled / "ayne.duckdb.lock"), pytest.raises(WarehouseBusy):
        CliRunner().invoke(
            ayne, ["model", "promote", str(BAD), *OF_YEAR, "--force"], catch_exceptions=False
        )
    champion = registry_in(modelled).champion(YEAR)
    assert champion is not None
    assert champion.version == BAD
    assert row_of_year(modelled) == before
    assert not document(invoke, "promote", str(BAD), *OF_YEAR)["is_news"]
    after = row_of_year(modelled)
    assert (after["champion_uri"], after["is_champion"]) == (champion.model_uri, False)
    assert after["promotion_reason"] == champion.reason


def test_a_champion_by_the_rule_is_protected_by_force_as_well(invoke: Invoke, modelled: Path):
    report = document(invoke, "promote", "champion", *OF_YEAR, "--force")
    assert (report["is_news"], report["is_forced"]) == (True, True)
    champion = registry_in(modelled).champion(YEAR)
    assert champion is not None
    assert (champion.version, champion.decision) == (GOOD, FORCED)
    assert not document(invoke, "promote", "champion", *OF_YEAR, "--force")["is_news"]


@pytest.mark.parametrize("folder", ["elsewhere", "data"])
def test_a_copy_without_models_does_not_change_those_of_the_settings(modelled: Path, folder: str):
    """The champion changed in the main registry, and the row of the copy."""
    copy = modelled.parent / folder / "copy.duckdb"
    copy.parent.mkdir(exist_ok=True)
    shutil.copy(modelled / "ayne.duckdb", copy)
    arguments = ["model", "promote", str(BAD), *OF_YEAR, "--force", "--database", str(copy)]
    with pytest.raises(ModelsElsewhere, match="has no models of its own") as refused:
        CliRunner().invoke(ayne, arguments, catch_exceptions=False)
    assert is_expected(refused.value)
    champion = registry_in(modelled).champion(YEAR)
    assert champion is not None
    assert champion.version == GOOD


def test_a_copy_with_models_and_the_database_of_the_settings_may_be_named(
    invoke: Invoke, modelled: Path, tmp_path: Path
):
    shutil.copytree(modelled, tmp_path / "copied")
    copy = tmp_path / "copied" / "ayne.duckdb"
    document(invoke, "promote", str(BAD), *OF_YEAR, "--force", "--database", str(copy))
    changed = registry_in(copy.parent).champion(YEAR)
    kept = registry_in(modelled).champion(YEAR)
    assert changed is not None
    assert kept is not None
    assert (changed.version, kept.version) == (BAD, GOOD)
    own = str(modelled / "ayne.duckdb")
    assert document(invoke, "promote", str(BAD), *OF_YEAR, "--force", "--database", own)["is_news"]


@pytest.mark.parametrize("command", [["promote", "7"], ["compare", "7", "1"]])
def test_a_version_that_does_not_exist_is_named_with_those_that_do(
    invoke: Invoke, modelled: Path, command: list[str]
):
    result = invoke("model", *command, *OF_YEAR)
    assert result.exit_code == 2
    assert "no version '7'; it has 1, 2, candidate" in " ".join(result.output.split())


@pytest.mark.parametrize("command", [["promote", "1"], ["compare"]])
def test_without_any_model_the_command_that_makes_one_is_named(database: Path, command: list[str]):
    with pytest.raises(VersionNotFoundError, match="`ayne model train` makes one"):
        CliRunner().invoke(ayne, ["model", *command, *OF_YEAR], catch_exceptions=False)


def test_models_that_share_no_film_are_not_compared(
    invoke: Invoke, modelled: Path, monkeypatch: pytest.MonkeyPatch
):
    """The year has no outcome, and the models no calibration film in common."""
    with duckdb.connect(str(modelled / "ayne.duckdb")) as connection:
        connection.execute("UPDATE features SET is_labelled = false")
    with pytest.raises(NothingToCompare, match="share no film that neither was fitted on"):
        CliRunner().invoke(ayne, ["model", "compare", "1", *OF_YEAR], catch_exceptions=False)


@pytest.mark.slow
def test_a_year_with_too_few_films_before_it_is_said_and_exits_with_1(
    invoke: Invoke, modelled: Path
):
    result = invoke("model", "train", "--years", "1990")
    assert result.exit_code == 1
    said = str(result.exception)
    assert "no model was trained: there are too few films with an outcome before 1990" in said
    assert "`ayne collect --start-year 1980`" in said


@pytest.mark.slow
def test_train_makes_features_model_and_forecasts_of_a_year(invoke: Invoke, modelled: Path):
    """The command that every message names must do what it says.

    After `ayne collect` there are no features: it made those of the year, and trained nothing.
    """
    with duckdb.connect(str(modelled / "ayne.duckdb")) as connection:
        connection.execute("DROP TABLE features")
    report = document(invoke, "train", "--years", str(YEAR))
    (row,) = report["models"]
    assert row["release_year"] == str(YEAR)
    assert row["champion_uri"] is not None
    with duckdb.connect(str(modelled / "ayne.duckdb"), read_only=True) as connection:
        (films,) = connection.execute(
            "SELECT count(*) FROM forecasts WHERE model_uri = ?", [row["champion_uri"]]
        ).fetchone() or (0,)
    assert films > 0
