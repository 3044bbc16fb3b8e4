"""MLflow behind a few methods: keep the model of a year, find it again, load it safely.

Lives here: runs and their records. Not here: how the store is opened (`mlflow_store.py`), a model's
files (`model_files.py`), training and scores (`domain`), which model of a year is its champion
(`model_registry.py`). MLflow takes seconds to import: only inside functions.
"""

import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ayne_dagster.domain.revenue_model import RevenueModel
from ayne_dagster.domain.year_model import YearModel
from ayne_dagster.storage.mlflow_store import MlflowStore
from ayne_dagster.storage.model_files import (
    ModelNotFoundError,
    OutdatedModelError,
    has_model_files,
    load_model_files,
    save_model_files,
)

if TYPE_CHECKING:
    from mlflow import MlflowClient

_YEAR_TAG = "release_year"
_FINGERPRINT_TAG = "data_fingerprint"
_PARAMETERS_TAG = "parameters_hash"

BACK_TEST_RUN = "back_test"
"""Name and kind of the runs that hold the scores of all years together."""


class ExperimentLog:
    """One MLflow experiment. Nothing is opened or imported before the first method call.

    Any number of processes may share one sqlite store. MLflow's global state (tracking URI,
    active run) is never touched, so threads and other users of MLflow are not disturbed.

    Args:
        tracking_uri: `sqlite:///` plus a path, or an MLflow server's address.
        artifact_dir: Folder of models and figures.
        experiment: The experiment's name; created when missing.
    """

    def __init__(self, tracking_uri: str, artifact_dir: Path, experiment: str) -> None:
        self.store = MlflowStore(tracking_uri, Path(artifact_dir).absolute())
        self.experiment = experiment

    @property
    def artifact_dir(self) -> Path:
        """Folder of models and figures."""
        return self.store.artifact_dir

    def log_year_model(
        self,
        year_model: YearModel,
        *,
        parameters: Mapping[str, Any],
        parameters_hash: str,
        code_version: str,
        figures: Mapping[str, bytes] | None = None,
    ) -> str:
        """Store a trained model with its scores as one finished MLflow run.

        Args:
            year_model: What `train_year` gave; it must hold a model.
            parameters: What decided the model besides the data (`model_parameters`).
            parameters_hash: Their hash.
            code_version: Version of the platform.
            figures: PNG bytes by file name without ending.

        Returns:
            The model's address, `models:/m-...`, for `load_model`.

        Raises:
            ValueError: The year has no model (too few films).
        """
        if year_model.model is None or year_model.data_fingerprint is None:
            raise ValueError(f"there is no model of {year_model.year}: {year_model.reason}")
        tags = {
            _YEAR_TAG: f"{year_model.year:04d}",
            _FINGERPRINT_TAG: year_model.data_fingerprint,
            _PARAMETERS_TAG: parameters_hash,
            "code_version": code_version,
            "status": year_model.status,
        }
        with self._run(f"{year_model.year:04d}", tags) as run_id:
            logged = self._client.create_logged_model(
                self._experiment_id,
                name=f"revenue_{year_model.year:04d}",
                source_run_id=run_id,
                tags=tags,
                params={name: str(value) for name, value in parameters.items()},
                model_type="regressor",
            )
            try:
                with tempfile.TemporaryDirectory() as temporary:
                    folder = Path(temporary) / "model"
                    save_model_files(year_model.model, folder, logged.model_id, run_id)
                    self._client.log_model_artifacts(logged.model_id, str(folder))
                self._log_numbers(run_id, logged.model_id, year_model, parameters)
                self._log_figures(run_id, figures or {})
            except BaseException:
                self._client.finalize_logged_model(logged.model_id, "FAILED")
                raise
            self._client.finalize_logged_model(logged.model_id, "READY")
        return logged.model_uri

    def record_scores(self, model_uri: str, year_model: YearModel) -> None:
        """Add new scores to the run of a stored model, where outcomes came in after training.

        Scores that are already the run's latest are not written again.

        Raises:
            ModelNotFoundError: The store has no such model.
        """
        logged = self.logged_model(model_uri)
        latest = self._client.get_run(logged.source_run_id).data.metrics
        if any(latest.get(name) != value for name, value in _metrics(year_model).items()):
            self._log_numbers(logged.source_run_id, logged.model_id, year_model, {})

    def log_back_test(
        self,
        scores: Mapping[str, float | None],
        *,
        tags: Mapping[str, str],
        figures: Mapping[str, bytes],
    ) -> str:
        """Keep the scores of all years together, with their pictures, as one finished run.

        Args:
            scores: By name; those without a value are left out.
            tags: What they are of: films, years, code version.
            figures: PNG bytes by file name without ending.

        Returns:
            MLflow's id of the run.
        """
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        with self._run(BACK_TEST_RUN, {"kind": BACK_TEST_RUN, **tags}) as run_id:
            known = {name: float(value) for name, value in scores.items() if value is not None}
            metrics = [Metric(name, value, now_ms, 0) for name, value in known.items()]
            self._client.log_batch(run_id, metrics=metrics)
            self._log_figures(run_id, figures)
        return run_id

    def find_year_model(self, year: int, fingerprint: str, parameters_hash: str) -> str | None:
        """The address of a stored model trained on the same rows with the same parameters.

        Args:
            year: Release year.
            fingerprint: `training_fingerprint` of the features at hand.
            parameters_hash: Hash of the parameters at hand.

        Returns:
            The newest such model whose files are there, or None.
        """
        wanted = {
            _YEAR_TAG: f"{year:04d}",
            _FINGERPRINT_TAG: fingerprint,
            _PARAMETERS_TAG: parameters_hash,
        }
        found = self._client.search_logged_models(
            [self._experiment_id],
            filter_string=" AND ".join(f"tags.{tag} = '{value}'" for tag, value in wanted.items()),
            order_by=[{"field_name": "creation_timestamp", "ascending": False}],
        )
        for logged in found:
            is_ready = logged.status == "READY"
            if is_ready and has_model_files(_folder(logged.artifact_location)):
                return logged.model_uri
        return None

    def load_model(self, model_uri: str) -> RevenueModel:
        """Load a stored model without unpickling anything.

        Args:
            model_uri: What `log_year_model` or `find_year_model` gave.

        Returns:
            The model; it predicts what it predicted when it was stored, bit for bit.

        Raises:
            ModelNotFoundError: The store has no such model, or its files are gone.
            OutdatedModelError: It is of another recipe, or its files are not what this version of
                the platform reads.
            UntrustedModelError: It is made of other types than `TRUSTED_TYPES`.
        """
        # The usual place first: asking MLflow costs three seconds of import.
        if self.has_files(model_uri):
            folder = self._usual_folder(model_uri)
        else:
            folder = _folder(self.logged_model(model_uri).artifact_location)
        try:
            return load_model_files(folder)
        except (KeyError, TypeError, ValueError) as error:
            raise OutdatedModelError(
                f"{model_uri} was stored by another version of the platform or of its libraries "
                f"({type(error).__name__}: {error}); materialize trained_model"
            ) from error

    def has_files(self, model_uri: str) -> bool:
        """Whether all the model's files lie where this log puts them; asks no store."""
        return has_model_files(self._usual_folder(model_uri))

    def keep_picture(self, model_uri: str, name: str, png: bytes) -> None:
        """Keep a picture of a model, so that an unchanged model need not be drawn again."""
        path = self._picture_path(model_uri, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        partial.write_bytes(png)
        partial.replace(path)

    def kept_picture(self, model_uri: str, name: str) -> bytes | None:
        """A picture that was kept, or None."""
        path = self._picture_path(model_uri, name)
        return path.read_bytes() if path.exists() else None

    def _usual_folder(self, model_uri: str) -> Path:
        return self.artifact_dir / "models" / _model_id(model_uri) / "artifacts"

    def _picture_path(self, model_uri: str, name: str) -> Path:
        return self.artifact_dir / "pictures" / _model_id(model_uri) / f"{name}.png"

    @property
    def _client(self) -> "MlflowClient":
        return self.store.client

    @cached_property
    def _experiment_id(self) -> str:
        """Id of our experiment, created once among all processes."""
        client = self._client
        with self.store.locked():
            known = client.get_experiment_by_name(self.experiment)
            if known is not None:
                return known.experiment_id
            return client.create_experiment(self.experiment, self.artifact_dir.as_uri())

    @contextmanager
    def _run(self, name: str, tags: Mapping[str, str]) -> Iterator[str]:
        """A run that is finished afterwards, or marked as failed: never left open."""
        run_id = self._client.create_run(
            self._experiment_id, run_name=name, tags=dict(tags)
        ).info.run_id
        try:
            yield run_id
        except BaseException:
            self._client.set_terminated(run_id, "FAILED")
            raise
        self._client.set_terminated(run_id, "FINISHED")

    def logged_model(self, model_uri: str) -> Any:
        """MLflow's record of a model.

        Raises:
            ModelNotFoundError: There is none, or the address is no model's.
        """
        client = self._client
        from mlflow.exceptions import MlflowException

        try:
            return client.get_logged_model(_model_id(model_uri))
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            raise ModelNotFoundError(f"the store has no model {model_uri}") from error

    def _log_numbers(
        self, run_id: str, model_id: str, year_model: YearModel, parameters: Mapping[str, Any]
    ) -> None:
        """Parameters and scores; a score without a value is left out, not written as 0."""
        from mlflow.entities import Metric, Param

        now_ms = int(time.time() * 1000)
        self._client.log_batch(
            run_id,
            metrics=[
                Metric(name, value, now_ms, 0, model_id=model_id, run_id=run_id)
                for name, value in _metrics(year_model).items()
            ],
            params=[Param(name, str(value)) for name, value in parameters.items()],
        )

    def _log_figures(self, run_id: str, figures: Mapping[str, bytes]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            for name, png in figures.items():
                path = Path(folder) / f"{name}.png"
                path.write_bytes(png)
                self._client.log_artifact(run_id, str(path), "figures")


def _model_id(model_uri: str) -> str:
    """The id in a model's address.

    Raises:
        ModelNotFoundError: It is no address of a stored model.
    """
    model_id = model_uri.removeprefix("models:/")
    if not re.fullmatch(r"m-[0-9a-zA-Z]+", model_id):
        raise ModelNotFoundError(f"{model_uri!r} is no address of a stored model")
    return model_id


def _metrics(year_model: YearModel) -> dict[str, float]:
    """The numbers of a year that have a value."""
    counts = {"train_films": year_model.train_films, "test_films": year_model.test_films}
    scores = {name: value for name, value in year_model.scores.items() if value is not None}
    return {name: float(value) for name, value in {**counts, **scores}.items()}


def _folder(artifact_location: str) -> Path:
    """The local folder of a model's files; those of a server are downloaded first."""
    if artifact_location.startswith(("file:", "/")):
        from mlflow.utils.file_utils import local_file_uri_to_path

        return Path(local_file_uri_to_path(artifact_location))
    import mlflow.artifacts

    return Path(mlflow.artifacts.download_artifacts(artifact_uri=artifact_location))
