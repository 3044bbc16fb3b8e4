"""`ayne replay`: details and ratings again from the archive of raw answers, without a request."""

import click

from ayne_dagster.cli.console import ProgressBars, console, print_json, table
from ayne_dagster.cli.options import json_option


@click.command("replay")
@click.option(
    "--service",
    type=click.Choice(["tmdb", "omdb"]),
    help="Only this service's answers. [default: both]",
)
@json_option
def command(service: str | None, as_json: bool) -> None:
    """Rebuild tmdb_details and omdb_ratings from the archived answers, without a request.

    Rows that are lost come back, with their history. Rows that stand are read anew from the answer
    they were made of, which brings a corrected reader to all of them. Rows newer than the archive
    stay as they are. It may be repeated and interrupted at any time.

    \b
    Examples:
      ayne replay
      ayne replay --service omdb --json
    """
    from ayne_dagster.defs.replays import replay
    from ayne_dagster.defs.resources import build_resources
    from ayne_dagster.domain.outcomes import Source
    from ayne_dagster.domain.release_years import release_year_keys
    from ayne_dagster.settings import load_settings
    from ayne_dagster.sources.progress import report_progress_to

    settings = load_settings()
    fetching = build_resources(settings)["fetching"]
    sources = [Source(service)] if service else list(Source)
    if not any(fetching.archive.folder.glob("service=*/day=*/*.parquet")):
        raise click.ClickException(
            f"there are no archived answers in {fetching.archive.folder}; they are kept there when "
            "films are fetched, for ARCHIVE__KEEP_DAYS days"
        )
    years = release_year_keys(settings.first_release_year, fetching.services.now().date())
    with ProgressBars(is_quiet=as_json) as bars, report_progress_to(bars):
        reports = replay(fetching, sources, years)
    if as_json:
        print_json({str(s): {"answers": r.answers, **r.metadata()} for s, r in reports.items()})
        return
    console().print(
        table(
            "Replayed without a request",
            ["service", "answers", "rows inserted", "rows updated", "rows unchanged"],
            [[str(s), r.answers, r.inserted, r.updated, r.unchanged] for s, r in reports.items()],
        )
    )
