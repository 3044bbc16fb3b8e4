"""A whole file replaces its previous version only when it is whole, good and not far smaller."""

import json
from datetime import date
from pathlib import Path

import httpx
import pytest

from ayne_dagster.sources.bulk_files import (
    BulkDownloader,
    BulkFile,
    FileNotThere,
    FileRefused,
    stored_file,
)
from ayne_dagster.sources.bulk_lines import UnusableFile, lines_of
from ayne_dagster.sources.failures import InvalidRequest, ServiceUnavailable
from ayne_dagster_tests.sources.file_server import NOON, FileServer, packed, streamed

URL = "https://files.example/list.gz"
PATH = "/list.gz"


def count_lines(path: Path) -> int:
    return sum(1 for _ in lines_of(path))


@pytest.fixture
def server() -> FileServer:
    return FileServer()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "bulk" / "list.gz"


def fetch(server: FileServer, target: Path, url: str = URL, **more: bool) -> BulkFile:
    with server.downloader() as downloader:
        return downloader.fetch(url, target, count_rows=count_lines, **more)


def serve(server: FileServer, lines: int) -> bytes:
    server.files[PATH] = packed([f"line {n}" for n in range(lines)])
    return server.files[PATH]


def test_a_file_is_stored_as_sent_with_what_the_server_said_of_it(server: FileServer, target: Path):
    body = serve(server, 10)
    file = fetch(server, target)
    assert target.read_bytes() == body
    assert (file.rows, file.is_new, file.fetched_at) == (10, True, NOON)
    assert file.file_date == date(2026, 11, 20)
    assert stored_file(target) == BulkFile(
        target, URL, NOON, 10, file.etag, file.last_modified, is_new=False
    )
    assert server.asked[0].headers["accept-encoding"] == "identity"


def test_an_unchanged_file_is_not_fetched_again(server: FileServer, target: Path):
    serve(server, 10)
    first = fetch(server, target)
    again = fetch(server, target)
    assert (again.is_new, again.rows, again.fetched_at) == (False, 10, first.fetched_at)
    assert server.asked[1].headers["if-none-match"] == first.etag
    assert server.asked[1].headers["if-modified-since"] == first.last_modified


def test_another_address_or_a_lost_file_is_asked_for_without_conditions(
    server: FileServer, target: Path
):
    serve(server, 10)
    fetch(server, target)
    server.files["/other.gz"] = server.files[PATH]
    assert fetch(server, target, "https://files.example/other.gz").is_new
    target.unlink()
    assert fetch(server, target, "https://files.example/other.gz").is_new
    assert not any("if-none-match" in request.headers for request in server.asked)


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"fetched_at": 5}', '{"odd": 1}'])
def test_a_broken_note_only_costs_a_fetch(server: FileServer, target: Path, note: str):
    serve(server, 10)
    fetch(server, target)
    target.with_name("list.gz.note.json").write_text(note)
    assert fetch(server, target).is_new
    assert json.loads(target.with_name("list.gz.note.json").read_text())["rows"] == 10


@pytest.mark.parametrize("damage", ["cut off", "other bytes", "html"])
def test_a_damaged_file_leaves_the_previous_version(server: FileServer, target: Path, damage: str):
    """Case 22: a file cut off in the middle was read to where it ended, and the rest was gone."""
    before = serve(server, 1_000)
    fetch(server, target)
    body = serve(server, 1_100)
    middle = len(body) // 2
    server.files[PATH] = {
        "cut off": body[:middle],
        "other bytes": body[:middle] + b"\0\xff" * 20 + body[middle + 40 :],
        "html": b"<html>maintenance</html>",
    }[damage]
    with pytest.raises(FileRefused, match="previous version is kept"):
        fetch(server, target)
    assert target.read_bytes() == before
    assert len(server.asked) == 1 + 3
    assert [path.name for path in target.parent.iterdir() if "partial" in path.name] == []


def test_a_file_that_is_whole_at_the_second_try_is_taken(server: FileServer, target: Path):
    body = serve(server, 10)
    server.answers[PATH] = [streamed(body[:-5])]
    assert fetch(server, target).rows == 10


def test_a_file_that_lost_a_fifth_of_its_rows_is_taken_one_that_lost_more_is_not(
    server: FileServer, target: Path
):
    """Case 22: half a file would make half of all films look gone."""
    serve(server, 1_000)
    fetch(server, target)
    kept = serve(server, 800)
    assert fetch(server, target).rows == 800
    serve(server, 639)
    with pytest.raises(FileRefused, match="639 rows where 800 were before"):
        fetch(server, target)
    assert target.read_bytes() == kept
    assert fetch(server, target, accept_smaller=True).rows == 639


@pytest.mark.parametrize("status", [403, 404])
def test_a_missing_file_is_no_failure_of_the_server(server: FileServer, target: Path, status: int):
    server.answers[PATH] = [httpx.Response(status, content=b"<html></html>")]
    with pytest.raises(FileNotThere):
        fetch(server, target)
    assert len(server.asked) == 1
    assert server.slept == []


def test_an_outage_is_waited_out_and_then_told(server: FileServer, target: Path):
    body = serve(server, 10)
    server.answers[PATH] = [
        httpx.Response(503),
        httpx.Response(429, headers={"retry-after": "7"}),
        httpx.ReadError("reset"),
        streamed(body),
    ]
    assert fetch(server, target).rows == 10
    assert server.slept[1] == 7.0
    server.answers[PATH] = [httpx.Response(503) for _ in range(9)]
    with pytest.raises(ServiceUnavailable, match="HTTP 503"):
        fetch(server, target)
    assert len(server.asked) == 4 + 6


@pytest.mark.parametrize("status", [301, 400])
def test_a_wrong_address_is_said_at_once(server: FileServer, target: Path, status: int):
    server.answers[PATH] = [httpx.Response(status)]
    with pytest.raises(InvalidRequest, match="base URL"):
        fetch(server, target)


def test_an_address_without_a_scheme_is_said_at_once(target: Path):
    with (
        pytest.raises(InvalidRequest, match="base URL"),
        BulkDownloader(now=lambda: NOON) as downloader,
    ):
        downloader.fetch("files.example/list.gz", target, count_rows=count_lines)


def test_what_a_killed_process_left_is_replaced(server: FileServer, target: Path):
    serve(server, 10)
    target.parent.mkdir()
    target.with_name(".list.gz.partial").write_bytes(b"half a file")
    assert fetch(server, target).rows == 10
    assert not target.with_name(".list.gz.partial").exists()


def test_an_empty_answer_is_no_file(server: FileServer, target: Path):
    """Python reads nothing as a gzip of nothing."""
    server.files[PATH] = b""

    def at_least_one(path: Path) -> int:
        if not (rows := count_lines(path)):
            raise UnusableFile("no line")
        return rows

    with pytest.raises(FileRefused, match="no line"), server.downloader() as downloader:
        downloader.fetch(URL, target, count_rows=at_least_one)
