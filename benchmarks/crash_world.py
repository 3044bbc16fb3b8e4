"""The folder and settings in which the crash benchmark collects."""

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from ayne_dagster.cli.sandbox_world import sandbox_environment
from benchmarks import crash_workers

_SHORTEST_PARQUET = 100


@dataclass(frozen=True)
class CrashWorld:
    """One folder of data.

    Attributes:
        folder: Where everything is written.
        url: The sandbox.
    """

    folder: Path
    url: str

    @property
    def database(self) -> Path:
        """The DuckDB file."""
        return self.folder / "ayne.duckdb"

    @property
    def mirror(self) -> Path:
        """Root of the Parquet mirror."""
        return self.folder / "intermediate"

    @property
    def environment(self) -> dict[str, str]:
        """Settings of a collection slow enough to be killed in the middle."""
        return {
            **sandbox_environment(self.url, self.folder, first_year=int(crash_workers.YEARS[0])),
            "TMDB__REQUESTS_PER_SECOND": "60",
            "OMDB__REQUESTS_PER_SECOND": "60",
            "DISCOVERY__LIST_PAGES": "2",
            "OMDB__DAILY_QUOTA": "5000",
        }

    def process_that_is(self, instant: str, pids: set[int]) -> int | None:
        """One of these processes that is writing, mirroring or archiving at this moment."""
        if instant == "writing":
            try:
                pid = json.loads(
                    self.database.with_name(f"{self.database.name}.holder.json").read_text()
                )["pid"]
            except (OSError, ValueError, KeyError):
                return None
            return pid if pid in pids else None
        folder = self.mirror if instant == "mirroring" else self.folder / "raw" / "responses"
        for path in folder.rglob("*.partial"):
            pid = next((pid for pid in pids if f".{pid}." in path.name), None)
            if pid is not None:
                return pid
        return None

    def stock_is(self, instant: str) -> bool:
        """Whether the stock side is writing its warehouse, or a Parquet file, at this moment."""
        if instant == "writing":
            return self.database.with_name(f"{self.database.name}.wal").exists()
        return any(
            path.stat().st_size < _SHORTEST_PARQUET for path in self.mirror.glob("*.parquet")
        )

    def requests_counted(self) -> int:
        """Requests the ledger has counted today."""
        ledger = self.folder / "request_ledger.sqlite"
        with closing(sqlite3.connect(ledger)) as connection:
            return connection.execute("SELECT sum(requests) FROM used").fetchall()[0][0] or 0
