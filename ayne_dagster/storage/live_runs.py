"""Which runs have a process: each holds a lock of the operating system for as long as it lives.

Lives here: the lock files. The system takes the locks of a process that dies back, however it died;
a file whose lock is free was left behind. Not here: what becomes of such a run
(`defs/dead_runs.py`).
"""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from filelock import FileLock, Timeout

_FOLDER = "live_runs"
_BETWEEN = "--"
_WAIT_SECONDS = 10.0
_SETTLED_SECONDS = 1.0
"""A file this young may have been made and not yet locked."""

_held_until_exit: dict[Path, FileLock] = {}


def host_name() -> str:
    """This machine's name, fit for the name of a file."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", socket.gethostname()) or "host"


@dataclass(frozen=True)
class LiveRuns:
    """Where the locks lie.

    Attributes:
        folder: Their folder.
        host: This machine; what other machines hold, only they can judge.
    """

    folder: Path
    host: str = field(default_factory=host_name)

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
        try:
            yield
        finally:
            _drop(lock, self._path(run_id))

    def hold_until_exit(self, run_id: str) -> None:
        """Say that the run is alive until this process ends, in whatever way."""
        path = self._path(run_id)
        if path not in _held_until_exit:
            _held_until_exit[path] = self._locked(run_id)

    def left_behind(self) -> Iterator[str]:
        """Runs of this machine whose process is gone, each one's to be ended by the caller.

        While the caller has an id, nobody else is given it; its file goes when the next one is
        asked for.
        """
        for path in sorted(self.folder.glob(f"*{_BETWEEN}*.lock")):
            host, _, run_id = path.stem.partition(_BETWEEN)
            with suppress(FileNotFoundError):
                if host != self.host or time.time() - path.stat().st_mtime < _SETTLED_SECONDS:
                    continue
                lock = FileLock(path)
                try:
                    lock.acquire(timeout=0)
                except Timeout:
                    continue
                is_done = False
                try:
                    yield run_id
                    is_done = True
                finally:
                    _drop(lock, path if is_done else None)

    def _locked(self, run_id: str) -> FileLock:
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._path(run_id))
        # Only somebody who looks whether it is free could hold it, for a moment.
        lock.acquire(timeout=_WAIT_SECONDS)
        return lock

    def _path(self, run_id: str) -> Path:
        return self.folder / f"{self.host}{_BETWEEN}{run_id}.lock"


def _drop(lock: FileLock, path: Path | None) -> None:
    """Give a lock back, and take its file away; Windows cannot do so before."""
    lock.release()
    if path is not None:
        with suppress(OSError):
            path.unlink(missing_ok=True)
