"""What the crash benchmark kills: our collect job, and the same made of stock parts.

Lives here: the functions its processes run. Not here: who kills them (`crash.py`).
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
from dagster_duckdb_pandas import DuckDBPandasIOManager

from ayne_dagster.defs import answers_as_they_come
from ayne_dagster.defs.services import Services
from ayne_dagster.settings import load_settings
from benchmarks.collecting_process import prepare_process, run_collect
from benchmarks.crash_repeats import note_requests

YEARS = ("2017", "2018", "2019", "2020", "2021", "2022", "2023", "2024")


@dataclass(frozen=True)
class Task:
    """What one process is to collect.

    Attributes:
        environment: Its settings.
        years: First and last release year.
        name: Its own, among all that ever work in this world.
        notes: Folder for its note of the requests it sends.
        commit_at: Answers it stores at once; None: as many as the platform does.
    """

    environment: Mapping[str, str]
    years: tuple[str, str]
    name: str
    notes: Path
    commit_at: int | None = None


def collect(task: Task) -> None:
    """Run the `collect` job over a range of years, as `ayne collect` does."""
    _prepare(task)
    if task.commit_at is not None:
        answers_as_they_come.COMMIT_AT = task.commit_at
    result = run_collect(*task.years, raise_on_error=True)
    raise SystemExit(0 if result.success else 1)


def collect_with_stock_parts(task: Task) -> None:
    """The same films with the stock I/O manager and pandas' own Parquet writer.

    Each year's answers are gathered in memory, then stored; the same client and request budget, so
    that only the storing differs. Years that stand are asked for again: it refreshes.
    """
    _prepare(task)
    settings = load_settings()
    database = settings.resolve(settings.database.path)
    database.parent.mkdir(parents=True, exist_ok=True)
    mirror = settings.resolve(settings.database.mirror_folder)

    @dg.asset(
        name="tmdb_details",
        partitions_def=dg.StaticPartitionsDefinition(list(YEARS)),
        metadata={"partition_expr": "release_year"},
    )
    def details(context: dg.AssetExecutionContext) -> pd.DataFrame:
        rows = asyncio.run(_rows_of(context.partition_key, settings))
        frame = pd.DataFrame(rows)[["tmdb_id", "title", "overview", "revenue_usd", "fetched_at"]]
        frame = frame.assign(release_year=context.partition_key)
        target = mirror / f"{context.partition_key}.parquet"
        target.parent.mkdir(parents=True, exist_ok=True)
        frame.to_parquet(target)
        return frame

    manager = DuckDBPandasIOManager(database=str(database), schema="main")
    for year in YEARS[YEARS.index(task.years[0]) : YEARS.index(task.years[1]) + 1]:
        with dg.DagsterInstance.ephemeral() as instance:
            dg.materialize(
                [details],
                partition_key=year,
                resources={"io_manager": manager},
                instance=instance,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            )


async def _rows_of(year: str, settings: Any) -> list[dict[str, Any]]:
    async with Services(settings, lambda: datetime.now(UTC)).tmdb() as tmdb:
        walk = await tmdb.discover_year(int(year))
        results = await asyncio.gather(*(tmdb.movie(row["tmdb_id"]) for row in walk.rows))
    return [result.row for result in results if result.row is not None]


def stock_ids(path: Path) -> set[int]:
    """Films the stock side holds."""
    with duckdb.connect(str(path), read_only=True) as connection:
        return {row[0] for row in connection.execute("SELECT tmdb_id FROM tmdb_details").fetchall()}


def _prepare(task: Task) -> None:
    prepare_process(task.environment)
    note_requests(task.notes / f"{task.name}.tsv", task.name)
