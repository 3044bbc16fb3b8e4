"""Time and peak memory of planning, flags, features, mirror and merging at growing sizes.

Warehouses of 10,000, 100,000 and 1,000,000 invented films (`invented_warehouse.py`); every figure
comes from a process of its own. `BENCHMARK_FILMS=100000` leaves larger ones out.
"""

import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import psutil
import pyarrow.parquet as pq

from ayne_dagster.domain.tables import TMDB_DETAILS
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from benchmarks.invented_warehouse import invent_warehouse
from benchmarks.reporting import Goal, Report, Row
from benchmarks.scale_stages import BATCH, BATCHES, DUCKDB_MEMORY, STAGES, warehouse_at

GOAL = (
    "a film of ten times as many costs at most 1.3 times the processor time; "
    "planning 1,000,000 under 1 s; a batch of answers is merged into any number of films "
    "alike; joins at 100,000 under 100 ms; 10,000 rows to and from Parquet under 0.2 s each"
)
SIZES = (10_000, 100_000, 1_000_000)
MOST_RATIO = 1.3
"""Linear, and some room: sorting and caches cost a film of a million a little more."""
MOST_PLANNING_MS = 1_000.0
MOST_QUERY_MS = 100.0
MOST_PARQUET_MS = 200.0
_LINEAR = ("flags", "features", "mirror", "planning")

QUERIES = {
    "films and revenue by year": "SELECT release_year, count(*), sum(revenue_usd) FROM {details} "
    "GROUP BY ALL",
    "median revenue by genre": "SELECT genre, median(revenue_usd) FROM (SELECT unnest(genres) AS "
    "genre, revenue_usd FROM {details} WHERE revenue_usd > 0) GROUP BY ALL",
    "ratings beside revenue": "SELECT d.release_year, avg(r.imdb_rating), sum(d.revenue_usd) FROM "
    "{details} AS d JOIN {ratings} AS r USING (imdb_id) GROUP BY ALL",
}


@dataclass(frozen=True)
class Measured:
    """What one process took.

    Attributes:
        milliseconds: Of the work alone.
        cpu_milliseconds: Of all its threads: what other programs of the machine do not stretch.
        peak_mb: Most resident memory of the whole process.
    """

    milliseconds: float
    cpu_milliseconds: float
    peak_mb: float


def measure(runs: int) -> Report:
    """Build the warehouses and measure every stage on each."""
    most = int(os.environ.get("BENCHMARK_FILMS", SIZES[-1]))
    sizes = [size for size in SIZES if size <= most]
    with tempfile.TemporaryDirectory() as folder:
        paths = {size: Path(folder) / f"{size}.duckdb" for size in sizes}
        for size, path in paths.items():
            _in_new_process(_build, path, size)
        taken = {
            name: {size: _median(name, path) for size, path in paths.items()} for name in STAGES
        }
        middle = paths[min(100_000, sizes[-1])]
        questions = _in_new_process(_ask, middle, runs)
        parquet = _in_new_process(_parquet, middle, runs)
    rows = [
        Row(
            f"{name}, {size:,} films",
            found.milliseconds,
            taken[name][size // 10].milliseconds if size // 10 in taken[name] else None,
            f"{found.peak_mb:,.0f} MB, {found.cpu_milliseconds / 1000:.1f} s",
        )
        for name in STAGES
        for size, found in taken[name].items()
    ]
    rows += [Row(what, took, None, "") for what, took in {**questions, **parquet}.items()]
    return Report(
        name="scale",
        setting=f"up to {sizes[-1]:,} films, DuckDB's memory limit {DUCKDB_MEMORY}; merging and "
        f"looking up are {BATCHES} batches of {BATCH:,} films",
        baseline="a tenth of the films",
        rows=rows,
        goals=_goals(taken, questions, parquet, sizes[-1]),
        remarks="peak memory, processor time",
    )


def _goals(
    taken: dict[str, dict[int, Measured]],
    questions: dict[str, float],
    parquet: dict[str, float],
    largest: int,
) -> list[Goal]:
    def ratio(name: str) -> float:
        smaller = taken[name].get(largest // 10, taken[name][largest])
        return taken[name][largest].cpu_milliseconds / smaller.cpu_milliseconds

    times = 10 if largest // 10 in SIZES else 1
    worst = max(_LINEAR, key=ratio)
    per_film = ratio(worst) / times
    planning = taken["planning"][largest].milliseconds
    slowest, written = max(questions.values()), max(parquet.values())
    return [
        Goal(
            f"processor time per film, ten times the films: worst {per_film:.2f} x ({worst}), goal "
            f"<= {MOST_RATIO:g}",
            per_film <= MOST_RATIO,
        ),
        Goal(
            f"planning all due of {largest:,}: {planning:,.0f} ms, goal < 1,000",
            planning < MOST_PLANNING_MS,
        ),
        Goal(
            f"merging into ten times the films {ratio('merging'):.2f} x, goal <= 3",
            ratio("merging") <= 3,
        ),
        Goal(f"slowest question {slowest:.0f} ms, goal < 100", slowest < MOST_QUERY_MS),
        Goal(f"10,000 rows to or from Parquet {written:.0f} ms, goal < 200",
             written < MOST_PARQUET_MS),
    ]  # fmt: skip


def _median(name: str, path: Path) -> Measured:
    # A second run of what writes would find its work done.
    found = [_in_new_process(_watched, name, path) for _ in range(5 if name == "planning" else 1)]
    return Measured(
        statistics.median(one.milliseconds for one in found),
        statistics.median(one.cpu_milliseconds for one in found),
        max(one.peak_mb for one in found),
    )


def _in_new_process(work: Callable[..., Any], *arguments: object) -> Any:
    """The work's result, from a process that has done nothing else."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(work, *arguments).result()


def _watched(name: str, path: Path) -> Measured:
    process, is_done, peak = psutil.Process(), threading.Event(), 0

    def watch() -> None:
        nonlocal peak
        while not is_done.wait(0.01):
            peak = max(peak, process.memory_info().rss)

    work = STAGES[name](path)
    watcher = threading.Thread(target=watch)
    watcher.start()
    start, cpu = time.perf_counter(), time.process_time()
    try:
        work()
        seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
    finally:
        is_done.set()
        watcher.join()
    return Measured(seconds * 1000, cpu * 1000, peak / 2**20)


def _build(path: Path, films: int) -> None:
    invent_warehouse(path, films)


def _ask(path: Path, runs: int) -> dict[str, float]:
    """Milliseconds of analysts' questions, on the warehouse and on the mirror."""
    mirrored = path.with_suffix(".mirror")
    files = {
        name: f"read_parquet('{mirrored}/{table}/*/part.parquet', hive_partitioning = true, "
        "hive_types = {'release_year': VARCHAR})"
        for name, table in (("details", "tmdb_details"), ("ratings", "omdb_ratings"))
    }
    tables = {"details": "tmdb_details", "ratings": "omdb_ratings"}
    took = {}
    with duckdb.connect(str(path), read_only=True) as connection:
        # As docs/analysts.md says.
        connection.execute("SET parquet_metadata_cache = true")
        for what, sql in QUERIES.items():
            for where, names in (("warehouse", tables), ("mirror", files)):
                question = sql.format(**names)
                took[f"{what}, {where}"] = _milliseconds(
                    lambda question=question: connection.execute(question).fetchall(), runs
                )
    return took


def _parquet(path: Path, runs: int) -> dict[str, float]:
    """Milliseconds of writing and reading the largest partition, some 10,000 films of 100,000."""
    warehouse, target = warehouse_at(path), ParquetMirror(path.with_suffix(".alone"))
    qualified = warehouse.qualified(TMDB_DETAILS.name)
    with warehouse.reading() as connection:
        written = _milliseconds(
            lambda: target.write(connection, TMDB_DETAILS, qualified, ["undated"]), runs
        )
    file = target.path(TMDB_DETAILS, "undated")
    count = pq.ParquetFile(file).metadata.num_rows
    read = _milliseconds(lambda: pq.ParquetFile(file).read(), runs)
    return {
        f"{count:,} details to Parquet": written * 10_000 / count,
        f"{count:,} details from Parquet": read * 10_000 / count,
    }


def _milliseconds(work: Callable[[], object], runs: int) -> float:
    work()
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1000
