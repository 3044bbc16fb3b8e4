"""Logs: one set-up for structlog and the standard library, with the context of the work bound.

Lives here: `configure_logs`, binding run id, service, film and year, and the redaction processor.
Not here: what counts as a secret (`redaction.py`). Nothing is configured at import.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from ayne_dagster.redaction import RedactionFilter, redact, redact_value, register_secret

__all__ = ["bind_log_context", "configure_logs", "log_context", "redact_event", "register_secret"]

_HANDLER_NAME = "ayne"

QUOTED = 120
"""Most characters of a value in a line for people; machines get all of it."""

_WHOLE = frozenset({"event", "exception", "stack", "timestamp", "level", "logger"})
"""What a line is about is never cut."""


def redact_event(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Structlog processor: masks secrets anywhere in the event, keys and nested values included."""
    del logger, method
    return {key: redact_value(value) for key, value in event.items()}


def _redact_line(logger: WrappedLogger, method: str, line: str) -> str:
    """Last processor: whatever a renderer made of objects is masked once more."""
    del logger, method
    return redact(line)


def _drop_formatted(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Drop what another handler's formatter left on the record: the line would say it twice."""
    del logger, method
    for name in ("message", "asctime"):
        event.pop(name, None)
    return event


def _for_people(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Keep a line readable: no bookkeeping of Dagster's, no long quotations.

    `dagster_meta` repeats the run, the step and the message itself in 700 characters.
    """
    del logger, method
    event.pop("dagster_meta", None)
    for name, value in event.items():
        if name not in _WHOLE and isinstance(value, str) and len(value) > QUOTED:
            event[name] = value[: QUOTED - 1] + "…"
    return event


def configure_logs(
    *,
    json_lines: bool,
    level: str,
    stream: TextIO | None = None,
    logger_name: str | None = None,
) -> None:
    """Send structlog's and the standard library's records through one formatter.

    Calling it again replaces what it set up before; handlers of others (Dagster's) stay.

    Args:
        json_lines: One JSON object a line for machines; otherwise coloured lines for people.
        level: Least severe level shown, by name (`INFO`).
        stream: Where lines go; standard error by default. Colours only on a terminal.
        logger_name: Only this logger and those below it; None: all. Inside Dagster's processes it
            is the platform's own, because Dagster prints its lines itself.

    Raises:
        ValueError: The level is unknown.
    """
    target = stream if stream is not None else sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(default=str, ensure_ascii=False)
        if json_lines
        else structlog.dev.ConsoleRenderer(
            colors=target.isatty(),
            # Rich tracebacks show local variables, keys among them.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    handler = logging.StreamHandler(target)
    handler.set_name(_HANDLER_NAME)
    handler.addFilter(RedactionFilter())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, _drop_formatted],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                redact_event,
                *([] if json_lines else [_for_people]),
                renderer,
                _redact_line,  # pyright: ignore[reportArgumentType]
            ],
        )
    )
    root = logging.getLogger(logger_name)
    for old in [h for h in root.handlers if h.get_name() == _HANDLER_NAME]:
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(level.upper())
    # A line per request is for people who look for one: it hides everything else otherwise.
    for chatty in ("httpx", "httpcore"):
        logging.getLogger(chatty).setLevel(
            logging.DEBUG if root.level <= logging.DEBUG else logging.WARNING
        )
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            structlog.stdlib.PositionalArgumentsFormatter(),
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _known(values: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}


def bind_log_context(
    *,
    run_id: str | None = None,
    service: str | None = None,
    film: int | str | None = None,
    year: str | None = None,
) -> None:
    """Put these on every following line of this thread or task; None leaves the old value."""
    values = {"run_id": run_id, "service": service, "film": film, "year": year}
    structlog.contextvars.bind_contextvars(**_known(values))


@contextmanager
def log_context(
    *,
    run_id: str | None = None,
    service: str | None = None,
    film: int | str | None = None,
    year: str | None = None,
) -> Iterator[None]:
    """The same for the lines of a block only."""
    values = {"run_id": run_id, "service": service, "film": film, "year": year}
    with structlog.contextvars.bound_contextvars(**_known(values)):
        yield
