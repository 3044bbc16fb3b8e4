"""Models of before: whether a forecast can still come from one, and if not why, in words.

Lives here: asking for one model. Not here: what is done without it (`champions.py`, `assets/`).
"""

from ayne_dagster.domain.revenue_model import RevenueModel
from ayne_dagster.storage.experiment_log import ExperimentLog
from ayne_dagster.storage.model_files import ModelNotFoundError, UntrustedModelError


def usable_model(experiments: ExperimentLog, model_uri: str) -> RevenueModel | str:
    """The model at an address, or why it cannot be used any more.

    The words stand in tables and metadata that analysts read, so no path of this machine is in
    them.
    """
    try:
        return experiments.load_model(model_uri)
    except ModelNotFoundError:
        return "its files are gone, or of another version of the platform"
    except UntrustedModelError:
        return "it is made of types that are not loaded"
