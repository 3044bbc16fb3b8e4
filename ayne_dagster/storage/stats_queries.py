"""What `collection_stats` measures, and how its measurements are read again.

Lives here: figures as rows, of the collection, its runs and its history. Not here: how the films
are counted (`status_queries.py`) and runs (`run_queries.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from ayne_dagster.domain.collection_figures import (
    ALL,
    HISTORY_ROWS,
    HISTORY_THINNED,
    RUNS,
    SECONDS,
    SUCCESS,
)
from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.domain.tables import COLLECTION_STATS
from ayne_dagster.storage.run_queries import RunQueries
from ayne_dagster.storage.status_queries import StatusQueries


@dataclass(frozen=True)
class StatsQueries(StatusQueries):
    """Questions whose answers are kept over time."""

    def figures(
        self, years: Sequence[str], now: datetime, policy: RefreshPolicy
    ) -> list[dict[str, Any]]:
        """Every figure as rows `{figure, part, value}`.

        Args:
            years: Release years.
            now: The moment asked about, UTC.
            policy: The numbers of the rule.

        Returns:
            What `collection_figures` counts; of all runs and of each job the number, the success
            rate (0-1) and the mean seconds, where any ended; rows of the history.
        """
        rows = self.collection_figures(years, now, policy)
        names = {RUNS: "runs", SUCCESS: "success_rate", SECONDS: "mean_seconds"}
        rows += [
            {"figure": figure, "part": job["job"], "value": job[name]}
            for job in RunQueries(self.warehouse).run_figures(now)
            for figure, name in names.items()
            if job[name] is not None
        ]
        [history] = self._rows("SELECT count(*) AS size FROM {refresh_history}", {})
        return [*rows, {"figure": HISTORY_ROWS, "part": ALL, "value": history["size"]}]

    def was_thinned_in_month(self, now: datetime) -> bool:
        """Whether the history was looked at for thinning in the calendar month (UTC) of `now`."""
        month = now.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        [found] = self._rows(
            "SELECT count(*) AS times FROM {collection_stats} "
            "WHERE figure = $figure AND measured_at BETWEEN $month AND $now",
            {"figure": HISTORY_THINNED, "month": month, "now": now},
        )
        return bool(found["times"])

    def measurements(self, until: datetime) -> pd.DataFrame:
        """What was measured up to a moment, the last of each day (UTC), by time.

        Returns:
            Columns `measured_at`, `figure`, `part`, `value`.
        """
        return self._frame(
            "SELECT measured_at, figure, part, value FROM {collection_stats} "
            "WHERE measured_at <= $until "
            "QUALIFY row_number() OVER (PARTITION BY figure, part, "
            "epoch_us(measured_at) // 86_400_000_000 ORDER BY measured_at DESC) = 1 "
            "ORDER BY measured_at, figure, part",
            {"until": until},
        )


def stats_frame(figures: Sequence[Mapping[str, Any]], measured_at: datetime) -> pd.DataFrame:
    """Figures as rows of `collection_stats`."""
    rows = [{"measured_at": measured_at, **figure} for figure in figures]
    return pd.DataFrame(rows, columns=COLLECTION_STATS.column_names).astype({"value": float})
