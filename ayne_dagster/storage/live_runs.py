"""Which runs have a process: each holds a lock of the operating system for as long as it lives.

Lives here: the lock files. The system takes the locks of a process that dies back, however it died;
a file whose lock is free was left behind. Whether another machine's lock is free cannot be told for
sure, so that a living process touches its file as well. Not here: what becomes of such a run
(`defs/dead_runs.py`).
"""

import os
import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from threading import Event, Thread
from typing import TypeVar

from filelock import FileLock, Timeout

_FOLDER = "live_runs"
_BETWEEN = "@"
"""Between host and run: neither of them has it."""
_WAIT_SECONDS = 10.0
_SETTLED_SECONDS = 10.0
"""A file this young may have been made and not yet locked, by a process that was held up."""
_TOUCH_SECONDS = 600.0

_What = TypeVar("_What")

_held_until_exit: dict[Path, FileLock] = {}


def host_name() -> str:
    """This machine's name, fit for the name of a file."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", socket.gethostname()) or "host"


@dataclass(frozen=True)
class LiveRuns:
    """Where the locks lie.

    Attributes:
        folder: Their folder.
        host: This machine.
        touch_seconds: How often a process touches the file of a run it holds.
    """

    folder: Path
    host: str = field(default_factory=host_name)
    touch_seconds: float = _TOUCH_SECONDS

    @classmethod
    def of_home(cls, home: str | Path) -> "LiveRuns":
        """Those of a Dagster instance, beside its other files."""
        return cls(Path(home) / _FOLDER)

    @contextmanager
    def hold(self, run_id: str) -> Iterator[None]:
        """Say that the run is alive, until the end of the block or of the process.

        Args:
            run_id: Dagster's id of the run.
        """
        lock = self._locked(run_id)
        is_over = self._keep_touching(run_id)
        try:
            yield
        finally:
            is_over.set()
            _drop(lock, self._path(run_id))

    def hold_until_exit(self, run_id: str) -> None:
        """Say that the run is alive until this process ends, in whatever way."""
        path = self._path(run_id)
        if path not in _held_until_exit:
            _held_until_exit[path] = self._locked(run_id)
            self._keep_touching(run_id)

    def left_behind(self) -> Iterator[str]:
        """Runs of this machine whose process is gone, each one's to be ended by the caller.

        While the caller has an id, nobody else is given it; its file goes when the next one is
        asked for.
        """
        for path, host, run_id in self._files():
            with suppress(FileNotFoundError):
                if host == self.host and time.time() - path.stat().st_mtime >= _SETTLED_SECONDS:
                    yield from _given(path, run_id)

    def silent_elsewhere(
        self, since: datetime, is_silent: Callable[[str], bool]
    ) -> Iterator[tuple[str, str]]:
        """Runs of other machines, or of other names of this one, that show no sign of life.

        A lock that is held says that its process lives; a free one says nothing where locks do not
        reach another machine. So the file has to be untouched as well, and the caller to agree.

        Args:
            since: Its file was not touched from then on.
            is_silent: Whether nothing else was heard of a run either.

        Yields:
            Run id and host, with the promises of `left_behind`.
        """
        for path, host, run_id in self._files():
            with suppress(FileNotFoundError):
                if host == self.host or path.stat().st_mtime >= since.timestamp():
                    continue
                if is_silent(run_id):
                    yield from _given(path, (run_id, host))

    def _files(self) -> Iterator[tuple[Path, str, str]]:
        """Every lock file with its host and its run."""
        for path in sorted(self.folder.glob(f"*{_BETWEEN}*.lock")):
            host, _, run_id = path.stem.partition(_BETWEEN)
            yield path, host, run_id

    def _locked(self, run_id: str) -> FileLock:
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._path(run_id))
        # Only somebody who looks whether it is free could hold it, for a moment.
        lock.acquire(timeout=_WAIT_SECONDS)
        return lock

    def _keep_touching(self, run_id: str) -> Event:
        """Touch the file every so often, until the event is set or the process ends."""
        path, is_over = self._path(run_id), Event()

        def touch() -> None:
            while not is_over.wait(self.touch_seconds):
                with suppress(OSError):
                    os.utime(path)

        Thread(target=touch, name=f"run {run_id[:8]} is alive", daemon=True).start()
        return is_over

    def _path(self, run_id: str) -> Path:
        return self.folder / f"{self.host}{_BETWEEN}{run_id}.lock"


def _given(path: Path, what: _What) -> Iterator[_What]:
    """What lies under a free lock, held meanwhile; its file goes where the caller comes back."""
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return
    is_done = False
    try:
        yield what
        is_done = True
    finally:
        _drop(lock, path if is_done else None)


def _drop(lock: FileLock, path: Path | None) -> None:
    """Give a lock back, and take its file away; Windows cannot do so before."""
    lock.release()
    if path is not None:
        with suppress(OSError):
            path.unlink(missing_ok=True)
