"""TMDB's daily export of all film ids: which day's file there is, and what its lines say.

Lives here: the file's name, its hours and its lines. A file is made at about 07:00 UTC and is there
at 08:00; before that, and when it is late, yesterday's is the newest. Not here: fetching
(`bulk_files.py`).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ayne_dagster.domain.tables import TMDB_IDS
from ayne_dagster.sources import quirks
from ayne_dagster.sources.bulk_files import BulkDownloader, BulkFile, FileNotThere, FileRefused
from ayne_dagster.sources.bulk_lines import CHUNK_ROWS, Tally, UnusableFile, lines_of
from ayne_dagster.sources.failures import ServiceUnavailable

READY_HOUR_UTC = 8
OLDEST_DAYS = 3
_KEPT_AS = "movie_ids.json.gz"
_LINES_TOGETHER = 500
_LARGEST_ID = 2**63 - 1

FilmId = tuple[int, str | None, float | None, bool | None]


class NoRecentExport(ServiceUnavailable):
    """There is no usable export of the last days, neither read before nor to be had."""


@dataclass(frozen=True)
class NewestExport:
    """The newest export there is.

    Attributes:
        day: Its day.
        file: The file; None: it was read before, nothing newer is to be had.
        passed_over: Why newer ones were not taken, in words.
    """

    day: date
    file: BulkFile | None
    passed_over: tuple[str, ...] = ()


def export_name(day: date) -> str:
    """The name of a day's file."""
    return f"movie_ids_{day:%m_%d_%Y}.json.gz"


def export_days(now: datetime) -> list[date]:
    """The days whose export may be the newest, newest first: none older than `OLDEST_DAYS`."""
    youngest = 0 if now.hour >= READY_HOUR_UTC else 1
    return [now.date() - timedelta(days=age) for age in range(youngest, OLDEST_DAYS + 1)]


def newest_export(
    downloader: BulkDownloader,
    base_url: str,
    folder: Path,
    *,
    now: datetime,
    newest_read: date | None,
    accept_smaller: bool = False,
) -> NewestExport:
    """Fetch the newest export that is there and whole, unless it was read before.

    Args:
        downloader: Fetches it.
        base_url: The files' folder.
        folder: Where the file is kept; the version of an earlier day is replaced.
        now: The moment asked about, UTC.
        newest_read: Day of the newest export read before; nothing older is fetched.
        accept_smaller: Take a file even though it lost many rows.

    Raises:
        NoRecentExport: Nothing of the last `OLDEST_DAYS` days is read or to be had.
        InvalidRequest: The address is wrong.
    """
    passed_over: list[str] = []
    for day in export_days(now):
        if newest_read is not None and newest_read >= day:
            return NewestExport(newest_read, None, tuple(passed_over))
        try:
            file = downloader.fetch(
                f"{base_url.rstrip('/')}/{export_name(day)}",
                folder / _KEPT_AS,
                count_rows=count_film_ids,
                accept_smaller=accept_smaller,
            )
        except (FileNotThere, FileRefused) as error:
            passed_over.append(str(error))
        except ServiceUnavailable as error:
            # It is down for the other days, too: what was read lately is good enough.
            passed_over.append(str(error))
            if newest_read is not None and newest_read >= export_days(now)[-1]:
                return NewestExport(newest_read, None, tuple(passed_over))
            break
        else:
            return NewestExport(day, file, tuple(passed_over))
    raise NoRecentExport(
        "tmdb export", f"none of the last {OLDEST_DAYS} days: {'; '.join(passed_over)}"
    )


def count_film_ids(path: Path) -> int:
    """Read a file to its end and count its usable lines.

    Raises:
        UnusableFile: It is cut off, no gzip, or has no usable line.
    """
    tally = Tally()
    for _ in _listed(path, tally):
        pass
    if not tally.rows:
        raise UnusableFile("the file has no line with a film id")
    return tally.rows


def film_id_frames(
    path: Path, day: date, tally: Tally, *, chunk_rows: int = CHUNK_ROWS
) -> Iterator[pd.DataFrame]:
    """The rows of an export, a chunk at a time.

    Args:
        path: The file.
        day: Its day.
        tally: Counts lines as they are read.
        chunk_rows: Most rows of a frame.

    Yields:
        Frames that fulfil the contract of `tmdb_ids`; a repeated id counts once per frame.
    """
    chunk: dict[int, FilmId] = {}
    for film in _film_ids(path, tally):
        chunk[film[0]] = film
        if len(chunk) == chunk_rows:
            yield _frame(chunk, day)
            chunk = {}
    if chunk:
        yield _frame(chunk, day)


def _film_ids(path: Path, tally: Tally) -> Iterator[FilmId]:
    for said in _listed(path, tally):
        popularity = quirks.number(said.get("popularity"))
        video = said.get("video")
        yield (
            said["id"],
            quirks.text(said.get("original_title")),
            popularity if popularity is not None and popularity >= 0 else None,
            video if isinstance(video, bool) else None,
        )


def _listed(path: Path, tally: Tally) -> Iterator[dict[str, Any]]:
    """Every film of a file that is not an adult title; those have an export of their own."""
    for said in _values(path, tally):
        film_id = said.get("id") if isinstance(said, dict) else None
        if type(film_id) is not int or not 0 < film_id <= _LARGEST_ID:
            tally.bad_lines += 1
        # Very old files have no `adult` at all.
        elif said.get("adult") is not True:
            tally.rows += 1
            yield said


def _values(path: Path, tally: Tally) -> Iterator[Any]:
    """The JSON value of every line that has one.

    Many lines are read as one list: a million calls cost 4.7 s, this 1.8 s. Lines keep their ends,
    which no string may hold, so that none can reach into the next.
    """
    lines = lines_of(path)
    while together := list(islice(lines, _LINES_TOGETHER)):
        try:
            values: list[Any] = json.loads(b"[%s]" % b",".join(together))
        except (ValueError, RecursionError):
            values = []
        if len(values) != len(together):
            values = [value for line in together if (value := _value(line, tally)) is not None]
        yield from values


def _value(line: bytes, tally: Tally) -> Any:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        value = None
    if value is None:
        tally.bad_lines += 1
    return value


def _frame(chunk: dict[int, FilmId], day: date) -> pd.DataFrame:
    ids, titles, popularity, videos = zip(*chunk.values(), strict=True)
    exported = pd.Series(pd.Timestamp(day), index=range(len(ids)))
    # Typed columns: of objects, the contract check would look at every value in Python.
    frame = pd.DataFrame(
        {
            "tmdb_id": np.array(ids, dtype=np.int64),
            "original_title": pd.array(titles, dtype="string[pyarrow]"),
            "popularity": np.array(popularity, dtype=np.float64),
            "is_video": pd.array(videos, dtype="boolean"),
            "first_exported_on": exported,
            "last_exported_on": exported,
        }
    )
    return frame[TMDB_IDS.column_names]
