"""What a service said is kept no longer in quarantine than in the archive."""

from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from ayne_dagster.domain.quarantine import quarantined_row
from ayne_dagster.domain.tables import QUARANTINED_ANSWERS
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.quarantine_bodies import forget_bodies
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.storage.film_rows import NOW, days_ago, put


@pytest.fixture
def warehouse(tmp_path: Path) -> Warehouse:
    return Warehouse(tmp_path / "ayne.duckdb")


def quarantine(warehouse: Warehouse, *days: float) -> None:
    rows = [
        quarantined_row("tmdb", str(n), days_ago(n), "no JSON", tmdb_id=1, body="<html>")
        for n in days
    ]
    put(warehouse, QUARANTINED_ANSWERS, *rows)


def bodies(warehouse: Warehouse) -> dict[str, str | None]:
    rows = warehouse.rows("SELECT request_key, body FROM quarantined_answers")
    return {row["request_key"]: row["body"] for row in rows}


def test_old_bodies_go_and_what_is_known_of_the_answer_stays(warehouse: Warehouse):
    """The archive forgot TMDB's answers after six months, the quarantine kept them for good."""
    quarantine(warehouse, 179, 181, 400)
    assert forget_bodies(warehouse, NOW - timedelta(days=180), None, purpose="a test") == 2
    assert bodies(warehouse) == {"179": "<html>", "181": None, "400": None}
    [row] = warehouse.rows("SELECT reason FROM quarantined_answers WHERE request_key = '400'")
    assert row["reason"] == "no JSON"
    assert forget_bodies(warehouse, NOW - timedelta(days=180), None, purpose="a test") == 0


def test_the_mirror_forgets_them_too(warehouse: Warehouse, tmp_path: Path):
    mirror = ParquetMirror(tmp_path / "mirror")
    quarantine(warehouse, 1, 181)
    forget_bodies(warehouse, NOW - timedelta(days=180), mirror, purpose="a test")
    [file] = mirror.folder.rglob("*.parquet")
    assert sorted(pq.read_table(file)["body"].to_pylist(), key=str) == ["<html>", None]


def test_where_nothing_was_ever_quarantined_there_is_nothing_to_do(warehouse: Warehouse):
    assert forget_bodies(warehouse, NOW, None, purpose="a test") == 0
    assert not warehouse.exists
