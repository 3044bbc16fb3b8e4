"""Runs a Dagster job in this process: the same jobs, assets and instance as in the UI.

Lives here: from job name and years to a result, and its record. Not here: options (`cli/*.py`).
"""

import logging
import os
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ayne_dagster.cli.console import ProgressBars
from ayne_dagster.cli.errors import RunFailed
from ayne_dagster.defs.failure_words import STOPPED, failed_step, was_interrupted
from ayne_dagster.settings import PROJECT_ROOT

if TYPE_CHECKING:
    import dagster as dg

    from ayne_dagster.cli.step_output import StepOutput
    from ayne_dagster.defs.fetching import Fetching
    from ayne_dagster.storage.run_queries import RunQueries


logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class AssetOutcome:
    """What a run did to one asset: the figures of its materialization."""

    asset: str
    figures: dict[str, Any]


@dataclass(frozen=True)
class JobOutcome:
    """What a run did.

    Attributes:
        run_id: Dagster's id of the run; the UI shows it.
        seconds: How long it took.
        assets: Per asset, in the order of the graph.
        failed_checks: Checks that failed, `asset.check: reason`.
    """

    run_id: str
    seconds: float
    assets: list[AssetOutcome]
    failed_checks: list[str] = field(default_factory=list)

    def figure(self, asset: str, name: str) -> Any:
        """One figure of one asset; None where the run did not have it."""
        return next((one.figures.get(name) for one in self.assets if one.asset == asset), None)

    @property
    def requests(self) -> dict[str, int]:
        """Requests sent per asset."""
        return {
            one.asset: int(one.figures["requests"])
            for one in self.assets
            if "requests" in one.figures
        }

    @property
    def failed(self) -> dict[str, int]:
        """Films that were asked for and not answered, per asset that has any; they stay due."""
        counted = {one.asset: int(one.figures.get("failed") or 0) for one in self.assets}
        return {asset: films for asset, films in counted.items() if films}

    def words(self, name: str) -> dict[str, str]:
        """A figure that is a reason, per asset that has one."""
        return {
            one.asset: str(one.figures[name])
            for one in self.assets
            if one.figures.get(name, "-") != "-"
        }


def use_dagster_home(home: Path) -> Path:
    """Make `home` the Dagster instance of this process, configured like the project's own."""
    home = home.resolve()
    home.mkdir(parents=True, exist_ok=True)
    ours = PROJECT_ROOT / "dagster_home" / "dagster.yaml"
    if home != ours.parent:
        (home / "dagster.yaml").write_bytes(ours.read_bytes())
    os.environ["DAGSTER_HOME"] = str(home)
    return home


def own_dagster_home() -> Path:
    """Where Dagster keeps the runs of these settings; a sandbox's are none of the others'."""
    from ayne_dagster.settings import load_settings

    settings = load_settings()
    return settings.resolve(settings.instance_folder)


def run_job(
    job_name: str,
    years: Sequence[str],
    *,
    run_config: Mapping[str, Any] | None = None,
    assets: Sequence[str] | None = None,
    is_quiet: bool = False,
    tags: Mapping[str, str] | None = None,
) -> JobOutcome:
    """Run a job over contiguous release years, as one run of the current Dagster instance.

    Args:
        job_name: A job of `defs/jobs.py`.
        years: Partition keys, neighbours.
        run_config: Options per asset: `{"ops": {...}}`.
        assets: Only these assets of the job; None: all.
        is_quiet: No progress bars.
        tags: More tags of the run.

    Raises:
        RunFailed: The run failed; the message names the step and the reason.
        KeyboardInterrupt: Ctrl-C was pressed; Dagster may raise an error of its own instead.
    """
    # Dagster warns about parameters in beta at every import; we chose them on purpose.
    warnings.filterwarnings("ignore", message=".*is currently in beta.*")
    warnings.filterwarnings("ignore", message=".*is currently in preview.*")
    import dagster as dg

    from ayne_dagster.definitions import defs
    from ayne_dagster.defs.open_runs import KIND_TAG
    from ayne_dagster.sources.progress import report_progress_to

    logging.getLogger("dagster").setLevel(logging.ERROR)
    started = time.monotonic()
    job = defs().resolve_job_def(job_name)
    with (
        _instance() as instance,
        _recorded_run(instance) as run_id,
        ProgressBars(is_quiet=is_quiet) as bars,
    ):
        _step_output_of(instance).show = bars.say
        with report_progress_to(bars):
            result = job.execute_in_process(
                instance=instance,
                run_id=run_id,
                run_config={
                    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
                    **(run_config or {}),
                },
                asset_selection=[dg.AssetKey(name) for name in assets] if assets else None,
                tags={
                    "dagster/asset_partition_range_start": years[0],
                    "dagster/asset_partition_range_end": years[-1],
                    KIND_TAG: "command",
                    **(tags or {}),
                },
                raise_on_error=False,
            )
        outcome = JobOutcome(
            run_id=result.run_id,
            seconds=time.monotonic() - started,
            assets=_figures(result),
            failed_checks=_failed_checks(result),
        )
        if not result.success:
            if was_interrupted(result.all_events):
                raise KeyboardInterrupt
            raise RunFailed(_why(result), outcome)
        return outcome


def recorded_runs(instance: "dg.DagsterInstance", fetching: "Fetching") -> "RunQueries":
    """Questions about the runs of an instance, each recorded as it stands now.

    Runs whose process is gone are ended first. Where the warehouse is held by somebody else for too
    long, what was recorded before has to do.

    Args:
        instance: Whose runs.
        fetching: The warehouse they are recorded in, and its mirror.
    """
    from ayne_dagster.defs.dead_runs import end_dead_runs
    from ayne_dagster.defs.run_records import UNRECORDED, bring_records_up_to_date
    from ayne_dagster.storage.run_queries import RunQueries

    end_dead_runs(instance)
    queries = RunQueries(fetching.queries.warehouse)
    try:
        bring_records_up_to_date(instance, queries, fetching.mirror)
    except UNRECORDED as error:
        logger.warning("the newest runs are recorded later: %s", error)
    return queries


@contextmanager
def _recorded_run(instance: "dg.DagsterInstance") -> Iterator[str]:
    """The id of a run to come: alive as long as this process, ended with it, and recorded.

    Runs that were killed are ended before it begins.
    """
    from dagster._core.utils import make_new_run_id

    from ayne_dagster.defs.dead_runs import end_dead_runs
    from ayne_dagster.defs.run_records import record_run
    from ayne_dagster.storage.live_runs import LiveRuns

    fetching = _fetching()
    for dead in end_dead_runs(instance):
        record_run(instance, dead, fetching.queries.warehouse, fetching.mirror)
    run_id = make_new_run_id()
    with LiveRuns.of_home(instance.root_directory).hold(run_id):
        try:
            yield run_id
        finally:
            run = instance.get_run_by_id(run_id)
            if run is not None and not run.is_finished:
                # Dagster was not left the time to say how it ended: Ctrl-C pressed twice.
                instance.report_run_failed(run, STOPPED)
            record_run(instance, run_id, fetching.queries.warehouse, fetching.mirror)


def _fetching() -> "Fetching":
    from ayne_dagster.defs.resources import build_resources
    from ayne_dagster.settings import load_settings

    return build_resources(load_settings())["fetching"]


def _instance() -> "dg.DagsterInstance":
    """The current instance, with the output of steps mirrored by this process itself."""
    import dagster as dg
    from dagster._core.instance.ref import InstanceRef, compute_logs_directory

    home = os.environ["DAGSTER_HOME"]
    mirrored = {
        "module": "ayne_dagster.cli.step_output",
        "class": "StepOutput",
        "config": {"base_dir": compute_logs_directory(home)},
    }
    return dg.DagsterInstance.from_ref(
        InstanceRef.from_dir(home, overrides={"compute_logs": mirrored})
    )


def _step_output_of(instance: "dg.DagsterInstance") -> "StepOutput":
    from ayne_dagster.cli.step_output import StepOutput

    manager = instance.compute_log_manager
    assert isinstance(manager, StepOutput)
    return manager


def _figures(result: Any) -> list[AssetOutcome]:
    """The figures of each asset; a run over many years materializes each once per year alike.

    Those of a step that failed with an answer of its own are in its failure.
    """
    told: list[tuple[str, Mapping[str, Any]]] = []
    for event in result.get_asset_materialization_events():
        materialization = event.step_materialization_data.materialization
        told.append((materialization.asset_key.to_user_string(), materialization.metadata))
    told += [
        (event.step_key, event.step_failure_data.user_failure_data.metadata)
        for event in result.filter_events(lambda event: event.is_step_failure)
        if event.step_failure_data.user_failure_data is not None
    ]
    figures: dict[str, dict[str, Any]] = {}
    for asset, metadata in told:
        figures.setdefault(asset, {}).update(
            {
                name: value.value
                for name, value in metadata.items()
                if isinstance(value.value, (int, float, str)) and "](data:" not in str(value.value)
            }
        )
    return [AssetOutcome(asset, values) for asset, values in figures.items()]


def _failed_checks(result: Any) -> list[str]:
    failed = []
    for evaluation in result.get_asset_check_evaluations():
        if not evaluation.passed:
            words = "; ".join(
                f"{name}: {value.value}"
                for name, value in evaluation.metadata.items()
                if "\n" not in str(value.value)  # Tables are for the UI.
            )
            failed.append(
                f"{evaluation.asset_key.to_user_string()}.{evaluation.check_name} ({words})"
            )
    return failed


def _why(result: Any) -> str:
    """The first failed step and the root of its error, in words."""
    if step := failed_step(result.all_events):
        return f"step {step[0]} of run {result.run_id} failed: {step[1]}"
    return f"run {result.run_id} failed; the UI (`ayne ui`) shows its log"
