"""A world to run the graph in: a sandbox, a folder for all data, and the jobs of the platform.

Lives here: running jobs and reading what they left. Not here: what is expected (`test_*.py`).
"""

import json
import logging
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pytest
from dagster._serdes import deserialize_value, serialize_value
from matplotlib.figure import Figure
from PIL import Image

from ayne_dagster.charts import theme
from ayne_dagster.cli.sandbox_world import sandbox_environment
from ayne_dagster.definitions import defs
from ayne_dagster.defs import resources
from ayne_dagster.defs.job_options import RunOptions, run_config_of
from ayne_dagster.domain.tables import TABLES
from ayne_dagster.sandbox.server import RunningSandbox

THIS_YEAR = datetime.now(UTC).year
FIRST_YEAR, LAST_YEAR = THIS_YEAR - 3, THIS_YEAR + 1
YEARS = [str(year) for year in range(FIRST_YEAR, LAST_YEAR + 1)]
MEASURED = "collection_stats"
"""Says when the world was looked at, not how it is."""
PLANTED_TMDB_KEY = "5ec2e75ec2e75ec2e75ec2e75ec2e75e"
PLANTED_OMDB_KEY = "p1an7ed0"


@dataclass
class Run:
    """What a run did: its events."""

    success: bool
    events: Sequence[dg.DagsterEvent]

    @classmethod
    def of(cls, result: dg.ExecuteInProcessResult) -> "Run":
        return cls(result.success, result.all_events)

    def kept_in(self, file: Path) -> "Run":
        """The same run, written to a file for other processes."""
        file.write_text(
            json.dumps([self.success, *(serialize_value(event) for event in self.events)])
        )
        return self

    @classmethod
    def read(cls, file: Path) -> "Run":
        success, *events = json.loads(file.read_text())
        return cls(success, [deserialize_value(event, dg.DagsterEvent) for event in events])

    @property
    def materializations(self) -> list[dg.AssetMaterialization]:
        return [
            event.step_materialization_data.materialization
            for event in self.events
            if event.is_step_materialization
        ]

    @property
    def materialized(self) -> set[str]:
        return {one.asset_key.to_user_string() for one in self.materializations}

    def materializations_of(self, asset: str) -> list[dg.AssetMaterialization]:
        return [one for one in self.materializations if one.asset_key == dg.AssetKey(asset)]

    def figures(self, asset: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for one in self.materializations_of(asset):
            found.update({name: value.value for name, value in one.metadata.items()})
        return found

    def changed_rows(self) -> dict[str, int]:
        names = ("rows inserted", "rows updated", "rows deleted", "rows moved to another year")
        return {
            asset: sum(self.figures(asset).get(name, 0) for name in names)
            for asset in self.materialized - {MEASURED}
        }

    @property
    def checks(self) -> list[dg.AssetCheckEvaluation]:
        data = [event.event_specific_data for event in self.events]
        return [one for one in data if isinstance(one, dg.AssetCheckEvaluation)]

    def check(self, asset: str, name: str) -> dg.AssetCheckEvaluation:
        (found,) = [
            one
            for one in self.checks
            if (one.asset_key.to_user_string(), one.check_name) == (asset, name)
        ]
        return found

    def failed_checks(self) -> set[str]:
        return {
            f"{one.asset_key.to_user_string()}.{one.check_name}"
            for one in self.checks
            if not one.passed
        }

    def failure_words(self) -> str:
        words = []
        for event in self.events:
            if event.is_step_failure:
                data = event.step_failure_data
                words.append(str(data.user_failure_data and data.user_failure_data.description))
                error = data.error
                while error is not None:
                    words.append(error.message)
                    error = error.cause
        return "\n".join(words)


@dataclass
class World:
    """One folder of data and the sandbox it is filled from."""

    folder: Path
    sandbox: RunningSandbox
    overrides: dict[str, str] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        return self.folder / "ayne.duckdb"

    @property
    def mirror(self) -> Path:
        return self.folder / "intermediate"

    def variables(self, overrides: Mapping[str, str]) -> dict[str, str]:
        """The settings of this world, as the environment holds them."""
        return {
            **sandbox_environment(self.sandbox.url, self.folder, first_year=FIRST_YEAR),
            # Partitions are those Dagster saw when it loaded the assets, in every world alike.
            "FIRST_RELEASE_YEAR": "1900",
            "TMDB__API_KEY": PLANTED_TMDB_KEY,
            "OMDB__API_KEY": PLANTED_OMDB_KEY,
            "MODEL__MINIMUM_FILMS": "20",
            **self.overrides,
            **overrides,
        }

    @contextmanager
    def environment(self, overrides: Mapping[str, str]) -> Iterator[None]:
        """The settings of this world, for the time of a block."""
        with pytest.MonkeyPatch.context() as patch:
            for name, value in self.variables(overrides).items():
                patch.setenv(name, value)
            yield

    def run(
        self,
        job: str = "whole_graph",
        years: tuple[str, str] | None = (YEARS[0], YEARS[-1]),
        *,
        instance: dg.DagsterInstance | None = None,
        options: RunOptions | None = None,
        config: dict[str, Any] | None = None,
        assets: list[str] | None = None,
        is_drawn: bool = False,
        at: datetime | None = None,
        **overrides: str,
    ) -> Run:
        """Run a job of the platform over a range of years (None: it has none), in this process.

        Options are the run's, `config` is that of single assets.

        Pictures take half the time of a small run and have tests of their own; only the first run
        of a session draws them. With `at` the platform's clock shows that time; the sandbox's and
        Dagster's do not.
        """
        logging.getLogger("dagster").setLevel(logging.ERROR)
        with (
            self.environment(overrides),
            _instance(instance) as used,
            _pictures(is_drawn),
            _clock_at(at),
        ):
            result = (
                defs()
                .resolve_job_def(job)
                .execute_in_process(
                    instance=used,
                    run_config={
                        **(run_config_of(job, options) if options is not None else {}),
                        "ops": {
                            asset: {"config": given} for asset, given in (config or {}).items()
                        },
                        "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                    },
                    asset_selection=[dg.AssetKey(name) for name in assets] if assets else None,
                    tags={
                        "dagster/asset_partition_range_start": years[0],
                        "dagster/asset_partition_range_end": years[-1],
                    }
                    if years
                    else {},
                    raise_on_error=False,
                )
            )
        return Run.of(result)

    def rows(self, sql: str, *parameters: Any) -> list[tuple]:
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return connection.execute(sql, list(parameters)).fetchall()

    def value(self, sql: str, *parameters: Any) -> Any:
        return self.rows(sql, *parameters)[0][0]

    def execute(self, sql: str, *parameters: Any) -> None:
        """Change the warehouse behind the platform's back."""
        with duckdb.connect(str(self.database)) as connection:
            connection.execute(sql, list(parameters))

    def contents(self) -> dict[str, list[tuple]]:
        """Every row of every table but the measurements, sorted: equal worlds, equal contents."""
        names = {name for (name,) in self.rows("SELECT table_name FROM duckdb_tables()")}
        return {
            name: sorted(self.rows(f"SELECT * FROM {name}"), key=repr)
            for name in TABLES
            if name in names and name != MEASURED
        }

    def with_mlflow_store(self, file: Path) -> "World":
        """This world, its models in a copy of a store: creating one takes seconds."""
        (self.folder / "mlflow").mkdir(parents=True)
        shutil.copy(file, self.folder / "mlflow" / "mlflow.db")
        return self

    def copied_to(self, folder: Path) -> "World":
        """The same data in another folder, to be changed without harm."""
        shutil.copytree(self.folder, folder, dirs_exist_ok=True)
        return World(folder, self.sandbox, dict(self.overrides))


def requests_served(sandbox: RunningSandbox) -> int:
    """Requests both services have answered since the last reset."""
    return sum(service["requests"] for service in sandbox.stats()["services"].values())


@contextmanager
def _instance(given: dg.DagsterInstance | None) -> Iterator[dg.DagsterInstance]:
    if given is not None:
        yield given
        return
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@contextmanager
def _clock_at(time: datetime | None) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if time is not None:
            patch.setattr(resources, "utc_now", lambda: time)
        yield


@contextmanager
def _pictures(is_drawn: bool) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        if not is_drawn:
            patch.setattr(theme, "_pixels", _draw_nothing)
        yield


def _draw_nothing(_figure: Figure) -> Image.Image:
    return Image.new("RGB", (2, 2))


@contextmanager
def log_file(path: Path) -> Iterator[None]:
    """Everything any logger says, at the lowest level, into a file."""
    handler = logging.FileHandler(path)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
        handler.close()


def files_with(folder: Path, text: str) -> list[str]:
    """Files that hold a text, as plain bytes."""
    wanted = text.encode()
    return [
        str(path.relative_to(folder))
        for path in sorted(folder.rglob("*"))
        if path.is_file() and wanted in path.read_bytes()
    ]
