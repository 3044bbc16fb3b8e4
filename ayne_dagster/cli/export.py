"""`ayne export`: a table as a Parquet or CSV file."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ayne_dagster.cli.console import print_json
from ayne_dagster.cli.options import TMDB_ID, database_option, json_option
from ayne_dagster.domain.release_years import FIRST_FILM_YEAR

if TYPE_CHECKING:
    from ayne_dagster.domain.tables.contract import TableContract
    from ayne_dagster.storage.table_exports import Extract

_YEAR = click.IntRange(FIRST_FILM_YEAR, 9999)
_DAY = click.DateTime(["%Y-%m-%d"])


@click.command("export")
@click.argument("table_name", metavar="TABLE")
@click.option("--to", "target", type=click.Path(dir_okay=False, path_type=Path),
              help="File to write; its ending says the format: .parquet or .csv. "
              "Its folder must exist.  [default: a .parquet file here, named after its "
              "content]")  # fmt: skip
@click.option("--start", type=_YEAR, help="First release year.")
@click.option("--end", type=_YEAR, help="Last release year.")
@click.option("--film", "films", type=TMDB_ID, multiple=True, metavar="ID",
              help="Only this film, by TMDB's id; several times for several.")  # fmt: skip
@click.option("--since", type=_DAY, metavar="DATE",
              help="Of a journal (refresh_history): first day, UTC.")  # fmt: skip
@click.option("--until", type=_DAY, metavar="DATE",
              help="Of a journal: last day, UTC, included.")  # fmt: skip
@database_option()
@json_option
def command(
    table_name: str,
    target: Path | None,
    start: int | None,
    end: int | None,
    films: tuple[int, ...],
    since: datetime | None,
    until: datetime | None,
    database: Path | None,
    as_json: bool,
) -> None:
    """Write TABLE to a file that appears whole or not at all.

    Lists become text joined with `|` in CSV and stay lists in Parquet. Where no row matches, the
    file has none, and a warning says so.

    \b
    Examples:
      ayne export forecasts --to forecasts.csv
      ayne export tmdb_details --to films.parquet --start 2010 --end 2019
      ayne export refresh_history --film 603 --since 2025-01-01
    """
    from ayne_dagster.domain.tables import TABLES
    from ayne_dagster.settings import load_settings
    from ayne_dagster.storage.table_exports import Extract, export_table
    from ayne_dagster.storage.warehouse import Warehouse

    if table_name not in TABLES:
        raise click.BadParameter(
            f"there is no table {table_name!r}; there are {', '.join(TABLES)}", param_hint="TABLE"
        )
    contract = TABLES[table_name]
    extract = Extract(
        start, end, films, since.date() if since else None, until.date() if until else None
    )
    _refuse_nonsense(contract, extract)
    target = target or Path(f"{extract.file_name(contract)}.parquet")
    if target.suffix not in (".parquet", ".csv"):
        raise click.BadParameter(
            f"{target.name}: write to a file ending in .parquet or .csv", param_hint="--to"
        )
    if not target.parent.is_dir():
        raise click.BadParameter(
            f"there is no folder {target.parent}; make it first", param_hint="--to"
        )
    settings = load_settings()
    warehouse = Warehouse(
        database or settings.resolve(settings.database.path),
        wait_seconds=settings.database.wait_seconds,
    )
    rows = export_table(warehouse, contract, target, extract)
    if as_json:
        print_json({"table": table_name, "rows": rows, "file": target.resolve()})
    else:
        click.echo(f"{rows:,} rows of {table_name} -> {target.resolve()}")
    if not rows and extract != Extract():
        click.secho(
            f"No row of {table_name} matched; the file has no rows.{_hint(extract)}",
            fg="yellow",
            err=True,
        )


def _hint(extract: "Extract") -> str:
    """Where to look when films were asked for and nothing came."""
    if not extract.films:
        return ""
    return f" `ayne due --explain {extract.films[0]}` says whether the film is known."


def _refuse_nonsense(contract: "TableContract", extract: "Extract") -> None:
    """Say what does not fit the table before anything is opened.

    Raises:
        click.UsageError: An option asks for what the table does not have, or for nothing.
    """
    name, start, end = contract.name, extract.first_year, extract.last_year
    if contract.year_column is None and (start or end):
        raise click.UsageError(f"{name} has no release years; leave --start and --end out")
    if extract.films and "tmdb_id" not in contract.column_names:
        raise click.UsageError(f"{name} has no films; leave --film out")
    if (extract.since or extract.until) and contract.mirror_month_of is None:
        raise click.UsageError(f"{name} is no journal; leave --since and --until out")
    if start and end and start > end:
        raise click.UsageError(f"the first year {start} is after the last year {end}")
    if extract.since and extract.until and extract.since > extract.until:
        raise click.UsageError(f"the day {extract.since} is after the day {extract.until}")
