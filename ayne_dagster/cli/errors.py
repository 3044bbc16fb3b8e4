"""Which failures are expected, and how they are said.

Lives here: the list of errors whose message alone tells what to do, and which ones mean that
somebody pressed Ctrl-C. Everything else is a bug and
shows its traceback.
"""

import click

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
        "UnknownReleaseYear",
        "SandboxStartError",
        "ClockUnreachable",
        "LedgerUnusable",
        "RunFailed",
    }
)

_INTERRUPTIONS = frozenset(
    {
        "KeyboardInterrupt",
        "Abort",  # click's
        "DagsterExecutionInterruptedError",
        "InterruptException",  # DuckDB's
    }
)


class RunFailed(RuntimeError):
    """A Dagster run ended without success; the message says which step and why."""


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


def means_interruption(name: str, message: str) -> bool:
    """The same of an error that is known by its type's name and its words only.

    Dagster raises an error of its own; DuckDB says "Query interrupted" as a plain RuntimeError.
    """
    return name in _INTERRUPTIONS or (name == "RuntimeError" and "Query interrupted" in message)


def say_error(message: str) -> None:
    """Say it on standard error, so that `--json` output stays clean."""
    click.secho("error: ", fg="red", bold=True, err=True, nl=False)
    click.echo(message, err=True)
