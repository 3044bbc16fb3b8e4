"""Finished years reach the warehouse in batches, each with its walk, and nothing else does."""

import asyncio
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from ayne_dagster.defs.discovery_batches import DiscoveryBatches
from ayne_dagster.domain.discovery_plan import WalkScope
from ayne_dagster.domain.frame_check import ContractViolation
from ayne_dagster.domain.release_years import release_year_keys
from ayne_dagster.sources.discovery import DiscoverWalk
from ayne_dagster.storage.discovery_queries import (
    best_known_films,
    films_per_month,
    films_per_year,
)
from ayne_dagster.storage.warehouse import Warehouse

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEYS = release_year_keys(1900, NOON.date())


def film(tmdb_id: int, year: int, **values: Any) -> dict[str, Any]:
    return {
        "tmdb_id": tmdb_id,
        "title": f"Film {tmdb_id}",
        "release_date": date(year, 1 + tmdb_id % 12, 1),
        "popularity": float(tmdb_id),
        "vote_count": 12,
        "first_seen_at": NOON,
        "last_seen_at": NOON,
        **values,
    }


def walk(*rows: dict[str, Any], **figures: Any) -> DiscoverWalk:
    return DiscoverWalk(
        **{
            "rows": list(rows),
            "windows": 1,
            "requests": 1,
            "pages_from_journal": 0,
            "films_reported": len(rows),
            "films_seen": len(rows),
            "is_truncated": False,
            "gap": 0,
            **figures,
        }
    )


def batches(warehouse: Warehouse, stored: list[str], batch_rows: int = 3) -> DiscoveryBatches:
    return DiscoveryBatches(
        warehouse, None, KEYS, WalkScope(10, None),
        purpose="a test", on_stored=stored.append, batch_rows=batch_rows,
    )  # fmt: skip


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "ayne.duckdb")


def walked_years(warehouse: Warehouse) -> list[str]:
    rows = warehouse.rows("SELECT release_year FROM discovery_walks ORDER BY 1")
    return [row["release_year"] for row in rows]


def test_years_are_stored_as_soon_as_enough_rows_have_come_together(warehouse: Warehouse):
    """Eighty years were written at the end, and a kill before it lost them all."""
    stored: list[str] = []
    made = batches(warehouse, stored)

    async def run() -> None:
        await made.add("2001", walk(film(1, 2001), film(2, 2001)), NOON)
        assert not warehouse.exists
        await made.add("2002", walk(film(3, 2002), films_reported=4, gap=3), NOON)
        assert (stored, walked_years(warehouse)) == (["2001", "2002"], ["2001", "2002"])
        await made.add("2003", walk(film(4, 2003)), NOON)
        assert walked_years(warehouse) == ["2001", "2002"]

    asyncio.run(run())
    made.store()
    assert stored == walked_years(warehouse) == ["2001", "2002", "2003"]
    assert made.figures["rows inserted"] == 4
    assert films_per_year(warehouse, ["2001", "2002", "2004"]) == {"2001": 2, "2002": 1, "2004": 0}
    missing = "SELECT films_missing FROM discovery_walks WHERE release_year = '2002'"
    assert warehouse.rows(missing) == [{"films_missing": 3}]


def test_rows_are_counted_over_all_batches(warehouse: Warehouse):
    for popularity in (1.0, 2.0):
        made = batches(warehouse, [], batch_rows=1)
        later = NOON.replace(hour=12 + int(popularity))
        changed = film(1, 2001, popularity=popularity, last_seen_at=later)

        async def run(made: DiscoveryBatches = made, row: dict[str, Any] = changed) -> None:
            await made.add("2001", walk(row), NOON)
            await made.add("2002", walk(film(2, 2002)), NOON)

        asyncio.run(run())
        made.store()
    figures = {name.removeprefix("rows "): n for name, n in made.figures.items()}
    assert figures == {"inserted": 0, "updated": 1, "unchanged": 1, "moved to another year": 0}


def test_films_of_the_lists_are_stored_whatever_their_year_is(warehouse: Warehouse):
    """A film on a list without a date, or of a year outside the run, was forgotten."""
    made = batches(warehouse, [])
    listed = [film(1, 1954), film(2, 2030) | {"release_date": None}]
    made.add_listed({**one, "list_name": "popular", "seen_at": NOON} for one in listed)
    made.store()
    assert films_per_year(warehouse, ["1954", "undated"]) == {"1954": 1, "undated": 1}
    months = films_per_month(warehouse, ["1954", "undated"])
    assert months["films"].tolist() == [1, 1]
    assert months["month"].isna().sum() == 1
    assert best_known_films(warehouse, ["1954", "undated"])["tmdb_id"].tolist() == [2, 1]


def test_a_batch_that_cannot_be_stored_leaves_neither_films_nor_walks(warehouse: Warehouse):
    """A year that counts as walked and has no films would not be walked again for a month."""
    stored: list[str] = []
    made = batches(warehouse, stored, batch_rows=2)

    async def run() -> None:
        await made.add("2001", walk(film(1, 2001), film(2, 2001)), NOON)
        await made.add("2002", walk(film(3, 2002), film(4, 2002, vote_count=-1)), NOON)

    with pytest.raises(ContractViolation):
        asyncio.run(run())
    made.store()
    assert stored == walked_years(warehouse) == ["2001"]
    assert films_per_year(warehouse, ["2001", "2002"]) == {"2001": 2, "2002": 0}
