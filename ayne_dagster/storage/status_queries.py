"""What `ayne status` asks the warehouse: how many films are due, now and soon.

Lives here: counting. Not here: which films are due (`due_films.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from ayne_dagster.domain.change_feed import ChangeFeed
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.storage.due_films import due_query
from ayne_dagster.storage.due_queries import DueQueries

SOON = timedelta(days=7)


@dataclass(frozen=True)
class StatusQueries(DueQueries):
    """Questions about the state of one warehouse as a whole."""

    def films_due(
        self, years: Sequence[str], now: datetime, policy: RefreshPolicy
    ) -> list[dict[str, Any]]:
        """Per source: the films a run over these years would ask for, now and within a week.

        Args:
            years: Release years.
            now: The moment asked about, UTC.
            policy: The numbers of the rule.

        Returns:
            A row per source: `source`, `now`, `next_7_days` (films due then and not yet now), and
            `frozen`, the films the last flags call frozen.
        """
        [flags] = self._rows("SELECT count(*) AS films FROM {frozen_flags} WHERE is_frozen", {})
        feed = self.change_feed()
        # A week from now the feed will have been read on, as it is today.
        soon_feed = replace(feed, until=feed.until + SOON) if feed else None
        rows = []
        for source in Source:
            due = self._films(source, years, now, policy, feed)
            soon = self._films(source, years, now + SOON, policy, soon_feed)
            # Not a difference of two counts: a film that grows into a longer interval meanwhile is
            # due now and would not be then.
            more = len(np.setdiff1d(soon, due, assume_unique=True))
            rows.append(
                {"source": source.value, "now": len(due), "next_7_days": more,
                 "frozen": flags["films"]}
            )  # fmt: skip
        return rows

    def _films(
        self,
        source: Source,
        years: Sequence[str],
        now: datetime,
        policy: RefreshPolicy,
        feed: ChangeFeed | None,
    ) -> np.ndarray:
        """Ids of the films due at a moment, each once."""
        sql, parameters = due_query(source, years, now, policy, feed)
        with self._reading() as (connection, tables):
            # Grouped, so that nothing is sorted by urgency only to be counted.
            found = connection.execute(
                f"SELECT tmdb_id FROM ({sql.format(**tables)}) GROUP BY tmdb_id", parameters
            ).fetchnumpy()
        return np.asarray(found["tmdb_id"])
