"""Whose files of answers these are, and whether that run is alive.

Lives here: the locks of the runs that keep answers. Not here: the files (`response_archive.py`).
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

OPEN = "open-"
"""How the name of a file begins whose answers do not stand in the warehouse yet."""


@contextmanager
def session_lock(folder: Path, session: str, *, wait_seconds: float = 0.0) -> Iterator[None]:
    """The sign that a session lives; the system takes it back from a process that dies.

    Args:
        folder: The service's folder.
        session: Name of the session.
        wait_seconds: How long to wait for whoever holds it.

    Raises:
        Timeout: The session lives.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f".{session}.lock"
    lock = FileLock(path)
    lock.acquire(timeout=wait_seconds)
    try:
        yield
    finally:
        # Before the release, or it could be the next holder's; Windows keeps files in use.
        with suppress(OSError):
            path.unlink()
        lock.release()


@contextmanager
def dead_session(folder: Path, session: str) -> Iterator[bool]:
    """Whether a session is dead and has left nothing to take over; its lock goes with the block."""
    # One that left answers is not touched: held here, it would look alive to who looks for it.
    if any(folder.glob(f"day=*/{OPEN}{session}-*.parquet")):
        yield False
        return
    with ExitStack() as held:
        try:
            held.enter_context(session_lock(folder, session))
            is_dead = True
        except Timeout:
            is_dead = False
        yield is_dead


def session_of(path: Path) -> str:
    """Whose file it is: `open-<session>-...`, also while it is half-written."""
    return path.name.split("-")[1]
