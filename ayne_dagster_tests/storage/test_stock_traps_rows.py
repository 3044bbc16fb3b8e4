"""How the stock I/O manager loses and doubles rows, and ours does not.

Every test is one behaviour run on both managers; on the stock one it is proven to fail. Siblings:
`test_stock_traps_shape.py`, `test_stock_traps_locks.py`.
"""

import subprocess
import sys
from pathlib import Path

import dagster as dg
import pandas as pd
import pytest

from ayne_dagster.domain.frame_check import ContractViolation
from ayne_dagster.domain.tables.contract import WriteMode
from ayne_dagster_tests.storage.conftest import (
    YEARS,
    Shelf,
    films,
    films_contract,
    on_both_managers,
    query_file,
)
from ayne_dagster_tests.storage.crash_process import FILMS


def crash(how: str, shelf: Shelf) -> list[Path]:
    """Let writers die on copies of the shelf's file; the copies."""
    subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "ayne_dagster_tests.storage.crash_process", how,
         "stock" if shelf.is_stock else "ours", str(shelf.path)],
        check=True, capture_output=True, timeout=120,
    )  # fmt: skip
    copies = sorted(shelf.path.parent.glob(f"{how.removesuffix('s')}_*.duckdb"))
    assert copies
    return copies


def films_and_votes(path: Path) -> tuple[int, set[int]]:
    rows = query_file(path, "SELECT votes FROM films WHERE release_year = '2001'")
    return len(rows), {row[0] for row in rows}


@on_both_managers("the delete is committed before the insert fails")
def test_a_year_survives_a_write_that_fails(shelf: Shelf) -> None:
    """One bad value in one row, and a whole year of films was gone."""
    shelf.store(films("2001", 1, 2), "2001")
    assert shelf.error_of(films("2001", 1, 2, votes="many"), "2001") is not None
    assert shelf.ids("2001") == [1, 2]


@pytest.mark.slow
@on_both_managers("killed between delete and insert, the year is gone")
def test_a_writer_killed_before_any_of_its_statements_leaves_the_year_whole(shelf: Shelf) -> None:
    """The process is killed before its first statement, its second, and so on to the last."""
    shelf.store(films("2001", *range(FILMS), votes=1), "2001")
    copies = crash("statements", shelf)
    found = [films_and_votes(copy) for copy in copies]
    assert all(state in [(FILMS, {1}), (FILMS, {2})] for state in found), found
    assert (FILMS, {1}) in found
    assert (FILMS, {2}) in found


@pytest.mark.slow
def test_writers_killed_at_random_instants_leave_the_year_whole(shelf: Shelf) -> None:
    """Between statements is not everywhere: here the kill comes in the middle of them."""
    shelf.store(films("2001", *range(FILMS), votes=1), "2001")
    found = [films_and_votes(copy) for copy in crash("instants", shelf)]
    assert all(count == FILMS and len(votes) == 1 for count, votes in found), found
    assert any(votes != {1} for _, votes in found), "every writer died before it wrote anything"


@on_both_managers("an empty frame deletes the year, and the run is green")
def test_a_refresh_without_due_films_loses_nothing(shelf: Shelf) -> None:
    """A run in which nothing was due emptied its year."""
    shelf.contract = films_contract(WriteMode.MERGE)
    shelf.store(films("2001", 1, 2), "2001")
    shelf.store(films("2001"), "2001")
    assert shelf.ids("2001") == [1, 2]


def test_an_empty_frame_clears_a_year_only_where_the_contract_says_replace(shelf: Shelf) -> None:
    shelf.store(films("2001", 1, 2), "2001")
    shelf.store(films("2002", 3), "2002")
    shelf.store(films("2001"), "2001")
    assert (shelf.ids("2001"), shelf.ids("2002")) == ([], [3])


@on_both_managers("rows of another year are inserted and never deleted again")
def test_rows_of_another_year_do_not_pile_up(shelf: Shelf) -> None:
    """Each rerun of 2001 left one more copy of a film of 2002."""
    shelf.store(films("2002", 3), "2002")
    strayed = pd.concat([films("2001", 1), films("2002", 3)], ignore_index=True)
    for _ in range(3):
        shelf.error_of(strayed, "2001")
    assert shelf.ids("2002") == [3]


@on_both_managers("rows without a year match no partition: three runs, three copies")
@pytest.mark.parametrize("year", [None, "1999"], ids=["no year", "a year of no run"])
def test_rows_without_the_runs_year_are_refused(shelf: Shelf, year: str | None) -> None:
    shelf.store(films("2001", 1), "2001")
    for _ in range(3):
        error = shelf.error_of(films("2001", 1, release_year=year), "2001")
        assert isinstance(error, ContractViolation)
    assert shelf.query("SELECT film_id, release_year FROM films") == [(1, "2001")]


@on_both_managers("a film that moved to another year is there twice")
def test_a_film_whose_release_date_moves_exists_once(shelf: Shelf) -> None:
    """Postponed films were counted in both years, with the old facts in the old one."""
    shelf.contract = films_contract(WriteMode.MERGE, rows_may_move=True)
    shelf.store(films("2001", 1, 2), "2001")
    shelf.store(films("2002", 2), "2002")
    assert (shelf.ids("2001"), shelf.ids("2002")) == ([1], [2])


@on_both_managers("a partial refresh replaces the year")
def test_a_refresh_of_some_films_keeps_the_others(shelf: Shelf) -> None:
    """Only due films are fetched, so a frame never holds the whole year."""
    shelf.contract = films_contract(WriteMode.MERGE)
    shelf.store(films("2001", 1, 2, 3), "2001")
    shelf.store(films("2001", 2, votes=7), "2001")
    assert shelf.values("votes") == [100, 7, 100]


@on_both_managers("nothing looks at keys")
def test_a_repeated_key_is_refused(shelf: Shelf) -> None:
    shelf.store(films("2001", 1, 2), "2001")
    assert isinstance(shelf.error_of(films("2001", 1, 1), "2001"), ContractViolation)
    assert shelf.ids("2001") == [1, 2]


def test_static_keys_load_with_gaps(shelf: Shelf) -> None:
    """Why years are static: a time window cannot load 2000 and 2002 without 2001."""
    for number, year in enumerate(["2000", "2001", "2002", "undated"]):
        shelf.store(films(year, number), year)
    assert sorted(shelf.load("2000", "2002", "undated")["film_id"]) == [0, 2, 3]


def test_an_input_without_partitions_is_an_empty_frame_with_columns(shelf: Shelf) -> None:
    shelf.store(films("2001", 1), "2001")
    loaded = shelf.load()
    assert loaded.empty
    assert list(loaded) == shelf.contract.column_names


def test_a_downstream_asset_reads_years_with_gaps_in_a_real_run(
    shelf: Shelf, instance: dg.DagsterInstance
) -> None:
    """The whole way: two assets, a mapping of keys, one run, one connection at a time."""
    seen: dict[str, list[int]] = {}

    @dg.asset(name="films", partitions_def=YEARS, metadata={"partition_expr": "release_year"})
    def upstream(context: dg.AssetExecutionContext) -> pd.DataFrame:
        return films(context.partition_key, int(context.partition_key))

    @dg.asset(
        partitions_def=YEARS,
        ins={
            "films": dg.AssetIn(
                partition_mapping=dg.StaticPartitionMapping({"2000": "2002", "2002": "2002"}),
                metadata={"columns": ["film_id"]},
            )
        },
    )
    def reader(films: pd.DataFrame) -> None:
        seen["films"] = sorted(films["film_id"])

    for year in ("2000", "2001", "2002"):
        shelf.store(films(year, int(year)), year)
    run = dg.materialize(
        [upstream, reader], partition_key="2002", selection=[reader], instance=instance,
        resources={"io_manager": shelf.resource},
    )  # fmt: skip
    assert run.success
    assert seen == {"films": [2000, 2002]}


def test_a_run_that_breaks_the_contract_is_red_and_says_why(
    shelf: Shelf, instance: dg.DagsterInstance
) -> None:
    @dg.asset(name="films", partitions_def=YEARS, metadata={"partition_expr": "release_year"})
    def broken() -> pd.DataFrame:
        return films("2001", 1, 1)

    run = dg.materialize(
        [broken], partition_key="2001", instance=instance, raise_on_error=False,
        resources={"io_manager": shelf.resource},
    )  # fmt: skip
    assert not run.success
    [failure] = run.get_step_failure_events()
    assert "key film_id: 1 repeated" in str(failure.step_failure_data.error)
    assert not shelf.path.exists()
