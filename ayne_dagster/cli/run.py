"""`ayne run`: what a schedule would request now, one run after the other in this process."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import click

from ayne_dagster.cli.collection import open_collection
from ayne_dagster.cli.console import console, print_json, table
from ayne_dagster.cli.errors import RunFailed, say_error
from ayne_dagster.cli.options import YearKeys, json_option, keys_of

if TYPE_CHECKING:
    from ayne_dagster.cli.job_runs import JobOutcome
    from ayne_dagster.cli.planned_runs import PlannedRun

_JOBS = {"quick": "quick_update", "daily": "daily_update", "weekly": "weekly_enrichment"}
_ANSWERS = ("answers with a row", "answers without a change", "not found", "unusable answers")
_SERVICES = ("tmdb_details", "omdb_ratings")


@click.command("run")
@click.argument("schedule", type=click.Choice(list(_JOBS)))
@click.option("--years", type=YearKeys(), metavar="YEARS",
              help="Only these release years: 1999, 1990-1999, undated.")  # fmt: skip
@click.option("--refresh-limit", type=click.IntRange(min=1),
              help="Most films asked for at each service and run; others stay due.")  # fmt: skip
@click.option("--budget-share", type=click.FloatRange(0, 1), default=1.0, show_default=True,
              help="Share of what is left of the day's quota that each run may use.")  # fmt: skip
@json_option
def command(
    schedule: str,
    years: tuple[int, int] | str | None,
    refresh_limit: int | None,
    budget_share: float,
    as_json: bool,
) -> None:
    """Do now what the schedule of that name does, run by run, in this process.

    \b
    quick   the popular and trending lists, and their films that were never fetched
    daily   all lists, discover for recent years, everything due in every year
    weekly  everything due in every year, flags, features, recent models, forecasts

    The runs are those the schedule would request at this moment, whether it is switched on or not;
    daily and weekly read TMDB's change feed first. Where nothing is due, nothing runs. A run that
    fails does not keep the next ones from being made; the exit code says so.

    \b
    Examples:
      ayne run daily
      ayne run weekly --years 1990-1999 --refresh-limit 500
    """
    from ayne_dagster.cli.job_runs import own_dagster_home, use_dagster_home
    from ayne_dagster.cli.planned_runs import plan_change_feed, plan_schedule

    collection = open_collection()
    wanted = None if years is None else keys_of(years, collection.years)
    collection.services.require_tmdb_key()
    use_dagster_home(own_dagster_home())
    runs: list[dict[str, Any]] = []
    if schedule != "quick":
        runs += [_made(one, is_quiet=as_json) for one in plan_change_feed(collection)]
    planned = plan_schedule(
        collection,
        _JOBS[schedule],
        years=wanted,
        options={"refresh_limit": refresh_limit, "budget_share": budget_share},
    )
    skipped = planned if isinstance(planned, str) else None
    if not isinstance(planned, str):
        runs += [_made(one, is_quiet=as_json) for one in planned]
    if as_json:
        print_json({"schedule": _JOBS[schedule], "runs": runs, "skipped": skipped})
    else:
        _show(runs, skipped)
    failed = [run["error"] for run in runs if run["error"]]
    if failed:
        say_error(f"{len(failed)} of {len(runs)} runs failed: {failed[0]}")
        raise click.exceptions.Exit(1)


def _made(planned: "PlannedRun", *, is_quiet: bool) -> dict[str, Any]:
    """Make a run; what it did, or why it failed."""
    from ayne_dagster.cli.job_runs import run_job
    from ayne_dagster.defs.open_runs import REASON_TAG

    if not is_quiet:
        span = _span(list(planned.partitions))
        click.echo(f"{planned.job}, {span}: {planned.reason}", err=True)
    told: dict[str, Any] = {
        "job": planned.job,
        "partitions": list(planned.partitions),
        "reason": planned.reason,
        "error": None,
    }
    try:
        outcome = run_job(
            planned.job,
            planned.partitions,
            run_config=planned.run_config,
            assets=planned.assets,
            is_quiet=is_quiet,
            tags={REASON_TAG: planned.reason},
        )
    except RunFailed as error:
        # What one run met (an outage, a held file) need not stop the others.
        return {**told, "error": str(error)}
    return {**told, **_figures(outcome)}


def _figures(outcome: "JobOutcome") -> dict[str, Any]:
    def total(*names: str, assets: tuple[str, ...] = _SERVICES) -> int:
        return sum(outcome.figure(asset, name) or 0 for asset in assets for name in names)

    return {
        "run_id": outcome.run_id,
        "seconds": round(outcome.seconds, 1),
        "requests": outcome.requests,
        "films_answered": total(*_ANSWERS),
        "rows_inserted": total("rows inserted"),
        "rows_updated": total("rows updated"),
        "deferred": total("deferred"),
        "failed": outcome.failed,
        "failed_by": outcome.words("failed by"),
        "failed_checks": outcome.failed_checks,
    }


def _show(runs: list[dict[str, Any]], skipped: str | None) -> None:
    if runs:
        console().print(
            table(
                "Runs",
                ["job", "for", "requests", "answers", "new", "updated", "deferred", "failed",
                 "seconds"],
                [[run["job"], _span(run["partitions"]), *_numbers(run)] for run in runs],
            )
        )  # fmt: skip
    # Checks look at whole tables: every run finds the same.
    for words in dict.fromkeys(one for run in runs for one in run.get("failed_checks", ())):
        click.echo(f"check failed: {words}")
    for run in runs:
        for asset, films in run.get("failed", {}).items():
            why = run["failed_by"].get(asset)
            click.echo(
                f"{asset} over {_span(run['partitions'])}: {films} films were not answered"
                f"{f' ({why})' if why else ''}; they stay due"
            )
        if run["error"]:
            click.echo(f"{run['job']} over {_span(run['partitions'])} failed: {run['error']}")
    if skipped is not None:
        click.echo(f"Nothing to run: {skipped}")


def _numbers(run: Mapping[str, Any]) -> list[Any]:
    if run["error"]:
        return [None] * 7
    names = ("films_answered", "rows_inserted", "rows_updated", "deferred")
    counted = [run[name] for name in names]
    failed = sum(run["failed"].values())
    return [sum(run["requests"].values()), *counted, failed, round(run["seconds"])]


def _span(partitions: list[str]) -> str:
    first, last = partitions
    return first if first == last else f"{first} to {last}"
