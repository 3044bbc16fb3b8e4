"""The folder and settings in which the crash benchmark collects, and who is at what in it."""

import json
from dataclasses import dataclass, field

from benchmarks import crash_workers
from benchmarks.collecting_world import CollectingWorld

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
            "OMDB__DAILY_QUOTA": "5000",
        }
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
