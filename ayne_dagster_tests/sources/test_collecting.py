"""The one engine for many films: bounded, in batches, and orderly when it has to stop."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from ayne_dagster.domain.outcomes import FetchOutcome
from ayne_dagster.sources.collecting import CollectReport, collect
from ayne_dagster.sources.failures import (
    BadCredential,
    CircuitOpen,
    InvalidRequest,
    LedgerUnusable,
    QuotaExhausted,
    ServiceUnavailable,
    SourceError,
)
from ayne_dagster.sources.fetch_result import FetchResult
from ayne_dagster.sources.progress import LogProgress, progress, report_progress_to, stage
from ayne_dagster_tests.sources.fakes import NOON

O = FetchOutcome  # noqa: E741 - reads like the table it stands in


def row(key: int | str) -> FetchResult:
    return FetchResult(key, O.ROW, {"tmdb_id": key}, None, NOON, 1, {"raw": "payload"})


def run(keys: Any, fetch: Any, **options: Any) -> CollectReport:
    settings: dict[str, Any] = {"concurrency": 4} | options
    return asyncio.run(collect(keys, fetch, **settings))


async def good(key: int | str) -> FetchResult:
    await asyncio.sleep(0)
    return row(key)


def failing(at: int, error: SourceError | LedgerUnusable) -> Any:
    async def fetch(key: int | str) -> FetchResult:
        if key == at:
            error.tries = 3
            raise error
        return await good(key)

    return fetch


def test_everything_is_asked_and_handed_over_in_batches_of_twenty_five() -> None:
    batches: list[list[FetchResult]] = []
    report = run(range(1, 181), good, on_results=batches.append)
    assert report.counts == {O.ROW: 180}
    assert report.requests == 180
    assert report.stopped_by is None
    assert [len(batch) for batch in batches] == [25] * 7 + [5]
    handed = [result for batch in batches for result in batch]
    assert {result.key for result in handed} == set(range(1, 181))
    assert all(result.payload == {"raw": "payload"} for result in handed)


def test_many_keys_make_no_task_each() -> None:
    most = 0
    under_way = 0

    async def fetch(key: int | str) -> FetchResult:
        nonlocal most, under_way
        under_way += 1
        # Besides the workers: the collecting itself, and the clock of its batches.
        most = max(most, under_way, len(asyncio.all_tasks()) - 2)
        await asyncio.sleep(0)
        under_way -= 1
        if key == 500:
            raise QuotaExhausted("omdb", "used up")
        return row(key)

    def keys() -> Iterator[int]:
        yield from range(100_000)

    report = run(keys(), fetch, concurrency=8)
    assert most <= 8
    assert report.deferred > 99_000
    assert sum(report.counts.values()) == 100_000


def test_a_used_up_quota_defers_the_rest_and_is_no_error() -> None:
    handed: list[FetchResult] = []
    report = run(
        range(200),
        failing(120, QuotaExhausted("omdb", "the day is used up")),
        on_results=handed.extend,
    )
    assert report.counts[O.ROW] == len(handed) >= 117
    assert report.counts[O.ROW] + report.deferred == 200
    assert "used up" in (report.stopped_by or "")
    assert {O.ROW} == {result.outcome for result in handed}


def test_one_film_without_an_answer_fails_alone() -> None:
    handed: list[FetchResult] = []
    fetch = failing(7, ServiceUnavailable("tmdb", "HTTP 502"))
    report = run(range(60), fetch, on_results=handed.extend)
    assert report.counts == {O.ROW: 59, O.FAILED: 1}
    failed = handed[-1]
    assert (failed.key, failed.detail, failed.row) == (7, "HTTP 502", None)
    # Three tries, and three more at the end of the run.
    assert (report.requests, failed.requests) == (65, 6)


def test_an_open_circuit_defers_the_rest_and_says_why() -> None:
    report = run(range(60), failing(10, CircuitOpen("tmdb", "left alone for a while")))
    assert report.deferred >= 46
    assert report.counts[O.FAILED] == 0
    assert report.stopped_by == "tmdb: left alone for a while"


@pytest.mark.parametrize(
    "error",
    [
        BadCredential("tmdb", "bad"),
        InvalidRequest("tmdb", "wrong"),
        LedgerUnusable("the ledger cannot be written"),
    ],
)
def test_what_no_film_can_be_asked_after_stops_all_and_hands_over_what_is_paid_for(
    error: SourceError | LedgerUnusable,
) -> None:
    handed: list[FetchResult] = []
    asked: list[int | str] = []
    fetch = failing(70, error)

    async def noting(key: int | str) -> FetchResult:
        asked.append(key)
        return await fetch(key)

    with pytest.raises(type(error)):
        run(range(1000), noting, on_results=handed.extend)
    assert len(asked) < 80
    assert {result.key for result in handed} == set(asked) - {70}


def test_a_mistake_of_ours_is_raised_after_handing_over() -> None:
    handed: list[FetchResult] = []

    async def fetch(key: int | str) -> FetchResult:
        if key == 20:
            raise KeyError("a bug")
        return await good(key)

    with pytest.raises(KeyError, match="a bug"):
        run(range(100), fetch, on_results=handed.extend)
    assert len(handed) >= 17


def test_a_batch_that_cannot_be_kept_ends_the_collecting() -> None:
    batches: list[int] = []

    def full(batch: list[FetchResult]) -> None:
        batches.append(len(batch))
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        run(range(500), good, on_results=full)
    assert batches == [25]


def test_batches_may_be_kept_asynchronously_and_never_two_at_once() -> None:
    keeping = 0
    kept = 0

    async def keep(batch: list[FetchResult]) -> None:
        nonlocal keeping, kept
        keeping += 1
        assert keeping == 1
        await asyncio.sleep(0.001)
        keeping -= 1
        kept += len(batch)

    report = run(range(130), good, on_results=keep, batch_size=10, concurrency=16)
    assert kept == report.counts[O.ROW] == 130


def test_a_cancelled_run_hands_over_what_it_has() -> None:
    handed: list[FetchResult] = []

    async def slow(key: int | str) -> FetchResult:
        if isinstance(key, int) and key >= 10:
            await asyncio.sleep(60)
        return row(key)

    async def cancelled() -> None:
        task = asyncio.create_task(
            collect(range(100), slow, concurrency=3, on_results=handed.extend)
        )
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancelled())
    assert {result.key for result in handed} == set(range(10))


def test_nothing_to_ask_is_no_error() -> None:
    assert run([], good).counts == {}


@pytest.mark.parametrize(
    "options",
    [{"concurrency": 0}, {"batch_size": 0}, {"batch_size": 51}, {"flush_seconds": 0}],
)
def test_impossible_numbers_are_refused(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="concurrency from 1"):
        run([1], good, **options)


def test_a_row_and_another_outcome_contradict() -> None:
    with pytest.raises(ValueError, match="contradict"):
        FetchResult(1, O.NOT_FOUND, {"tmdb_id": 1})
    with pytest.raises(ValueError, match="contradict"):
        FetchResult(1, O.ROW)


class Listener:
    def __init__(self) -> None:
        self.heard: list[tuple[Any, ...]] = []

    def begin(self, stage: str, total: int | None, unit: str) -> None:
        self.heard.append(("begin", stage, total, unit))

    def advance(self, stage: str, n: int = 1) -> None:
        self.heard.append(("advance", stage, n))

    def end(self, stage: str) -> None:
        self.heard.append(("end", stage))


def test_progress_is_told_to_the_listener_of_the_context() -> None:
    listener = Listener()
    with report_progress_to(listener):
        run(range(3), good, stage="tmdb")
    assert listener.heard[0] == ("begin", "tmdb", 3, "films")
    assert listener.heard.count(("advance", "tmdb", 1)) == 3
    assert listener.heard[-1] == ("end", "tmdb")
    assert progress() is not listener


def test_the_logging_listener_tells_rate_and_remaining_time(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    seconds = iter([0.0, 5.0, 10.0, 20.0])
    listener = LogProgress(every_seconds=10, clock=lambda: next(seconds))
    listener.begin("tmdb", 40, "films")
    listener.advance("tmdb", 5)
    listener.advance("tmdb", 5)
    listener.advance("other", 5)
    listener.end("tmdb")
    listener.end("tmdb")
    assert [record.getMessage() for record in caplog.records] == [
        "tmdb: 40 films begin",
        "tmdb: 10 of 40 films in 10 s, 1.0 per second, about 30 s left",
        "tmdb: ended, 10 of 40 films in 20 s, 0.5 per second, about 60 s left",
    ]


def test_a_stage_ends_for_its_listener_even_when_its_work_fails() -> None:
    listener = Listener()

    def work() -> None:
        with report_progress_to(listener), stage("walk", None, "years") as advance:
            advance(2)
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        work()
    assert listener.heard == [
        ("begin", "walk", None, "years"),
        ("advance", "walk", 2),
        ("end", "walk"),
    ]


def test_twenty_unreadable_answers_in_a_row_are_an_outage_and_defer_the_rest() -> None:
    """A proxy's page with status 200 made 200 films rest for a week, in a green run."""

    async def unreadable(key: int | str) -> FetchResult:
        return FetchResult(key, O.UNUSABLE, None, "not JSON: <html>", NOON, 1)

    report = run(range(1, 201), unreadable, concurrency=1)
    assert report.counts == {O.UNUSABLE: 20, O.DEFERRED: 180}
    assert report.stopped_by is not None
    assert "20 answers in a row" in report.stopped_by


def test_unreadable_answers_among_good_ones_stop_nothing() -> None:
    async def mixed(key: int | str) -> FetchResult:
        if int(key) % 15:
            return FetchResult(key, O.UNUSABLE, None, "not JSON", NOON, 1)
        return row(key)

    report = run(range(1, 101), mixed, concurrency=1)
    assert report.counts[O.DEFERRED] == 0


def unlucky(times: int, first: FetchResult | SourceError, at: int = 3) -> Any:
    """One key comes to `first` so often; everything else is a row."""
    left = times

    async def fetch(key: int | str) -> FetchResult:
        nonlocal left
        if key == at and left:
            left -= 1
            if isinstance(first, SourceError):
                first.tries = 6
                raise first
            return first
        return await good(key)

    return fetch


DAMAGED = FetchResult(3, O.UNUSABLE, None, "not JSON", NOON, 3, raw="<html>", is_transient=True)


@pytest.mark.parametrize("first", [DAMAGED, ServiceUnavailable("tmdb", "reset")])
def test_a_film_that_met_chance_is_asked_once_more_at_the_end_of_the_run(
    first: FetchResult | SourceError,
) -> None:
    """With one answer in five broken, a few films of a run use up their tries: not their day."""
    handed: list[FetchResult] = []
    report = run(range(40), unlucky(1, first), on_results=handed.extend)
    assert report.counts == {O.ROW: 40}
    assert handed[-1].key == 3
    assert report.requests == sum(result.requests for result in handed)


def test_chance_twice_is_reported_once_with_what_the_last_answer_was() -> None:
    handed: list[FetchResult] = []
    report = run(range(40), unlucky(2, DAMAGED), on_results=handed.extend)
    assert report.counts == {O.ROW: 39, O.UNUSABLE: 1}
    assert len(handed) == 40
    assert (handed[-1].key, handed[-1].requests, handed[-1].raw) == (3, 6, "<html>")


def test_what_is_no_chance_is_not_asked_again() -> None:
    other_film = FetchResult(3, O.UNUSABLE, None, "asked for 3, the answer is 4", NOON, 1)
    report = run(range(40), unlucky(1, other_film))
    assert report.counts == {O.ROW: 39, O.UNUSABLE: 1}
    assert report.requests == 40


def test_a_stopped_run_gives_nobody_a_second_chance_and_loses_nobody() -> None:
    handed: list[FetchResult] = []
    asked: list[int | str] = []
    first = unlucky(1, DAMAGED)

    async def fetch(key: int | str) -> FetchResult:
        asked.append(key)
        if key == 30:
            raise QuotaExhausted("omdb", "used up")
        return await first(key)

    report = run(range(60), fetch, on_results=handed.extend, concurrency=1)
    assert asked == list(range(31))
    assert report.counts == {O.ROW: 29, O.UNUSABLE: 1, O.DEFERRED: 30}
    assert {result.key for result in handed} == set(range(30))


def test_a_quota_that_ends_with_the_second_chances_defers_nobody_twice() -> None:
    """Fetched, reported and counted as deferred as well, a film was two films."""
    handed: list[FetchResult] = []
    first = unlucky(1, DAMAGED)
    asked: list[int | str] = []

    async def fetch(key: int | str) -> FetchResult:
        asked.append(key)
        if asked.count(3) == 2:
            raise QuotaExhausted("omdb", "used up")
        return await first(key)

    report = run(range(10), fetch, on_results=handed.extend, concurrency=1)
    assert report.counts == {O.ROW: 9, O.UNUSABLE: 1}
    assert sorted(result.key for result in handed) == list(range(10))
    assert report.stopped_by is not None


def test_slow_answers_are_not_kept_waiting_for_a_full_batch() -> None:
    """A killed process asks again for everything it had not handed over."""
    seen_while_asking: list[int] = []
    handed: list[FetchResult] = []

    async def slow(key: int | str) -> FetchResult:
        await asyncio.sleep(0.02)
        seen_while_asking.append(len(handed))
        return row(key)

    run(range(8), slow, on_results=handed.extend, concurrency=1, flush_seconds=0.04)
    assert max(seen_while_asking) >= 4
    assert len(handed) == 8


def test_a_slow_batch_that_cannot_be_kept_ends_the_collecting_too() -> None:
    asked: list[int | str] = []

    def full(batch: list[FetchResult]) -> None:
        raise OSError("disk full")

    async def slow(key: int | str) -> FetchResult:
        asked.append(key)
        await asyncio.sleep(0.01)
        return row(key)

    with pytest.raises(OSError, match="disk full"):
        run(range(500), slow, on_results=full, concurrency=1, flush_seconds=0.02)
    assert len(asked) < 20
