"""Where each source's answers go, and how they become rows.

Lives here: the two sources of rows. Not here: asking (`assets/`) and storing (`answer_store.py`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ayne_dagster.defs.answer_store import SourceTable
from ayne_dagster.defs.partitions import release_year_partitions
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.release_years import release_year_of
from ayne_dagster.domain.tables import OMDB_RATINGS, TMDB_DETAILS


def _film_row(payload: dict[str, Any], answered_at: datetime) -> dict[str, Any]:
    # Its HTTP library costs every process that loads definitions; few of them ask a service.
    from ayne_dagster.sources.tmdb import row_of

    return row_of(payload, answered_at)


def _dated(row: dict[str, Any], _film: Mapping[str, Any]) -> dict[str, Any]:
    keys = release_year_partitions().get_partition_keys()
    return {**row, "release_year": release_year_of(row["release_date"], keys)}


def _ratings_row(payload: dict[str, Any], answered_at: datetime) -> dict[str, Any]:
    from ayne_dagster.sources.omdb import row_of

    return row_of(payload, answered_at)


def _of_film(row: dict[str, Any], film: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "tmdb_id": film["tmdb_id"], "release_year": film["release_year"]}


TMDB_TABLE = SourceTable(Source.TMDB, TMDB_DETAILS, _film_row, _dated)
OMDB_TABLE = SourceTable(Source.OMDB, OMDB_RATINGS, _ratings_row, _of_film)
