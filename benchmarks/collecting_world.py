"""A folder of its own to collect into, from a sandbox, with the real job in real processes.

Lives here: where things lie, the settings, what the ledger says. Not here: what a process does
there (`collecting_process.py`) and what is looked for afterwards (`crash_checks.py`).
"""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

from ayne_dagster.cli.sandbox_world import sandbox_environment


@dataclass(frozen=True)
class CollectingWorld:
    """One folder of data.

    Attributes:
        folder: Where everything is written.
        url: The sandbox.
        first_year: First release year it has films of.
        settings: Settings besides those every sandbox has, by name.
    """

    folder: Path
    url: str
    first_year: int
    settings: dict[str, str] = field(default_factory=dict)

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
        """All settings of a process that collects into this folder."""
        given = sandbox_environment(self.url, self.folder, first_year=self.first_year)
        return {**given, **self.settings}

    def requests_counted(self) -> int:
        """Requests the ledger has counted, of all services and days."""
        return self._counted("SELECT coalesce(sum(requests), 0) FROM used")

    def requests_counted_on(self, day: date, service: str) -> int:
        """Requests the ledger has counted of a service on a UTC day."""
        return self._counted(
            "SELECT coalesce(sum(requests), 0) FROM used WHERE day = ? AND service = ?",
            day.isoformat(),
            service,
        )

    def _counted(self, sql: str, *parameters: str) -> int:
        ledger = self.folder / "request_ledger.sqlite"
        if not ledger.exists():
            return 0
        with closing(sqlite3.connect(ledger)) as connection:
            return connection.execute(sql, parameters).fetchall()[0][0]
