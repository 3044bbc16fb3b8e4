"""Ids that only the export knows become films without a date, and never overwrite a seen one."""

from datetime import UTC, date, datetime

from ayne_dagster.domain.discovery_plan import discovered_rows
from ayne_dagster.domain.exported_ids import exported_sightings
from ayne_dagster.domain.frame_check import check_frame
from ayne_dagster.domain.release_years import UNDATED
from ayne_dagster.domain.tables import DISCOVERED_MOVIES

DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
KEYS = ["2025", UNDATED]
IDS = [
    {"tmdb_id": 7, "original_title": "Seven", "popularity": 2.5, "last_exported_on": DAY},
    {"tmdb_id": 8, "original_title": None, "popularity": None, "last_exported_on": DAY},
]


def test_exported_ids_become_films_without_a_date():
    table = check_frame(discovered_rows(exported_sightings(IDS), KEYS), DISCOVERED_MOVIES)
    rows = table.to_pylist()
    assert [row["tmdb_id"] for row in rows] == [7, 8]
    assert {row["release_year"] for row in rows} == {UNDATED}
    assert rows[0]["sources"] == ["export"]
    assert rows[0]["original_title"] == "Seven"


def test_a_film_seen_since_its_export_keeps_what_was_seen():
    """Dated now, the export would win over a walk that saw the film, and take its year away."""
    film = {"tmdb_id": 7, "title": "T", "release_date": date(2025, 5, 1)}
    seen = [*exported_sightings(IDS), ("discover", film, NOW)]
    (row,) = discovered_rows(seen, KEYS).query("tmdb_id == 7").to_dict("records")
    assert row["release_year"] == "2025"
    assert row["sources"] == ["discover", "export"]
    assert row["first_seen_at"] == datetime(2026, 11, 20, 8, tzinfo=UTC)
