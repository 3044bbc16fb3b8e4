"""Runs a coroutine so that no interruption gets lost in it.

Lives here: `run_interruptibly`, in place of `asyncio.run`. While a step runs, Dagster raises an
error of its own from a signal's handler (Ctrl-C, a run terminated in the UI). If that happens in a
callback of the event loop, the loop logs the error and goes on: the run would not end, and what the
signal also reached (a sandbox, a database) would be missing.
"""

import asyncio
import signal
import threading
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

_SIGNALS = (signal.SIGINT, signal.SIGTERM)

T = TypeVar("T")


def run_interruptibly(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine; a signal cancels it, and is handled as before once it has ended.

    Args:
        work: The coroutine; it may clean up when it is cancelled.

    Returns:
        What the coroutine returned.

    Raises:
        KeyboardInterrupt: A signal came whose handler raised nothing, or a second one came before
            the coroutine had ended. What the handler raises is raised as it is.
    """
    if threading.current_thread() is not threading.main_thread():
        return asyncio.run(work)  # Signals reach the main thread only.
    handlers = {
        number: handler
        for number in _SIGNALS
        # Ignored in a process of the background: not ours to listen to.
        if (handler := signal.getsignal(number)) not in (signal.SIG_IGN, None)
    }
    told: list[int] = []

    async def watched() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None

        def cancel(number: int, _: FrameType | None) -> None:
            told.append(number)
            if len(told) > 1:
                raise KeyboardInterrupt
            loop.call_soon_threadsafe(task.cancel)

        for number in handlers:
            signal.signal(number, cancel)
        return await work

    try:
        return asyncio.run(watched())
    except asyncio.CancelledError:
        if told:
            raise KeyboardInterrupt from None
        raise
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if told:
            # Even where the coroutine came to its end all the same.
            signal.raise_signal(told[0])
