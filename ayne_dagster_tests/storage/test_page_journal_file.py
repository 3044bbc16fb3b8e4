"""Pages of walks in a file: kept, recalled, forgotten, and asked for again where it is damaged."""

import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ayne_dagster.storage.page_journal_file import PageJournalFile

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
LONG_AGO = NOON - timedelta(hours=6)
DISCOVER = "discover/movie"


@pytest.fixture
def journals(tmp_path: Path) -> Iterator[Callable[[], PageJournalFile]]:
    made: list[PageJournalFile] = []

    def make() -> PageJournalFile:
        made.append(PageJournalFile(tmp_path / "state" / "pages.sqlite", lambda: NOON))
        return made[-1]

    yield make
    for journal in made:
        journal.close()


def fill(journal: PageJournalFile, pages: int = 200) -> None:
    for page in range(1, pages + 1):
        body = {"page": page, "results": [f"{page * n * 7919 % 1000003:x}" for n in range(300)]}
        journal.keep(DISCOVER, {"page": page}, body, NOON)


def recalled(journal: PageJournalFile, page: int = 1) -> dict | None:
    found = journal.recall(DISCOVER, {"page": page}, LONG_AGO)
    return None if found is None else found.payload


def test_a_page_is_recalled_by_its_path_and_query_as_it_was_last_kept(journals) -> None:
    journal = journals()
    assert recalled(journal) is None
    assert not journal.path.exists()
    journal.keep(DISCOVER, {"page": 1, "year": 2020}, {"page": "old"}, NOON - timedelta(hours=1))
    journal.keep(DISCOVER, {"year": 2020, "page": 1}, {"page": "new"}, NOON)
    found = journals().recall(DISCOVER, {"page": 1, "year": 2020}, LONG_AGO)
    assert found is not None
    assert (found.payload, found.answered_at) == ({"page": "new"}, NOON)
    assert journal.recall("movie/popular", {"page": 1, "year": 2020}, LONG_AGO) is None
    assert journal.recall(DISCOVER, {"page": 2, "year": 2020}, LONG_AGO) is None


def test_a_page_that_is_not_newer_is_not_recalled(journals) -> None:
    journal = journals()
    journal.keep(DISCOVER, {"page": 1}, {}, LONG_AGO)
    assert recalled(journal) is None
    assert journal.recall(DISCOVER, {"page": 1}, LONG_AGO - timedelta(seconds=1)) is not None


def test_what_is_done_or_too_old_is_forgotten_and_the_rest_stays(journals) -> None:
    journal = journals()
    fill(journal, 3)
    journal.keep("movie/popular", {"page": 1}, {"page": 1}, NOON)
    journal.keep("movie/popular", {"page": 2}, {}, NOON - timedelta(days=1, seconds=1))
    thread = threading.Thread(
        target=journal.forget, args=(DISCOVER, lambda params: params["page"] < 3)
    )
    thread.start()
    thread.join(10)
    with sqlite3.connect(journal.path) as connection:
        left = connection.execute("select path, query from pages order by path").fetchall()
    connection.close()
    assert left == [(DISCOVER, '{"page": 3}'), ("movie/popular", '{"page": 1}')]


CALLS = {
    "recall": lambda journal: [recalled(journal, page) for page in range(1, 201)],
    "keep": fill,
    "forget": lambda journal: journal.forget(DISCOVER, lambda params: True),
}


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("is_open", [True, False])
def test_a_file_damaged_inside_is_set_aside_and_its_pages_are_asked_for(
    journals, call: str, is_open: bool
) -> None:
    """Its first page was whole, so it opened, and then every call raised for ever."""
    journal = journals()
    fill(journal)
    journal.close()
    content = journal.path.read_bytes()
    journal.path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    if is_open:
        journal.recall("another", {}, LONG_AGO) if call == "none" else journal._open()
    CALLS[call](journal)
    assert (journal.path.parent / "damaged-pages.sqlite").exists()
    journal.keep(DISCOVER, {"page": 1}, {"page": 1}, NOON)
    assert recalled(journals()) == {"page": 1}


@pytest.mark.parametrize("payload", [b"not packed", b"x\x01\x03\x00\x00\x00\x00\x01", "text"])
def test_a_page_that_cannot_be_unpacked_is_asked_for(journals, payload: bytes | str) -> None:
    journal = journals()
    fill(journal, 1)
    with sqlite3.connect(journal.path) as connection:
        connection.execute("update pages set payload = cast(? as blob)", (payload,))
    connection.close()
    assert recalled(journal) is None
    fill(journal, 1)
    assert recalled(journal) is not None


@pytest.mark.parametrize("content", [b"no database at all" * 500, None])
def test_a_file_of_another_program_is_set_aside(journals, content: bytes | None) -> None:
    journal = journals()
    journal.path.parent.mkdir()
    if content:
        journal.path.write_bytes(content)
    else:
        with sqlite3.connect(journal.path) as other:
            other.execute("create table pages (something text)")
        other.close()
    fill(journal, 2)
    assert recalled(journal, 2) is not None


def test_a_full_disk_is_no_damage(journals) -> None:
    journal = journals()
    fill(journal, 1)
    connection = journal._open()
    connection.execute("pragma max_page_count = 5")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        fill(journal, 50)
    assert recalled(journal) is not None


def test_the_damage_another_process_was_faster_to_find_is_set_aside_once(journals) -> None:
    """The slower one would have set the fresh file aside, with what was just kept in it."""
    slow, fast = journals(), journals()
    fill(slow, 1)
    fill(fast, 1)
    fast._set_aside(ValueError("damaged"))
    fill(fast, 2)
    slow._set_aside(ValueError("damaged"))
    assert recalled(slow, 2) == recalled(fast, 2) is not None
    fill(slow, 3)
    assert recalled(fast, 3) is not None


ANOTHER = """
import sys
from ayne_dagster_tests.storage.test_page_journal_file import *
journal = PageJournalFile(Path(sys.argv[1]), lambda: NOON)
for n in range(150):
    journal.keep(DISCOVER, {"page": n, "by": sys.argv[2]}, {"page": n}, NOON)
"""


def test_two_processes_and_two_threads_keep_pages_at_once(journals) -> None:
    journal = journals()

    def keep(by: str) -> None:
        for n in range(150):
            journal.keep(DISCOVER, {"page": n, "by": by}, {"page": n}, NOON)

    threads = [threading.Thread(target=keep, args=(by,)) for by in ("one", "two")]
    others = [
        subprocess.Popen([sys.executable, "-c", ANOTHER, str(journal.path), by])
        for by in ("three", "four")
    ]
    for thread in threads:
        thread.start()
    assert [other.wait(30) for other in others] == [0, 0]
    for thread in threads:
        thread.join(30)
    for by in ("one", "two", "three", "four"):
        for n in (0, 149):
            assert journal.recall(DISCOVER, {"page": n, "by": by}, LONG_AGO) is not None


def test_a_page_costs_the_event_loop_next_to_nothing(journals) -> None:
    """The file was opened, set up and closed for each: up to 19 ms, in which nothing was sent."""
    journal = journals()
    fill(journal, 1)
    opened = journal._connection
    seconds = []
    for _ in range(50):
        started = time.perf_counter()
        journal.keep(DISCOVER, {"page": 1}, {"page": 1}, NOON)
        recalled(journal)
        seconds.append(time.perf_counter() - started)
    assert journal._connection is opened
    assert sorted(seconds)[25] < 0.004
