"""Whole files fetched over HTTP, and kept until a newer good one is there.

Lives here: one way to fetch a gzipped file that needs no key. It is streamed to a file beside its
target, read to its end, compared with the version before, and only then put in its place. What the
server said about it (ETag, Last-Modified) stands in a note beside it. Not here: which file
(`tmdb_export.py`, `imdb_files.py`) and the clients that ask film by film (`http_client.py`).
"""

import json
import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, date, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from filelock import FileLock, Timeout

from ayne_dagster.sources.bulk_lines import UnusableFile
from ayne_dagster.sources.classification import Classification, Verdict
from ayne_dagster.sources.failures import InvalidRequest, ServiceUnavailable, SourceError
from ayne_dagster.sources.http_client import USER_AGENT
from ayne_dagster.sources.progress import stage
from ayne_dagster.sources.retrying import RetryPolicy, retry_after_seconds

logger = logging.getLogger(__name__)

LARGEST_DROP = 0.20
"""Fault case 22: a file that lost more of its rows than this is taken for a broken one."""
_KIB = 1024
_OTHERS_SECONDS = 900.0
_BROKEN_NOTE = (OSError, ValueError, TypeError, KeyError)

CountRows = Callable[[Path], int]


class FileNotThere(SourceError):
    """The server has no such file, or not yet (fault case 21)."""


class FileRefused(SourceError):
    """What came is damaged or far smaller than before; the previous version was kept (case 22)."""


@dataclass(frozen=True)
class BulkFile:
    """A file that was fetched and read to its end.

    Attributes:
        path: Where it lies.
        url: Where it came from.
        fetched_at: When it was fetched, UTC.
        rows: Its usable rows.
        etag: The server's name of this version, where it gave one.
        last_modified: The server's date of it, where it gave one.
        is_new: Whether this fetch brought it; False: unchanged since an earlier one.
    """

    path: Path
    url: str
    fetched_at: datetime
    rows: int
    etag: str | None = None
    last_modified: str | None = None
    is_new: bool = True

    @property
    def file_date(self) -> date:
        """The UTC day of the file by its server's date; of its fetch where there is none."""
        try:
            dated = parsedate_to_datetime(self.last_modified or "")
        except ValueError:
            return self.fetched_at.date()
        return dated.replace(tzinfo=dated.tzinfo or UTC).astimezone(UTC).date()


class BulkDownloader:
    """Fetches whole files. Use it as a context manager.

    Args:
        now: Clock, UTC.
        timeout_seconds: For connecting, and for each silence while reading.
        policy: How stubborn.
        transport: Replaces the network in tests.
        sleep: Replaces `time.sleep` between tries in tests.
        seed: Of the jitter; None: from the system.
    """

    def __init__(
        self,
        *,
        now: Callable[[], datetime],
        timeout_seconds: float = 60.0,
        policy: RetryPolicy | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
        seed: int | None = None,
    ) -> None:
        self.requests = 0
        self.now = now
        self._policy = policy or RetryPolicy()
        self._sleep = sleep
        self._jitter = random.Random(seed)  # noqa: S311 - spreads retries, guards nothing
        self._http = httpx.Client(
            transport=transport,
            timeout=timeout_seconds,
            # The files are gzipped themselves: packed once more they would be unpacked by nobody.
            headers={"User-Agent": USER_AGENT, "Accept-Encoding": "identity"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def fetch(
        self, url: str, target: Path, *, count_rows: CountRows, accept_smaller: bool = False
    ) -> BulkFile:
        """Fetch a file, unless the server says that the stored version is still the newest.

        Args:
            url: Where from.
            target: Where to; another process that fetches the same target is waited for.
            count_rows: Reads a file to its end and counts its usable rows; raises `UnusableFile`.
            accept_smaller: Take it even though it lost more than `LARGEST_DROP` of its rows.

        Raises:
            FileNotThere: The server has no such file.
            FileRefused: It is damaged or too small; the previous version still lies there.
            InvalidRequest: The address is wrong.
            ServiceUnavailable: No answer after all tries.
        """
        target.parent.mkdir(parents=True, exist_ok=True)
        with self._turn(target):
            known = stored_file(target)
            asked = known if known and known.url == url else None
            # Nobody else writes it while we have our turn: what a killed process left is replaced.
            partial = target.with_name(f".{target.name}.partial")
            try:
                fetched = self._fetch(url, partial, asked, count_rows)
                if fetched is None and asked is not None:
                    return replace(asked, is_new=False)
                if fetched is None:
                    raise InvalidRequest(target.name, f"304 to a plain request ({url})")
                self._refuse_smaller(fetched, known, target, accept_smaller)
                partial.replace(target)
            finally:
                partial.unlink(missing_ok=True)
            fetched = replace(fetched, path=target)
            _write_note(fetched)
            return fetched

    def _fetch(
        self, url: str, partial: Path, asked: BulkFile | None, count_rows: CountRows
    ) -> BulkFile | None:
        """The file as it came, read to its end; None where it is unchanged."""
        failures: Counter[Verdict] = Counter()
        while True:
            found, headers = self._try_once(url, partial, asked)
            if found.verdict is Verdict.USABLE and headers is not None:
                try:
                    rows = count_rows(partial)
                except UnusableFile as error:
                    found = Classification(Verdict.UNUSABLE, str(error))
                else:
                    etag, modified = headers.get("etag"), headers.get("last-modified")
                    return BulkFile(partial, url, self.now(), rows, etag, modified)
            elif found.verdict is Verdict.USABLE:
                return None
            failures[found.verdict] += 1
            if failures[found.verdict] > self._policy.retries_for(found):
                raise _failure(found, url, self.requests)
            asked_for = retry_after_seconds(headers or {}, self.now())
            own = self._policy.wait_seconds(failures.total(), self._jitter)
            seconds = own if asked_for is None else asked_for
            logger.warning("%s: %s, next try in %.1f s", url, found.detail, seconds)
            self._sleep(seconds)

    def _try_once(
        self, url: str, partial: Path, asked: BulkFile | None
    ) -> tuple[Classification, Mapping[str, str] | None]:
        """Stream one answer to disk; no headers where there is nothing new or no answer."""
        conditions = {}
        if asked and asked.etag:
            conditions["If-None-Match"] = asked.etag
        if asked and asked.last_modified:
            conditions["If-Modified-Since"] = asked.last_modified
        self.requests += 1
        try:
            with self._http.stream("GET", url, headers=conditions) as response:
                if response.status_code == httpx.codes.NOT_MODIFIED:
                    return Classification(Verdict.USABLE), None
                if response.status_code != httpx.codes.OK:
                    return _classify(response), response.headers
                _stream_to(partial, response)
                return Classification(Verdict.USABLE), response.headers
        except httpx.InvalidURL as error:
            return Classification(Verdict.INVALID_REQUEST, str(error)), None
        except httpx.UnsupportedProtocol as error:
            return Classification(Verdict.INVALID_REQUEST, str(error)), None
        except httpx.RequestError as error:
            return Classification(Verdict.UNAVAILABLE, f"{type(error).__name__}: {error}"), None

    def _refuse_smaller(
        self, fetched: BulkFile, known: BulkFile | None, target: Path, accept_smaller: bool
    ) -> None:
        least = 0 if known is None else known.rows * (1 - LARGEST_DROP)
        if known is None or fetched.rows >= least or accept_smaller:
            return
        raise FileRefused(
            target.name,
            f"{fetched.rows:,} rows where {known.rows:,} were before: the previous version is kept "
            "(a run with accept_smaller takes it all the same)",
        )

    @contextmanager
    def _turn(self, target: Path) -> Iterator[None]:
        lock = FileLock(target.with_name(f".{target.name}.lock"))
        try:
            lock.acquire(timeout=_OTHERS_SECONDS)
        except Timeout as error:
            words = f"another process has been fetching it for {_OTHERS_SECONDS:g} s"
            raise ServiceUnavailable(target.name, words) from error
        try:
            yield
        finally:
            lock.release()


def stored_file(target: Path) -> BulkFile | None:
    """What the note beside a file says about it; None where file or note are not there."""
    try:
        said: dict[str, Any] = json.loads(_note(target).read_text(encoding="utf-8"))
        said["fetched_at"] = datetime.fromisoformat(said["fetched_at"])
        said["rows"] = int(said["rows"])
        return BulkFile(path=target, is_new=False, **said) if target.exists() else None
    except _BROKEN_NOTE:
        return None


def _write_note(file: BulkFile) -> None:
    said = {name: value for name, value in asdict(file).items() if name not in ("path", "is_new")}
    partial = file.path.with_name(f".{file.path.name}.note.partial")
    partial.write_text(
        json.dumps({**said, "fetched_at": file.fetched_at.isoformat()}), encoding="utf-8"
    )
    partial.replace(_note(file.path))


def _note(target: Path) -> Path:
    return target.with_name(f"{target.name}.note.json")


def _stream_to(partial: Path, response: httpx.Response) -> None:
    """Write the body exactly as sent, saying how far it has come."""
    length = response.headers.get("content-length", "")
    total = int(length) // _KIB if length.isdigit() else None
    with stage(response.url.path.rsplit("/", 1)[-1], total, "KiB") as advance:
        told = 0
        with partial.open("wb") as file:
            for block in response.iter_raw(1 << 18):
                file.write(block)
                done = file.tell() // _KIB
                advance(done - told)
                told = done


def _classify(response: httpx.Response) -> Classification:
    """What a status other than 200 and 304 means for a file without a key."""
    status = response.status_code
    words = f"HTTP {status}"
    if status in (403, 404, 410):
        return Classification(Verdict.NOT_FOUND, words)
    if status == 429:
        return Classification(Verdict.SLOW_DOWN, words)
    if status >= 500 or status in (408, 425):
        return Classification(Verdict.UNAVAILABLE, words)
    return Classification(Verdict.INVALID_REQUEST, words)


def _failure(found: Classification, url: str, tries: int) -> SourceError:
    name = url.rsplit("/", 1)[-1]
    words = f"{found.detail} ({url})"
    if found.verdict is Verdict.NOT_FOUND:
        failure: SourceError = FileNotThere(name, words)
    elif found.verdict is Verdict.UNUSABLE:
        failure = FileRefused(name, f"{words}: the previous version is kept")
    elif found.verdict is Verdict.INVALID_REQUEST:
        failure = InvalidRequest(name, f"{words}; is the base URL right?")
    else:
        failure = ServiceUnavailable(name, words)
    failure.tries = tries
    return failure
