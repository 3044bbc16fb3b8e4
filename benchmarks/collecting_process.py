"""A process that runs the real `collect` job, and tells what it did when it is through.

Lives here: what happens inside such a process. Not here: who starts it and what is looked for
(`quota.py`, `backfills.py`, `crash.py`).
"""

import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
from matplotlib.figure import Figure
from PIL import Image

from ayne_dagster.definitions import defs
from ayne_dagster.defs import resources
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster.storage.year_turns import YearTurns


@dataclass(frozen=True)
class Order:
    """What a process is to collect.

    Attributes:
        environment: Its settings.
        first: First release year.
        last: Last release year.
        told: File for its account; what it prints goes beside it.
        assets: Only these of the job; None: all.
        ahead: How far the platform's clock is ahead of the real one.
    """

    environment: Mapping[str, str]
    first: str
    last: str
    told: Path
    assets: Sequence[str] | None = None
    ahead: timedelta = timedelta(0)


@dataclass
class Account:
    """What a process tells of its run.

    Attributes:
        is_green: The run ended well and no check failed as an error.
        deferred: Films left for later, by asset.
        requests: Requests sent, by asset.
        failed_checks: Checks that failed, by name.
        errors: Log records of level ERROR and above, and why steps failed.
        warnings: Log records of level WARNING.
        file_waits: Seconds waited for the DuckDB file, one number each time it was opened.
        turn_waits: Seconds waited for the turn at years of a source.
        seconds: How long the run took.
    """

    is_green: bool = False
    deferred: dict[str, int] = field(default_factory=dict)
    requests: dict[str, int] = field(default_factory=dict)
    failed_checks: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    file_waits: list[float] = field(default_factory=list)
    turn_waits: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @classmethod
    def read(cls, path: Path) -> "Account":
        """The account of a process that came to its end.

        Raises:
            FileNotFoundError: It did not.
        """
        return cls(**json.loads(path.read_text(encoding="utf-8")))


def collect_and_tell(order: Order) -> None:
    """Run the `collect` job as ordered and write an account; exit status 1 where it failed."""
    order.told.parent.mkdir(parents=True, exist_ok=True)
    _print_into(order.told.with_suffix(".log"))
    prepare_process(order.environment, quiet_below=logging.WARNING)
    resources.utc_now = lambda: datetime.now(UTC) + order.ahead
    account = Account()
    _note_log_records(account)
    _note_waits(Warehouse, ("writing", "reading"), account.file_waits)
    _note_waits(YearTurns, ("hold",), account.turn_waits)
    started = time.monotonic()
    result = run_collect(order.first, order.last, assets=order.assets, raise_on_error=False)
    account.seconds = time.monotonic() - started
    _tell_result(account, result)
    order.told.write_text(json.dumps(asdict(account)), encoding="utf-8")
    raise SystemExit(0 if result.success else 1)


def run_collect(
    first: str, last: str, *, assets: Sequence[str] | None = None, raise_on_error: bool
) -> dg.ExecuteInProcessResult:
    """The `collect` job over a range of years, as `ayne collect` runs it."""
    with dg.DagsterInstance.ephemeral() as instance:
        return (
            defs()
            .resolve_job_def("collect")
            .execute_in_process(
                instance=instance,
                tags={
                    "dagster/asset_partition_range_start": first,
                    "dagster/asset_partition_range_end": last,
                },
                asset_selection=[dg.AssetKey(name) for name in assets] if assets else None,
                run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
                raise_on_error=raise_on_error,
            )
        )


def prepare_process(
    environment: Mapping[str, str], *, quiet_below: int = logging.CRITICAL + 1
) -> None:
    """Settings of this world, no noise, no pictures: they are not what is measured.

    Args:
        environment: The settings.
        quiet_below: Log records below this level are not made.
    """
    os.environ.update(environment)
    warnings.simplefilter("ignore")
    logging.disable(quiet_below - 1)
    Figure.savefig = _draw_nothing  # pyright: ignore[reportAttributeAccessIssue]


def _draw_nothing(_figure: Figure, to: Any, **_options: Any) -> None:
    Image.new("RGB", (2, 2)).save(to, "PNG")


def _print_into(path: Path) -> None:
    """Send all that is printed into a file, whoever prints it."""
    with path.open("a", encoding="utf-8") as file:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(file.fileno(), stream.fileno())


def _note_log_records(account: Account) -> None:
    """Note every warning and error where it begins: not every logger has a handler."""
    handle = logging.Logger.handle

    def noting(self: logging.Logger, record: logging.LogRecord) -> None:
        if record.levelno >= logging.WARNING:
            kept = account.errors if record.levelno >= logging.ERROR else account.warnings
            kept.append(f"{record.name}: {record.getMessage()}")
        handle(self, record)

    logging.Logger.handle = noting


def _note_waits(of: type, names: Sequence[str], waits: list[float]) -> None:
    """Note how long it takes to come into these context managers of a class."""
    for name in names:
        setattr(of, name, _timed(getattr(of, name), waits))


def _timed(
    enter: Callable[..., AbstractContextManager[Any]], waits: list[float]
) -> Callable[..., AbstractContextManager[Any]]:
    """The same context manager; how long it took to come in is noted."""

    @contextmanager
    def timed(*args: Any, **named: Any) -> Iterator[Any]:
        started = time.monotonic()
        with enter(*args, **named) as entered:
            waits.append(time.monotonic() - started)
            yield entered

    return timed


def _tell_result(account: Account, result: dg.ExecuteInProcessResult) -> None:
    checks = [check for check in result.get_asset_check_evaluations() if not check.passed]
    account.failed_checks = [
        f"{one.asset_key.to_user_string()}.{one.check_name} ({one.severity.value})"
        for one in checks
    ]
    account.is_green = result.success and not any(
        one.severity is dg.AssetCheckSeverity.ERROR for one in checks
    )
    for event in result.all_events:
        if event.is_step_failure:
            account.errors.append(f"{event.step_key}: {_causes(event.step_failure_data.error)}")
    for event in result.get_asset_materialization_events():
        if event.asset_key is None:
            continue
        name = event.asset_key.to_user_string()
        figures = event.step_materialization_data.materialization.metadata
        for figure, kept in (("deferred", account.deferred), ("requests", account.requests)):
            if figure in figures:
                kept[name] = int(figures[figure].value)  # pyright: ignore[reportArgumentType]


def _causes(error: Any) -> str:
    """An error and what led to it, in words."""
    words: list[str] = []
    while error is not None:
        words.append(error.message.strip())
        error = error.cause
    return "; ".join(words)
