"""An exported file is whole, of the years asked for, and readable by others."""

from datetime import timedelta
from pathlib import Path

import pandas as pd
import pytest

from ayne_dagster.domain.tables import REFRESH_HISTORY
from ayne_dagster.domain.tables.contract import WriteMode
from ayne_dagster.storage.duckdb_io_manager import UpstreamMissing, write_batch
from ayne_dagster.storage.table_exports import Extract, export_table
from ayne_dagster.storage.warehouse import Warehouse, WarehouseMissing
from ayne_dagster_tests.storage import film_rows
from ayne_dagster_tests.storage.conftest import JOURNAL, NOON, films, films_contract
from ayne_dagster_tests.storage.film_rows import asked, put

FILMS = films_contract(WriteMode.MERGE)


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    years = ["2000", "2001", "2002", "undated"]
    frame = pd.concat([films(year, 4 - number) for number, year in enumerate(years)])
    write_batch(warehouse, FILMS, frame, years=years, purpose="a test")
    return warehouse


def test_parquet_keeps_lists_and_comes_in_order_of_the_key(
    filled: Warehouse, tmp_path: Path
) -> None:
    target = tmp_path / "new folder" / "it's films.parquet"
    assert export_table(filled, FILMS, target) == 4
    frame = pd.read_parquet(target)
    assert frame["film_id"].tolist() == [1, 2, 3, 4]
    assert list(frame) == FILMS.column_names
    assert list(frame["genres"][0]) == ["Drama", "Crime"]


def test_csv_joins_lists_with_bars(filled: Warehouse, tmp_path: Path) -> None:
    export_table(filled, FILMS, tmp_path / "films.csv")
    frame = pd.read_csv(tmp_path / "films.csv", dtype={"release_year": str})
    assert frame["genres"].unique().tolist() == ["Drama|Crime"]
    assert frame["release_year"].tolist() == ["undated", "2002", "2001", "2000"]


@pytest.mark.parametrize(
    ("first", "last", "years"),
    [
        (None, None, ["2000", "2001", "2002", "undated"]),
        (2001, None, ["2001", "2002"]),
        (None, 2001, ["2000", "2001"]),
        (2001, 2001, ["2001"]),
        (2010, 2020, []),
    ],
)
def test_only_the_years_asked_for_are_written(
    filled: Warehouse, tmp_path: Path, first: int | None, last: int | None, years: list[str]
) -> None:
    target = tmp_path / "films.parquet"
    rows = export_table(filled, FILMS, target, Extract(first, last))
    assert rows == len(years)
    assert sorted(pd.read_parquet(target)["release_year"]) == years


def test_what_a_table_does_not_have_cannot_be_asked_of_it(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    events = pd.DataFrame({"film_id": [1], "happened_at": [NOON], "words": ["asked"]})
    write_batch(warehouse, JOURNAL, events, years=None, purpose="a test")
    target = tmp_path / "journal.csv"
    assert export_table(warehouse, JOURNAL, target) == 1
    for extract, words in (
        (Extract(first_year=2001), "no release years"),
        (Extract(films=[1]), "no films"),
        (Extract(since=NOON.date()), "no journal"),
    ):
        with pytest.raises(ValueError, match=words):
            export_table(warehouse, JOURNAL, target, extract)


def test_a_history_is_exported_by_film_and_by_days_of_utc(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    put(warehouse, REFRESH_HISTORY, *(asked("tmdb", n, days) for n in (1, 2) for days in range(9)))
    today = film_rows.NOW.date()
    chosen = Extract(films=[2], since=today - timedelta(days=3), until=today - timedelta(days=1))
    assert chosen.file_name(REFRESH_HISTORY) == (
        "refresh_history-film-2-since-2024-05-29-until-2024-05-31"
    )
    assert Extract(2010, 2019).file_name(FILMS) == "films-from-2010-to-2019"
    target = tmp_path / "history.parquet"
    assert export_table(warehouse, REFRESH_HISTORY, target, chosen) == 3
    frame = pd.read_parquet(target)
    assert set(frame["tmdb_id"]) == {2}
    assert frame["fetched_at"].dt.day.tolist() == [29, 30, 31]


def test_a_column_the_contract_has_gained_is_unknown_in_the_file(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    put(warehouse, REFRESH_HISTORY, asked("omdb", 1, 1))
    with warehouse.writing("an older release") as connection:
        connection.execute("ALTER TABLE refresh_history DROP COLUMN metascore")
    target = tmp_path / "history.parquet"
    assert export_table(warehouse, REFRESH_HISTORY, target) == 1
    assert pd.read_parquet(target)["metascore"].isna().all()


def test_an_export_that_cannot_be_made_leaves_the_old_file(
    filled: Warehouse, tmp_path: Path
) -> None:
    """Half a file under the right name is worse than yesterday's."""
    target = tmp_path / "journal.parquet"
    target.write_text("yesterday's")
    with pytest.raises(UpstreamMissing, match="journal"):
        export_table(filled, JOURNAL, target)
    assert target.read_text() == "yesterday's"
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["journal.parquet"]


def test_another_ending_is_refused_before_anything_is_read(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match=r"only \.parquet and \.csv"):
        export_table(warehouse, FILMS, tmp_path / "films.xlsx")
    with pytest.raises(WarehouseMissing):
        export_table(warehouse, FILMS, tmp_path / "films.csv")
