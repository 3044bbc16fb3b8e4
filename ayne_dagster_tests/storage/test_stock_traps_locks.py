"""Who may open the file while the stock I/O manager is at work, or after it failed, and with ours.

Every test is one behaviour run on both managers; on the stock one it is proven to fail. Siblings:
`test_stock_traps_shape.py`, `test_stock_traps_rows.py`. The platform's own lock is tested in
`test_warehouse.py`.
"""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb
import pytest

from ayne_dagster_tests.storage.conftest import (
    Shelf,
    films,
    held_by_another_process,
    on_both_managers,
)

HELD_SECONDS = 1.0


@contextmanager
def read_by_a_notebook(shelf: Shelf) -> Iterator[threading.Event]:
    """Another process reads the file, and closes it after a second; the event says it has."""
    closed = threading.Event()
    with held_by_another_process(shelf.path, "read") as notebook:

        def close() -> None:
            closed.set()
            assert notebook.stdin is not None
            notebook.stdin.close()

        timer = threading.Timer(HELD_SECONDS, close)
        timer.start()
        try:
            yield closed
        finally:
            timer.join()


@on_both_managers("a read opens the file for writing, and waits for every reader")
def test_an_upstream_is_read_while_a_notebook_reads_too(shelf: Shelf) -> None:
    """An open notebook stopped every run, although all of them only wanted to read."""
    shelf.store(films("2001", 1), "2001")
    with read_by_a_notebook(shelf) as notebook_closed:
        loaded = shelf.load("2001")
        was_closed = notebook_closed.is_set()
    assert list(loaded["film_id"]) == [1]
    assert not was_closed


def test_a_write_waits_for_a_notebook_and_succeeds(shelf: Shelf) -> None:
    """Both managers wait here: DuckDB lets nobody write while somebody reads."""
    shelf.store(films("2001", 1), "2001")
    with read_by_a_notebook(shelf) as notebook_closed:
        shelf.store(films("2001", 1, 2), "2001")
        assert notebook_closed.is_set()
    assert shelf.ids("2001") == [1, 2]


FAILING = {
    # Refused before the file is opened, and by the database in the middle of the transaction.
    "a frame that breaks the contract": lambda shelf: films("2001", 1, votes="many"),
    "a table of another shape": lambda shelf: reshaped(shelf),
}


def reshaped(shelf: Shelf) -> object:
    """A good frame for a table whose stored type somebody changed by hand."""
    shelf.query("ALTER TABLE films ALTER votes TYPE BOOLEAN USING votes > 0")
    return films("2001", 1, votes=2**40, title=None).assign(votes="many" if shelf.is_stock else 7)


@on_both_managers("nothing closes the connection after a failure, until the garbage is collected")
@pytest.mark.parametrize("how", FAILING)
def test_after_a_failed_write_another_process_can_open_the_file(shelf: Shelf, how: str) -> None:
    """One red step locked all other runs out until its process ended."""
    shelf.store(films("2001", 1), "2001")
    error = shelf.error_of(FAILING[how](shelf), "2001")
    assert error is not None
    opened = subprocess.run(
        [sys.executable, "-c", "import duckdb, sys; duckdb.connect(sys.argv[1])", str(shelf.path)],
        capture_output=True, text=True,
    )  # fmt: skip
    assert opened.returncode == 0, opened.stderr


@on_both_managers("the leaked connection has other options, and DuckDB refuses a second set")
def test_after_a_failed_write_the_same_process_can_open_the_file(shelf: Shelf) -> None:
    """The error was "different configuration", and named neither the run nor the leak."""
    shelf.store(films("2001", 1), "2001")
    error = shelf.error_of(films("2001", 1, votes="many"), "2001")
    assert error is not None
    refusal = None
    try:
        duckdb.connect(str(shelf.path), read_only=True).close()
    except duckdb.ConnectionException as refused:
        refusal = refused
    assert refusal is None


@on_both_managers("its connections carry an option of their own, so no other may be open beside")
def test_an_input_loads_while_the_same_process_reads_the_file(shelf: Shelf) -> None:
    """A chart that looked at the file while an input was loaded broke the run."""
    shelf.store(films("2001", 1), "2001")
    with duckdb.connect(str(shelf.path), read_only=True):
        refusal = None
        try:
            shelf.load("2001")
        except duckdb.ConnectionException as refused:
            refusal = refused
    assert refusal is None
