"""Writers of one file take turns in the order they came: nobody is overtaken for ever."""

import os
import select
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from ayne_dagster.storage.warehouse import Warehouse, WarehouseBusy
from ayne_dagster.storage.writers_line import standing_in_line
from ayne_dagster_tests.storage.conftest import held_by_another_process


def left_place(path: Path, seconds_ago: float) -> Path:
    """The place of somebody who died, or is about to lock it."""
    place = path.with_name(f"{path.name}.waiting-{1:020d}-77-abcd.lock")
    place.touch()
    moment = time.time() - seconds_ago
    os.utime(place, (moment, moment))
    return place


def test_who_came_first_is_first_until_he_leaves(tmp_path: Path) -> None:
    path = tmp_path / "ayne.duckdb"
    with standing_in_line(path) as is_second_first:
        pass
    with ExitStack() as first:
        is_first = first.enter_context(standing_in_line(path))
        with standing_in_line(path) as is_second_first:
            assert is_first()
            assert not is_second_first()
            first.close()
            assert is_second_first()
    assert list(tmp_path.iterdir()) == []


def test_the_place_of_one_who_died_is_cleared_but_not_of_one_who_just_came(tmp_path: Path) -> None:
    path = tmp_path / "ayne.duckdb"
    place = left_place(path, seconds_ago=0)
    with standing_in_line(path) as is_first:
        assert not is_first()
        left_place(path, seconds_ago=60)
        assert is_first()
    assert not place.exists()


def test_a_writer_does_not_overtake_one_who_waits(tmp_path: Path) -> None:
    """Whoever asked in the right moment was next: a busy writer could keep another out for ever."""
    warehouse = Warehouse(tmp_path / "ayne.duckdb", wait_seconds=0.1)
    with (
        standing_in_line(warehouse.path),
        pytest.raises(WarehouseBusy),
        warehouse.writing("comes later"),
    ):
        pass
    with warehouse.writing("comes later"):
        pass


def waiting_process(path: Path) -> subprocess.Popen[str]:
    """A process that says `held` when it is its turn, and lets go when its input is closed."""
    return subprocess.Popen(
        [sys.executable, "-m", "ayne_dagster_tests.storage.holder_process", "write", str(path),
         "its turn"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def has_its_turn(process: subprocess.Popen[str], seconds: float = 0.0) -> bool:
    assert process.stdout is not None
    return bool(select.select([process.stdout], [], [], seconds)[0])


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="select waits for pipes on POSIX only")
def test_processes_write_in_the_order_they_came(tmp_path: Path) -> None:
    path = tmp_path / "ayne.duckdb"
    waiting: list[subprocess.Popen[str]] = []
    with ExitStack() as ended:
        with held_by_another_process(path, "write"):
            for number in range(1, 4):
                process = waiting_process(path)
                waiting.append(process)
                ended.callback(process.communicate)
                until = time.monotonic() + 30
                while len(list(tmp_path.glob("*.waiting-*"))) < number:
                    assert time.monotonic() < until
                    time.sleep(0.01)
        for number, process in enumerate(waiting, 1):
            assert has_its_turn(process, seconds=30)
            time.sleep(0.1)
            assert not any(map(has_its_turn, waiting[number:]))
            process.communicate()
