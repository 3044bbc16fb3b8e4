r"""IMDb's non-commercial data sets: tab-separated files as IMDb writes them.

Lives here: their lines and the ratings. A quote is a letter here, never a wrapper (`"Swing it"
magistern`), `\N` is unknown, ids have seven to nine digits. The files are for personal and
non-commercial use: whoever calls this has asked for that. Not here: fetching (`bulk_files.py`).
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import pandas as pd

from ayne_dagster.domain.tables import IMDB_RATINGS
from ayne_dagster.domain.tables.fetched import IMDB_ID_PATTERN
from ayne_dagster.sources.bulk_files import (
    BulkDownloader,
    BulkFile,
    FileNotThere,
    FileRefused,
    stored_file,
)
from ayne_dagster.sources.bulk_lines import CHUNK_ROWS, Tally, UnusableFile, lines_of
from ayne_dagster.sources.failures import ServiceUnavailable

RATINGS_NAME = "title.ratings.tsv.gz"
RATINGS_COLUMNS = ("tconst", "averageRating", "numVotes")
_IMDB_ID = re.compile(IMDB_ID_PATTERN)
_RATING = re.compile(r"10(\.0+)?|[0-9](\.[0-9]+)?")
_UNKNOWN = r"\N"

Rating = tuple[str, float, int]


@dataclass(frozen=True)
class NewestRatings:
    """The newest file of ratings there is.

    Attributes:
        file: The file; `is_new` where this run brought it.
        passed_over: Why a newer one was not taken, in words.
    """

    file: BulkFile
    passed_over: tuple[str, ...] = ()


def newest_ratings(
    downloader: BulkDownloader,
    base_url: str,
    folder: Path,
    *,
    now: datetime,
    accept_smaller: bool = False,
) -> NewestRatings:
    """Fetch the file of ratings, unless that was done on this UTC day: it is made once a day.

    Args:
        downloader: Fetches it.
        base_url: The files' folder.
        folder: Where the file is kept.
        now: The moment asked about, UTC.
        accept_smaller: Take it even though it lost many rows.

    Raises:
        SourceError: It cannot be had and there is no earlier one, or the address is wrong.
    """
    url, target = f"{base_url.rstrip('/')}/{RATINGS_NAME}", folder / RATINGS_NAME
    stored = stored_file(target)
    if stored is not None and stored.url == url and stored.fetched_at.date() == now.date():
        return NewestRatings(stored)
    try:
        return NewestRatings(
            downloader.fetch(url, target, count_rows=count_ratings, accept_smaller=accept_smaller)
        )
    except (FileNotThere, FileRefused, ServiceUnavailable) as error:
        if stored is None:
            raise
        return NewestRatings(stored, (str(error),))


def table_rows(
    path: Path, columns: Sequence[str], tally: Tally
) -> Iterator[tuple[str | None, ...]]:
    """Chosen columns of every line, by the names in the file's header.

    Args:
        path: A gzipped file of IMDb's.
        columns: Names wanted; others, and their order in the file, do not matter.
        tally: Counts lines with too many or too few fields as bad; rows are counted by the caller.

    Raises:
        UnusableFile: The header lacks a column, or the file is cut off.
    """
    lines = lines_of(path)
    header = next(lines, b"").decode("utf-8", "replace").rstrip("\r\n").split("\t")
    missing = [name for name in columns if name not in header]
    if missing:
        raise UnusableFile(f"the header lacks {', '.join(missing)}")
    places = [header.index(name) for name in columns]
    for line in lines:
        fields = line.decode("utf-8", "replace").rstrip("\r\n").split("\t")
        if len(fields) != len(header):
            tally.bad_lines += 1
            continue
        yield tuple(None if fields[place] == _UNKNOWN else fields[place] for place in places)


def count_ratings(path: Path) -> int:
    """Read a file of ratings to its end and count its usable lines.

    Raises:
        UnusableFile: It is cut off, no gzip, has another header or no usable line.
    """
    tally = Tally()
    for _ in _ratings(path, tally):
        pass
    if not tally.rows:
        raise UnusableFile("the file has no line with a rating")
    return tally.rows


def rating_frames(
    path: Path,
    wanted: Collection[str],
    *,
    file_date: date,
    fetched_at: datetime,
    tally: Tally,
    chunk_rows: int = CHUNK_ROWS,
) -> Iterator[pd.DataFrame]:
    """The ratings of the wanted ids, a chunk at a time.

    Args:
        path: The file.
        wanted: The imdb ids of our films; a set.
        file_date: The file's day.
        fetched_at: When it was fetched, UTC.
        tally: Counts the lines of the whole file, wanted or not.
        chunk_rows: Most rows of a frame.

    Yields:
        Frames that fulfil the contract of `imdb_ratings`.
    """
    chunk: dict[str, Rating] = {}
    for rating in _ratings(path, tally):
        if rating[0] in wanted:
            chunk[rating[0]] = rating
            if len(chunk) == chunk_rows:
                yield _frame(chunk, file_date, fetched_at)
                chunk = {}
    if chunk:
        yield _frame(chunk, file_date, fetched_at)


def _ratings(path: Path, tally: Tally) -> Iterator[Rating]:
    for imdb_id, rating, votes in table_rows(path, RATINGS_COLUMNS, tally):
        if (
            imdb_id is None
            or rating is None
            or votes is None
            or _IMDB_ID.fullmatch(imdb_id) is None
            or _RATING.fullmatch(rating) is None
            or not (votes.isascii() and votes.isdigit() and len(votes) <= 18)
        ):
            # A line without a rating says nothing: it must not wipe one that is stored.
            tally.bad_lines += 1
            continue
        tally.rows += 1
        yield imdb_id, float(rating), int(votes)


def _frame(chunk: dict[str, Rating], file_date: date, fetched_at: datetime) -> pd.DataFrame:
    ids, ratings, votes = zip(*chunk.values(), strict=True)
    index = range(len(ids))
    frame = pd.DataFrame(
        {
            "imdb_id": pd.array(ids, dtype="string[pyarrow]"),
            "imdb_rating": ratings,
            "imdb_votes": votes,
            "file_date": pd.Series(pd.Timestamp(file_date), index=index),
            "fetched_at": pd.Series(pd.Timestamp(fetched_at), index=index),
        }
    )
    return frame[IMDB_RATINGS.column_names]
