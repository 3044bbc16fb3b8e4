"""Progress of long work, told to whoever listens.

Lives here: the listener's protocol, the context that holds it, and a listener that logs. Not here:
bars on a terminal (the CLI brings its own listener).
"""

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Protocol

logger = logging.getLogger(__name__)


class ProgressListener(Protocol):
    """Hears how far a stage of work has come. Must not raise and must return at once."""

    def begin(self, stage: str, total: int | None, unit: str) -> None:
        """A stage begins; `total` in `unit`s, None where it is not known beforehand."""
        ...

    def advance(self, stage: str, n: int = 1) -> None:
        """`n` more are done."""
        ...

    def end(self, stage: str) -> None:
        """The stage is over, finished or not."""
        ...


class Silence:
    """Listens to nothing: the default."""

    def begin(self, stage: str, total: int | None, unit: str) -> None:
        """Nothing."""

    def advance(self, stage: str, n: int = 1) -> None:
        """Nothing."""

    def end(self, stage: str) -> None:
        """Nothing."""


_SILENCE = Silence()
_listener: ContextVar[ProgressListener] = ContextVar("progress_listener", default=_SILENCE)


def progress() -> ProgressListener:
    """Whoever listens in this context."""
    return _listener.get()


@contextmanager
def report_progress_to(listener: ProgressListener) -> Iterator[None]:
    """Tell this listener about all work of the block, tasks started in it included."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


@contextmanager
def stage(name: str, total: int | None, unit: str) -> Iterator[Callable[[int], None]]:
    """Run a block as one stage; yields the function that advances it."""
    listener = progress()
    listener.begin(name, total, unit)
    try:
        yield lambda n: listener.advance(name, n)
    finally:
        listener.end(name)


@dataclass
class _Stage:
    total: int | None
    unit: str
    started: float
    told: float
    done: int = 0


class LogProgress:
    """Logs rate and remaining time of each stage every so often, and once at its end.

    Args:
        every_seconds: Least time between two lines of a stage.
        clock: Monotonic seconds.
    """

    def __init__(
        self, *, every_seconds: float = 10.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._every_seconds = every_seconds
        self._clock = clock
        self._stages: dict[str, _Stage] = {}

    def begin(self, stage: str, total: int | None, unit: str) -> None:
        """Start the stage's clock."""
        now = self._clock()
        self._stages[stage] = _Stage(total, unit, now, now)
        logger.info("%s: %s begin", stage, f"{total} {unit}" if total is not None else unit)

    def advance(self, stage: str, n: int = 1) -> None:
        """Count, and say so when it is time."""
        state = self._stages.get(stage)
        if state is None:
            return
        state.done += n
        now = self._clock()
        if now - state.told >= self._every_seconds:
            state.told = now
            logger.info("%s: %s", stage, _in_words(state, now))

    def end(self, stage: str) -> None:
        """Say what came of it."""
        state = self._stages.pop(stage, None)
        if state is not None:
            logger.info("%s: ended, %s", stage, _in_words(state, self._clock()))


def _in_words(state: _Stage, now: float) -> str:
    """How far a stage is: done, rate per second, and time left where that can be told."""
    elapsed = max(now - state.started, 1e-9)
    rate = state.done / elapsed
    of_total = f" of {state.total}" if state.total is not None else ""
    words = f"{state.done}{of_total} {state.unit} in {elapsed:.0f} s, {rate:.1f} per second"
    if state.total is not None and 0 < state.done < state.total:
        words += f", about {(state.total - state.done) / rate:.0f} s left"
    return words
