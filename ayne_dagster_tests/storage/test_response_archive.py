"""Answers are on disk before anything is done with them, and stay readable whatever dies."""

import errno
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from ayne_dagster.storage.response_archive import ArchivedAnswer, ResponseArchive

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
DIES = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from ayne_dagster.storage.response_archive import ArchivedAnswer, ResponseArchive
with ResponseArchive(Path(sys.argv[1])).session("tmdb") as session:
    session.keep([ArchivedAnswer("7", datetime(2026, 3, 1, tzinfo=UTC), "row", body='{"id": 7}')])
    os.kill(os.getpid(), signal.SIGKILL)
"""


def answers(first: int, last: int, at: datetime = NOON) -> list[ArchivedAnswer]:
    return [
        ArchivedAnswer(
            request_key=str(number),
            answered_at=at + timedelta(seconds=number),
            outcome="row",
            requests=1,
            etag=f'W/"{number}"',
            body=f'{{"id":{number}}}',
        )
        for number in range(first, last)
    ]


def files(archive: ResponseArchive, start: str = "") -> list[str]:
    return sorted(p.name for p in archive.folder.rglob("*.parquet") if p.name.startswith(start))


@pytest.fixture
def archive(tmp_path: Path) -> ResponseArchive:
    return ResponseArchive(tmp_path / "responses")


def test_answers_come_back_as_they_were_kept(archive: ResponseArchive):
    with archive.session("tmdb") as session:
        kept = session.keep(answers(1, 5))
        assert list(archive.read(kept)) == answers(1, 5)


def test_a_living_run_keeps_its_open_files_and_a_dead_one_gives_them_up(archive: ResponseArchive):
    """Two runs that take over each other's files store everything twice and settle nothing."""
    with archive.session("tmdb") as session:
        session.keep(answers(1, 3))
        with archive.orphans("tmdb") as others:
            assert others == []
    with archive.orphans("tmdb") as orphans:
        assert [a.request_key for a in archive.read(orphans)] == ["1", "2"]
        with archive.orphans("tmdb") as held_by_another:
            assert held_by_another == []


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is POSIX")
def test_what_a_killed_process_kept_is_found_by_the_next(archive: ResponseArchive):
    done = subprocess.run([sys.executable, "-c", DIES, str(archive.folder)], check=False)
    assert done.returncode == -9
    with archive.orphans("tmdb") as orphans:
        assert [a.body for a in archive.read(orphans)] == ['{"id": 7}']


def test_settled_files_are_one_file_a_day_and_no_orphans(archive: ResponseArchive):
    with archive.session("tmdb") as session:
        kept = [f for n in range(0, 100, 25) for f in session.keep(answers(n, n + 25))]
        archive.settle(kept)
    assert len(files(archive, "kept-")) == 1
    assert files(archive, "open-") == []
    with archive.orphans("tmdb") as orphans:
        assert orphans == []
    assert [a.request_key for a in archive.in_order("tmdb")] == [str(n) for n in range(100)]


def test_a_batch_over_midnight_lies_in_both_days(archive: ResponseArchive):
    with archive.session("omdb") as session:
        session.keep(answers(0, 4, NOON.replace(hour=23, minute=59, second=58)))
    days = sorted(path.name for path in archive.folder.glob("service=omdb/day=*"))
    assert days == ["day=2026-03-01", "day=2026-03-02"]


def test_in_order_is_by_time_over_all_files_and_names_no_answer_twice(archive: ResponseArchive):
    """A run killed between merging its files and removing them leaves both behind."""
    with archive.session("tmdb") as session:
        late = session.keep(answers(5, 8))
        copies = {path: path.read_bytes() for path in late}
        session.keep(answers(1, 5))
        archive.settle(late)
        for path, content in copies.items():
            path.write_bytes(content)
    assert [a.request_key for a in archive.in_order("tmdb")] == [str(n) for n in range(1, 8)]


def test_a_damaged_file_is_set_aside_and_the_others_are_read(
    archive: ResponseArchive, caplog: pytest.LogCaptureFixture
):
    with archive.session("tmdb") as session:
        (first,), (_second,) = session.keep(answers(1, 2)), session.keep(answers(2, 3))
        first.write_bytes(first.read_bytes()[:40])
    assert [a.request_key for a in archive.in_order("tmdb")] == ["2"]
    assert "is damaged" in caplog.text
    assert len(files(archive, "damaged-")) == 1


def test_a_file_damaged_in_its_middle_is_set_aside_too(archive: ResponseArchive):
    """Its frame looks whole; it stopped every later run before anything was asked."""
    with archive.session("tmdb") as session:
        (first,), (second,) = session.keep(answers(1, 25)), session.keep(answers(25, 30))
        content = bytearray(first.read_bytes())
        content[4:200] = bytes(196)
        first.write_bytes(content)
        read = [int(a.request_key) for a in archive.read([first, second])]
    assert read == list(range(25, 30))
    assert len(files(archive, "damaged-")) == 1


def test_a_replay_goes_on_past_a_file_damaged_in_its_middle(archive: ResponseArchive):
    with archive.session("tmdb") as session:
        (first,), _ = session.keep(answers(1, 25)), session.keep(answers(25, 30))
        content = bytearray(first.read_bytes())
        content[4:200] = bytes(196)
        first.write_bytes(content)
    assert {a.request_key for a in archive.in_order("tmdb")} >= {"25", "26", "27", "28", "29"}
    assert len(files(archive, "damaged-")) == 1


def test_what_the_system_refuses_is_no_damage(
    archive: ResponseArchive, monkeypatch: pytest.MonkeyPatch
):
    """With too many files open, good answers were set aside and lost."""
    with archive.session("tmdb") as session:
        kept = session.keep(answers(1, 3))

        def refuse(_path: Path) -> None:
            raise OSError(errno.EMFILE, "Too many open files")

        with monkeypatch.context() as patch:
            patch.setattr(pq, "ParquetFile", refuse)
            with pytest.raises(OSError, match="Too many"):
                list(archive.read(kept))
        assert list(archive.read(kept)) == answers(1, 3)


def test_old_answers_go_and_answers_that_are_not_stored_yet_stay(archive: ResponseArchive):
    with archive.session("tmdb") as session:
        archive.settle(session.keep(answers(1, 2)))
        session.keep(answers(2, 3))
    assert archive.forget_old(NOON + timedelta(days=180)) == 0
    assert archive.forget_old(NOON + timedelta(days=182)) == 1
    assert len(files(archive)) == 1
    assert files(archive)[0].startswith("open-")


def test_a_journal_only_archive_forgets_what_is_stored(tmp_path: Path):
    archive = ResponseArchive(tmp_path, keep_days=0)
    with archive.session("tmdb") as session:
        archive.settle(session.keep(answers(1, 2)))
    assert files(archive) == []


def test_an_archive_that_is_switched_off_lets_go_of_what_it_held(tmp_path: Path):
    with ResponseArchive(tmp_path).session("tmdb") as session:
        session.archive.settle(session.keep(answers(1, 2)))
    assert ResponseArchive(tmp_path, keep_days=0).forget_old(NOON + timedelta(days=1)) == 1


def test_housekeeping_takes_no_half_written_file_from_a_living_run(tmp_path: Path):
    """At midnight another run ended and took the file that was just being written: a batch of
    answers, which were then asked for again."""
    archive = ResponseArchive(tmp_path, keep_days=0)
    with archive.session("tmdb") as session:
        (kept,) = session.keep(answers(1, 2))
        half_written = [
            kept.with_name(f".{begun}-{session.name}-1-2.parquet.7.partial")
            for begun in ("open", "kept")
        ]
        for path in half_written:
            path.touch()
        archive.settle([kept])
        assert archive.forget_old(NOON + timedelta(days=1)) == 0
        assert all(path.exists() for path in half_written)
    assert archive.forget_old(NOON + timedelta(days=1)) == len(half_written)
    assert not any(path.exists() for path in half_written)


def test_yesterdays_folder_stays_for_a_batch_that_crosses_midnight(tmp_path: Path):
    archive = ResponseArchive(tmp_path, keep_days=0)
    with archive.session("tmdb") as session:
        (kept,) = session.keep(answers(1, 2))
        archive.settle([kept])
    archive.forget_old(NOON + timedelta(days=1))
    assert kept.parent.exists()
    archive.forget_old(NOON + timedelta(days=2))
    assert not kept.parent.exists()


def test_housekeeping_leaves_a_dead_run_to_who_takes_over(archive: ResponseArchive):
    """For the instant it held a dead run's lock, that run looked alive to whoever looked for it."""
    with archive.session("tmdb") as session:
        (kept,) = session.keep(answers(1, 2))
    of_the_dead, of_nobody = (
        kept.parent.parent / f".{name}.lock" for name in (session.name, "settled")
    )
    for lock in (of_the_dead, of_nobody):
        lock.touch()
    archive.forget_old(NOON)
    assert of_the_dead.exists()
    assert not of_nobody.exists()


def test_people_read_it_with_duckdb(archive: ResponseArchive):
    with archive.session("omdb") as session:
        archive.settle(session.keep(answers(1, 4)))
    found = duckdb.execute(
        "SELECT service, day::VARCHAR, body->>'id' FROM "
        f"read_parquet('{archive.folder}/*/*/*.parquet', hive_partitioning = true) ORDER BY ALL"
    ).fetchall()
    assert found == [("omdb", "2026-03-01", str(n)) for n in range(1, 4)]
