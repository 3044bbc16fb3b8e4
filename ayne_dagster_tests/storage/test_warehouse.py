"""Who gets the file when, and what whoever waits in vain is told."""

import threading
import time
from dataclasses import replace
from pathlib import Path

import duckdb
import pytest
from filelock import FileLock

from ayne_dagster.storage.movie_queries import MovieQueries
from ayne_dagster.storage.warehouse import (
    Warehouse,
    WarehouseBusy,
    WarehouseDamaged,
    WarehouseMissing,
    transaction,
)
from ayne_dagster_tests.storage.conftest import held_by_another_process


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    with warehouse.writing("seeding") as connection:
        connection.execute("CREATE TABLE numbers AS SELECT 1 AS number")
    return warehouse


def impatient(warehouse: Warehouse) -> Warehouse:
    return replace(warehouse, wait_seconds=0.3)


def add(warehouse: Warehouse, number: int) -> None:
    with warehouse.writing("adding") as connection, transaction(connection):
        connection.execute("INSERT INTO numbers VALUES (?)", [number])


def numbers(warehouse: Warehouse) -> list[int]:
    return [row["number"] for row in warehouse.rows("SELECT number FROM numbers ORDER BY 1")]


@pytest.mark.parametrize("how", ["read", "write"])
def test_a_write_waits_for_the_holder_and_succeeds(filled: Warehouse, how: str) -> None:
    with held_by_another_process(filled.path, how) as holder:
        assert holder.stdin is not None
        threading.Timer(0.4, holder.stdin.close).start()
        start = time.monotonic()
        add(filled, 2)
        assert time.monotonic() - start > 0.3
    assert numbers(filled) == [1, 2]


def test_a_read_waits_for_a_writer_and_succeeds(filled: Warehouse) -> None:
    with held_by_another_process(filled.path, "write") as holder:
        assert holder.stdin is not None
        threading.Timer(0.4, holder.stdin.close).start()
        assert numbers(filled) == [1]


def test_a_read_does_not_wait_for_a_reader(filled: Warehouse) -> None:
    with held_by_another_process(filled.path, "read"):
        assert numbers(impatient(filled)) == [1]


def test_a_writer_that_waits_in_vain_is_told_who_writes(filled: Warehouse) -> None:
    """`database is locked` sent people hunting through all their terminals."""
    with (
        held_by_another_process(filled.path, "write", purpose="features, run 1a2b3c4d") as holder,
        pytest.raises(WarehouseBusy) as raised,
    ):
        add(impatient(filled), 2)
    for word in (f"process {holder.pid} ", "features, run 1a2b3c4d", "0.3 s"):
        assert word in str(raised.value)
    assert numbers(filled) == [1]


def test_a_reader_that_waits_in_vain_is_told_who_writes(filled: Warehouse) -> None:
    """DuckDB's own words name a process, not what it is busy with."""
    with (
        held_by_another_process(filled.path, "write", purpose="features, run 1a2b3c4d") as holder,
        pytest.raises(WarehouseBusy) as raised,
    ):
        numbers(impatient(filled))
    assert f"process {holder.pid} " in str(raised.value)
    assert "features, run 1a2b3c4d" in str(raised.value)


def test_a_writer_that_waits_in_vain_is_told_which_process_reads(filled: Warehouse) -> None:
    with (
        held_by_another_process(filled.path, "read") as holder,
        pytest.raises(WarehouseBusy, match=f"PID {holder.pid}"),
    ):
        add(impatient(filled), 2)


def test_a_killed_holder_blocks_nobody(filled: Warehouse) -> None:
    """A lock that outlives its owner is a lock nobody can open."""
    with held_by_another_process(filled.path, "write") as holder:
        holder.kill()
        holder.wait(timeout=10)
        add(impatient(filled), 2)
    assert numbers(filled) == [1, 2]


def test_a_dead_writer_is_not_blamed_for_a_reader(filled: Warehouse) -> None:
    """What a killed writer left behind must not be shown as the reason for a wait today."""
    with held_by_another_process(filled.path, "write", purpose="long dead") as dead:
        dead.kill()
        dead.wait(timeout=10)
    with held_by_another_process(filled.path, "read"), pytest.raises(WarehouseBusy) as raised:
        add(impatient(filled), 2)
    assert "long dead" not in str(raised.value)


def test_threads_of_one_process_take_turns(filled: Warehouse) -> None:
    """DuckDB lets no reader and writer into one file in one process."""
    errors: list[Exception] = []

    def work(number: int) -> None:
        try:
            add(filled, number)
            numbers(filled)
        except Exception as error:  # noqa: BLE001 (shown below)
            errors.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(2, 8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert numbers(filled) == [1, 2, 3, 4, 5, 6, 7]


def test_a_thread_does_not_wait_longer_than_its_limit_for_another(filled: Warehouse) -> None:
    """The limit held for other processes only: a thread that never let go hung its process."""
    entered, leave = threading.Event(), threading.Event()

    def read_slowly() -> None:
        with filled.reading():
            entered.set()
            leave.wait(timeout=20)

    thread = threading.Thread(target=read_slowly)
    thread.start()
    try:
        assert entered.wait(timeout=10)
        start = time.monotonic()
        with pytest.raises(WarehouseBusy, match="another thread of this process"):
            add(impatient(filled), 2)
        assert time.monotonic() - start < 5
    finally:
        leave.set()
        thread.join()
    add(filled, 2)
    assert numbers(filled) == [1, 2]


@pytest.mark.parametrize("damage", ["text", "truncated", "overwritten"])
def test_a_damaged_file_is_named_and_left_alone(filled: Warehouse, damage: str) -> None:
    """A file that cannot be read may still be rescued, unless somebody starts a new one over it."""
    with filled.writing("folding the log into the file") as connection:
        connection.execute("CHECKPOINT")
    whole = filled.path.read_bytes()
    broken = {
        "text": b"this was a database once\n" * 500,
        "truncated": whole[: len(whole) // 3],
        "overwritten": whole[:4096] + b"\xff" * (len(whole) - 4096),
    }[damage]
    filled.path.write_bytes(broken)
    with pytest.raises(WarehouseDamaged, match=filled.path.name):
        numbers(filled)
    with pytest.raises(WarehouseDamaged, match="put a copy back"):
        add(filled, 2)
    assert filled.path.read_bytes() == broken


def test_a_missing_file_is_made_by_a_write_and_never_by_a_read(warehouse: Warehouse) -> None:
    """A read that made an empty file hid a wrong path for days."""
    with pytest.raises(WarehouseMissing, match="ayne collect"):
        numbers(warehouse)
    assert warehouse.table_names() == set()
    assert MovieQueries(warehouse).listed_films() == []
    assert not warehouse.path.parent.exists()


def test_a_failed_transaction_leaves_nothing_and_closes_the_file(filled: Warehouse) -> None:
    def fail_halfway() -> None:
        with filled.writing("failing") as connection, transaction(connection):
            connection.execute("INSERT INTO numbers VALUES (2)")
            connection.execute("INSERT INTO numbers VALUES ('many')")

    with pytest.raises(duckdb.ConversionException):
        fail_halfway()
    assert numbers(filled) == [1]
    assert not Path(f"{filled.path}.holder.json").exists()


def test_times_come_back_in_utc_whatever_the_machine_says(
    filled: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        [row] = filled.rows("SELECT TIMESTAMPTZ '2024-05-01 12:00:00+00' AS at")
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
    assert row["at"].utcoffset().total_seconds() == 0


def test_a_holders_name_that_cannot_be_taken_away_keeps_nobody_waiting(
    filled: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The release stood behind it, and nobody could write until the process ended."""

    def refuse(path: Path, missing_ok: bool = False) -> None:
        raise PermissionError(f"{path} is open elsewhere")

    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", refuse)
        add(filled, 2)
    with FileLock(filled.path.with_name(filled.path.name + ".lock"), timeout=0):
        pass
    assert numbers(filled) == [1, 2]
