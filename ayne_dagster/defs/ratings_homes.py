"""Ratings follow their film: to its new year, and out of the table when no film has their id.

Lives here: the step before ratings are asked for. No request is sent for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.domain.quarantine import ratings_that_leave
from ayne_dagster.domain.tables import OMDB_RATINGS, QUARANTINED_ANSWERS, TMDB_DETAILS
from ayne_dagster.storage.duckdb_io_manager import Leaving, write_batch


@dataclass(frozen=True)
class RatingsMoved:
    """What was moved.

    Attributes:
        rehomed: Ratings whose film has another year or id now.
        left: Ratings whose imdb id no film has any more; they stand in quarantine.
    """

    rehomed: int
    left: int

    def metadata(self) -> dict[str, int]:
        """The counts as figures for the UI."""
        return {"ratings that followed their film": self.rehomed, "ratings without film": self.left}


def bring_ratings_home(fetching: Fetching, years: Sequence[str], *, run_id: str) -> RatingsMoved:
    """Move what has to be moved into or out of these years.

    Args:
        fetching: Warehouse and mirror.
        years: Partition keys of the run.
        run_id: Of the run, for others who wait.
    """
    queries = fetching.queries
    moved = queries.ratings_to_rehome(years)
    leaving = queries.ratings_without_film(years)
    if moved or leaving:
        write_batch(
            queries.warehouse,
            OMDB_RATINGS,
            pd.DataFrame(moved, columns=OMDB_RATINGS.column_names, dtype=object),
            years=None,
            also={QUARANTINED_ANSWERS: ratings_that_leave(leaving)},
            leaving=Leaving([row["imdb_id"] for row in leaving], unless_in=TMDB_DETAILS),
            mirror=fetching.mirror,
            purpose=f"{OMDB_RATINGS.name}, run {run_id[:8]}",
        )
    return RatingsMoved(len(moved), len(leaving))
