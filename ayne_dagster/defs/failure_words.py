"""Why a run failed, in the words people see: the same in a command, in `pipeline_runs`, in a test.

Lives here: which errors say by themselves what to do, and how the root of Dagster's error chain is
found. Not here: rows (`run_records.py`). Nothing heavy is imported: every command reads this.
"""

import re
from collections.abc import Iterable
from typing import Any

EXPECTED_ERRORS = frozenset(
    {
        "SettingsError",
        "WarehouseBusy",
        "WarehouseMissing",
        "WarehouseDamaged",
        "SchemaConflict",
        "ContractViolation",
        "UpstreamMissing",
        "MissingCredential",
        "BadCredential",
        "UnknownReleaseYear",
        "SandboxStartError",
        "ClockUnreachable",
        "LedgerUnusable",
        "RunFailed",
        "NoModelYet",
        "FilmNotStored",
        "ModelNotFoundError",
        "OutdatedModelError",
        "UntrustedModelError",
        "VersionNotFoundError",
        "PromotionRefused",
        "NothingToCompare",
        "NothingTrained",
        "ModelsElsewhere",
    }
)
"""Errors whose message alone tells what to do. Everything else is a bug and shows its traceback."""

STOPPED = "stopped by Ctrl-C, or by a signal that asked it to end"

_INTERRUPTIONS = frozenset(
    {
        "KeyboardInterrupt",
        "Abort",  # click's
        "DagsterExecutionInterruptedError",
        "InterruptException",  # DuckDB's
    }
)
_FROM_OUTSIDE = "marked as failed from outside"
_OF_THE_PROCESS = "Run execution process for"


def means_interruption(name: str, message: str) -> bool:
    """Whether an error of this type's name and these words means that somebody pressed Ctrl-C.

    Dagster raises an error of its own; DuckDB says "Query interrupted" as a plain RuntimeError.
    """
    return name in _INTERRUPTIONS or (name == "RuntimeError" and "Query interrupted" in message)


def was_interrupted(events: Iterable[Any]) -> bool:
    """Whether a run's events say that it was asked to end, whatever it was doing."""
    for event in events:
        error = _error_of(event)
        while error is not None:
            if means_interruption(error.cls_name or "", error.message):
                return True
            error = error.cause or error.context
    return False


def failed_step(events: Iterable[Any]) -> tuple[str, str] | None:
    """The first step that failed, and why; None where none did.

    Args:
        events: Dagster's events of one run.
    """
    for event in events:
        if event.is_step_failure:
            data = event.step_failure_data.user_failure_data
            return event.step_key, (data.description if data else None) or root_of(_error_of(event))
    return None


def why_it_failed(events: Iterable[Any]) -> str:
    """Why a failed run failed.

    Args:
        events: Dagster's events of the run: failures and engine events at least.
    """
    events = list(events)
    if was_interrupted(events):
        return STOPPED
    if step := failed_step(events):
        return f"step {step[0]} failed: {step[1]}"
    of_the_process = [e.message for e in events if _OF_THE_PROCESS in (e.message or "")]
    for event in events:
        if event.is_run_failure:
            if (error := _error_of(event)) is not None:
                return root_of(error)
            words = event.message or "unknown reason"
            if of_the_process and _FROM_OUTSIDE in words:
                # What follows is advice about memory, whatever has killed it.
                said = of_the_process[-1]
                return said[said.index(_OF_THE_PROCESS) :].split(" This ")[0]
            return words
    return "unknown reason"


def root_of(error: Any) -> str:
    """The words of the error that says what to do, or of the one at the bottom.

    Args:
        error: Dagster's serializable error, or None.
    """
    if error is None:
        return "unknown reason"
    bottom = error
    while bottom is not None:
        if bottom.cls_name in EXPECTED_ERRORS:
            # Dagster puts the type in front; these words stand for themselves.
            return re.sub(rf"^(\w+\.)*{bottom.cls_name}: ", "", bottom.message.strip())
        if bottom.cause is None:
            return bottom.message.strip()
        bottom = bottom.cause
    return error.message.strip()


def _error_of(event: Any) -> Any:
    """What a failed step or a failed run raised; None of any other event."""
    if event.is_step_failure:
        return event.step_failure_data.error
    if event.is_run_failure and event.event_specific_data is not None:
        return event.job_failure_data.error
    return None
