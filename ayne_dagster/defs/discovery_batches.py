"""Finished years on their way into the warehouse: each batch with its walks in one transaction.

Lives here: when discovered films are written and what that came to. Not here: the rows
(`domain/discovery_plan.py`), the write (`storage/duckdb_io_manager.py`), the walks
(`assets/discovered_movies.py`). Why not by the I/O manager:
`docs/decisions/0022-years-are-written-as-they-finish.md`.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pandas as pd

from ayne_dagster.domain.discovery_plan import Sighting, WalkScope, discovered_rows
from ayne_dagster.domain.exported_ids import exported_sightings
from ayne_dagster.domain.tables import DISCOVERED_MOVIES, DISCOVERY_WALKS
from ayne_dagster.storage.duckdb_io_manager import write_batch
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.warehouse import Warehouse

if TYPE_CHECKING:
    from ayne_dagster.sources.discovery import DiscoverWalk

BATCH_ROWS = 5_000
"""A write costs as much for few rows as for thousands, and this many fit any memory."""


class DiscoveryBatches:
    """Collects finished years and writes them in batches.

    Args:
        warehouse: Where.
        mirror: Where the mirror lies, if there is one.
        keys: All partition keys.
        scope: How far the walks go.
        purpose: Who writes, for others who wait.
        on_stored: Told each year once its films and its walk are stored.
        batch_rows: Rows from which a batch is written.

    Attributes:
        walks: Rows of `discovery_walks` of all finished years.
        figures: Rows by what became of them, over all batches.
    """

    def __init__(
        self,
        warehouse: Warehouse,
        mirror: ParquetMirror | None,
        keys: Sequence[str],
        scope: WalkScope,
        *,
        purpose: str,
        on_stored: Callable[[str], None] = lambda year: None,
        batch_rows: int = BATCH_ROWS,
    ) -> None:
        self._warehouse = warehouse
        self._mirror = mirror
        self._keys = keys
        self._scope = scope
        self._purpose = purpose
        self._on_stored = on_stored
        self._batch_rows = batch_rows
        self._seen: list[Sighting] = []
        self._waiting: list[dict[str, Any]] = []
        self._writing = asyncio.Lock()
        self._is_refused = False
        self.walks: list[dict[str, Any]] = []
        self.figures = {
            "rows inserted": 0,
            "rows updated": 0,
            "rows unchanged": 0,
            "rows moved to another year": 0,
        }

    def add_listed(self, films: Iterable[Mapping[str, Any]]) -> None:
        """Take in films of the lists, of whatever year: whoever is on a list is known."""
        self._seen.extend((film["list_name"], film, film["seen_at"]) for film in films)

    def add_exported(self, ids: Iterable[Mapping[str, Any]]) -> None:
        """Take in films that only TMDB's export of ids knows; they have no date yet."""
        self._seen.extend(exported_sightings(ids))

    async def add(self, year: str, walk: "DiscoverWalk", walked_at: datetime) -> None:
        """Take in a finished year; write where enough rows have come together.

        The writing is a thread's: waiting for a held file must not let answers time out.
        """
        self._seen.extend(("discover", row, row["last_seen_at"]) for row in walk.rows)
        self._waiting.append(self._walk_row(year, walk, walked_at))
        async with self._writing:
            if len(self._seen) >= self._batch_rows:
                await asyncio.to_thread(self._write, *self._take())

    def store(self) -> None:
        """Write what is left, even if it is nothing: the table exists afterwards."""
        if not self._is_refused:
            self._write(*self._take())

    def _take(self) -> tuple[list[Sighting], list[dict[str, Any]]]:
        taken = self._seen, self._waiting
        self._seen, self._waiting = [], []
        return taken

    def _write(self, seen: list[Sighting], walks: list[dict[str, Any]]) -> None:
        frame = pd.DataFrame(walks, columns=DISCOVERY_WALKS.column_names, dtype=object)
        try:
            report = write_batch(
                self._warehouse,
                DISCOVERED_MOVIES,
                discovered_rows(seen, self._keys),
                years=None,
                also={DISCOVERY_WALKS: frame},
                mirror=self._mirror,
                purpose=self._purpose,
            )
        except BaseException:
            # Writing once more on the way out would wait as long again, and hide the reason.
            self._is_refused = True
            raise
        self.walks += walks
        self.figures["rows inserted"] += report.inserted
        self.figures["rows updated"] += report.updated
        self.figures["rows unchanged"] += report.unchanged
        self.figures["rows moved to another year"] += report.moved
        for walk in walks:
            self._on_stored(walk["release_year"])

    def _walk_row(self, year: str, walk: "DiscoverWalk", walked_at: datetime) -> dict[str, Any]:
        return {
            "release_year": year,
            "walked_at": walked_at,
            "min_votes": self._scope.min_votes,
            "max_pages": self._scope.max_pages,
            "windows": walk.windows,
            "requests": walk.requests,
            "pages_from_journal": walk.pages_from_journal,
            "films_reported": walk.films_reported,
            "films_seen": walk.films_seen,
            "films_missing": walk.gap,
            "is_truncated": walk.is_truncated,
        }
