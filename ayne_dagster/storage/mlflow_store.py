"""Where MLflow keeps its records: opened once, quietly, by any number of processes.

Lives here: the client and the lock all processes share. Not here: what is recorded
(`experiment_log.py`, `model_registry.py`). MLflow's global state (tracking and registry URI, active
run) is never touched, so that threads and other users of MLflow are not disturbed.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOCK_SECONDS = 120
"""Creating the store's tables took 3-9 s; two processes at once must wait, not fail."""

_SQLITE_PREFIX = "sqlite:///"


class MlflowStore:
    """One MLflow store. Nothing is opened or imported before the client is asked for.

    Args:
        tracking_uri: `sqlite:///` plus a path, or an MLflow server's address.
        artifact_dir: Folder of models and figures, and of the locks.
    """

    def __init__(self, tracking_uri: str, artifact_dir: Path) -> None:
        self.tracking_uri = tracking_uri
        self.artifact_dir = artifact_dir

    @property
    def is_file(self) -> bool:
        """Whether the records lie in a file of this machine, and no server keeps them."""
        return self.tracking_uri.startswith(_SQLITE_PREFIX)

    @property
    def exists(self) -> bool:
        """Whether there are records; a server's are taken to be there."""
        return not self.is_file or self._file.exists()

    @cached_property
    def client(self) -> "MlflowClient":
        """The client of our store; creates the store's tables under a lock of all processes."""
        _import_quietly()
        from mlflow import MlflowClient

        if self.is_file:
            self._file.parent.mkdir(parents=True, exist_ok=True)
        with self.locked():
            client = MlflowClient(self.tracking_uri, self.tracking_uri)
            client.search_experiments(max_results=1)
        return client

    @contextmanager
    def locked(self, name: str = "init") -> Iterator[None]:
        """Let no other process of this machine into a block of the same name.

        Raises:
            filelock.Timeout: Another process was in it for `LOCK_SECONDS`.
        """
        from filelock import FileLock

        self.artifact_dir.mkdir(parents=True, exist_ok=True)
        with FileLock(self.artifact_dir / f".{name}.lock", timeout=LOCK_SECONDS):
            yield

    @property
    def _file(self) -> Path:
        return Path(self.tracking_uri.removeprefix(_SQLITE_PREFIX))


def _import_quietly() -> None:
    """Import MLflow with telemetry off (read at import) and without the chatter of migrations.

    MLflow sets its loggers up when imported, so their levels are set afterwards.
    """
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    import mlflow  # noqa: F401

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Warns at every model that pip itself is not installed, which uv does not do.
    logging.getLogger("mlflow.utils.environment").setLevel(logging.ERROR)
