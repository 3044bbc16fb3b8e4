"""What assets are given: I/O manager, warehouse, services, policy, experiment log, clock, options.

Settings are read here, when Dagster builds its definitions, and nowhere at import.
See https://docs.dagster.io/guides/build/external-resources.
"""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from ayne_dagster.defs.clock import Clock, platform_clock, utc_now
from ayne_dagster.defs.dead_runs import in_process_executor
from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.defs.job_options import OPTIONS, RunOptions
from ayne_dagster.defs.services import Services, refresh_policy
from ayne_dagster.settings import Settings, load_settings
from ayne_dagster.storage.duckdb_io_manager import WarehouseIOManager
from ayne_dagster.storage.experiment_log import ExperimentLog
from ayne_dagster.storage.fetch_queries import FetchQueries
from ayne_dagster.storage.model_registry import ModelRegistry
from ayne_dagster.storage.page_journal_file import PageJournalFile
from ayne_dagster.storage.warehouse import Warehouse


def build_resources(settings: Settings, now: Clock | None = None) -> Mapping[str, Any]:
    """Every resource, by the name under which assets ask for it.

    Args:
        settings: Where everything lies, and every number.
        now: The clock; None: the one the settings name.
    """
    now = now or platform_clock(settings, utc_now)
    connection_config = {
        name: value
        for name, value in (
            ("memory_limit", settings.database.memory_limit),
            ("threads", settings.database.threads),
        )
        if value is not None
    }
    path = settings.resolve(settings.database.path)
    mirror = settings.resolve(settings.database.mirror_folder)
    queries = FetchQueries(
        Warehouse(
            path,
            wait_seconds=settings.database.wait_seconds,
            connection_config=tuple(connection_config.items()),
        ),
        rules=refresh_policy(settings).state_rules,
    )
    pages = PageJournalFile(settings.resolve(settings.archive.folder) / "pages.sqlite", now)
    services, policy = Services(settings, now, journal=pages), refresh_policy(settings)
    experiments = ExperimentLog(
        settings.tracking_uri,
        settings.resolve(settings.experiments.artifact_folder),
        settings.experiments.name,
    )
    return {
        "io_manager": _not_configurable(
            WarehouseIOManager(
                database=str(path),
                wait_seconds=settings.database.wait_seconds,
                mirror_folder=str(mirror) if settings.database.is_mirrored else None,
                connection_config=connection_config,
            )
        ),
        "queries": queries,
        "services": services,
        "policy": policy,
        "fetching": Fetching.of(settings, queries, policy, services),
        "experiments": experiments,
        "registry": ModelRegistry(experiments),
        "settings": settings,
        OPTIONS: RunOptions.configure_at_launch(),
    }


def _not_configurable(manager: WarehouseIOManager) -> dg.IOManagerDefinition:
    """The same manager, without its settings among the options that a run is launched with.

    Where the warehouse lies is no option of a run; offered as one, this machine's paths stood
    above the options in every launchpad.
    """
    return dg.IOManagerDefinition(
        resource_fn=manager.create_io_manager,
        config_schema={},
        description=WarehouseIOManager.__doc__,
    )


def resources() -> dg.Definitions:
    """The resources of this code location, and the executor all jobs share.

    In process by default: a run over 20 years costs 0.4 s a year, a process per year 8 s.
    """
    settings = load_settings()
    return dg.Definitions(resources=build_resources(settings), executor=in_process_executor)
