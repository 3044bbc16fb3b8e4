"""Who writes next: those who wait for a file, in the order they came.

Lives here: the line. Not here: the lock itself (`warehouse.py`): it decides who writes, the line
only who tries to take it. Whoever waits has a small file with a lock of its own beside the file
that is waited for; the system takes back the lock of a process that dies, and the next one clears
its place.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

_SETTLED_SECONDS = 2.0
"""A place this young may have been made and not yet locked, by a process that was held up."""


@contextmanager
def standing_in_line(path: Path) -> Iterator[Callable[[], bool]]:
    """Stand in line for a file until the end of the block.

    Args:
        path: What is waited for.

    Yields:
        Whether nobody who came before still waits.
    """
    # The time first: names sort by it. Two of the same moment are told apart by chance.
    mine = path.with_name(
        f"{path.name}.waiting-{time.time_ns():020d}-{os.getpid()}-{secrets.token_hex(2)}.lock"
    )
    lock = FileLock(mine)
    lock.acquire()
    try:
        yield lambda: not any(_waits(place) for place in _before(path, mine))
    finally:
        _leave(lock, mine)


def _before(path: Path, mine: Path) -> Iterator[Path]:
    places = sorted(path.parent.glob(f"{path.name}.waiting-*.lock"))
    return (place for place in places if place.name < mine.name)


def _waits(place: Path) -> bool:
    """Whether somebody stands there; the place of one who died is cleared."""
    try:
        if abs(time.time() - place.stat().st_mtime) < _SETTLED_SECONDS:
            return True
        lock = FileLock(place)
        lock.acquire(blocking=False)
    except Timeout:
        return True
    except FileNotFoundError:
        return False
    _leave(lock, place)
    return False


def _leave(lock: FileLock, place: Path) -> None:
    # Before the release, or it could be the next one's; Windows keeps files in use.
    with suppress(OSError):
        place.unlink(missing_ok=True)
    lock.release()
    with suppress(OSError):
        place.unlink(missing_ok=True)
