"""`ayne runs`: what every run did, how many succeed, how long they take."""

from datetime import UTC, datetime
from typing import Any

import click

from ayne_dagster.cli.console import console, print_json, table
from ayne_dagster.cli.options import json_option

_DAYS = 30
_STATUSES = ("success", "failed", "canceled", "running")
_SHORT_ERROR = 160


@click.command("runs")
@click.option("--status", type=click.Choice(_STATUSES), help="Only runs that stand so.")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True,
              help="Most runs shown, newest first.")  # fmt: skip
@click.option("--job", help="Only runs of this job.")
@json_option
def command(status: str | None, limit: int, job: str | None, as_json: bool) -> None:
    """Show the last runs: what they did, how they ended, and why they failed.

    Runs of commands, of the UI, of schedules and sensors alike. A run whose process was killed is
    ended first and stands as failed. The foot counts the runs of the last 30 days: the success rate
    leaves canceled runs out, the mean duration is that of the successful ones.

    \b
    Examples:
      ayne runs --status failed
      ayne runs --job collect --limit 5 --json
    """
    import dagster as dg

    from ayne_dagster.cli.job_runs import recorded_runs, use_dagster_home
    from ayne_dagster.defs.resources import build_resources
    from ayne_dagster.settings import PROJECT_ROOT, load_settings
    from ayne_dagster.storage.run_queries import RunQueries

    fetching = build_resources(load_settings())["fetching"]
    home = use_dagster_home(PROJECT_ROOT / "dagster_home")
    if (home / "history").exists():
        with dg.DagsterInstance.from_config(str(home)) as instance:
            queries = recorded_runs(instance, fetching)
    else:
        # An instance makes its databases when it is opened: two seconds to say that it is empty.
        queries = RunQueries(fetching.queries.warehouse)
    report = {
        "runs": queries.last_runs(status=status, limit=limit, job=job),
        "last_days": _DAYS,
        "figures": queries.run_figures(datetime.now(UTC), _DAYS),
    }
    if as_json:
        print_json(report)
    else:
        _show(report)


def _show(report: dict[str, Any]) -> None:
    screen, runs = console(), report["runs"]
    if not runs:
        screen.print("No such run yet. `ayne collect` makes one.")
    else:
        screen.print(
            table(
                "Runs",
                ["run", "job", "kind", "years", "started (UTC)", "seconds", "films",
                 "requests", "deferred", "status"],
                [[run["run_id"][:8], run["job"], run["kind"], run["release_years"],
                  f"{run['started_at']:%Y-%m-%d %H:%M}" if run["started_at"] else None,
                  None if run["seconds"] is None else round(run["seconds"], 1),
                  run["films_processed"], run["tmdb_requests"] + run["omdb_requests"],
                  run["films_deferred"], run["status"]] for run in runs],
            )
        )  # fmt: skip
    for run in runs:
        if run["error"]:
            # Under the table: in a column of it the words would be a word wide.
            click.echo(f"{run['run_id'][:8]} failed: {_short(run['error'])}")
    if not report["figures"]:
        return
    screen.print(
        table(
            f"The last {report['last_days']} days",
            ["job", "runs", "success rate", "mean seconds", "median seconds"],
            [[one["job"], one["runs"], _percent(one["success_rate"]),
              _rounded(one["mean_seconds"]), _rounded(one["median_seconds"])]
             for one in report["figures"]],
        )
    )  # fmt: skip


def _short(error: str) -> str:
    words = " ".join(error.split())
    return words if len(words) <= _SHORT_ERROR else f"{words[: _SHORT_ERROR - 2]} …"


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.0%}"


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
