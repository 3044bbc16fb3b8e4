"""Groups are written whole, add up to one write, and survive a failure between two of them."""

import pandas as pd
import pytest

from ayne_dagster.domain.frame_check import ContractViolation
from ayne_dagster.storage.group_writes import GroupWriter
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.partition_reads import count_rows, sample_rows
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.storage.conftest import films, films_contract

FILMS = films_contract()
YEARS = ["2001", "2002", "undated"]


def writer(warehouse: Warehouse, mirror: ParquetMirror | None = None) -> GroupWriter:
    return GroupWriter(warehouse, FILMS, mirror, "a test")


def test_figures_of_groups_add_up(warehouse: Warehouse) -> None:
    first = writer(warehouse)
    first.write(["2001", "2002"], films("2001", 1, 2))
    first.write(["undated"], films("undated", 3))
    assert first.rows == {"2001": 2, "2002": 0, "undated": 1}
    second = writer(warehouse)
    second.write(["2001", "2002"], pd.concat([films("2001", 1, votes=7), films("2002", 4)]))
    second.write(["undated"], films("undated", 3))
    figures = second.figures()
    wanted = {"in frame": 3, "inserted": 1, "updated": 1, "unchanged": 1, "deleted": 1}
    assert {name: figures[f"rows {name}"] for name in wanted} == wanted
    assert figures["dagster/table_name"] == "main.films"


def test_a_refused_group_leaves_its_years_as_they_were_and_those_before_it_done(
    warehouse: Warehouse, tmp_path
) -> None:
    mirror = ParquetMirror(tmp_path / "mirror")
    for year, number in (("2001", 1), ("2002", 2)):
        writer(warehouse, mirror).write([year], films(year, number))
    again = writer(warehouse, mirror)
    again.write(["2001"], films("2001", 1, 5))
    with pytest.raises(ContractViolation):
        again.write(["2002"], films("2002", 2, 6, votes="many"))
    assert count_rows(warehouse, FILMS, YEARS) == {"2001": 2, "2002": 1, "undated": 0}
    assert len(pd.read_parquet(mirror.path(FILMS, "2001"))) == 2
    assert len(pd.read_parquet(mirror.path(FILMS, "2002"))) == 1


def test_a_film_that_moves_between_groups_exists_once(warehouse: Warehouse) -> None:
    """Either group may be written first."""
    for old, new in (("2001", "2002"), ("2002", "2001")):
        writer(warehouse).write([old, new], films(old, 1))
        groups = writer(warehouse)
        for year in ("2001", "2002"):
            groups.write([year], films(year, *([1] if year == new else [])))
        counts = count_rows(warehouse, FILMS, ["2001", "2002"])
        assert counts == {old: 0, new: 1}


def test_a_sample_is_the_same_in_whatever_order_rows_were_stored(tmp_path) -> None:
    """A picture that changes although no row did looks like a change of the data."""
    ids = list(range(1, 301))
    samples = []
    for name, order in (("up", ids), ("down", ids[::-1])):
        warehouse = Warehouse(tmp_path / f"{name}.duckdb")
        writer(warehouse).write(["2001"], films("2001", *order))
        samples.append(sample_rows(warehouse, FILMS, ["2001"], ["film_id", "votes"], most=50))
    assert samples[0].equals(samples[1])
    chosen = samples[0]["film_id"].tolist()
    assert len(set(chosen)) == 50
    assert max(chosen) > 200


def test_few_rows_are_all_shown_and_a_missing_table_has_none(warehouse: Warehouse) -> None:
    assert sample_rows(warehouse, FILMS, YEARS, ["film_id"]).empty
    assert count_rows(warehouse, FILMS, YEARS) == dict.fromkeys(YEARS, 0)
    writer(warehouse).write(YEARS, pd.concat([films("2001", 3, 1), films("2002", 2)]))
    assert sample_rows(warehouse, FILMS, ["2001"], ["film_id"])["film_id"].tolist() == [1, 3]
