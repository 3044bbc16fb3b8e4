"""The newest export of ids, and its lines, whatever they hold."""

import gzip
import json
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pandas as pd
import pytest

from ayne_dagster.domain.frame_check import check_frame
from ayne_dagster.domain.tables import TMDB_IDS
from ayne_dagster.sources.bulk_lines import Tally, UnusableFile
from ayne_dagster.sources.tmdb_export import (
    NewestExport,
    NoRecentExport,
    count_film_ids,
    export_days,
    export_name,
    film_id_frames,
    newest_export,
)
from ayne_dagster_tests.sources.file_server import NOON, FileServer, packed

TODAY = NOON.date()
FOLDER = "https://files.example/exports"
EARLY = NOON.replace(hour=7, minute=59)


def ago(days: int) -> date:
    return TODAY - timedelta(days=days)


def line(number: Any, **more: Any) -> str:
    film = {"adult": False, "id": number, "original_title": "A", "popularity": 1.5, "video": False}
    return json.dumps({**film, **more})


def serve(server: FileServer, day: date, films: int = 10) -> None:
    body = packed([line(number) for number in range(1, films + 1)])
    server.files[f"/exports/{export_name(day)}"] = body


@pytest.fixture
def server() -> FileServer:
    return FileServer()


def newest(
    server: FileServer, folder: Path, now: datetime = NOON, read: date | None = None
) -> NewestExport:
    with server.downloader() as downloader:
        return newest_export(downloader, FOLDER, folder, now=now, newest_read=read)


def test_before_eight_utc_yesterday_is_the_newest(server: FileServer, tmp_path: Path):
    """Case 21: today's file is made at about seven and was taken for a failure before that."""
    assert export_days(EARLY) == [ago(1), ago(2), ago(3)]
    assert export_days(NOON.replace(hour=8)) == [TODAY, ago(1), ago(2), ago(3)]
    serve(server, ago(1))
    assert newest(server, tmp_path, EARLY).day == ago(1)
    assert server.paths == ["/exports/movie_ids_11_19_2026.json.gz"]


def test_a_late_export_is_not_there_yet(server: FileServer, tmp_path: Path):
    serve(server, ago(1))
    found = newest(server, tmp_path)
    assert found.day == ago(1)
    assert "HTTP 403" in found.passed_over[0]


def test_an_export_read_before_is_not_asked_for(server: FileServer, tmp_path: Path):
    assert newest(server, tmp_path, read=TODAY) == NewestExport(TODAY, None)
    assert newest(server, tmp_path, EARLY, read=ago(1)) == NewestExport(ago(1), None)
    assert server.asked == []


def test_while_a_late_export_is_not_there_the_one_read_before_is_the_newest(
    server: FileServer, tmp_path: Path
):
    found = newest(server, tmp_path, read=ago(1))
    assert (found.day, found.file, len(server.asked)) == (ago(1), None, 1)


def test_nothing_newer_than_three_days_is_a_failure(server: FileServer, tmp_path: Path):
    serve(server, ago(4))
    with pytest.raises(NoRecentExport, match="none of the last 3 days"):
        newest(server, tmp_path, read=ago(4))
    assert len(server.asked) == 4
    serve(server, ago(3))
    assert newest(server, tmp_path, read=ago(4)).day == ago(3)


def test_a_shrunken_export_is_passed_over_for_what_was_read_before(
    server: FileServer, tmp_path: Path
):
    serve(server, ago(1), films=100)
    newest(server, tmp_path, EARLY)
    serve(server, TODAY, films=79)
    found = newest(server, tmp_path, read=ago(1))
    assert (found.day, found.file) == (ago(1), None)
    assert "79 rows where 100 were before" in found.passed_over[0]
    assert count_film_ids(tmp_path / "movie_ids.json.gz") == 100


def test_an_outage_is_no_failure_while_a_recent_export_was_read(server: FileServer, tmp_path: Path):
    path = f"/exports/{export_name(TODAY)}"
    server.answers[path] = [httpx.Response(502) for _ in range(6)]
    found = newest(server, tmp_path, read=ago(2))
    assert (found.day, found.file, len(server.asked)) == (ago(2), None, 6)
    server.answers[path] = [httpx.Response(502) for _ in range(6)]
    with pytest.raises(NoRecentExport, match="502"):
        newest(server, tmp_path, read=ago(4))


def frames_of(
    folder: Path, lines: list[str | bytes], **more: int
) -> tuple[list[pd.DataFrame], Tally]:
    path = folder / "ids.json.gz"
    raw = b"".join((x.encode() if isinstance(x, str) else x) + b"\n" for x in lines)
    path.write_bytes(gzip.compress(raw))
    tally = Tally()
    frames = list(film_id_frames(path, TODAY, tally, **more))
    for frame in frames:
        check_frame(frame, TMDB_IDS)
    return frames, tally


BAD = [
    "", "{", "null", "5", "[]", "[1", "2]", '{"id":', "1}", "not json", "{}", line(None),
    line("7"), line(True), line(1.5), line(0), line(-3), line(2**63), b"\xff\xfe{}",
    "[" * 100_000, line(8) + "," + line(9),
]  # fmt: skip


def test_bad_lines_are_left_out_and_counted(tmp_path: Path):
    """Case 22: one bad line among a million lost the whole export."""
    good = [line(number) for number in range(1, 6)]
    lines: list[str | bytes] = [good[0], *BAD, *good[1:]]
    [frame], tally = frames_of(tmp_path, lines)
    assert frame["tmdb_id"].tolist() == [1, 2, 3, 4, 5]
    assert (tally.rows, tally.bad_lines) == (5, len(BAD))


@pytest.mark.parametrize("bad", BAD, ids=range(len(BAD)))
def test_no_bad_line_takes_a_good_one_with_it(tmp_path: Path, bad: str | bytes):
    [frame], tally = frames_of(tmp_path, [line(1), bad, line(2)])
    assert frame["tmdb_id"].tolist() == [1, 2]
    assert tally.bad_lines == 1


def test_adult_titles_are_left_out_and_very_old_lines_have_no_such_flag(tmp_path: Path):
    old = json.dumps({"id": 3, "original_title": "Old", "popularity": 0})
    [frame], tally = frames_of(tmp_path, [line(1, adult=True), line(2, adult=None), old])
    assert frame["tmdb_id"].tolist() == [2, 3]
    assert frame["is_video"].isna().tolist() == [False, True]
    assert (tally.rows, tally.bad_lines) == (2, 0)


def test_odd_values_are_unknown_and_lose_no_film(tmp_path: Path):
    lines = [
        line(1, original_title='"Swing it", 100 %', popularity=-2),
        line(2, original_title="\ud800 half a pair", popularity=float("nan")),
        line(3, original_title="", popularity=float("inf"), video="no"),
        line(4, original_title=None, popularity=None, video=None),
        line(5, popularity=7, video=True),
    ]
    [frame], _ = frames_of(tmp_path, [*lines])
    assert frame["original_title"].fillna("-").tolist() == [
        '"Swing it", 100 %', "? half a pair", "-", "-", "A",
    ]  # fmt: skip
    assert frame["popularity"].dropna().tolist() == [7.0]
    assert frame["first_exported_on"].eq(pd.Timestamp(TODAY)).all()


def test_frames_hold_no_more_than_a_chunk_and_an_id_once(tmp_path: Path):
    lines: list[str | bytes] = [line(number) for number in (1, 2, 2, 3, 4, 5, 1)]
    frames, tally = frames_of(tmp_path, lines, chunk_rows=2)
    assert [frame["tmdb_id"].tolist() for frame in frames] == [[1, 2], [2, 3], [4, 5], [1]]
    assert tally.rows == 7


def test_a_file_without_one_film_is_unusable(tmp_path: Path):
    path = tmp_path / "ids.json.gz"
    path.write_bytes(packed([line(1, adult=True), "{}"]))
    with pytest.raises(UnusableFile, match="no line with a film id"):
        count_film_ids(path)
