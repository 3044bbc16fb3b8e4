"""IMDb's files are read as IMDb writes them: quotes are letters, `\\N` is unknown."""

from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest

from ayne_dagster.domain.frame_check import check_frame
from ayne_dagster.domain.tables import IMDB_RATINGS
from ayne_dagster.sources.bulk_files import FileNotThere
from ayne_dagster.sources.bulk_lines import Tally, UnusableFile
from ayne_dagster.sources.imdb_files import (
    RATINGS_COLUMNS,
    RATINGS_NAME,
    count_ratings,
    newest_ratings,
    rating_frames,
    table_rows,
)
from ayne_dagster_tests.sources.file_server import NOON, FileServer, packed

HEADER = "\t".join(RATINGS_COLUMNS)
BASICS = "tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear"
PATH = f"/{RATINGS_NAME}"


def write(folder: Path, lines: list[str]) -> Path:
    path = folder / "table.tsv.gz"
    path.write_bytes(packed(lines))
    return path


def test_quotes_are_letters_and_names_that_look_missing_are_names(tmp_path: Path):
    """Case 23: a CSV reader takes the quote for a wrapper and swallows the lines that follow."""
    path = write(
        tmp_path,
        [
            BASICS,
            'tt0033122\tmovie\t"Swing it" magistern\t"Swing it\t0\t1940\t\\N',
            "tt12345678\tnewKind\tNA\tNone\t0\t\\N\t\\N",
            "tt0000003\tmovie\tline\u2028separator\x85here\tnull\t0\t1999\t\\N",
        ],
    )
    rows = list(table_rows(path, ("originalTitle", "tconst", "startYear"), Tally()))
    assert rows == [
        ('"Swing it', "tt0033122", "1940"),
        ("None", "tt12345678", None),
        ("null", "tt0000003", "1999"),
    ]


@pytest.mark.parametrize("lines", [[], ["<html>"], ["tconst\trating"], ["tt0000001\t5.0\t3"]])
def test_another_header_is_another_file(tmp_path: Path, lines: list[str]):
    with pytest.raises(UnusableFile, match="header lacks"):
        count_ratings(write(tmp_path, lines))


def test_ratings_of_wanted_films_alone_are_kept_and_bad_lines_counted(tmp_path: Path):
    lines = [
        HEADER, "tt0000001\t5.7\t2034", "tt12345678\t10.0\t5", "tt0000002\t\\N\t5",
        "tt0000003\t6.1\t\\N", "tt0000004\t11.5\t9", "tt0000005\t7.1\t-1", "tt0000006\t7.1",
        "nm0000007\t7.1\t9", "", "tt0000008\t7.1\t9\textra", "tt0000009\t1\t0",
    ]  # fmt: skip
    tally = Tally()
    wanted = {f"tt000000{n}" for n in range(1, 9)} | {"tt12345678"}
    frames = list(
        rating_frames(
            write(tmp_path, lines), wanted, file_date=date(2026, 11, 20), fetched_at=NOON,
            tally=tally, chunk_rows=1,
        )
    )  # fmt: skip
    rows = [check_frame(frame, IMDB_RATINGS).to_pylist()[0] for frame in frames]
    assert [(r["imdb_id"], r["imdb_rating"], r["imdb_votes"]) for r in rows] == [
        ("tt0000001", 5.7, 2034),
        ("tt12345678", 10.0, 5),
    ]
    assert rows[0]["file_date"] == date(2026, 11, 20)
    assert rows[0]["fetched_at"] == NOON
    assert (tally.rows, tally.bad_lines) == (3, 8)


def test_columns_are_found_by_name(tmp_path: Path):
    path = write(tmp_path, ["numVotes\tnew\ttconst\taverageRating", "7\tx\ttt0000001\t5.0"])
    assert list(table_rows(path, RATINGS_COLUMNS, Tally())) == [("tt0000001", "5.0", "7")]
    assert count_ratings(path) == 1


def test_a_file_of_today_is_not_asked_for_and_one_of_yesterday_is_used_in_an_outage(
    tmp_path: Path,
):
    server = FileServer()
    server.files[PATH] = packed([HEADER, "tt0000001\t5.7\t2034"])

    def newest(days: int = 0):
        server.now = NOON + timedelta(days=days)
        with server.downloader() as downloader:
            return newest_ratings(downloader, "https://files.example/", tmp_path, now=server.now)

    assert newest().file.is_new
    assert not newest().file.is_new
    assert len(server.asked) == 1
    server.answers[PATH] = [httpx.Response(503) for _ in range(6)]
    tomorrow = newest(days=1)
    assert (tomorrow.file.rows, tomorrow.file.is_new) == (1, False)
    assert "503" in tomorrow.passed_over[0]


def test_without_an_earlier_file_a_missing_one_is_a_failure(tmp_path: Path):
    with FileServer().downloader() as downloader, pytest.raises(FileNotThere):
        newest_ratings(downloader, "https://files.example", tmp_path, now=NOON)
