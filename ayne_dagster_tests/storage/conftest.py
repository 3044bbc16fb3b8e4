"""What the storage tests share: a small table, rows of it, and both managers behind one handle.

Lives here: contracts and rows that are quick to write down, and `Shelf`, which stores and loads
through a manager with real Dagster contexts and a real DuckDB file.
"""

import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import duckdb
import pandas as pd
import pytest
from dagster._core.definitions.scoped_resources_builder import ScopedResourcesBuilder
from dagster._core.storage.db_io_manager import DbIOManager
from dagster_duckdb_pandas import DuckDBPandasIOManager

from ayne_dagster.domain.tables.contract import (
    Column,
    ColumnType,
    OnMerge,
    TableContract,
    WriteMode,
    release_year_column,
)
from ayne_dagster.storage.duckdb_io_manager import WarehouseIOManager
from ayne_dagster.storage.warehouse import Warehouse

T = ColumnType
YEARS = dg.StaticPartitionsDefinition(["2000", "2001", "2002", "2003", "undated"])
# Contexts that are not given any make an instance of their own each: 0.2 s.
NO_RESOURCES: Any = ScopedResourcesBuilder().build(set())
FRAME_TYPE = dg.DagsterType(
    type_check_fn=lambda _, value: isinstance(value, pd.DataFrame),
    name="frame",
    typing_type=pd.DataFrame,
)
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def films_contract(
    write_mode: WriteMode = WriteMode.REPLACE,
    *,
    more: Sequence[Column] = (),
    without: Sequence[str] = (),
    rows_may_move: bool = False,
) -> TableContract:
    """A table of films with one column of every kind that ever went wrong."""
    columns = (
        Column("film_id", T.BIGINT, "Key.", nullable=False),
        release_year_column(),
        Column("title", T.VARCHAR, "Text."),
        Column("original_title", T.VARCHAR, "A second text, to be swapped with the first."),
        Column("votes", T.BIGINT, "Whole number."),
        Column("score", T.DOUBLE, "Number."),
        Column("genres", T.VARCHAR_LIST, "List of texts."),
        Column("released_on", T.DATE, "Date."),
        Column("seen_at", T.TIMESTAMPTZ, "Moment."),
        *more,
    )
    return TableContract(
        name="films",
        title="Films of the tests",
        grain="one film",
        key=("film_id",),
        write_mode=write_mode,
        rows_may_move=rows_may_move,
        newest_by="seen_at" if rows_may_move else None,
        columns=tuple(c for c in columns if c.name not in without),
    )


SIGHTINGS = TableContract(
    name="sightings",
    title="Where a film was seen",
    grain="one film",
    key=("film_id",),
    write_mode=WriteMode.MERGE,
    rows_may_move=True,
    newest_by="last_seen_at",
    columns=(
        Column("film_id", T.BIGINT, "Key.", nullable=False),
        release_year_column(),
        Column("title", T.VARCHAR, "Text."),
        Column("sources", T.VARCHAR_LIST, "Lists.", nullable=False, on_merge=OnMerge.UNION),
        Column("first_seen_at", T.TIMESTAMPTZ, "When.", nullable=False, on_merge=OnMerge.KEEP),
        Column("last_seen_at", T.TIMESTAMPTZ, "When last.", nullable=False),
    ),
)

JOURNAL = TableContract(
    name="journal",
    title="What happened",
    grain="one event",
    key=("film_id", "happened_at"),
    write_mode=WriteMode.APPEND,
    year_column=None,
    columns=(
        Column("film_id", T.BIGINT, "Which film.", nullable=False),
        Column("happened_at", T.TIMESTAMPTZ, "When.", nullable=False),
        Column("words", T.VARCHAR, "What."),
    ),
)


def films(year: str, *ids: int, **values: Any) -> pd.DataFrame:
    """Films of a year with all columns of `films_contract`; `values` overrides whole columns."""
    count = len(ids)
    frame = pd.DataFrame(
        {
            "film_id": pd.Series(list(ids), dtype="int64"),
            "release_year": pd.Series([year] * count, dtype=object),
            "title": pd.Series([f"Film {number}" for number in ids], dtype=object),
            "original_title": pd.Series([f"Original {number}" for number in ids], dtype=object),
            "votes": pd.Series([100] * count, dtype="int64"),
            "score": pd.Series([5.5] * count, dtype="float64"),
            "genres": pd.Series([["Drama", "Crime"] for _ in ids], dtype=object),
            "released_on": pd.Series([date(2001, 3, 4)] * count, dtype=object),
            "seen_at": pd.Series([NOON] * count, dtype="datetime64[ns, UTC]"),
        }
    )
    return frame.assign(**{n: v if isinstance(v, pd.Series) else [v] * count
                           for n, v in values.items()})  # fmt: skip


def manager_of(*contracts: TableContract) -> type[WarehouseIOManager]:
    """Our manager for these tables."""
    by_name = {contract.name: contract for contract in contracts}

    class TestedManager(WarehouseIOManager):
        @staticmethod
        def contracts() -> Mapping[str, TableContract]:
            return by_name

    return TestedManager


@dataclass
class Shelf:
    """Stores and loads `films` through one of the two managers, with real contexts.

    Attributes:
        is_stock: Whether the stock manager is behind it.
        path: The DuckDB file.
        instance: Where Dagster keeps its events; storing and loading do without.
        contract: The table; the stock manager does not look at it.
        mirror_folder: For ours.
    """

    is_stock: bool
    path: Path
    instance: dg.DagsterInstance | None = None
    contract: TableContract = field(default_factory=films_contract)
    mirror_folder: Path | None = None

    @property
    def resource(self) -> DuckDBPandasIOManager:
        """The configured resource, as a code location has it."""
        if self.is_stock:
            return DuckDBPandasIOManager(database=str(self.path), schema="main")
        return manager_of(self.contract)(
            database=str(self.path),
            wait_seconds=20,
            mirror_folder=str(self.mirror_folder) if self.mirror_folder else None,
        )

    @property
    def manager(self) -> DbIOManager:
        """The manager of one run."""
        # Neither manager looks at the context; making one without an instance makes an instance.
        context: Any = None
        if self.instance is not None:
            context = dg.build_init_resource_context(instance=self.instance)
        return self.resource.create_io_manager(context)

    def store(self, frame: object, year: str) -> None:
        """Store a frame as the output of the asset's partition."""
        self.manager.handle_output(self._output_context(year), frame)

    def error_of(self, frame: object, year: str) -> Exception | None:
        """What storing the frame fails with; None where the run would be green."""
        try:
            self.store(frame, year)
        except Exception as error:  # noqa: BLE001 (both managers raise what they like)
            return error
        return None

    def load(self, *years: str, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Load partitions as the input of another asset."""
        context = dg.InputContext(
            name="films",
            asset_key=dg.AssetKey(self.contract.name),
            asset_partitions_subset=YEARS.subset_with_partition_keys(years),
            asset_partitions_def=YEARS,
            upstream_output=self._output_context(years[0] if years else "2000"),
            definition_metadata={"columns": list(columns)} if columns else None,
            dagster_type=FRAME_TYPE,
            resource_config=self._config,
            resources=NO_RESOURCES,
            instance=self.instance,
        )
        loaded = self.manager.load_input(context)
        assert isinstance(loaded, pd.DataFrame)
        return loaded

    def ids(self, year: str) -> list[int]:
        """The film ids of a year as the file has them, repeated ones included."""
        return [
            row[0]
            for row in self.query(
                "SELECT film_id FROM films WHERE release_year = ? ORDER BY 1", [year]
            )
        ]

    def values(self, column: str) -> list[Any]:
        """A column of the file, by film id."""
        return [row[0] for row in self.query(f'SELECT "{column}" FROM films ORDER BY film_id')]

    def query(self, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """Ask the file itself, without any manager."""
        return query_file(self.path, sql, parameters)

    @property
    def _config(self) -> dict[str, Any]:
        return {"database": str(self.path), "schema": "main", "connection_config": {}}

    def _output_context(self, year: str) -> dg.OutputContext:
        return dg.build_output_context(
            asset_key=self.contract.name,
            name="result",
            partition_key=year,
            asset_partitions_def=YEARS,
            definition_metadata={"partition_expr": "release_year"},
            resource_config=self._config,
            run_id="0f0e0d0c-0000-0000-0000-000000000000",
            resources=NO_RESOURCES,
            instance=self.instance,
        )


def query_file(path: Path, sql: str, parameters: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
    """Rows of a query on a DuckDB file, opened as the stock manager opens it.

    The same options, or DuckDB refuses where the stock manager has leaked a connection.
    """
    with duckdb.connect(str(path), config={"custom_user_agent": "dagster"}) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        return connection.execute(sql, list(parameters)).fetchall()


def on_both_managers(why_stock_loses: str) -> Callable[..., Any]:
    """Run a behaviour on both managers; the stock one is proven to break it.

    Strict, and for failed assertions only: the day the stock manager keeps the promise, or fails
    for another reason, the test fails and this project learns of it.
    """
    return pytest.mark.parametrize(
        "shelf",
        [
            pytest.param(
                "stock",
                marks=pytest.mark.xfail(strict=True, raises=AssertionError, reason=why_stock_loses),
            ),
            "ours",
        ],
        indirect=True,
    )


@pytest.fixture(scope="session")
def instance() -> Iterator[dg.DagsterInstance]:
    """One ephemeral instance: making one costs more than most tests."""
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture
def shelf(request: pytest.FixtureRequest, tmp_path: Path, instance: dg.DagsterInstance) -> Shelf:
    """An empty shelf over the manager the test asks for; ours where it does not ask."""
    kind = getattr(request, "param", "ours")
    return Shelf(kind == "stock", tmp_path / "films.duckdb", instance)


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    """A warehouse that is not there yet."""
    return Warehouse(tmp_path / "store" / "warehouse.duckdb", wait_seconds=10)


@contextmanager
def held_by_another_process(
    path: Path, how: str, *, purpose: str = "a long backfill"
) -> Iterator[subprocess.Popen[str]]:
    """Hold the file in a real process while the block runs, or until its stdin is closed.

    Args:
        path: The DuckDB file.
        how: `read` for a plain read-only connection, `write` for a writer of the platform.
        purpose: What the writer says it does.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "ayne_dagster_tests.storage.holder_process", how, str(path),
         purpose],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        process.stdin.close()
        process.wait(timeout=20)
        process.stdout.close()
