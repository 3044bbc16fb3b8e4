"""A stored model comes back the same, is found again, and nothing untrusted is loaded."""

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ayne_dagster.domain.features import build_features
from ayne_dagster.domain.forecast_parts import TREE_PARAMETERS
from ayne_dagster.domain.revenue_model import model_parameters
from ayne_dagster.domain.year_model import YearModel, parameters_hash, train_year
from ayne_dagster.storage.experiment_log import ExperimentLog, OutdatedModelError
from ayne_dagster.storage.model_files import (
    DESCRIPTION_FILE,
    FIRST_TREES,
    FURTHER_TREES_FILE,
    TREES_FILE,
    ModelNotFoundError,
    UntrustedModelError,
    load_trees,
)
from ayne_dagster_tests.domain.invented_films import all_years, many_films

YEAR = 2010
SEED = 42


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    frame = many_films(300)
    return build_features(frame, all_years(frame))


@pytest.fixture(scope="module")
def trained(features: pd.DataFrame) -> YearModel:
    return train_year(features, YEAR, seed=SEED)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory, empty_mlflow_store: Path) -> ExperimentLog:
    folder = tmp_path_factory.mktemp("mlflow")
    shutil.copy(empty_mlflow_store, folder / "mlflow.db")
    return ExperimentLog(f"sqlite:///{folder}/mlflow.db", folder / "artifacts", "tests")


def store(log: ExperimentLog, trained: YearModel, **figures: bytes) -> str:
    return log.log_year_model(
        trained,
        parameters=model_parameters(SEED),
        parameters_hash=parameters_hash(SEED),
        code_version="0.0.0",
        figures=figures,
    )


@pytest.fixture(scope="module")
def model_uri(log: ExperimentLog, trained: YearModel) -> str:
    return store(log, trained, predictions=b"\x89PNG")


def test_a_model_predicts_the_same_after_the_round_trip(
    log: ExperimentLog, trained: YearModel, model_uri: str, features: pd.DataFrame
):
    assert trained.model is not None
    again = log.load_model(model_uri)
    pd.testing.assert_frame_equal(
        trained.model.predict(features), again.predict(features), check_exact=True
    )


def test_the_same_rows_and_parameters_find_the_stored_model(
    log: ExperimentLog, trained: YearModel, model_uri: str
):
    assert trained.data_fingerprint is not None
    found = log.find_year_model(YEAR, trained.data_fingerprint, parameters_hash(SEED))
    assert found == model_uri
    reopened = ExperimentLog(log.store.tracking_uri, log.artifact_dir, log.experiment)
    assert reopened.find_year_model(YEAR, trained.data_fingerprint, parameters_hash(SEED)) == found


def test_another_year_fingerprint_or_parameter_finds_nothing(
    log: ExperimentLog, trained: YearModel, model_uri: str
):
    fingerprint, parameters = str(trained.data_fingerprint), parameters_hash(SEED)
    assert log.find_year_model(YEAR + 1, fingerprint, parameters) is None
    assert log.find_year_model(YEAR, "0" * 32, parameters) is None
    assert log.find_year_model(YEAR, fingerprint, parameters_hash(SEED + 1)) is None


def test_the_run_is_finished_and_holds_parameters_scores_fingerprint_and_figures(
    log: ExperimentLog, trained: YearModel, model_uri: str
):
    logged = log._client.get_logged_model(model_uri.removeprefix("models:/"))
    run = log._client.get_run(str(logged.source_run_id))
    assert run.info.status == "FINISHED"
    assert run.data.params["seed"] == str(SEED)
    assert run.data.metrics["rmsle"] == trained.scores["rmsle"]
    assert run.data.tags["data_fingerprint"] == trained.data_fingerprint
    assert run.data.tags["code_version"] == "0.0.0"
    figures = log._client.list_artifacts(run.info.run_id, "figures")
    assert [figure.path for figure in figures] == ["figures/predictions.png"]


def test_scores_are_written_again_only_when_they_changed(
    log: ExperimentLog, trained: YearModel, model_uri: str
):
    logged = log._client.get_logged_model(model_uri.removeprefix("models:/"))
    run_id = str(logged.source_run_id)
    log.record_scores(model_uri, trained)
    assert len(log._client.get_metric_history(run_id, "rmsle")) == 1
    changed = YearModel(**{**vars(trained), "scores": {**trained.scores, "rmsle": 9.0}})
    log.record_scores(model_uri, changed)
    assert log._client.get_run(run_id).data.metrics["rmsle"] == 9.0


def test_nothing_stored_is_a_pickle(log: ExperimentLog, model_uri: str):
    """Unpickling runs whatever the file says; so does cloudpickle."""
    files = [path.name for path in (log.artifact_dir / "models").rglob("*") if path.is_file()]
    assert TREES_FILE in files
    assert not [name for name in files if name.endswith((".pkl", ".pickle"))]


def test_a_model_of_other_types_is_not_loaded(tmp_path: Path):
    import skops.io
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF

    stranger = GaussianProcessRegressor(RBF()).fit(np.zeros((2, 1)), [0.0, 1.0])
    skops.io.dump(stranger, tmp_path / TREES_FILE)
    with pytest.raises(UntrustedModelError, match="is not loaded"):
        load_trees(tmp_path / TREES_FILE)


def test_a_harmless_thing_that_is_no_tree_model_is_not_loaded_either(tmp_path: Path):
    import skops.io

    skops.io.dump({"a": 1}, tmp_path / TREES_FILE)
    with pytest.raises(UntrustedModelError, match="dict"):
        load_trees(tmp_path / TREES_FILE)


@pytest.mark.parametrize("address", ["models:/m-nothing", "runs:/1/model", "/etc/passwd"])
def test_an_unknown_address_is_named(log: ExperimentLog, address: str):
    with pytest.raises(ModelNotFoundError, match=address):
        log.load_model(address)


@pytest.fixture(scope="module")
def another(log: ExperimentLog, trained: YearModel) -> str:
    return store(log, YearModel(**{**vars(trained), "data_fingerprint": "f" * 32}))


@pytest.mark.parametrize(
    "name",
    [DESCRIPTION_FILE, TREES_FILE]
    + [FURTHER_TREES_FILE.format(name=name) for name in TREE_PARAMETERS if name != FIRST_TREES],
)
def test_a_model_with_a_missing_file_is_not_found_again(
    log: ExperimentLog, another: str, name: str
):
    """Gone means training again, not a run that fails; only the first trees were looked for."""
    file = log.artifact_dir / "models" / another.removeprefix("models:/") / "artifacts" / name
    assert log.find_year_model(YEAR, "f" * 32, parameters_hash(SEED)) == another
    away = file.with_name(f"{name}.away")
    file.rename(away)
    try:
        assert not log.has_files(another)
        assert log.find_year_model(YEAR, "f" * 32, parameters_hash(SEED)) is None
        with pytest.raises(ModelNotFoundError):
            log.load_model(another)
    finally:
        away.rename(file)


def test_a_model_that_another_version_stored_says_so(log: ExperimentLog, trained: YearModel):
    """After an upgrade a missing entry must not look like a bug of this version."""
    address = store(log, YearModel(**{**vars(trained), "data_fingerprint": "d" * 32}))
    folder = log.artifact_dir / "models" / address.removeprefix("models:/") / "artifacts"
    description = json.loads((folder / DESCRIPTION_FILE).read_text())
    del description["train_films"]
    (folder / DESCRIPTION_FILE).write_text(json.dumps(description))
    with pytest.raises(OutdatedModelError, match=r"another version .* materialize trained_model"):
        log.load_model(address)


@pytest.mark.parametrize(
    ("entry", "value"), [("model_code_version", "4"), ("scikit_learn", "0.1"), (None, None)]
)
def test_a_model_of_another_recipe_is_not_run_by_todays_code(
    log: ExperimentLog, another: str, entry: str | None, value: str | None
):
    """An old champion was: with an input more than it knew the whole run stopped."""
    folder = log.artifact_dir / "models" / another.removeprefix("models:/") / "artifacts"
    text = (folder / DESCRIPTION_FILE).read_text()
    description = json.loads(text)
    description["recipe"] = {**description["recipe"], entry: value} if entry else None
    (folder / DESCRIPTION_FILE).write_text(json.dumps(description))
    try:
        with pytest.raises(OutdatedModelError, match=entry or "model_code_version unknown"):
            log.load_model(another)
    finally:
        (folder / DESCRIPTION_FILE).write_text(text)
    assert log.load_model(another)


def test_a_failure_while_storing_leaves_a_failed_run_and_no_model_to_find(
    log: ExperimentLog, trained: YearModel, monkeypatch: pytest.MonkeyPatch
):
    def full_disk(*_: object) -> None:
        raise OSError("no space left")

    other = YearModel(**{**vars(trained), "data_fingerprint": "e" * 32})
    with monkeypatch.context() as patch:
        patch.setattr(log, "_log_figures", full_disk)
        with pytest.raises(OSError, match="no space"):
            store(log, other)
    assert log.find_year_model(YEAR, "e" * 32, parameters_hash(SEED)) is None
    runs = log._client.search_runs([log._experiment_id], f"tags.data_fingerprint = '{'e' * 32}'")
    assert [run.info.status for run in runs] == ["FAILED"]


def test_the_scores_of_all_years_are_a_run_of_their_own(log: ExperimentLog):
    """A score without a value is left out: 0 would be the best error there is."""
    run_id = log.log_back_test(
        {"rmsle": 1.5, "spearman": None},
        tags={"films": "1861", "release_years": "2014-2019"},
        figures={"error_by_year": b"\x89PNG"},
    )
    run = log._client.get_run(run_id)
    assert run.data.metrics == {"rmsle": 1.5}
    assert run.info.status == "FINISHED"
    assert run.data.tags["release_years"] == "2014-2019"
    (figure,) = log._client.list_artifacts(run_id, "figures")
    assert figure.path == "figures/error_by_year.png"


def test_a_year_without_a_model_cannot_be_stored(log: ExperimentLog, features: pd.DataFrame):
    with pytest.raises(ValueError, match="are needed"):
        store(log, train_year(features, 1990, seed=SEED))


def test_mlflow_is_quiet_and_sends_nothing_home(log: ExperimentLog, model_uri: str):
    import mlflow.telemetry.utils

    assert mlflow.telemetry.utils.is_telemetry_disabled()
    assert logging.getLogger("mlflow").level >= logging.WARNING
    assert logging.getLogger("alembic").level >= logging.WARNING


def test_importing_the_log_imports_neither_mlflow_nor_sklearn():
    """Both take seconds, and Dagster imports the definitions in every process."""
    code = (
        "import sys, ayne_dagster.storage.experiment_log, ayne_dagster.charts.trained_model\n"
        "heavy = {'mlflow', 'sklearn', 'matplotlib', 'skops'} & set(sys.modules)\n"
        "sys.exit(' '.join(heavy) or 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_three_processes_may_open_a_new_store_at_once(tmp_path: Path):
    """The first process creates the tables; without a lock the others failed on half of them."""
    code = (
        "import sys; from pathlib import Path\n"
        "from ayne_dagster.storage.experiment_log import ExperimentLog\n"
        f"log = ExperimentLog('sqlite:///{tmp_path}/m.db', Path('{tmp_path}/a'), 'shared')\n"
        "assert log.find_year_model(2010, 'x', 'y') is None\n"
        "print(log._experiment_id)"
    )
    started = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(3)
    ]
    answers = [process.communicate(timeout=120) for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], answers
    assert len({out.strip() for out, _ in answers}) == 1
