"""Every year has its own registered model; who is champion, and why, survives in MLflow."""

import os
import shutil
import socket
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import pandas as pd
import pytest

from ayne_dagster.defs.champions import settle_champion
from ayne_dagster.domain.features import build_features
from ayne_dagster.domain.revenue_model import model_parameters
from ayne_dagster.domain.year_model import YearModel, parameters_hash, train_year
from ayne_dagster.storage.experiment_log import ExperimentLog
from ayne_dagster.storage.model_files import ModelNotFoundError
from ayne_dagster.storage.model_registry import (
    FORCED,
    PROMOTED,
    REFUSED,
    ModelRegistry,
    VersionNotFoundError,
)
from ayne_dagster_tests.domain import test_promotion
from ayne_dagster_tests.domain.invented_films import all_years, many_films

YEAR = 2010
SEED = 42
NOW = datetime(2026, 3, 4, 5, 6, tzinfo=UTC)


@pytest.fixture(scope="module")
def trained() -> YearModel:
    frame = many_films(300)
    features: pd.DataFrame = build_features(frame, all_years(frame))
    return train_year(features, YEAR, seed=SEED)


@pytest.fixture(scope="module")
def addresses(
    trained: YearModel, empty_mlflow_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[str]]:
    """A store with three models of the year that are not registered yet."""
    folder = tmp_path_factory.mktemp("models")
    shutil.copy(empty_mlflow_store, folder / "mlflow.db")
    log = log_in(folder)
    return folder, [
        log.log_year_model(
            YearModel(**{**vars(trained), "data_fingerprint": digit * 32}),
            parameters=model_parameters(SEED),
            parameters_hash=parameters_hash(SEED),
            code_version="0.0.0",
        )
        for digit in "abc"
    ]


@pytest.fixture
def registry(addresses: tuple[Path, list[str]], tmp_path: Path) -> ModelRegistry:
    """A registry of the test's own, with the models of all."""
    shutil.copy(addresses[0] / "mlflow.db", tmp_path / "mlflow.db")
    return ModelRegistry(log_in(tmp_path))


@pytest.fixture
def models(addresses: tuple[Path, list[str]]) -> list[str]:
    return addresses[1]


def log_in(folder: Path) -> ExperimentLog:
    return ExperimentLog(f"sqlite:///{folder}/mlflow.db", folder / "artifacts", "tests")


def test_a_year_without_models_has_no_champion_and_no_versions(registry: ModelRegistry):
    assert registry.champion(YEAR) is None
    assert registry.versions(YEAR) == []
    assert registry.years() == []
    with pytest.raises(VersionNotFoundError, match="no model of 2010 yet"):
        registry.find(YEAR, "1")


def test_each_model_gets_a_number_and_the_newest_is_the_candidate(
    registry: ModelRegistry, models: list[str]
):
    numbers = [registry.register(YEAR, address).version for address in models]
    assert numbers == [1, 2, 3]
    candidate = registry.candidate(YEAR)
    assert candidate is not None
    assert (candidate.version, candidate.model_uri) == (3, models[2])
    assert registry.champion(YEAR) is None
    assert registry.name_of(YEAR) == "tests_2010"


def test_a_model_registered_again_keeps_its_number(registry: ModelRegistry, models: list[str]):
    """The same rows and parameters give the stored model again: that is no new version."""
    for address in (*models, models[0]):
        registry.register(YEAR, address)
    assert [one.version for one in registry.versions(YEAR)] == [3, 2, 1]
    candidate = registry.candidate(YEAR)
    assert candidate is not None
    assert candidate.version == 1


def test_a_promoted_version_is_champion_and_a_refused_one_is_not(
    registry: ModelRegistry, models: list[str]
):
    first = registry.register(YEAR, models[0])
    registry.record(first, decision=PROMOTED, reason="the first", now=NOW)
    second = registry.register(YEAR, models[1])
    refused = registry.record(second, decision=REFUSED, reason="worse: 2.0 against 1.0", now=NOW)
    assert (refused.decision, refused.reason) == (REFUSED, "worse: 2.0 against 1.0")
    champion = registry.champion(YEAR)
    assert champion is not None
    assert (champion.version, champion.decision, champion.reason) == (1, PROMOTED, "the first")
    registry.record(refused, decision=FORCED, reason="because", now=NOW)
    forced = registry.champion(YEAR)
    assert forced is not None
    assert (forced.version, forced.decision, forced.reason) == (2, FORCED, "because")
    assert not registry.version(YEAR, 1).is_champion


def test_the_followers_of_a_champion_are_measured_by_the_best_of_their_line(
    registry: ModelRegistry, models: list[str]
):
    """Each was compared with the one before it alone, and one per cent after another added up."""
    frame = many_films(900)
    features = build_features(frame, all_years(frame))
    outcomes = features.set_index("tmdb_id")["revenue_usd"].astype(float)
    year = test_promotion.YEAR
    guessers = {
        address: test_promotion.with_rmsle(features, outcomes, rmsle, noise_seed)
        for noise_seed, (address, rmsle) in enumerate(zip(models, (1.0, 1.004, 1.012), strict=True))
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry.log, "load_model", guessers.__getitem__)
        for address, guesser in guessers.items():
            settle_champion(
                registry, year, address, cast("Any", guesser), features, is_new=True, now=NOW,
                seed=SEED,
            )  # fmt: skip
    third, second, first = registry.versions(year)
    assert (first.decision, first.measured_by) == (PROMOTED, 1)
    assert (second.decision, second.measured_by, second.is_champion) == (PROMOTED, 1, True)
    assert third.decision == REFUSED
    assert "worse than the best of those before it: RMSLE 1.012 against 1.000" in str(third.reason)


def test_a_server_that_writes_numbers_as_text_has_a_champion_too(
    registry: ModelRegistry, models: list[str], monkeypatch: pytest.MonkeyPatch
):
    """What a server answers is a protocol message: there a version's number is a text."""
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.store.entities import PagedList

    client = registry.log.store.client
    search = client.search_model_versions

    def as_a_server_answers(**asked: Any) -> PagedList:
        page = search(**asked)
        sent = [ModelVersion.from_proto(one.to_proto()) for one in page]
        assert all(isinstance(one.version, str) for one in sent)
        return PagedList(sent, page.token)

    monkeypatch.setattr(client, "search_model_versions", as_a_server_answers)
    registry.record(registry.register(YEAR, models[0]), decision=PROMOTED, reason="x", now=NOW)
    registry.register(YEAR, models[1])
    champion, candidate = registry.champion(YEAR), registry.candidate(YEAR)
    assert champion is not None
    assert candidate is not None
    assert (champion.version, candidate.version) == (1, 2)


def wait_for(port: int) -> None:
    """Until something listens there."""
    until = time.monotonic() + 120
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except ConnectionRefusedError:
            assert time.monotonic() < until, "the server never listened"
            time.sleep(0.1)
        else:
            return


@pytest.mark.slow
def test_a_server_registers_models_and_names_its_champion(
    registry: ModelRegistry, models: list[str], tmp_path: Path
):
    """It refused every model for want of an id that a file does not ask for."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    address, store = f"http://127.0.0.1:{port}", registry.log.store.tracking_uri
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--port", port]
    environment = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    with (
        (tmp_path / "server.log").open("wb") as said,
        subprocess.Popen(
            [*command, "--backend-store-uri", store],
            stdout=said,
            stderr=said,
            cwd=tmp_path,
            env=environment,
        ) as server,
    ):
        try:
            wait_for(int(port))
            asked = ModelRegistry(ExperimentLog(address, tmp_path / "artifacts", "tests"))
            first = asked.register(YEAR, models[0])
            asked.record(first, decision=PROMOTED, reason="the first", now=NOW)
            asked.register(YEAR, models[1])
            champion = asked.champion(YEAR)
            assert champion is not None
            assert (champion.model_uri, champion.reason) == (models[0], "the first")
        finally:
            server.terminate()


def test_versions_are_found_by_number_alias_and_address(registry: ModelRegistry, models: list[str]):
    registry.record(registry.register(YEAR, models[0]), decision=PROMOTED, reason="x", now=NOW)
    registry.register(YEAR, models[1])
    assert registry.find(YEAR, "champion").version == 1
    assert registry.find(YEAR, "candidate").version == 2
    assert registry.find(YEAR, "2").model_uri == models[1]
    assert registry.find(YEAR, models[0]).version == 1
    with pytest.raises(VersionNotFoundError, match=r"no version '7'; it has 1, 2, candidate"):
        registry.find(YEAR, "7")


def test_years_do_not_know_each_others_champions(registry: ModelRegistry, models: list[str]):
    registry.record(registry.register(2010, models[0]), decision=PROMOTED, reason="x", now=NOW)
    registry.register(2011, models[1])
    assert registry.champion(2011) is None
    assert registry.years() == [2010, 2011]


def test_a_version_leads_to_its_scores_parameters_and_fingerprint(
    registry: ModelRegistry, models: list[str], trained: YearModel
):
    version = registry.register(YEAR, models[0])
    assert registry.scores(version)["rmsle"] == trained.scores["rmsle"]
    client = registry.log.store.client
    found = client.get_model_version(registry.name_of(YEAR), str(version.version))
    assert found.tags["data_fingerprint"] == "a" * 32
    assert found.tags["code_version"] == "0.0.0"
    logged = client.get_logged_model(models[0].removeprefix("models:/"))
    assert '"tests_2010"' in logged.tags["mlflow.modelVersions"]
    assert logged.params["seed"] == str(SEED)


def test_the_stored_model_names_the_exact_libraries_it_needs(
    addresses: tuple[Path, list[str]], models: list[str]
):
    folder = addresses[0] / "artifacts" / "models" / models[0].removeprefix("models:/")
    lines = (folder / "artifacts" / "requirements.txt").read_text().splitlines()
    assert {line.partition("==")[0] for line in lines} >= {"scikit-learn", "skops", "numpy"}
    assert all("==" in line for line in lines)


def test_a_model_that_is_not_stored_is_not_registered(registry: ModelRegistry):
    with pytest.raises(ModelNotFoundError):
        registry.register(YEAR, "models:/m-nothing")
    assert registry.versions(YEAR) == []


def test_mlflows_global_state_stays_as_it_was(
    registry: ModelRegistry, models: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    """A `models:/` source made MLflow open a store of its own in the working directory."""
    import mlflow
    from mlflow.tracking._tracking_service import utils

    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    registry.record(registry.register(YEAR, models[0]), decision=PROMOTED, reason="x", now=NOW)
    assert utils._tracking_uri is None
    assert mlflow.active_run() is None
    assert list(elsewhere.iterdir()) == []


@pytest.mark.slow
def test_processes_that_register_at_once_get_different_numbers(
    registry: ModelRegistry, models: list[str], tmp_path: Path
):
    """Nothing lost, no number twice, and the champion is one whose reason is written."""
    code = (
        "import sys; from datetime import UTC, datetime; from pathlib import Path\n"
        "from ayne_dagster.storage.experiment_log import ExperimentLog\n"
        "from ayne_dagster.storage.model_registry import ModelRegistry\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "log = ExperimentLog(f'sqlite:///{folder}/mlflow.db', folder / 'artifacts', 'tests')\n"
        "registry = ModelRegistry(log)\n"
        "with registry.deciding(2010):\n"
        "    version = registry.register(2010, sys.argv[1])\n"
        "    registry.record(version, decision='promoted', reason=sys.argv[1],\n"
        "                    now=datetime.now(UTC))\n"
    )
    started = [
        subprocess.Popen([sys.executable, "-c", code, address], stderr=subprocess.PIPE, text=True)
        for address in models
    ]
    answers = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], answers
    assert sorted(one.version for one in registry.versions(YEAR)) == [1, 2, 3]
    assert {one.model_uri for one in registry.versions(YEAR)} == set(models)
    champion = registry.champion(YEAR)
    assert champion is not None
    assert champion.reason == champion.model_uri
