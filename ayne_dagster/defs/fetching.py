"""What an asset that fetches is given: warehouse, policy, services, archive, turns, mirror.

Lives here: the parts put together from the settings. Not here: what is done with them
(`refreshes.py`, `replays.py`).
"""

from dataclasses import dataclass

from ayne_dagster.defs.answer_store import AnswerStore, SourceTable
from ayne_dagster.defs.services import Services
from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.settings import Settings
from ayne_dagster.storage.fetch_queries import FetchQueries
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.response_archive import ResponseArchive
from ayne_dagster.storage.wrong_clocks import set_back_clocks
from ayne_dagster.storage.year_turns import YearTurns


@dataclass(frozen=True)
class Fetching:
    """The parts of fetching; one resource of the assets.

    Attributes:
        settings: All settings.
        queries: The warehouse.
        policy: When films are due.
        services: How services are asked.
        archive: Where raw answers are kept.
        turns: Whose turn it is to fetch a year.
        mirror: The Parquet mirror, if there is one.
    """

    settings: Settings
    queries: FetchQueries
    policy: RefreshPolicy
    services: Services
    archive: ResponseArchive
    turns: YearTurns
    mirror: ParquetMirror | None

    @classmethod
    def of(
        cls, settings: Settings, queries: FetchQueries, policy: RefreshPolicy, services: Services
    ) -> "Fetching":
        """The parts as the settings say."""
        folder = settings.resolve(settings.database.mirror_folder)
        return cls(
            settings=settings,
            queries=queries,
            policy=policy,
            services=services,
            archive=ResponseArchive(
                settings.resolve(settings.archive.folder), settings.archive.keep_days
            ),
            turns=YearTurns(settings.resolve(settings.database.path).parent / "turns"),
            mirror=ParquetMirror(folder) if settings.database.is_mirrored else None,
        )

    def set_back_clocks(self) -> None:
        """Take back what a clock that was ahead has stored, before anything is compared with it."""
        set_back_clocks(self.queries.warehouse, self.services.now(), self.mirror)

    def store(self, table: SourceTable, purpose: str) -> AnswerStore:
        """A store for one source's answers."""
        now = self.services.now()
        return AnswerStore(table, self.queries, self.policy, self.mirror, purpose, now)
