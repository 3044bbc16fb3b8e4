"""Rows of the real tables with only what a test is about filled in."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from ayne_dagster.domain.tables import (
    DISCOVERED_MOVIES,
    FROZEN_FLAGS,
    OMDB_RATINGS,
    REFRESH_HISTORY,
    TMDB_DETAILS,
)
from ayne_dagster.domain.tables.contract import ColumnType, TableContract
from ayne_dagster.storage.duckdb_io_manager import write_batch
from ayne_dagster.storage.warehouse import Warehouse

NOW = datetime(2024, 6, 1, 12, tzinfo=UTC)
_REQUIRED: dict[ColumnType, Any] = {
    ColumnType.BIGINT: 1,
    ColumnType.INTEGER: 1,
    ColumnType.DOUBLE: 1.0,
    ColumnType.BOOLEAN: False,
    ColumnType.VARCHAR: "x",
    ColumnType.TIMESTAMPTZ: NOW,
    ColumnType.BIGINT_LIST: [],
    ColumnType.VARCHAR_LIST: [],
}


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def row_of(contract: TableContract, **values: Any) -> dict[str, Any]:
    """A row with unknown values where they may be, and the least where they may not."""
    row = {c.name: None if c.nullable else _REQUIRED.get(c.type) for c in contract.columns}
    return {**row, **values}


def put(warehouse: Warehouse, contract: TableContract, *rows: dict[str, Any]) -> None:
    """Store rows as a run over all their years would."""
    frame = pd.DataFrame(list(rows), columns=contract.column_names, dtype=object)
    years = None
    if contract.year_column is not None:
        years = sorted(set(frame[contract.year_column]))
    write_batch(warehouse, contract, frame, years=years, purpose="a test")


def discovered(number: int, year: str = "2001", **values: Any) -> dict[str, Any]:
    return row_of(
        DISCOVERED_MOVIES, tmdb_id=number, release_year=year,
        **{"release_date": date(2001, 3, 4), **values},
    )  # fmt: skip


def detailed(number: int, year: str = "2001", **values: Any) -> dict[str, Any]:
    return row_of(
        TMDB_DETAILS, tmdb_id=number, release_year=year,
        **{"release_date": date(2001, 3, 4), "imdb_id": f"tt{number:07d}", **values},
    )  # fmt: skip


def rated(number: int, year: str = "2001", **values: Any) -> dict[str, Any]:
    return row_of(
        OMDB_RATINGS, tmdb_id=number, release_year=year,
        **{"imdb_id": f"tt{number:07d}", **values},
    )  # fmt: skip


def flagged(number: int, year: str = "2001", **values: Any) -> dict[str, Any]:
    return row_of(
        FROZEN_FLAGS, tmdb_id=number, release_year=year, **{"age_band": "over 365 days", **values}
    )


def asked(
    source: str, number: int, days: float, outcome: str = "row", changed: Sequence[str] = (),
    **values: Any,
) -> dict[str, Any]:  # fmt: skip
    """An answer so many days before `NOW`; of OMDb for the imdb id `detailed` gives the film."""
    return row_of(
        REFRESH_HISTORY, source=source, tmdb_id=number, fetched_at=days_ago(days), outcome=outcome,
        changed_fields=list(changed), is_first=values.pop("is_first", False),
        **{"imdb_id": f"tt{number:07d}", **values},
    )  # fmt: skip
