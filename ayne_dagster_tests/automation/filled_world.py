"""A sandbox of ninety films that were all fetched once, and a daemon over them.

Lives here: the world and questions to it. Not here: the daemon's process (`daemon_process.py`) and
what is expected (`test_daemon.py`).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb

from ayne_dagster.defs.partitions import release_year_partitions
from ayne_dagster.defs.resources import build_resources
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.settings import load_settings
from ayne_dagster.storage.run_queries import RunQueries
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.automation.daemon_process import Daemon, running_daemon
from ayne_dagster_tests.defs.world import World

NEVER = "0 0 29 2 *"


@dataclass
class Filled:
    """A world in which everything was fetched once, on a sandbox whose clock stands still."""

    world: World

    @contextmanager
    def daemon(self, **variables: str) -> Iterator[Daemon]:
        """A daemon on an instance of its own, with every schedule and sensor switched on."""
        given = {
            "AUTOMATION__IS_ON": "true",
            "AUTOMATION__QUICK_CRON": NEVER,
            "AUTOMATION__DAILY_CRON": NEVER,
            "AUTOMATION__WEEKLY_CRON": NEVER,
            "AUTOMATION__TRAINING_CRON": NEVER,
            **variables,
        }
        home = self.world.folder / f"home_{len(list(self.world.folder.glob('home_*')))}"
        with running_daemon(home, self.world.variables(given)) as daemon:
            yield daemon

    def due(self, source: Source) -> dict[str, int]:
        """Films due now by release year, asked film by film."""
        with self.world.environment({}):
            resources = build_resources(load_settings())
        queries, keys = resources["queries"], release_year_partitions().get_partition_keys()
        films = queries.due(source, keys, self.world.sandbox.now(), resources["policy"])
        return films.groupby("release_year").size().to_dict()

    def lose_two_films(self) -> list[tuple[int, str]]:
        """Take a listed and an unlisted film of older years out: id and release year of both."""
        older = f"release_year < '{self.world.sandbox.now().year - 1}'"
        on_lists = (
            "(SELECT tmdb_id FROM movie_lists WHERE list_name IN ('popular', 'trending_week'))"
        )
        lost = []
        with Warehouse(self.world.database).writing("a test") as warehouse:
            for is_in in ("IN", "NOT IN"):
                found = warehouse.execute(
                    "SELECT tmdb_id, release_year FROM tmdb_details "
                    f"WHERE {older} AND tmdb_id {is_in} {on_lists} ORDER BY tmdb_id"
                ).fetchone()
                assert found, is_in
                warehouse.execute("DELETE FROM tmdb_details WHERE tmdb_id = ?", [found[0]])
                lost.append(found)
        return lost

    def has_details(self, tmdb_id: int) -> bool:
        """Whether the film is in `tmdb_details`."""
        with self.world.environment({}):
            queries = build_resources(load_settings())["queries"]
        sql = "SELECT tmdb_id FROM tmdb_details WHERE tmdb_id = ?"
        return bool(queries.warehouse.rows(sql, [tmdb_id]))

    def asked(self) -> dict[str, int]:
        """Requests by endpoint since the statistics were reset."""
        services: dict[str, Any] = self.world.sandbox.stats()["services"]
        return {
            endpoint: sum(statuses.values())
            for service in services.values()
            for endpoint, statuses in service["by_endpoint"].items()
        }

    def failed_runs(self) -> list[dict[str, Any]]:
        """Rows of `pipeline_runs` of runs that failed, the newest first."""
        return RunQueries(Warehouse(self.world.database)).last_runs(status="failed")

    def answers_per_film(self, since: datetime) -> int:
        """The most answers one source gave for one film since then."""
        with duckdb.connect(str(self.world.database), read_only=True) as warehouse:
            (most,) = warehouse.execute(
                "SELECT max(answers) FROM (SELECT count(*) AS answers FROM refresh_history "
                "WHERE fetched_at >= $since GROUP BY source, tmdb_id)",
                {"since": since},
            ).fetchone() or (0,)
        return most
