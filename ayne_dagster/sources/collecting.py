"""Asking for many films: bounded, in batches, and nothing lost when it has to stop.

Lives here: the one engine every source is collected with. Not here: what a single ask does
(`tmdb.py`, `omdb.py`) and where batches go (the caller's `on_results`).
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sized
from dataclasses import dataclass, field, replace
from inspect import isawaitable

from ayne_dagster.domain.outcomes import FetchOutcome
from ayne_dagster.sources.failures import (
    BadCredential,
    CircuitOpen,
    InvalidRequest,
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

LARGEST_BATCH = 50
MOST_UNREADABLE_IN_A_ROW = 20
"""One page that cannot be read is the film's; twenty in a row are the service's, or a proxy's."""


@dataclass(frozen=True)
class CollectReport:
    """What asking for many came to.

    Attributes:
        results: One per key, in the order they came in; the deferred last. Payloads are dropped.
        requests: Requests sent, retries included.
        counts: Keys by outcome.
        stopped_by: Why the rest was deferred, in words; None: everything was asked.
    """

    results: list[FetchResult]
    requests: int
    counts: Counter[FetchOutcome]
    stopped_by: str | None = None

    @property
    def rows(self) -> list[dict]:
        """The rows of all results that have one."""
        return [result.row for result in self.results if result.row is not None]

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
    batch_size: int = LARGEST_BATCH,
    stage: str = "collect",
) -> CollectReport:
    """Ask for every key, so many at once, in the order given.

    A used-up quota and an open circuit breaker are no errors: what is under way ends, the rest is
    `DEFERRED`. A single key without an answer is `FAILED`, and the others go on. Whatever stops it,
    all results so far were handed over before it returns or raises.

    Args:
        keys: Ids, each once; read only as far as there is room, so a million costs no task each.
        fetch_one: Asks for one; `TmdbClient.movie`, `OmdbClient.title`.
        concurrency: Asks at once.
        on_results: Given everything asked, in batches, payloads included; may be async. No two
            calls overlap. What it raises ends the collecting.
        batch_size: Results a batch, at most 50.
        stage: Its name for whoever follows the progress.

    Raises:
        BadCredential: The key is refused: nothing else was asked after it.
        InvalidRequest: A request is wrong; the same.
        ValueError: `concurrency` or `batch_size` is out of range.
    """
    if concurrency < 1 or not 1 <= batch_size <= LARGEST_BATCH:
        raise ValueError(f"concurrency from 1, batch_size from 1 to {LARGEST_BATCH}")
    total = len(keys) if isinstance(keys, Sized) else None
    run = _Collecting(iter(keys), fetch_one, on_results, batch_size, stage)
    listener = progress()
    listener.begin(stage, total, "films")
    try:
        await run.work(concurrency if total is None else max(1, min(concurrency, total)))
    finally:
        listener.end(stage)
    return run.report()


@dataclass
class _Collecting:
    """The state of one `collect`: what the workers share."""

    keys: Iterator[Key]
    fetch_one: FetchOne
    on_results: OnResults | None
    batch_size: int
    stage: str
    results: list[FetchResult] = field(default_factory=list)
    batch: list[FetchResult] = field(default_factory=list)
    counts: Counter[FetchOutcome] = field(default_factory=Counter)
    unasked: list[Key] = field(default_factory=list)
    requests: int = 0
    unreadable_in_a_row: int = 0
    stopped_by: str | None = None
    failure: Exception | None = None
    is_refused: bool = False
    handing_over: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def work(self, concurrency: int) -> None:
        """Run the workers to their end, hand over what is left, and raise what stopped them."""
        workers = [asyncio.create_task(self._worker()) for _ in range(concurrency)]
        try:
            await asyncio.gather(*workers)
        except BaseException:
            for worker in workers:
                worker.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            raise
        finally:
            # On the way out of a cancelled run, too: what was paid for is not asked for again.
            await self._hand_over(at_least=1)
        if self.failure is not None:
            raise self.failure

    async def _worker(self) -> None:
        """Take the next key until there is none or something stopped the run."""
        while self.stopped_by is None and self.failure is None:
            try:
                key = next(self.keys)
            except StopIteration:
                return
            result = await self._ask(key)
            if result is None:
                continue
            self._take(result)
            progress().advance(self.stage, 1)
            await self._hand_over(at_least=self.batch_size)

    async def _ask(self, key: Key) -> FetchResult | None:
        """The result of one key; None where it was not asked and stays due."""
        try:
            return await self.fetch_one(key)
        except (QuotaExhausted, CircuitOpen) as error:
            self.requests += error.tries
            self._stop(error)
        except ServiceUnavailable as error:
            return FetchResult(key, FetchOutcome.FAILED, detail=error.detail, requests=error.tries)
        except (BadCredential, InvalidRequest) as error:
            self.requests += error.tries
            self.failure = self.failure or error
        except Exception as error:  # noqa: BLE001 - kept, handed over with the rest, raised by work()
            self.failure = self.failure or error
        self.unasked.append(key)
        return None

    def _stop(self, error: SourceError) -> None:
        if self.stopped_by is None:
            self.stopped_by = str(error)
            logger.warning("%s: %s; the rest is deferred", self.stage, error)

    def _take(self, result: FetchResult) -> None:
        self.requests += result.requests
        self.counts[result.outcome] += 1
        self.batch.append(result)
        if result.outcome is FetchOutcome.UNUSABLE:
            self.unreadable_in_a_row += 1
        elif result.outcome is not FetchOutcome.FAILED:
            self.unreadable_in_a_row = 0
        if self.unreadable_in_a_row >= MOST_UNREADABLE_IN_A_ROW:
            words = (
                f"{self.unreadable_in_a_row} answers in a row could not be read: {result.detail}"
            )
            self._stop(CircuitOpen(self.stage, words))

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
                # The raw answers of a whole year would not fit the memory.
                self.results.extend(replace(result, payload=None) for result in batch)

    def report(self) -> CollectReport:
        """The whole, with what was not asked at its end."""
        deferred = [*self.unasked, *self.keys]
        self.counts[FetchOutcome.DEFERRED] += len(deferred)
        if not deferred:
            del self.counts[FetchOutcome.DEFERRED]
        self.results.extend(
            FetchResult(key, FetchOutcome.DEFERRED, detail=self.stopped_by) for key in deferred
        )
        return CollectReport(self.results, self.requests, self.counts, self.stopped_by)
