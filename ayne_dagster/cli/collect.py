"""`ayne collect`: the `collect` job over a range of release years."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from ayne_dagster.cli.collection import open_collection
from ayne_dagster.cli.console import console, print_json, table
from ayne_dagster.cli.errors import say_error
from ayne_dagster.cli.options import json_option, year_options

if TYPE_CHECKING:
    from ayne_dagster.cli.job_runs import JobOutcome

_FIGURES = (
    "requests",
    "rows inserted",
    "rows updated",
    "rows unchanged",
    "not found",
    "deferred",
)


@click.command("collect")
@year_options
@click.option("--max-pages", type=click.IntRange(min=1), help="Most discover pages per year.")
@click.option("--min-votes", type=click.IntRange(min=0), help="Only films with so many TMDB votes.")
@click.option(
    "--refresh-limit",
    type=click.IntRange(min=1),
    help="Most films asked for at each service; the rest stays due.",
)
@click.option(
    "--refresh-only", is_flag=True, help="Discover nothing new; only refresh what is known and due."
)
@click.option("--force", is_flag=True, help="Ask for everything of these years, due or not.")
@json_option
def command(
    start_year: int | None,
    end_year: int | None,
    max_pages: int | None,
    min_votes: int | None,
    refresh_limit: int | None,
    refresh_only: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Discover films and fetch what is due.

    Only films that are due by their age send a request: a second call right after the first sends
    next to none. Reaching a day's quota is no failure: what was fetched is stored, the rest stays
    due. A film that was asked for and not answered is: the exit code says so. It runs the Dagster
    job `collect` (`refresh` with --refresh-only), so the run shows in the UI as well.

    \b
    Examples:
      ayne collect                                  last year to three years ahead
      ayne collect --start-year 1990 --end-year 1999 --min-votes 100
      ayne collect --refresh-only --refresh-limit 500
    """
    from ayne_dagster.cli.job_runs import own_dagster_home, run_job, use_dagster_home
    from ayne_dagster.defs.job_options import RunOptions, Walk, run_config_of

    years = _years(start_year, end_year)
    # Before a run begins: half a minute of start-up to say what is known already.
    open_collection().services.require_tmdb_key()
    use_dagster_home(own_dagster_home())
    job = "refresh" if refresh_only else "collect"
    options = RunOptions(
        max_pages=max_pages,
        min_votes=min_votes,
        refresh_limit=refresh_limit,
        walk=Walk.force if force else None,
        force=force,
    )
    outcome = run_job(job, years, run_config=run_config_of(job, options), is_quiet=as_json)
    if as_json:
        print_json(_report(years, outcome))
    else:
        _show(years, outcome)
    _end(outcome)


def _end(outcome: "JobOutcome") -> None:
    """Say what went wrong, and end with exit code 1 if anything did."""
    why = outcome.words("failed by")
    errors = [
        f"{films:,} films of {asset} were not answered ({why.get(asset, 'no reason given')}). They "
        "stay due: give the command again once the service answers"
        for asset, films in outcome.failed.items()
    ]
    if any("omdb_key_works" in words and "not set" not in words for words in outcome.failed_checks):
        errors.append("OMDb refused the key: ratings were not collected, everything else was")
    for words in errors:
        say_error(words)
    if errors:
        raise click.exceptions.Exit(1)


def _years(start_year: int | None, end_year: int | None) -> list[str]:
    """The partitions of the run: last year to the last that is kept, where nothing was said."""
    from ayne_dagster.defs.clock import platform_clock
    from ayne_dagster.domain.release_years import (
        UNDATED,
        YEARS_AHEAD,
        UnknownReleaseYear,
        keys_between,
        release_year_keys,
    )
    from ayne_dagster.settings import load_settings

    settings = load_settings()
    today = platform_clock(settings)().date()
    keys = release_year_keys(settings.first_release_year, today)
    last = end_year or today.year + YEARS_AHEAD
    try:
        years = keys_between(start_year or min(today.year - 1, last), last, keys)
    except UnknownReleaseYear as error:
        raise click.UsageError(str(error)) from error
    if end_year is None:
        # Films without a date, or whose date was withdrawn: nobody would ask for them otherwise.
        years.append(UNDATED)
    return years


def _report(years: Sequence[str], outcome: "JobOutcome") -> dict[str, Any]:
    """The document of `--json`."""
    return {
        "run_id": outcome.run_id,
        "years": [years[0], years[-1]],
        "seconds": round(outcome.seconds, 1),
        "assets": {one.asset: one.figures for one in outcome.assets},
        "failed_checks": outcome.failed_checks,
    }


def _show(years: Sequence[str], outcome: "JobOutcome") -> None:
    screen = console()
    screen.print(
        table(
            f"Collected {years[0]}-{years[-1]} in {outcome.seconds:.1f} s",
            ["asset", *(name.removeprefix("rows ") for name in _FIGURES)],
            [[one.asset, *(one.figures.get(name) for name in _FIGURES)] for one in outcome.assets],
        )
    )
    for asset, words in outcome.words("deferred by").items():
        left = outcome.figure(asset, "deferred")
        click.echo(f"{asset}: {left:,} films were left for later: {words}")
    for words in outcome.failed_checks:
        screen.print(f"[yellow]check failed:[/] {words}")
    screen.print("\nNext: [bold]ayne status[/], [bold]ayne ui[/], [bold]ayne export[/]")
