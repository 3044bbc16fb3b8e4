"""Whose turn it is to fetch a year from a source: one run at a time per source and year.

Lives here: the locks. Two runs over the same years would ask for the same films twice; the second
waits, finds them fresh, and asks for nothing. Runs over other years do not meet. The system takes
the locks of a process that dies back.
"""

import json
import logging
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock, Timeout

logger = logging.getLogger(__name__)

_ASKED_AGAIN_SECONDS = 0.2
_TOLD_AGAIN_SECONDS = 30.0


@dataclass(frozen=True)
class YearTurns:
    """Where the locks lie.

    Attributes:
        folder: Their folder.
    """

    folder: Path

    @contextmanager
    def hold(self, source: str, years: Sequence[str], purpose: str) -> Iterator[None]:
        """Hold these years of a source; waits for as long as others work on them, and says so.

        Args:
            source: Whose answers are fetched.
            years: Partition keys.
            purpose: Who holds them, for those who wait.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        with ExitStack() as held:
            # Everybody takes them in the same order, so that no two wait for each other.
            for year in sorted(set(years)):
                held.enter_context(self._one(f"{source}-{year}", purpose))
            yield

    @contextmanager
    def _one(self, name: str, purpose: str) -> Iterator[None]:
        lock = FileLock(self.folder / f"{name}.lock")
        holder = self.folder / f"{name}.holder.json"
        told = -_TOLD_AGAIN_SECONDS
        started = time.monotonic()
        while True:
            try:
                lock.acquire(timeout=_ASKED_AGAIN_SECONDS, poll_interval=_ASKED_AGAIN_SECONDS / 4)
                break
            except Timeout:
                waited = time.monotonic() - started
                if waited - told >= _TOLD_AGAIN_SECONDS:
                    told = waited
                    logger.info("waiting for %s: %s fetches it", name, _described(holder))
        try:
            holder.write_text(json.dumps({"pid": os.getpid(), "purpose": purpose}))
            yield
        finally:
            # The name is for people: where it cannot be taken away, the lock goes all the same.
            try:
                with suppress(OSError):
                    holder.unlink(missing_ok=True)
            finally:
                lock.release()


def _described(holder: Path) -> str:
    try:
        known = json.loads(holder.read_text())
    except (OSError, ValueError):
        return "another process"
    return f"process {known.get('pid')} ({known.get('purpose')})"
