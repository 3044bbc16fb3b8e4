"""`ayne export`: a table as a Parquet or CSV file."""

from pathlib import Path

import click

from ayne_dagster.cli.console import print_json
from ayne_dagster.cli.options import database_option, json_option


@click.command("export")
@click.argument("table_name", metavar="TABLE")
@click.option("--to", "target", required=True, type=click.Path(dir_okay=False, path_type=Path),
              help="File to write; its ending says the format: .parquet or .csv. "
              "Its folder must exist.")  # fmt: skip
@click.option("--start", type=int, help="First release year.")
@click.option("--end", type=int, help="Last release year.")
@database_option()
@json_option
def command(
    table_name: str,
    target: Path,
    start: int | None,
    end: int | None,
    database: Path | None,
    as_json: bool,
) -> None:
    """Write TABLE to a file that appears whole or not at all.

    Lists become text joined with `|` in CSV and stay lists in Parquet.

    \b
    Examples:
      ayne export forecasts --to forecasts.csv
      ayne export tmdb_details --to films.parquet --start 2010 --end 2019
    """
    from ayne_dagster.domain.tables import TABLES
    from ayne_dagster.settings import load_settings
    from ayne_dagster.storage.table_exports import export_table
    from ayne_dagster.storage.warehouse import Warehouse

    if table_name not in TABLES:
        raise click.BadParameter(
            f"there is no table {table_name!r}; there are {', '.join(TABLES)}", param_hint="TABLE"
        )
    if target.suffix not in (".parquet", ".csv"):
        raise click.BadParameter(
            f"{target.name}: write to a file ending in .parquet or .csv", param_hint="--to"
        )
    if not target.parent.is_dir():
        raise click.BadParameter(
            f"there is no folder {target.parent}; make it first", param_hint="--to"
        )
    contract = TABLES[table_name]
    if contract.year_column is None and (start or end):
        raise click.UsageError(f"{table_name} has no release years; leave --start and --end out")
    if start and end and start > end:
        raise click.UsageError(f"the first year {start} is after the last year {end}")
    settings = load_settings()
    warehouse = Warehouse(
        database or settings.resolve(settings.database.path),
        wait_seconds=settings.database.wait_seconds,
    )
    rows = export_table(warehouse, contract, target, first_year=start, last_year=end)
    if as_json:
        print_json({"table": table_name, "rows": rows, "file": target.resolve()})
    else:
        click.echo(f"{rows:,} rows of {table_name} -> {target}")
