"""The folder and settings in which the crash benchmark collects, and who is at what in it."""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

from pydantic import SecretStr

from ayne_dagster.sources.request_budget import key_hash
from benchmarks import crash_workers
from benchmarks.collecting_world import CollectingWorld
from benchmarks.crash_workers import Task

QUOTA = 300
"""OMDb's requests a day for each key: fewer than there are films with an imdb id."""
_SHORTEST_PARQUET = 100


@dataclass(frozen=True)
class CrashWorld(CollectingWorld):
    """One folder of data, for a collection slow enough to be killed in the middle."""

    first_year: int = int(crash_workers.YEARS[0])
    settings: dict[str, str] = field(
        default_factory=lambda: {
            "TMDB__REQUESTS_PER_SECOND": "60",
            "OMDB__REQUESTS_PER_SECOND": "60",
            "DISCOVERY__LIST_PAGES": "2",
            "OMDB__DAILY_QUOTA": str(QUOTA),
        }
    )

    @property
    def notes(self) -> Path:
        """Where processes note the requests they send."""
        return self.folder / "sent"

    def with_omdb_key(self, key: str) -> "CrashWorld":
        """The same folder; its processes ask OMDb with this key, which has a quota of its own."""
        return replace(self, settings={**self.settings, "OMDB__API_KEY": key})

    def task(self, years: tuple[str, str], name: str, commit_at: int | None = None) -> Task:
        """What a process of this name collects here."""
        return Task(self.environment, years, name, self.notes, commit_at)

    def requests_noted_by(self, name: str) -> int:
        """Requests a process of this name has sent so far."""
        try:
            return (self.notes / f"{name}.tsv").read_bytes().count(b"\n")
        except FileNotFoundError:
            return 0

    def most_counted_with(self, key: str) -> int:
        """Requests the ledger has counted with a key of OMDb, on the day when they were most."""
        return self._counted(
            "SELECT coalesce(max(requests), 0) FROM used WHERE service = 'omdb' AND key_hash = ?",
            key_hash(SecretStr(key)),
        )

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
        try:
            partials = list(folder.rglob("*.partial"))
        except FileNotFoundError:
            return None  # one was finished, and gone, while they were listed
        for path in partials:
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
