"""The collection as commands see it: settings, warehouse, policy, clock and release years.

Lives here: opening it once, for `due`, `refresh`, `run` and `status` alike. Not here: what they ask
(`storage/`) and how they show it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ayne_dagster.defs.services import Services
    from ayne_dagster.domain.outcomes import Source
    from ayne_dagster.domain.refresh_policy import RefreshPolicy
    from ayne_dagster.settings import Settings
    from ayne_dagster.storage.warehouse import Warehouse

BOX_OFFICE = "box-office"
"""Has no request of its own: OMDb's answer brings it."""


@dataclass(frozen=True)
class Collection:
    """What is stored, and the numbers by which it is refreshed.

    Attributes:
        settings: Of this machine; with another database where one was named.
        resources: What runs are given, by name.
        now: The platform's clock when the command began, UTC.
        years: All partition keys.
    """

    settings: "Settings"
    resources: Mapping[str, Any]
    now: datetime
    years: list[str]

    @property
    def warehouse(self) -> "Warehouse":
        """Where the films are."""
        return self.resources["queries"].warehouse

    @property
    def policy(self) -> "RefreshPolicy":
        """The numbers of the refresh rule."""
        return self.resources["policy"]

    @property
    def services(self) -> "Services":
        """Clients, their budget and the clock."""
        return self.resources["services"]

    def rule(self, name: str) -> "tuple[Source, RefreshPolicy]":
        """Whom to ask for what `tmdb`, `omdb` or `box-office` stand for, and by which intervals."""
        from ayne_dagster.domain.outcomes import Source

        if name != BOX_OFFICE:
            return Source(name), self.policy
        intervals = {**self.policy.interval_days, Source.OMDB: self.policy.box_office_days}
        return Source.OMDB, replace(self.policy, interval_days=intervals)


def open_collection(database: Path | None = None) -> Collection:
    """The collection of the settings.

    Args:
        database: Another DuckDB file than the setting's.
    """
    from ayne_dagster.defs.resources import build_resources
    from ayne_dagster.domain.release_years import release_year_keys
    from ayne_dagster.settings import load_settings

    settings = load_settings()
    if database is not None:
        settings = _at(settings, database.resolve())
    resources = build_resources(settings)
    now = resources["services"].now()
    years = release_year_keys(settings.first_release_year, now.date())
    return Collection(settings, resources, now, years)


def _at(settings: "Settings", database: Path) -> "Settings":
    """The settings with another database, its mirror and the models that lie beside it."""
    folder = database.parent
    mirror = folder / "intermediate"
    kept: dict[str, Any] = {"path": database, "mirror_folder": mirror}
    if not mirror.is_dir():
        kept["is_mirrored"] = False
    changed: dict[str, Any] = {"database": settings.database.model_copy(update=kept)}
    if (folder / "mlflow").is_dir():
        models = {
            "tracking_uri": f"sqlite:///{(folder / 'mlflow' / 'mlflow.db').as_posix()}",
            "artifact_folder": folder / "mlflow" / "artifacts",
        }
        changed["experiments"] = settings.experiments.model_copy(update=models)
    return settings.model_copy(update=changed)
