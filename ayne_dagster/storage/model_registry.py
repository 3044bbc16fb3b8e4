"""MLflow's model registry: for each release year its models, numbered, and which is the champion.

Lives here: one registered model per release year (forecasts of a year may only come from models
trained before it), its versions, the aliases `candidate` and `champion`, and why each is what it
is. Not here: the rule (`domain/promotion.py`), and the models themselves (`experiment_log.py`).
See https://mlflow.org/docs/latest/ml/model-registry/.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ayne_dagster.storage.experiment_log import ExperimentLog

if TYPE_CHECKING:
    from mlflow import MlflowClient

CANDIDATE = "candidate"
CHAMPION = "champion"

PROMOTED, REFUSED, FORCED = "promoted", "refused", "forced"
"""What was decided about a version, in its tag `decision`."""

_URI_TAG = "model_uri"
_DECISION_TAG = "decision"
_REASON_TAG = "decision_reason"
_DECIDED_TAG = "decided_at"
_MEASURE_TAG = "measured_by"
_VERSIONS_OF_MODEL_TAG = "mlflow.modelVersions"
_PER_PAGE = 1_000


class VersionNotFoundError(LookupError):
    """The registry has no such version, or no model of that year at all."""


@dataclass(frozen=True)
class RegisteredVersion:
    """One model of a release year.

    Attributes:
        year: The release year.
        version: Its number, from 1; older models have smaller ones.
        model_uri: Its address, for `ExperimentLog.load_model`.
        run_id: MLflow's run that made it; its metrics are there.
        registered_at: When it came into the registry, UTC.
        aliases: `candidate`, `champion`, both or none.
        decision: What was decided about it last: promoted, refused, forced; None: nothing yet.
        reason: Why, in words.
        measured_by: Number of the best champion of its line, by which those after it are measured;
            None: itself.
    """

    year: int
    version: int
    model_uri: str
    run_id: str | None
    registered_at: datetime
    aliases: tuple[str, ...]
    decision: str | None
    reason: str | None
    measured_by: int | None = None

    @property
    def is_champion(self) -> bool:
        """Whether forecasts of the year come from it."""
        return CHAMPION in self.aliases


class ModelRegistry:
    """The registered models of one experiment. Nothing is opened before the first method call.

    Args:
        log: Where the models and their runs are.
    """

    def __init__(self, log: ExperimentLog) -> None:
        self.log = log

    def name_of(self, year: int) -> str:
        """The registered model of a year, `ayne_revenue_2024` unless the experiment is renamed."""
        return f"{self.log.experiment}_{year:04d}"

    @contextmanager
    def deciding(self, year: int) -> Iterator[None]:
        """Let nobody else decide about this year's champion in the block.

        Two processes that both compared with the old champion would otherwise leave the one that
        was later, not the one that is better. Holds among the processes of one machine.
        """
        with self.log.store.locked(self.name_of(year)):
            yield

    def register(self, year: int, model_uri: str) -> RegisteredVersion:
        """Make a stored model the candidate of its year; one that is registered keeps its number.

        Args:
            year: Release year.
            model_uri: What `ExperimentLog.log_year_model` gave.

        Raises:
            ModelNotFoundError: The store has no such model.
        """
        name = self.name_of(year)
        known = [one for one in self.versions(year) if one.model_uri == model_uri]
        number = known[0].version if known else self._new_version(name, year, model_uri)
        self._client.set_registered_model_alias(name, CANDIDATE, str(number))
        return self.version(year, number)

    def record(
        self,
        version: RegisteredVersion,
        *,
        decision: str,
        reason: str,
        now: datetime,
        measured_by: int | None = None,
    ) -> RegisteredVersion:
        """Write down what was decided about a version; promoted or forced it becomes champion.

        Args:
            version: The version.
            decision: `PROMOTED`, `REFUSED` or `FORCED`.
            reason: Why, in words.
            now: When, UTC.
            measured_by: Number of the best champion of its line; None: itself.

        Returns:
            The version as it is now.
        """
        name, number = self.name_of(version.year), str(version.version)
        tags = {
            _DECISION_TAG: decision,
            _REASON_TAG: reason,
            _DECIDED_TAG: now.isoformat(),
            _MEASURE_TAG: number if measured_by is None else str(measured_by),
        }
        for key, value in tags.items():
            self._client.set_model_version_tag(name, number, key, value)
        # The alias last: a champion whose reason is missing would be worse than the other way.
        if decision in (PROMOTED, FORCED):
            self._client.set_registered_model_alias(name, CHAMPION, number)
        return self.version(version.year, version.version)

    def champion(self, year: int) -> RegisteredVersion | None:
        """The model forecasts of the year come from; None where there is none yet."""
        return self._with_alias(year, CHAMPION)

    def candidate(self, year: int) -> RegisteredVersion | None:
        """The newest model of the year; None where there is none yet."""
        return self._with_alias(year, CANDIDATE)

    def version(self, year: int, number: int) -> RegisteredVersion:
        """One version.

        Raises:
            VersionNotFoundError: There is no such version.
        """
        found = [one for one in self.versions(year) if one.version == number]
        if not found:
            raise VersionNotFoundError(f"there is no version {number} of {self.name_of(year)}")
        return found[0]

    def versions(self, year: int) -> list[RegisteredVersion]:
        """All versions of a year, the newest first; none where the year has no model."""
        return self._found(f"name = '{self.name_of(year)}'")

    def years(self) -> list[int]:
        """Release years that have a model, ascending."""
        return sorted({one.year for one in self.every_version()})

    def every_version(self) -> list[RegisteredVersion]:
        """All versions of all years: years ascending, the newest of a year first."""
        return self._found(f"name LIKE '{self.log.experiment}_%'")

    def find(self, year: int, which: str) -> RegisteredVersion:
        """The version that a number, an alias or an address names.

        Raises:
            VersionNotFoundError: None of this year is called so.
        """
        versions = self.versions(year)
        for one in versions:
            if which in (str(one.version), one.model_uri, *one.aliases):
                return one
        known = ", ".join(str(one.version) for one in reversed(versions))
        raise VersionNotFoundError(
            f"{self.name_of(year)} has no version {which!r}; it has {known}, candidate and champion"
            if versions
            else f"there is no model of {year} yet"
        )

    def scores(self, version: RegisteredVersion) -> Mapping[str, float]:
        """The latest metrics of the run that made a version."""
        if version.run_id is None:
            return {}
        return self._client.get_run(version.run_id).data.metrics

    @property
    def _client(self) -> "MlflowClient":
        return self.log.store.client

    def _with_alias(self, year: int, alias: str) -> RegisteredVersion | None:
        return next((one for one in self.versions(year) if alias in one.aliases), None)

    def _new_version(self, name: str, year: int, model_uri: str) -> int:
        from mlflow.exceptions import MlflowException

        logged = self.log.logged_model(model_uri)
        try:
            self._client.create_registered_model(name, tags={"release_year": f"{year:04d}"})
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        # A `models:/` source is looked up by MLflow's global tracking URI (3.17), which is not
        # ours where a file keeps the records; a server looks it up in its own, by the model's id.
        is_file = self.log.store.is_file
        made = self._client.create_model_version(
            name,
            logged.artifact_location if is_file else model_uri,
            run_id=logged.source_run_id,
            tags={**logged.tags, _URI_TAG: model_uri},
            model_id=None if is_file else logged.model_id,
        )
        self._client.set_logged_model_tags(
            logged.model_id,
            {_VERSIONS_OF_MODEL_TAG: json.dumps([{"name": name, "version": str(made.version)}])},
        )
        return int(made.version)

    def _found(self, condition: str) -> list[RegisteredVersion]:
        """Versions with their aliases, which MLflow's search of versions leaves out (3.17)."""
        prefix = f"{self.log.experiment}_"
        found = _every(self._client.search_model_versions, condition)
        models = _every(self._client.search_registered_models, condition)
        aliases = {model.name: dict(model.aliases) for model in models}
        versions = [
            _as_version(int(one.name.removeprefix(prefix)), one, aliases.get(one.name, {}))
            for one in found
            if one.name.removeprefix(prefix).isdigit() and _URI_TAG in one.tags
        ]
        return sorted(versions, key=lambda one: (one.year, -one.version))


def _every(search: Any, condition: str) -> list[Any]:
    """All pages of one of MLflow's searches."""
    found: list[Any] = []
    token = None
    while True:
        page = search(filter_string=condition, max_results=_PER_PAGE, page_token=token)
        found += page
        token = page.token
        if not token:
            return found


def _as_version(year: int, found: Any, aliases: Mapping[str, Any]) -> RegisteredVersion:
    # A store in a file gives numbers, a server texts (3.17): of versions and of aliases alike.
    number = int(found.version)
    return RegisteredVersion(
        year,
        number,
        found.tags[_URI_TAG],
        found.run_id,
        datetime.fromtimestamp(found.creation_timestamp / 1000, UTC),
        tuple(sorted(name for name, named in aliases.items() if int(named) == number)),
        found.tags.get(_DECISION_TAG),
        found.tags.get(_REASON_TAG),
        int(found.tags[_MEASURE_TAG]) if _MEASURE_TAG in found.tags else None,
    )
