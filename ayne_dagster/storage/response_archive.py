"""Raw answers on disk: the journal a killed run is resumed from, and the archive it becomes.

Lives here: files of answers, how they are kept, settled and read. Not here: what an answer means
(`domain/refreshing.py`), who asked for it (`sources`) and which run is alive
(`journal_sessions.py`).

Every answer is kept before anything else is done with it, in zstd Parquet files under
`<folder>/service=<service>/day=<UTC day>/`. A file appears by atomic rename, so nobody ever meets
half of one. It is called `open-...` until its answers stand in the warehouse, then `kept-...`: a
process that was killed leaves open files behind, and whoever comes next takes them over.
"""

import logging
import os
import secrets
import shutil
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import TypeVar

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import Timeout

from ayne_dagster.storage.journal_sessions import OPEN, dead_session, session_lock, session_of

logger = logging.getLogger(__name__)

T = TypeVar("T")

_KEPT, _DAMAGED = "kept-", "damaged-"
_SCHEMA = pa.schema(
    [
        ("request_key", pa.string()),
        ("answered_at", pa.timestamp("us", tz="UTC")),
        ("outcome", pa.string()),
        ("detail", pa.string()),
        ("requests", pa.int32()),
        ("etag", pa.string()),
        ("body", pa.string()),
    ]
)
_READ_AT_ONCE = 250
_START_SECONDS = 5.0
"""Housekeeping of another process may hold a session's new lock for an instant."""


@dataclass(frozen=True, slots=True)
class ArchivedAnswer:
    """One answer of a service, as it was given.

    Attributes:
        request_key: What was asked for: TMDB id or imdb id, as text.
        answered_at: When, UTC.
        outcome: `FetchOutcome` as text.
        detail: The service's words, where there is no row.
        requests: Requests sent for it, retries included.
        etag: The answer's validator, where the service sent one.
        body: The JSON object as text, or what could not be read.
    """

    request_key: str
    answered_at: datetime
    outcome: str
    detail: str | None = None
    requests: int = 1
    etag: str | None = None
    body: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class ResponseArchive:
    """Where answers are kept.

    Attributes:
        folder: Root folder; one folder per service below it.
        keep_days: How long settled answers stay; 0: they go as soon as they stand in the
            warehouse, and the archive is a journal only.
    """

    folder: Path
    keep_days: int = 180

    @contextmanager
    def session(self, service: str) -> Iterator["JournalSession"]:
        """Keep answers of one run; while it lives nobody takes over its open files."""
        name = f"{os.getpid()}{secrets.token_hex(3)}"
        with ExitStack() as stack:
            stack.enter_context(
                session_lock(self._service(service), name, wait_seconds=_START_SECONDS)
            )
            yield JournalSession(self, service, name)

    @contextmanager
    def orphans(self, service: str) -> Iterator[list[Path]]:
        """Open files whose run died, oldest first, held so that nobody else takes them over."""
        by_session: dict[str, list[Path]] = defaultdict(list)
        for path in self._service(service).glob(f"day=*/{OPEN}*.parquet"):
            by_session[session_of(path)].append(path)
        with ExitStack() as stack:
            files: list[Path] = []
            for session in by_session:
                with suppress(Timeout):
                    stack.enter_context(session_lock(self._service(service), session))
                    files += by_session[session]
            alive = (path for path in files if path.exists())
            yield sorted(alive, key=lambda path: (path.parent.name, path.name.split("-")[2:]))

    def read(self, files: Sequence[Path]) -> Iterator[ArchivedAnswer]:
        """The answers of these files, file by file; a damaged file is set aside, not read."""
        for path in files:
            table = _read_whole(path)
            if table is not None:
                for batch in table.to_batches(_READ_AT_ONCE):
                    yield from _answers(batch)

    def in_order(self, service: str) -> Iterator[ArchivedAnswer]:
        """Every answer of a service, the oldest first, each once; sorted on disk, day by day."""
        for day in sorted(self._service(service).glob("day=*")):
            try:
                yield from self._sorted_day(day)
            except duckdb.Error:
                # A file whose middle is damaged looks whole from outside. Set aside, and the day
                # from its beginning: storing an answer twice changes nothing.
                damaged = [path for path in _files_of(day) if _read_whole(path) is None]
                if not damaged:
                    raise
                yield from self._sorted_day(day)

    def _sorted_day(self, day: Path) -> Iterator[ArchivedAnswer]:
        files = [str(path) for path in _files_of(day) if _is_whole(path)]
        if not files:
            return
        last: tuple[str, datetime] | None = None
        spilled = self.folder / f".sorting.{os.getpid()}"
        config = {"memory_limit": "1GB", "threads": 2, "temp_directory": str(spilled)}
        try:
            with duckdb.connect(config=config) as connection:
                connection.execute("SET TimeZone = 'UTC'")
                reader = connection.sql(
                    f"SELECT {', '.join(_SCHEMA.names)} FROM read_parquet($files, "
                    "hive_partitioning = false) ORDER BY answered_at, request_key",
                    params={"files": files},
                ).to_arrow_reader(_READ_AT_ONCE)
                for batch in reader:
                    for answer in _answers(batch):
                        # A run killed between merging its files and removing them leaves both.
                        if (answer.request_key, answer.answered_at) != last:
                            yield answer
                        last = (answer.request_key, answer.answered_at)
        finally:
            shutil.rmtree(spilled, ignore_errors=True)

    def settle(self, files: Sequence[Path]) -> None:
        """These files' answers stand in the warehouse: merge them, or forget them.

        Killed in the middle, both the merged file and its parts may stay: the parts are then taken
        over and found to be stored.
        """
        if self.keep_days == 0:
            for path in files:
                path.unlink(missing_ok=True)
            return
        by_day: dict[Path, list[Path]] = defaultdict(list)
        for path in files:
            if _read_whole(path) is not None:
                by_day[path.parent].append(path)
        for day, parts in by_day.items():
            target = day / parts[0].name.replace(OPEN, _KEPT, 1)
            with _appearing(target) as partial, _writer(partial) as into:
                for path in parts:
                    with pq.ParquetFile(path) as part:
                        for batch in part.iter_batches(_READ_AT_ONCE):
                            into.write_batch(batch)
            for path in parts:
                path.unlink(missing_ok=True)

    def forget_old(self, now: datetime) -> int:
        """Remove settled answers older than `keep_days`, and what dead runs left; files that went.

        Answers that do not stand in the warehouse yet stay, however old.
        """
        last = now.astimezone(UTC).date() - timedelta(days=self.keep_days)
        # A batch that crosses midnight is still on its way into yesterday's folder.
        oldest, oldest_folder = last.isoformat(), (last - timedelta(days=1)).isoformat()
        gone = 0
        for lock in self.folder.glob("service=*/.*.lock"):
            with dead_session(lock.parent, lock.name[1:].removesuffix(".lock")):
                pass
        for folder in self.folder.glob("service=*/day=*"):
            day = folder.name.removeprefix("day=")
            if day < oldest:
                gone += _forget_day(folder)
            if day < oldest_folder:
                with suppress(OSError):
                    folder.rmdir()  # stays while somebody's open files lie in it
        return gone

    def _service(self, service: str) -> Path:
        return self.folder / f"service={service}"


@dataclass
class JournalSession:
    """One run's hand on the archive.

    Attributes:
        archive: Where it writes.
        service: Whose answers.
        name: Of the session, part of its files' names.
    """

    archive: ResponseArchive
    service: str
    name: str
    _numbers: Iterator[int] = field(default_factory=count, repr=False)

    def keep(self, answers: Sequence[ArchivedAnswer]) -> list[Path]:
        """Write answers to disk before anything is done with them; the files, one per UTC day."""
        by_day: dict[str, list[ArchivedAnswer]] = defaultdict(list)
        for answer in answers:
            by_day[answer.answered_at.astimezone(UTC).date().isoformat()].append(answer)
        files = []
        for day, kept in by_day.items():
            folder = self.archive.folder / f"service={self.service}" / f"day={day}"
            folder.mkdir(parents=True, exist_ok=True)
            first = min(answer.answered_at for answer in kept).astimezone(UTC)
            number = next(self._numbers)
            target = folder / f"{OPEN}{self.name}-{first:%H%M%S%f}-{number:06d}.parquet"
            columns = {name: [getattr(a, name) for a in kept] for name in _SCHEMA.names}
            with _appearing(target) as partial:
                pq.write_table(pa.table(columns, schema=_SCHEMA), partial, compression="zstd")
            files.append(target)
        return files


@contextmanager
def _appearing(target: Path) -> Iterator[Path]:
    """A file that is whole when it appears, even after a power cut."""
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        yield partial
        with partial.open("rb+") as written:
            os.fsync(written.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)


def _writer(path: Path) -> pq.ParquetWriter:
    return pq.ParquetWriter(path, _SCHEMA, compression="zstd")


def _files_of(day: Path) -> list[Path]:
    names = (OPEN, _KEPT)
    return sorted(path for path in day.glob("*.parquet") if path.name.startswith(names))


def _is_whole(path: Path) -> bool:
    """Whether a file's frame is whole; one that is not is set aside."""
    return _unless_damaged(path, pq.read_metadata) is not None


def _read_whole(path: Path) -> pa.Table | None:
    """All of a file; None where it is gone, or damaged and set aside."""
    return _unless_damaged(path, lambda one: pq.ParquetFile(one).read())


def _unless_damaged(path: Path, read: Callable[[Path], T]) -> T | None:
    """What reading a file gives; a damaged one is renamed, so that it is met once only.

    Raises:
        OSError: The system refuses (no rights, too many open files): that says nothing of the file.
    """
    try:
        return read(path)
    except FileNotFoundError:
        return None
    except (pa.ArrowInvalid, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        aside = path.with_name(f"{_DAMAGED}{path.name}")
        logger.error("%s is damaged (%s); set aside as %s", path, error, aside.name)
        path.replace(aside)
        return None


def _forget_day(day: Path) -> int:
    """Remove a day's settled answers, and what died half-written; files that went."""
    settled = [path for start in (_KEPT, _DAMAGED) for path in day.glob(f"{start}*.parquet")]
    for path in settled:
        path.unlink(missing_ok=True)
    gone = len(settled)
    for start in (OPEN, _KEPT):
        for path in day.glob(f".{start}*.partial"):
            with dead_session(day.parent, session_of(path)) as is_dead:
                if is_dead:
                    path.unlink(missing_ok=True)
                    gone += 1
    return gone


def _answers(batch: pa.RecordBatch) -> Iterator[ArchivedAnswer]:
    for row in batch.to_pylist():
        yield ArchivedAnswer(**row)
