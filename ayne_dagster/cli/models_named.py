"""Which models somebody means: a release year and a version, as `ayne model` is given them.

Lives here: finding them, or saying why there are none. Not here: the commands (`model.py`).
"""

from typing import TYPE_CHECKING

import click

from ayne_dagster.cli.collection import Collection
from ayne_dagster.cli.options import keys_of

if TYPE_CHECKING:
    from ayne_dagster.storage.model_registry import ModelRegistry, RegisteredVersion


def refuse_unkept_year(collection: Collection, year: int | None) -> None:
    """Say of a year that there are no models of it, nor will be; None: no year was named.

    Raises:
        click.UsageError: It lies outside of those kept.
    """
    if year is not None:
        keys_of((year, year), collection.years)


def open_registry(collection: Collection) -> "ModelRegistry":
    """The registry, where there is one: looking into it must not create its tables.

    Raises:
        VersionNotFoundError: No model was ever stored.
    """
    from ayne_dagster.storage.model_registry import VersionNotFoundError

    registry = collection.resources["registry"]
    if not registry.log.store.exists:
        raise VersionNotFoundError("there is no model yet. `ayne model train` makes one")
    return registry


def named_version(registry: "ModelRegistry", year: int, version: str) -> "RegisteredVersion":
    """The version that somebody named: a number, `candidate` or `champion`.

    Raises:
        click.UsageError: The year has models, and none is called so.
        VersionNotFoundError: The year has no model.
    """
    from ayne_dagster.storage.model_registry import VersionNotFoundError

    try:
        return registry.find(year, version)
    except VersionNotFoundError as error:
        if registry.versions(year):
            raise click.UsageError(str(error)) from error
        raise
