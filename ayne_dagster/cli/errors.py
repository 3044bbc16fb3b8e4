"""How failures are said, and which exceptions are expected.

Lives here: exceptions of a command. Not here: which errors those are (`defs/failure_words.py`),
which a run's record has to know as well. Everything else is a bug and shows its traceback.
"""

from typing import TYPE_CHECKING

import click

from ayne_dagster.defs.failure_words import EXPECTED_ERRORS, means_interruption

if TYPE_CHECKING:
    from ayne_dagster.cli.job_runs import JobOutcome


class RunFailed(RuntimeError):
    """A Dagster run ended without success; the message says which step and why.

    Attributes:
        outcome: What it had done until then, where it came so far.
    """

    def __init__(self, message: str, outcome: "JobOutcome | None" = None) -> None:
        super().__init__(message)
        self.outcome = outcome


def is_expected(error: BaseException) -> bool:
    """Whether the message of an error is enough; by name, so that nothing heavy is imported."""
    return type(error).__name__ in EXPECTED_ERRORS


def is_interruption(error: BaseException) -> bool:
    """Whether somebody pressed Ctrl-C, whatever the library at work made of it."""
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        if means_interruption(type(one).__name__, str(one)):
            return True
        seen.add(id(one))
        one = one.__cause__ or one.__context__
    return False


def say_error(message: str) -> None:
    """Say it on standard error, so that `--json` output stays clean."""
    click.secho("error: ", fg="red", bold=True, err=True, nl=False)
    click.echo(message, err=True)
