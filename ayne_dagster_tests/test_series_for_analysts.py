"""The queries over time that analysts are told run on a mirror as the platform writes it."""

from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path

import pandas as pd
import pytest

from ayne_dagster.domain.tables import REFRESH_HISTORY
from ayne_dagster.storage.duckdb_io_manager import write_batch
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.storage.film_rows import row_of
from ayne_dagster_tests.test_docs import run_snippet

TODAY = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)


@pytest.fixture
def mirrored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A working folder in which two films were asked for every ten days."""
    rows = [
        row_of(
            REFRESH_HISTORY, source=source, tmdb_id=film, fetched_at=TODAY - timedelta(days=day),
            outcome="not_found" if day == 30 else "row", popularity=float(film),
            vote_count=None if day == 30 else 1000 * film - day,
        )
        for film in (1, 2) for source in ("omdb", "tmdb") for day in range(0, 100, 10)
    ]  # fmt: skip
    write_batch(
        Warehouse(tmp_path / "ayne.duckdb"),
        REFRESH_HISTORY,
        pd.DataFrame(rows, columns=REFRESH_HISTORY.column_names, dtype=object),
        years=None,
        mirror=ParquetMirror(tmp_path / "data" / "intermediate"),
        purpose="a test",
    )
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("mirrored")
def test_the_duckdb_series_run() -> None:
    names = run_snippet("duckdb", 1)
    series = names["series"]
    assert series["source"].tolist() == ["omdb"] * 9 + ["tmdb"] * 9
    assert series["vote_count"].tolist()[9:] == [1000 - d for d in range(90, -1, -10) if d != 30]
    assert sorted(names["votes_gained"]["tmdb_id"]) == [1, 2]
    assert names["votes_gained"]["votes"].tolist() == [80, 80]


@pytest.mark.usefixtures("mirrored")
def test_the_pandas_series_runs() -> None:
    monthly = run_snippet("pandas", 1)["monthly"]
    assert monthly.iloc[-1] == 1000
    assert len(monthly) == len({f"{TODAY - timedelta(days=d):%Y-%m}" for d in range(91)})


@pytest.mark.usefixtures("mirrored")
@pytest.mark.skipif(find_spec("polars") is None, reason="polars is no dependency of the platform")
def test_the_polars_series_runs() -> None:
    assert run_snippet("polars", 1)["popularity"]["popularity"].to_list() == [1.0] * 10
