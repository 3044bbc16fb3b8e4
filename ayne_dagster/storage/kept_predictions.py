"""What a model said of its year's films when it was scored, kept beside it on disk.

Lives here: keeping and finding. `trained_model` scores a year, `back_test` shows its films: without
this the second would fit the leak marker of each year again. Losing a file costs that time only.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

import pandas as pd


@dataclass(frozen=True)
class KeptPredictions:
    """A folder of predictions.

    Attributes:
        folder: Folder of models and pictures (`ExperimentLog.artifact_dir`).
    """

    folder: Path

    def keep(self, model_uri: str, fingerprint: str, scored: pd.DataFrame) -> None:
        """Keep the predictions of a model; the file appears whole or not at all.

        Args:
            model_uri: The model.
            fingerprint: Hash of the films with an outcome they are of.
            scored: Rows of `score_films`.
        """
        path = self._path(model_uri, fingerprint)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
        scored.to_parquet(partial, index=False)
        partial.replace(path)

    def find(self, model_uri: str, fingerprint: str) -> pd.DataFrame | None:
        """The predictions of a model of just these films, or None."""
        path = self._path(model_uri, fingerprint)
        return pd.read_parquet(path) if path.exists() else None

    def _path(self, model_uri: str, fingerprint: str) -> Path:
        name = re.sub(r"[^0-9A-Za-z-]", "", model_uri.removeprefix("models:/"))
        return self.folder / "predictions" / name / f"{fingerprint}.parquet"
