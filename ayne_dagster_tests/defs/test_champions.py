"""A model that got worse does not reach the forecasts; whoever chose by hand is not overruled."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, cast

import pandas as pd
import pytest

from ayne_dagster.defs.champions import Standing, promote_by_hand, settle_champion
from ayne_dagster.domain import year_model
from ayne_dagster.domain.features import build_features
from ayne_dagster.domain.promotion import Decision
from ayne_dagster.domain.revenue_model import RevenueModel, fit_revenue_model
from ayne_dagster.domain.year_model import parameters_hash
from ayne_dagster.storage.experiment_log import ExperimentLog
from ayne_dagster.storage.model_files import DESCRIPTION_FILE, TREES_FILE
from ayne_dagster.storage.model_registry import FORCED, REFUSED, ModelRegistry
from ayne_dagster_tests.defs.world import THIS_YEAR, World
from ayne_dagster_tests.domain.invented_films import all_years, many_films

YEAR = 2011
NOW = datetime(2026, 3, 4, tzinfo=UTC)
SEED = 42


def learn_nonsense(features: pd.DataFrame, **options: Any) -> RevenueModel:
    """The deliberately worse recipe: every film is taught the revenue of another."""
    shuffled = features["revenue_usd"].sample(frac=1, random_state=1).to_numpy()
    return fit_revenue_model(features.assign(revenue_usd=shuffled), **options)


@contextmanager
def another_recipe(fit: Any, name: str) -> Iterator[None]:
    """Train by it, and say that models of the former recipe are not to be taken again."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(year_model, "fit_revenue_model", fit)
        patch.setattr(
            "ayne_dagster.defs.assets.trained_model.parameters_hash",
            lambda seed: f"{name} {parameters_hash(seed)}",
        )
        yield


def test_a_weaker_recipe_does_not_reach_the_forecasts(world: World):
    """The whole way: trained, stored, compared, refused, and forecasts stay as they were."""
    year = str(THIS_YEAR + 1)
    (before,) = world.rows(
        "SELECT model_uri, champion_uri, is_champion, promotion_reason FROM trained_model "
        "WHERE release_year = ?", year
    )  # fmt: skip
    assert before[0] == before[1]
    assert before[2:] == (True, f"version 1 is champion: the first model of {year}")
    forecasts = world.rows("SELECT * FROM forecasts WHERE release_year = ? ORDER BY ALL", year)
    assert forecasts

    with another_recipe(learn_nonsense, "nonsense"):
        run = world.run("model", years=(year, year))
    assert run.success, run.failure_words()
    (after,) = world.rows(
        "SELECT model_uri, champion_uri, is_champion, promotion_reason FROM trained_model "
        "WHERE release_year = ?", year
    )  # fmt: skip
    assert after[0] != before[0]
    assert after[1:3] == (before[1], False)
    assert after[3].startswith("version 1 stays champion before version 2: worse than")
    again = world.rows("SELECT * FROM forecasts WHERE release_year = ? ORDER BY ALL", year)
    assert again == forecasts

    registry = registry_of(world, "ayne_revenue")
    refused = registry.candidate(int(year))
    assert refused is not None
    assert (refused.version, refused.decision, refused.reason) == (2, REFUSED, after[3])


def test_a_champion_chosen_while_a_run_trains_is_not_undone_by_its_end(world: World):
    """The run wrote the rows it had read at its beginning, and forecasts came from the old one."""
    before, this = THIS_YEAR - 1, THIS_YEAR
    registry = registry_of(world, "ayne_revenue")
    old, another = (
        world.value("SELECT model_uri FROM trained_model WHERE release_year = ?", str(year))
        for year in (before, this)
    )

    def promote_meanwhile(labelled: pd.DataFrame, year: int) -> str:
        if year == this:
            version = registry.register(before, another)
            promote_by_hand(
                registry, version, Decision(True, "x"), is_forced=True, reason=None, now=NOW
            )
            world.execute(
                "UPDATE trained_model SET champion_uri = ?, is_champion = false "
                "WHERE release_year = ?", another, str(before)
            )  # fmt: skip
        return year_model.outcomes_fingerprint(labelled, year)

    with pytest.MonkeyPatch.context() as patch:
        where = "ayne_dagster.defs.assets.trained_model.outcomes_fingerprint"
        patch.setattr(where, promote_meanwhile)
        run = world.run("model", years=(str(before), str(this)), assets=["trained_model"])
    assert run.success, run.failure_words()
    assert run.figures("trained_model")["years unchanged"] == 2
    (row,) = world.rows(
        "SELECT model_uri, champion_uri, is_champion, promotion_reason FROM trained_model "
        "WHERE release_year = ?", str(before)
    )  # fmt: skip
    assert row == (old, another, False, "version 2 was made champion by force: x")


def registry_of(world: World, experiment: str) -> ModelRegistry:
    folder = world.folder / "mlflow"
    return ModelRegistry(
        ExperimentLog(f"sqlite:///{folder}/mlflow.db", folder / "artifacts", experiment)
    )


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    frame = many_films(600)
    return build_features(frame, all_years(frame))


@pytest.fixture(scope="module")
def recipes(features: pd.DataFrame) -> dict[str, year_model.YearModel]:
    """A good model and a bad one of the same year, each stored under its own fingerprint."""
    good = year_model.train_year(features, YEAR, seed=SEED)
    with another_recipe(learn_nonsense, "nonsense"):
        bad = year_model.train_year(features, YEAR, seed=SEED)
    return {"good": good, "bad": bad}


@pytest.fixture
def registry(world: World) -> ModelRegistry:
    return registry_of(world, "tests")


def settled(
    registry: ModelRegistry,
    features: pd.DataFrame,
    model: year_model.YearModel,
    *,
    address: str | None = None,
) -> tuple[Standing, str]:
    """Store a model, unless it has an address, and settle who is champion."""
    stored = address or registry.log.log_year_model(
        model, parameters={}, parameters_hash="x", code_version="0"
    )
    assert model.model is not None
    standing = settle_champion(
        registry,
        YEAR,
        stored,
        model.model,
        features,
        is_new=address is None,
        now=NOW,
        seed=SEED,
    )
    return standing, stored


def test_a_worse_model_is_refused_and_a_good_one_follows(
    registry: ModelRegistry, features: pd.DataFrame, recipes: dict[str, year_model.YearModel]
):
    first, bad = settled(registry, features, recipes["bad"])
    assert (first.champion_uri, first.is_champion) == (bad, True)
    second, good = settled(registry, features, recipes["good"])
    assert (second.champion_uri, second.is_champion) == (good, True)
    assert second.reason.startswith("version 2 follows version 1 as champion: not worse")
    third, worse = settled(registry, features, recipes["bad"])
    assert (third.champion_uri, third.is_champion) == (good, False)
    assert f"films of {YEAR} with an outcome" in third.reason
    candidate, champion = registry.candidate(YEAR), registry.champion(YEAR)
    assert candidate is not None
    assert champion is not None
    assert (candidate.model_uri, champion.model_uri) == (worse, good)


def test_a_champion_whose_files_are_gone_is_followed_by_what_there_is(
    registry: ModelRegistry, features: pd.DataFrame, recipes: dict[str, year_model.YearModel]
):
    """Forecasts by a model that cannot be loaded would fail for good."""
    _, good = settled(registry, features, recipes["good"])
    folder = registry.log.artifact_dir / "models" / good.removeprefix("models:/") / "artifacts"
    (folder / TREES_FILE).unlink()
    standing, bad = settled(registry, features, recipes["bad"])
    assert standing.champion_uri == bad
    assert "cannot be used any more: its files are gone" in standing.reason
    assert str(registry.log.artifact_dir) not in standing.reason


def test_a_champion_of_another_recipe_is_followed_not_run_by_todays_code(
    registry: ModelRegistry, features: pd.DataFrame, recipes: dict[str, year_model.YearModel]
):
    """One that knew 101 inputs of 102 stopped the run with a matrix of the wrong width."""
    _, good = settled(registry, features, recipes["good"])
    folder = registry.log.artifact_dir / "models" / good.removeprefix("models:/") / "artifacts"
    description = json.loads((folder / DESCRIPTION_FILE).read_text())
    description["recipe"]["model_code_version"] = "of before"
    for numbers in ("mean", "scale", "weights"):
        description["line"]["budget"][numbers].pop()
    (folder / DESCRIPTION_FILE).write_text(json.dumps(description))
    standing, bad = settled(registry, features, recipes["bad"])
    assert standing.champion_uri == bad
    assert "of another version of the platform" in standing.reason


class Broken:
    """A model that is not what it says."""

    def __init__(self, model: RevenueModel | None) -> None:
        self.model = model

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        raise KeyError("a mistake of ours")


def test_a_failure_of_the_candidate_is_not_blamed_on_the_champion(
    registry: ModelRegistry, features: pd.DataFrame, recipes: dict[str, year_model.YearModel]
):
    """Every KeyError made the broken candidate champion, `the champion needs a column`."""
    _, good = settled(registry, features, recipes["good"])
    broken = Broken(recipes["bad"].model)
    bad = registry.log.log_year_model(
        recipes["bad"], parameters={}, parameters_hash="x", code_version="0"
    )
    with pytest.raises(KeyError, match="a mistake of ours"):
        settle_champion(
            registry, YEAR, bad, cast("Any", broken), features, is_new=True, now=NOW, seed=SEED
        )
    champion = registry.champion(YEAR)
    assert champion is not None
    assert champion.model_uri == good


def test_a_failure_of_the_comparison_is_raised(
    registry: ModelRegistry, features: pd.DataFrame, recipes: dict[str, year_model.YearModel]
):
    settled(registry, features, recipes["good"])
    with pytest.raises(KeyError, match="release_year"):
        settled(registry, features.drop(columns="release_year"), recipes["bad"])


def test_force_protects_a_choice_that_the_rule_did_not_object_to(
    registry: ModelRegistry, features: pd.DataFrame, recipes: dict[str, year_model.YearModel]
):
    """It was kept as any promotion, and the next outcomes could undo it."""
    _, bad = settled(registry, features, recipes["bad"])
    _, good = settled(registry, features, recipes["good"])
    promote_by_hand(
        registry,
        registry.find(YEAR, bad),
        Decision(True, "not worse"),
        is_forced=True,
        reason=None,
        now=NOW,
    )
    champion = registry.champion(YEAR)
    assert champion is not None
    assert (champion.model_uri, champion.decision) == (bad, FORCED)
    assert champion.reason == "version 1 was made champion by force: not worse"
    standing, _ = settled(registry, features, recipes["good"], address=good)
    assert standing.champion_uri == bad


def test_a_choice_by_hand_holds_until_another_model_is_trained(
    registry: ModelRegistry, features: pd.DataFrame, recipes: dict[str, year_model.YearModel]
):
    _, bad = settled(registry, features, recipes["bad"])
    _, good = settled(registry, features, recipes["good"])
    chosen = registry.find(YEAR, bad)
    registry.record(chosen, decision=FORCED, reason="a reason of mine", now=NOW)
    standing, _ = settled(registry, features, recipes["good"], address=good)
    assert (standing.champion_uri, standing.is_champion) == (bad, False)
    assert "a reason of mine" in standing.reason
    newer, newest = settled(registry, features, recipes["good"])
    assert newer.champion_uri == newest


def test_a_choice_by_hand_that_cannot_be_loaded_any_more_is_followed(
    registry: ModelRegistry, features: pd.DataFrame, recipes: dict[str, year_model.YearModel]
):
    """It was kept although its files were gone, and the forecasts of the year failed for good."""
    _, bad = settled(registry, features, recipes["bad"])
    good = registry.log.log_year_model(
        recipes["good"], parameters={}, parameters_hash="x", code_version="0"
    )
    registry.record(registry.find(YEAR, bad), decision=FORCED, reason="my choice", now=NOW)
    folder = registry.log.artifact_dir / "models" / bad.removeprefix("models:/") / "artifacts"
    (folder / TREES_FILE).unlink()
    standing, _ = settled(registry, features, recipes["good"], address=good)
    assert (standing.champion_uri, standing.is_champion) == (good, True)
    assert standing.reason.startswith("version 2 follows version 1 as champion: ")
    assert "cannot be used any more: its files are gone" in standing.reason


def test_the_champion_itself_is_not_asked_again(
    registry: ModelRegistry, features: pd.DataFrame, recipes: dict[str, year_model.YearModel]
):
    first, good = settled(registry, features, recipes["good"])
    again, _ = settled(registry, features, recipes["good"], address=good)
    assert again == first
    assert [one.version for one in registry.versions(YEAR)] == [1]
