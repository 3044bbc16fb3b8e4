"""From ids that only the export knows to sightings of films.

Lives here: the sightings. Not here: which ids these are (`storage/bulk_queries.py`).
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, time
from typing import Any

from ayne_dagster.domain.discovery_plan import Sighting

EXPORT_SOURCE = "export"


def exported_sightings(ids: Iterable[Mapping[str, Any]]) -> list[Sighting]:
    """Sightings of films that only the export knows.

    The export says no date, so they begin in the partition `undated`; fetching their details moves
    them to their year. They are dated on the morning of their export: whatever was seen of the film
    since then wins the merge.

    Args:
        ids: `tmdb_id`, `original_title`, `popularity`, `last_exported_on` of never discovered ids.
    """
    return [
        (
            EXPORT_SOURCE,
            {**film, "release_date": None},
            datetime.combine(film["last_exported_on"], time(8), UTC),
        )
        for film in ids
    ]
