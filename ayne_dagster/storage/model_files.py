"""A model as a folder of files, written and read without pickle.

Lives here: the trees (skops), the rest of the model (JSON), and which types may be loaded. Not
here: where the folder is kept (`experiment_log.py`).
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ayne_dagster.domain.forecast_parts import TREE_PARAMETERS
from ayne_dagster.domain.revenue_model import RevenueModel, recipe_of_today

if TYPE_CHECKING:
    from sklearn.ensemble import HistGradientBoostingRegressor

TRUSTED_TYPES: tuple[str, ...] = (
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
)
"""The only type beyond those skops trusts by itself that a stored model may be made of.

The list is ours on purpose: MLflow reads it from the model's own folder, so that a crafted model
could name what it likes, which is why MLflow 3.17 calls even skops loading unsafe."""

TREES_FILE = "model.skops"
FURTHER_TREES_FILE = "{name}.skops"
FIRST_TREES = "level"
"""The trees MLflow shows the model by; the others of `TREE_PARAMETERS` lie beside them."""

DESCRIPTION_FILE = "revenue_model.json"
_RECIPE = "recipe"


class UntrustedModelError(RuntimeError):
    """A stored model is made of types the platform does not load."""


class ModelNotFoundError(LookupError):
    """The store has no such model, or its files are gone."""


class OutdatedModelError(ModelNotFoundError):
    """A stored model is of another version, so that this one cannot read or must not run it."""


def has_model_files(folder: Path) -> bool:
    """Whether all files of a model are there: with one missing it is gone, and trained again."""
    trees = (_trees_path(folder, name) for name in TREE_PARAMETERS)
    return all(path.is_file() for path in (folder / DESCRIPTION_FILE, *trees))


def save_model_files(model: RevenueModel, folder: Path, model_id: str, run_id: str) -> None:
    """Write a model to a new folder, together with the files MLflow shows it by.

    Args:
        model: The model.
        folder: The folder to make; it must not exist.
        model_id: MLflow's id of the model.
        run_id: MLflow's id of the run that made it.
    """
    import skops.io
    from mlflow.models import Model
    from mlflow.sklearn import save_model

    trees = model.parts.trees
    save_model(
        trees[FIRST_TREES],
        str(folder),
        mlflow_model=Model(run_id=run_id, model_id=model_id),
        serialization_format="skops",
        skops_trusted_types=list(TRUSTED_TYPES),
        pip_requirements=_pip_requirements(),
    )
    for name in TREE_PARAMETERS:
        if name != FIRST_TREES:
            skops.io.dump(trees[name], _trees_path(folder, name))
    description = {**model.as_description(), _RECIPE: recipe_of_today()}
    text = json.dumps(description, indent=2, sort_keys=True)
    (folder / DESCRIPTION_FILE).write_text(text + "\n", encoding="utf-8")


def load_model_files(folder: Path) -> RevenueModel:
    """Read what `save_model_files` wrote; nothing is unpickled.

    Raises:
        ModelNotFoundError: The folder or one of its files is not there.
        OutdatedModelError: It was made by another version of the code or of scikit-learn.
        UntrustedModelError: The trees are of other types than `TRUSTED_TYPES`.
    """
    try:
        description = json.loads((folder / DESCRIPTION_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError as missing:
        raise ModelNotFoundError(f"the files of the model are gone: {folder}") from missing
    _reject_other_recipes(description.get(_RECIPE) or {})
    trees = {name: load_trees(_trees_path(folder, name)) for name in TREE_PARAMETERS}
    return RevenueModel.from_description(trees, description)


def _reject_other_recipes(stored: dict[str, Any]) -> None:
    """Let no code run a model that was made for other code, whatever it would answer."""
    others = [
        f"{name} {stored.get(name, 'unknown')}, now {today}"
        for name, today in recipe_of_today().items()
        if stored.get(name) != today
    ]
    if others:
        raise OutdatedModelError(
            f"the model is of another recipe ({'; '.join(others)}); materialize trained_model"
        )


def load_trees(path: Path) -> "HistGradientBoostingRegressor":
    """Load trees that skops stored, of trusted types only.

    Raises:
        UntrustedModelError: The file holds another type, or no tree model at all.
        ModelNotFoundError: There is no such file.
    """
    import skops.io
    from sklearn.ensemble import HistGradientBoostingRegressor
    from skops.io.exceptions import UntrustedTypesFoundException

    if not path.exists():
        raise ModelNotFoundError(f"there is no stored model at {path}")
    try:
        trees = skops.io.load(path, trusted=list(TRUSTED_TYPES))
    except UntrustedTypesFoundException as error:
        raise UntrustedModelError(f"{path} is not loaded: {error}") from error
    if not isinstance(trees, HistGradientBoostingRegressor):
        raise UntrustedModelError(f"{path} holds a {type(trees).__name__}, no trees of ours")
    return trees


def _trees_path(folder: Path, name: str) -> Path:
    """Where the trees of that name lie."""
    return folder / (TREES_FILE if name == FIRST_TREES else FURTHER_TREES_FILE.format(name=name))


def _pip_requirements() -> list[str]:
    """What a loader needs; stated, because MLflow takes 9 s to find out by itself."""
    from importlib.metadata import version

    return [f"{name}=={version(name)}" for name in ("scikit-learn", "skops", "numpy", "pandas")]
