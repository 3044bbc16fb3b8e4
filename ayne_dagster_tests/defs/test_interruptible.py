"""Ctrl-C while a step waits for answers ends the run, at whatever instant it comes."""

import asyncio
import signal
import threading
from collections.abc import Iterator

import pytest
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._utils.interrupts import capture_interrupts, raise_interrupts_as

from ayne_dagster.defs.interruptible import run_interruptibly


@pytest.fixture
def _like_a_step(_not_ignored: None) -> Iterator[None]:
    with raise_interrupts_as(DagsterExecutionInterruptedError):
        yield


async def press(cleaned: list[str]) -> str:
    """Ctrl-C arrives while the loop runs a callback; the work cleans up when it is cancelled."""
    asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
    try:
        await asyncio.sleep(0.2)
    finally:
        cleaned.append("cleaned")
    return "went on"


async def press_and_finish() -> str:
    asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
    try:
        await asyncio.sleep(0.2)
    except asyncio.CancelledError:
        return "finished all the same"
    return "went on"


@pytest.fixture(autouse=True)
def _not_ignored() -> Iterator[None]:
    """Tests may themselves have been started in the background, where signals are ignored."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("_like_a_step")
def test_an_interruption_inside_a_callback_of_the_loop_is_not_lost() -> None:
    """It was logged by the loop, and the demo went on with its sandbox gone."""
    cleaned: list[str] = []
    assert asyncio.run(press([])) == "went on"  # What we must not do.
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(DagsterExecutionInterruptedError):
        run_interruptibly(press(cleaned))
    assert cleaned == ["cleaned"]
    assert signal.getsignal(signal.SIGINT) is before


@pytest.mark.usefixtures("_like_a_step")
def test_work_that_ends_well_all_the_same_is_interrupted_after_it() -> None:
    with pytest.raises(DagsterExecutionInterruptedError):
        run_interruptibly(press_and_finish())


def test_an_interruption_that_is_only_noted_ends_the_work() -> None:
    with capture_interrupts(), pytest.raises(KeyboardInterrupt):
        run_interruptibly(press([]))


def test_a_signal_the_process_ignores_stays_ignored() -> None:
    """Started in the background, Ctrl-C of the terminal is none of ours."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        assert run_interruptibly(press([])) == "went on"
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_without_an_interruption_the_value_and_the_errors_are_the_coroutine_s() -> None:
    async def answer() -> int:
        return 42

    async def fail() -> None:
        raise LookupError("of the work")

    assert run_interruptibly(answer()) == 42
    with pytest.raises(LookupError, match="of the work"):
        run_interruptibly(fail())
    values: list[int] = []
    thread = threading.Thread(target=lambda: values.append(run_interruptibly(answer())))
    thread.start()
    thread.join()
    assert values == [42]
