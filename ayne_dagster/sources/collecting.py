"""Asking for many films: bounded, in batches, and nothing lost when it has to stop.

Lives here: the one engine every source is collected with. Not here: what a single ask does
(`tmdb.py`, `omdb.py`) and where batches go (the caller's `on_results`).
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sized
from contextlib import suppress
from dataclasses import dataclass, field, replace
from inspect import isawaitable

from ayne_dagster.domain.outcomes import FetchOutcome
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
from ayne_dagster.sources.progress import progress

logger = logging.getLogger(__name__)

Key = int | str
FetchOne = Callable[[Key], Awaitable[FetchResult]] | Callable[..., Awaitable[FetchResult]]
OnResults = Callable[[list[FetchResult]], Awaitable[None] | None]

BATCH_SIZE = 25
"""With the requests under way at once, a killed process repeats fewer than 50."""
LARGEST_BATCH = 50
FLUSH_SECONDS = 2.0
MOST_UNREADABLE_IN_A_ROW = 20
"""One page that cannot be read is the film's; twenty in a row are the service's, or a proxy's."""


@dataclass(frozen=True)
class CollectReport:
    """What asking for many came to. The results themselves went to `on_results`.

    Attributes:
        requests: Requests sent, retries included.
        counts: Keys by outcome.
        stopped_by: Why the rest was deferred, in words; None: everything was asked.
    """

    requests: int
    counts: Counter[FetchOutcome]
    stopped_by: str | None = None

    @property
    def deferred(self) -> int:
        """Keys that were not asked and stay due."""
        return self.counts[FetchOutcome.DEFERRED]


async def collect(
    keys: Iterable[Key],
    fetch_one: FetchOne,
    *,
    concurrency: int,
    on_results: OnResults | None = None,
    batch_size: int = BATCH_SIZE,
    flush_seconds: float = FLUSH_SECONDS,
    stage: str = "collect",
) -> CollectReport:
    """Ask for every key, so many at once, in the order given.

    A used-up quota and an open circuit breaker are no errors: what is under way ends, the rest is
    `DEFERRED`. A key that met chance to the end of its tries (`FetchResult.is_transient`) is asked
    once more when all others were, unless something stopped the run; only then it is `FAILED`, and
    the others go on. Whatever stops it, all results so far were handed over before it returns or
    raises.

    Args:
        keys: Ids, each once; read only as far as there is room, so a million costs no task each.
        fetch_one: Asks for one; `TmdbClient.movie`, `OmdbClient.title`.
        concurrency: Asks at once.
        on_results: Given everything asked, in batches; may be async. No two calls overlap. What it
            raises ends the collecting.
        batch_size: Results a batch, at most 50.
        flush_seconds: A batch is handed over before it is full when its oldest result has waited so
            long, a quarter more at most.
        stage: Its name for whoever follows the progress.

    Raises:
        BadCredential: The key is refused: nothing else was asked after it.
        InvalidRequest: A request is wrong; the same.
        LedgerUnusable: Requests cannot be counted; the same.
        ValueError: `concurrency`, `batch_size` or `flush_seconds` is out of range.
    """
    if concurrency < 1 or not 1 <= batch_size <= LARGEST_BATCH or flush_seconds <= 0:
        raise ValueError(
            f"concurrency from 1, batch_size from 1 to {LARGEST_BATCH}, flush_seconds above 0"
        )
    total = len(keys) if isinstance(keys, Sized) else None
    unasked = iter(keys)
    run = _Collecting(fetch_one, on_results, batch_size, flush_seconds, stage)
    listener = progress()
    listener.begin(stage, total, "films")
    try:
        await run.work(unasked, concurrency if total is None else max(1, min(concurrency, total)))
    finally:
        listener.end(stage)
    return run.report(unasked)


@dataclass
class _Collecting:
    """The state of one `collect`: what the workers share."""

    fetch_one: FetchOne
    on_results: OnResults | None
    batch_size: int
    flush_seconds: float
    stage: str
    batch: list[FetchResult] = field(default_factory=list)
    batch_began: float = 0.0
    counts: Counter[FetchOutcome] = field(default_factory=Counter)
    second_chance: dict[Key, FetchResult] = field(default_factory=dict)
    requests: int = 0
    unreadable_in_a_row: int = 0
    stopped_by: str | None = None
    failure: Exception | None = None
    is_refused: bool = False
    handing_over: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def work(self, keys: Iterator[Key], concurrency: int) -> None:
        """Ask for all, then for the unlucky ones again; hand over all; raise what stopped it."""
        clock = asyncio.create_task(self._hand_over_what_waits())
        try:
            await self._work_through(keys, concurrency)
            if self._goes_on and self.second_chance:
                logger.info("%s: once more for %d films", self.stage, len(self.second_chance))
                self.unreadable_in_a_row = 0
                await self._work_through(iter(list(self.second_chance)), concurrency)
        finally:
            # Never in the middle of handing over: what is done must not be done twice.
            async with self.handing_over:
                clock.cancel()
            with suppress(asyncio.CancelledError):
                await clock
            for result in self.second_chance.values():
                self._add(result)
            # On the way out of a cancelled run, too: what was paid for is not asked for again.
            await self._hand_over(at_least=1)
        if self.failure is not None:
            raise self.failure

    @property
    def _goes_on(self) -> bool:
        return self.stopped_by is None and self.failure is None

    async def _work_through(self, keys: Iterator[Key], concurrency: int) -> None:
        """Run workers until there are no keys left or something stopped the run."""
        workers = [asyncio.create_task(self._worker(keys)) for _ in range(concurrency)]
        try:
            await asyncio.gather(*workers)
        except BaseException:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            raise

    async def _worker(self, keys: Iterator[Key]) -> None:
        while self._goes_on:
            try:
                key = next(keys)
            except StopIteration:
                return
            result = await self._ask(key)
            if result is None:
                continue
            self._take(result)
            await self._hand_over(at_least=self.batch_size)

    async def _ask(self, key: Key) -> FetchResult | None:
        """The result of one key; None where it was not asked and stays due."""
        try:
            return await self.fetch_one(key)
        except (QuotaExhausted, CircuitOpen) as error:
            self.requests += error.tries
            self._stop(error)
        except ServiceUnavailable as error:
            return FetchResult(
                key,
                FetchOutcome.FAILED,
                detail=error.detail,
                requests=error.tries,
                is_transient=True,
            )
        except (BadCredential, InvalidRequest, LedgerUnusable) as error:
            self.requests += error.tries
            self.failure = self.failure or error
        except Exception as error:  # noqa: BLE001 - kept, handed over with the rest, raised by work()
            self.failure = self.failure or error
        if key not in self.second_chance:
            self.counts[FetchOutcome.DEFERRED] += 1
        return None

    def _stop(self, error: SourceError) -> None:
        if self.stopped_by is None:
            self.stopped_by = str(error)
            logger.warning("%s: %s; the rest is deferred", self.stage, error)

    def _take(self, result: FetchResult) -> None:
        self.requests += result.requests
        self._watch(result)
        first = self.second_chance.pop(result.key, None)
        if first is not None:
            self._add(replace(result, requests=first.requests + result.requests))
            return
        progress().advance(self.stage, 1)
        if result.is_transient:
            # Without its body: many can wait here, and the second answer brings its own.
            self.second_chance[result.key] = replace(result, payload=None, raw=None)
        else:
            self._add(result)

    def _watch(self, result: FetchResult) -> None:
        """Stop where nothing readable comes any more."""
        if result.outcome is FetchOutcome.UNUSABLE:
            self.unreadable_in_a_row += 1
        elif result.outcome is not FetchOutcome.FAILED:
            self.unreadable_in_a_row = 0
        if self.unreadable_in_a_row >= MOST_UNREADABLE_IN_A_ROW:
            words = (
                f"{self.unreadable_in_a_row} answers in a row could not be read: {result.detail}"
            )
            self._stop(CircuitOpen(self.stage, words))

    def _add(self, result: FetchResult) -> None:
        """Into the batch: from here on it is what the key came to."""
        self.counts[result.outcome] += 1
        if not self.batch:
            self.batch_began = asyncio.get_running_loop().time()
        self.batch.append(result)

    async def _hand_over_what_waits(self) -> None:
        """Hand over batches that fill slowly, until cancelled."""
        loop = asyncio.get_running_loop()
        while not self.is_refused:
            await asyncio.sleep(self.flush_seconds / 4)
            if self.batch and loop.time() - self.batch_began >= self.flush_seconds:
                try:
                    await self._hand_over(at_least=1)
                except Exception as error:  # noqa: BLE001 - ends the workers, raised by work()
                    self.failure = self.failure or error

    async def _hand_over(self, *, at_least: int) -> None:
        """Give full batches to the caller; with `at_least` 1 the last one, too."""
        if len(self.batch) < at_least or self.is_refused:
            return
        async with self.handing_over:
            while len(self.batch) >= at_least and not self.is_refused:
                batch = self.batch[: self.batch_size]
                if self.on_results is not None:
                    try:
                        done = self.on_results(batch)
                        if isawaitable(done):
                            await done
                    except Exception:
                        self.is_refused = True
                        raise
                # Taken out only now: a cancelled run hands over twice rather than never.
                del self.batch[: len(batch)]
                self.batch_began = asyncio.get_running_loop().time()

    def report(self, unasked: Iterator[Key]) -> CollectReport:
        """The whole, with what was not asked counted."""
        left = sum(1 for _ in unasked)
        if left:
            self.counts[FetchOutcome.DEFERRED] += left
        return CollectReport(self.requests, self.counts, self.stopped_by)
