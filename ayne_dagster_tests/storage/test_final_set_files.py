"""The final sets hold the right films, apart by time, as whole files with a card that is true."""

import hashlib
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from ayne_dagster.domain.features import MODEL_INPUT_COLUMNS, OUTCOME_COLUMNS
from ayne_dagster.domain.final_sets import data_card, split_by_time
from ayne_dagster.domain.tables import FEATURES, FINAL_SETS
from ayne_dagster.domain.tables.modelling import FINAL_SET_NAMES
from ayne_dagster.settings.sections import TmdbSettings
from ayne_dagster.storage.duckdb_io_manager import UpstreamMissing
from ayne_dagster.storage.final_set_files import CARD, FinalSetFiles, StagedFeatures
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.storage.film_rows import put, row_of

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
SIDES = ("train", "test")


def featured(number: int, year: int, **values: Any) -> dict[str, Any]:
    return row_of(
        FEATURES,
        **{
            "tmdb_id": number, "release_year": str(year), "release_date": date(year, 5, 5),
            "release_month": 5, "release_day_of_year": 125, "release_weekday": 1,
            "collection_films_before": 0, "genres": ["Drama"], "revenue_usd": 1e6 + number,
            "is_labelled": True, "outcome_vote_count": float(number % 7), **values,
        },
    )  # fmt: skip


@pytest.fixture
def files(warehouse: Warehouse, tmp_path: Path) -> FinalSetFiles:
    """Forty films of each of four years; one without outcome, one unit mistake."""
    rows = [featured(40 * (year - 2015) + n + 1, year) for year in range(2015, 2019)
            for n in range(40)]  # fmt: skip
    rows.append(featured(900, 2018, revenue_usd=None, is_labelled=False))
    rows.append(featured(901, 2016, revenue_usd=12.0, is_unit_suspect=True))
    rows.append(featured(902, 2019))
    put(warehouse, FEATURES, *rows)
    return FinalSetFiles(warehouse, tmp_path / "processed")


def written(files: FinalSetFiles, first_test_year: int | None = None) -> pd.DataFrame:
    with files.staged() as staged:
        return written_of(staged, files, first_test_year)


def written_of(
    staged: StagedFeatures, files: FinalSetFiles, first_test_year: int | None = None
) -> pd.DataFrame:
    split = split_by_time(staged.labelled, first_test_year=first_test_year, minimum_films=30)
    report = files.write(staged, split, NOW)
    files.write_card(data_card(split, report, staged.counts, seed=42, now=NOW, notice="The terms."))
    return report.set_index("set_name")


def read(files: FinalSetFiles, name: str) -> pd.DataFrame:
    return pd.read_parquet(files.folder / f"{name}.parquet")


def test_the_newest_year_with_enough_films_and_all_later_ones_are_the_test(files: FinalSetFiles):
    report = written(files)
    assert set(report.index) == set(FINAL_SET_NAMES)
    assert report["rows"].to_dict() == {
        "features_v1": 163, "X_train": 120, "y_train": 120, "X_test": 41, "y_test": 41,
    }  # fmt: skip
    assert read(files, "X_train")["release_date"].max() < date(2018, 1, 1)
    assert read(files, "X_test")["release_date"].min() >= date(2018, 1, 1)
    assert (report.loc["X_test", "first_release_year"], report.loc["X_test", "last_release_year"]) \
        == ("2018", "2019")  # fmt: skip


def test_the_first_test_year_can_be_said(files: FinalSetFiles):
    report = written(files, first_test_year=2016)
    assert (report.loc["X_train", "rows"], report.loc["X_test", "rows"]) == (40, 121)


@pytest.mark.parametrize("side", SIDES)
def test_x_and_y_hold_the_same_films_in_the_same_order(files: FinalSetFiles, side: str):
    written(files)
    x, y = read(files, f"X_{side}"), read(files, f"y_{side}")
    assert x["tmdb_id"].tolist() == y["tmdb_id"].tolist() == sorted(y["tmdb_id"])
    np.testing.assert_allclose(y["revenue_log"], np.log1p(y["revenue_usd"]))


@pytest.mark.parametrize("side", SIDES)
def test_inputs_are_the_allow_list_and_no_outcome_is_among_them(files: FinalSetFiles, side: str):
    written(files)
    assert list(read(files, f"X_{side}")) == ["tmdb_id", *MODEL_INPUT_COLUMNS]
    assert set(OUTCOME_COLUMNS) <= set(read(files, "features_v1"))


def test_a_unit_mistake_and_a_film_without_outcome_are_in_no_set_but_the_whole_one(
    files: FinalSetFiles,
):
    written(files)
    for name in ("X_train", "X_test", "y_train", "y_test"):
        assert not {900, 901} & set(read(files, name)["tmdb_id"])
    assert {900, 901} <= set(read(files, "features_v1")["tmdb_id"])


def test_the_same_features_give_the_same_bytes(files: FinalSetFiles):
    first, second = written(files)["sha256"], written(files)["sha256"]
    assert first.to_dict() == second.to_dict()
    path = files.folder / "X_train.parquet"
    assert first["X_train"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert not list(files.folder.glob(".*partial"))


def test_sets_counts_and_card_are_of_one_moment_though_features_are_written_meanwhile(
    files: FinalSetFiles,
):
    with files.staged() as staged:
        put(files.warehouse, FEATURES, featured(903, 2020), featured(904, 2020))
        report = written_of(staged, files)
    whole = read(files, "features_v1")
    assert len(whole) == report.loc["features_v1", "rows"] == 163
    assert report.loc[["X_train", "X_test"], "rows"].sum() == 161
    assert report.loc["features_v1", "last_release_year"] == whole["release_year"].max() == "2019"
    assert "holds all 163 films" in (files.folder / CARD).read_text(encoding="utf-8")
    assert written(files).loc["features_v1", "rows"] == 165


def test_sets_that_are_not_to_be_leave_the_old_files(files: FinalSetFiles):
    """What leaks is found after the features are read: no file may be of them by then."""
    before = written(files)["sha256"].to_dict()
    put(files.warehouse, FEATURES, featured(903, 2020))
    with pytest.raises(RuntimeError, match="leaks"), files.staged():
        raise RuntimeError("leaks")
    path = files.folder / "features_v1.parquet"
    assert hashlib.sha256(path.read_bytes()).hexdigest() == before["features_v1"]
    assert not list(files.folder.glob(".*"))


def test_a_write_that_fails_leaves_the_old_file(
    files: FinalSetFiles, monkeypatch: pytest.MonkeyPatch
):
    from ayne_dagster.storage import final_set_files

    written(files)
    before = (files.folder / "y_test.parquet").read_bytes()

    def half_a_file(_: Any, path: Path) -> None:
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(final_set_files.pq, "write_table", half_a_file)
    with pytest.raises(OSError, match="no space"):
        written(files)
    assert (files.folder / "y_test.parquet").read_bytes() == before
    assert not list(files.folder.glob(".*partial"))


def test_the_card_says_what_is_in_the_files_and_what_is_not(files: FinalSetFiles):
    report = written(files)
    card = (files.folder / CARD).read_text(encoding="utf-8")
    assert f"| `X_train.parquet` | 120 | {len(MODEL_INPUT_COLUMNS) + 1} | 2015-2017 |" in card
    assert str(report.loc["y_test", "sha256"]) in card
    assert "| unit mistakes | 1 |" in card
    assert "| films without an outcome | 1 |" in card
    assert "before 1 January 2018" in card
    assert "Seed of the platform's own models: 42" in card
    assert "The terms." in card
    for name in MODEL_INPUT_COLUMNS:
        assert f"| `{name}` | " in card


def test_the_card_of_a_stand_in_s_films_says_that_they_are_invented(files: FinalSetFiles):
    """It said of the demo's films what TMDB's contributors had entered, and how famous they are."""
    with files.staged() as staged:
        split = split_by_time(staged.labelled, first_test_year=None, minimum_films=30)
        report = files.write(staged, split, NOW)
    said = {
        stand_in: data_card(
            split, report, staged.counts, seed=42, now=NOW, notice="", stand_in=stand_in
        )
        for stand_in in (None, "127.0.0.1:8000")
    }
    assert "a stand-in of TMDB at 127.0.0.1:8000 served. **The films are invented**" in str(said)
    assert "contributors" not in said["127.0.0.1:8000"]
    assert "what TMDB's contributors entered" in said[None]
    assert "invented" not in said[None]


@pytest.mark.parametrize(
    ("address", "stand_in"),
    [
        ("https://api.themoviedb.org/3", None),
        ("https://api.tmdb.themoviedb.org/3", None),
        ("http://someone:secret@127.0.0.1:8000/3", "127.0.0.1:8000"),
        ("https://nothemoviedb.org/3", "nothemoviedb.org"),
    ],
)
def test_a_stand_in_is_known_by_its_address(address: str, stand_in: str | None):
    assert TmdbSettings(base_url=address).stand_in == stand_in


def test_too_few_films_for_a_test_are_all_training_films(warehouse: Warehouse, tmp_path: Path):
    put(warehouse, FEATURES, *(featured(n, 2018) for n in range(1, 6)))
    files = FinalSetFiles(warehouse, tmp_path / "processed")
    report = written(files)
    assert (report.loc["X_train", "rows"], report.loc["X_test", "rows"]) == (5, 0)
    assert read(files, "X_test").empty
    assert list(read(files, "y_test")) == ["tmdb_id", "revenue_usd", "revenue_log"]
    assert "all are training films" in (files.folder / CARD).read_text(encoding="utf-8")


def test_without_features_there_is_a_clear_error(warehouse: Warehouse, tmp_path: Path):
    with pytest.raises(UpstreamMissing, match="features"):
        written(FinalSetFiles(warehouse, tmp_path / "processed"))


def test_every_file_has_its_row_in_the_table(files: FinalSetFiles):
    assert list(written(files).reset_index().columns) == FINAL_SETS.column_names
