"""`ayne runs`: what every run did, how many succeed, how long they take."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from ayne_dagster.cli.console import console, duration, print_json, table
from ayne_dagster.cli.options import json_option
from ayne_dagster.cli.whole_words import WholeWordsTable

if TYPE_CHECKING:
    from ayne_dagster.storage.run_queries import RunQueries

_DAYS = 30
_STATUSES = ("success", "failed", "canceled", "running")
_SHORT_ERROR = 160
_WIDE = 124
"""Characters of a line that all columns need; narrower screens show what tells runs apart."""
_NARROW_COLUMNS = ("run", "job", "years", "started (UTC)", "status", "took")


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
    leaves out runs that were canceled or stopped by Ctrl-C, durations are those of the successful
    ones. A narrow screen shows fewer columns; --json has everything.

    \b
    Examples:
      ayne runs --status failed
      ayne runs --job collect --limit 5 --json
    """
    import dagster as dg

    from ayne_dagster.cli.job_runs import own_dagster_home, recorded_runs, use_dagster_home
    from ayne_dagster.defs.resources import build_resources
    from ayne_dagster.settings import load_settings
    from ayne_dagster.storage.run_queries import RunQueries

    fetching = build_resources(load_settings())["fetching"]
    home = use_dagster_home(own_dagster_home())
    if (home / "history").exists():
        with dg.DagsterInstance.from_config(str(home)) as instance:
            queries = recorded_runs(instance, fetching)
    else:
        # An instance makes its databases when it is opened: two seconds to say that it is empty.
        queries = RunQueries(fetching.queries.warehouse)
    runs = queries.last_runs(status=status, limit=limit, job=job)
    if not runs and job is not None:
        _refuse_unknown_job(job, queries)
    report = {
        "runs": runs,
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
        screen.print(_table_of(runs, is_wide=screen.width >= _WIDE))
    for run in runs:
        if run["error"]:
            # Under the table: in a column of it the words would be a word wide.
            click.echo(f"{run['run_id'][:8]} failed: {_short(run['error'])}")
        if run["films_failed"]:
            unanswered = f"{run['films_failed']} films were not answered; they stay due"
            click.echo(f"{run['run_id'][:8]}: {unanswered}")
    if not report["figures"]:
        return
    screen.print(
        table(
            f"The last {report['last_days']} days",
            ["job", "runs", "success rate", "mean", "median"],
            [[one["job"], one["runs"], _percent(one["success_rate"]),
              duration(one["mean_seconds"]), duration(one["median_seconds"])]
             for one in report["figures"]],
            right=["success rate", "mean", "median"],
        )
    )  # fmt: skip


def _table_of(runs: Sequence[Mapping[str, Any]], *, is_wide: bool) -> WholeWordsTable:
    """The runs, a line each; only their years may go over several."""
    started = "%Y-%m-%d %H:%M" if is_wide else "%m-%d %H:%M"
    cells = [
        {
            "run": run["run_id"][:8],
            "job": run["job"],
            "kind": run["kind"],
            "years": run["release_years"],
            "started (UTC)": f"{run['started_at']:{started}}" if run["started_at"] else None,
            "status": run["status"],
            "took": duration(run["seconds"]),
            "films": run["films_processed"],
            "requests": run["tmdb_requests"] + run["omdb_requests"],
            "deferred": run["films_deferred"],
        }
        for run in runs
    ]
    columns = list(cells[0]) if is_wide else list(_NARROW_COLUMNS)
    return table(
        "Runs",
        columns,
        [[cell[name] for name in columns] for cell in cells],
        whole=[name for name in columns if name != "years"],
        right=["took"],
    )


def _refuse_unknown_job(job: str, queries: "RunQueries") -> None:
    """A misspelt name looks like a job without runs.

    Raises:
        click.UsageError: There is no such job, and no run of one.
    """
    from ayne_dagster.defs.change_feed import JOB as CHANGE_FEED_JOB
    from ayne_dagster.defs.jobs import JOB_NAMES

    names = (*JOB_NAMES, CHANGE_FEED_JOB)
    if job not in names and not queries.last_runs(job=job, limit=1):
        raise click.UsageError(f"--job: there is no job {job!r}; there are {', '.join(names)}")


def _short(error: str) -> str:
    words = " ".join(error.split())
    return words if len(words) <= _SHORT_ERROR else f"{words[: _SHORT_ERROR - 2]} …"


def _percent(share: float | None) -> str | None:
    return None if share is None else f"{share:.0%}"
