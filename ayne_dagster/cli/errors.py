"""Which failures are expected, and how they are said.

Lives here: the list of errors whose message alone tells what to do. Everything else is a bug and
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
        "LedgerUnusable",
        "RunFailed",
    }
)


class RunFailed(RuntimeError):
    """A Dagster run ended without success; the message says which step and why."""


def is_expected(error: BaseException) -> bool:
    """Whether the message of an error is enough; by name, so that nothing heavy is imported."""
    return type(error).__name__ in EXPECTED_ERRORS


def say_error(message: str) -> None:
    """Say it on standard error, so that `--json` output stays clean."""
    click.secho("error: ", fg="red", bold=True, err=True, nl=False)
    click.echo(message, err=True)
