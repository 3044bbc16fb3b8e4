"""What people ask about runs: the last ones, how many succeed, how long they take.

Lives here: SQL that reads `pipeline_runs`. Not here: how a run becomes a row
(`defs/run_records.py`).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ayne_dagster.domain.tables.automation import PIPELINE_RUNS
from ayne_dagster.storage.movie_queries import MovieQueries

ALL_JOBS = "all"
"""Name of the row of `run_figures` that counts every job."""


STOPPED_BY = "stopped by "
"""How the error of a failed run begins that somebody stopped: nothing was wrong with it."""


@dataclass(frozen=True)
class RunQueries(MovieQueries):
    """Questions about the runs recorded in one warehouse."""

    def last_runs(
        self, *, status: str | None = None, limit: int = 20, job: str | None = None
    ) -> list[dict[str, Any]]:
        """The newest runs, newest first; one that never began stands where it ended.

        Args:
            status: Only runs that stand so (`RUN_STATUSES`); None: all.
            limit: Most runs.
            job: Only runs of this job; None: all.

        Returns:
            Rows of `pipeline_runs` as plain Python values.
        """
        columns = ", ".join(f'"{name}"' for name in PIPELINE_RUNS.column_names)
        return self._rows(
            f"SELECT {columns} FROM {{pipeline_runs}} "
            "WHERE ($status IS NULL OR status = $status) AND ($job IS NULL OR job = $job) "
            "ORDER BY coalesce(started_at, ended_at) DESC NULLS FIRST, run_id LIMIT $most",
            {"status": status, "job": job, "most": limit},
        )

    def run_figures(self, now: datetime, days: float = 30) -> list[dict[str, Any]]:
        """How the runs of the last days went, all jobs together first, then by job.

        A run that people canceled or stopped by Ctrl-C says nothing about success, and one that
        failed nothing about how long the work takes: the rate is over the other runs that succeeded
        or failed, the durations over those that succeeded.

        Args:
            now: The moment asked about, UTC.
            days: Runs that ended, or began and still run, since so long ago.

        Returns:
            A row per job, `ALL_JOBS` first: `job`, `runs`, `succeeded`, `failed`, `canceled`,
            `running`, `stopped` (of the failed ones, by Ctrl-C), `success_rate` (0-1; None: none
            counts), `mean_seconds`, `median_seconds` (None: none succeeded). No rows where no run
            was recorded.
        """
        return self._rows(
            "SELECT coalesce(job, $all) AS job, count(*) AS runs, "
            "count(*) FILTER (WHERE status = 'success') AS succeeded, "
            "count(*) FILTER (WHERE status = 'failed') AS failed, "
            "count(*) FILTER (WHERE status = 'canceled') AS canceled, "
            "count(*) FILTER (WHERE status = 'running') AS running, "
            "count(*) FILTER (WHERE status = 'failed' AND starts_with(error, $stopped)) "
            "AS stopped, "
            "succeeded / nullif(succeeded + failed - stopped, 0) AS success_rate, "
            "avg(seconds) FILTER (WHERE status = 'success') AS mean_seconds, "
            "median(seconds) FILTER (WHERE status = 'success') AS median_seconds "
            "FROM {pipeline_runs} WHERE coalesce(ended_at, started_at) >= $since "
            "GROUP BY GROUPING SETS ((), (job)) HAVING count(*) > 0 "
            "ORDER BY grouping(job) DESC, job",
            {"all": ALL_JOBS, "stopped": STOPPED_BY, "since": now - timedelta(days=days)},
        )

    def recorded_statuses(self, run_ids: Iterable[str]) -> dict[str, str]:
        """How those of these runs stand that are recorded, by id."""
        rows = self._rows(
            "SELECT run_id, status FROM {pipeline_runs} WHERE run_id IN (SELECT unnest($ids))",
            {"ids": list(run_ids)},
        )
        return {row["run_id"]: row["status"] for row in rows}
