"""Ids that only the export knows become films without a date, and never overwrite a seen one."""

from datetime import UTC, date, datetime

import pandas as pd

from ayne_dagster.domain.discovery_plan import discovered_rows
from ayne_dagster.domain.exported_ids import with_exported_ids
from ayne_dagster.domain.frame_check import check_frame, empty_frame
from ayne_dagster.domain.release_years import UNDATED
from ayne_dagster.domain.tables import DISCOVERED_MOVIES

DAY = date(2026, 11, 20)
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
IDS = [
    {"tmdb_id": 7, "original_title": "Seven", "popularity": 2.5, "last_exported_on": DAY},
    {"tmdb_id": 8, "original_title": None, "popularity": None, "last_exported_on": DAY},
]


def seen(*numbers: int) -> pd.DataFrame:
    films = [
        ("popular", {"tmdb_id": number, "title": "T", "release_date": None}, NOW)
        for number in numbers
    ]
    return discovered_rows(films, [UNDATED], ["2025", UNDATED])


def test_exported_ids_become_films_without_a_date():
    rows = with_exported_ids(empty_frame(DISCOVERED_MOVIES), IDS, ["2025", UNDATED])
    table = check_frame(rows, DISCOVERED_MOVIES).to_pylist()
    assert [row["tmdb_id"] for row in table] == [7, 8]
    assert {row["release_year"] for row in table} == {UNDATED}
    assert table[0]["sources"] == ["export"]
    assert table[0]["original_title"] == "Seven"


def test_they_are_older_than_anything_seen_since_their_export():
    """Dated now, they would win over a walk that saw the film, and take its year away."""
    rows = with_exported_ids(empty_frame(DISCOVERED_MOVIES), IDS, [UNDATED])
    assert set(rows["last_seen_at"]) == {datetime(2026, 11, 20, 8, tzinfo=UTC)}


def test_a_film_seen_in_the_same_run_stays_as_it_was_seen():
    rows = with_exported_ids(seen(1, 7), IDS, [UNDATED])
    check_frame(rows, DISCOVERED_MOVIES)
    assert rows["tmdb_id"].tolist() == [1, 7, 8]
    assert rows["sources"].tolist() == [["popular"], ["popular"], ["export"]]


def test_only_a_run_with_the_films_without_a_date_adds_them():
    rows = seen(1)
    assert with_exported_ids(rows, IDS, ["2025"]) is rows
    assert with_exported_ids(rows, [], [UNDATED]) is rows
