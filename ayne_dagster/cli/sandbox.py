"""`ayne sandbox`: the stand-in of TMDB and OMDb, for people and for other programs."""

import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import click

from ayne_dagster.cli.options import YEARS
from ayne_dagster.cli.ports import free_port, is_port_free

_FIRST_YEAR_GENERATED = 1950
_FIRST_YEAR_SERVED = 1900


def _list_faults(context: click.Context, _parameter: click.Parameter, is_wanted: bool) -> None:
    """Print the cases and the files that come along, and end."""
    if not is_wanted or context.resilient_parsing:
        return
    from ayne_dagster.sandbox.faults.cases import case_lines
    from ayne_dagster.sandbox.faults.plan_files import shipped_plans

    click.echo("\n".join(case_lines()))
    click.echo("\nFiles that come along, to use by name or to copy:")
    for name, path in shipped_plans().items():
        click.echo(f"  {name:<16}  {path}")
    context.exit()


def _fault_plan(where: str | None) -> dict[str, Any] | None:
    if where is None:
        return None
    from ayne_dagster.sandbox.faults.plan_files import read_plan, shipped_plans

    try:
        return read_plan(where)
    except FileNotFoundError as error:
        names = ", ".join(shipped_plans())
        raise click.UsageError(
            f"--faults: there is no file {where}, and no plan of that name; there are {names}"
        ) from error
    except (OSError, ValueError) as error:
        raise click.UsageError(f"--faults: {error}") from error


@click.command("sandbox")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True,
              help="Port on 127.0.0.1; 0 takes a free one.")  # fmt: skip
@click.option("--films", type=click.IntRange(1), default=2_000, show_default=True,
              help="Size of the generated catalogue.")  # fmt: skip
@click.option("--seed", type=int, default=42, show_default=True, help="Seed of the catalogue.")
@click.option(
    "--catalogue",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Serve this folder of Parquet files (movies, credits, keywords, ratings).",
)
@click.option("--years", type=YEARS, help="Release years to serve, `2015-2023`. [default: all]")
@click.option("--rate-limit", type=click.IntRange(0), default=40, show_default=True,
              help="TMDB requests/s before it answers 429; 0: no limit.")  # fmt: skip
@click.option("--omdb-quota", type=click.IntRange(0), default=1_000, show_default=True,
              help="OMDb requests per key and UTC day; 0: no limit.")  # fmt: skip
@click.option(
    "--retry-after",
    type=click.Choice(["absent", "zero", "seconds", "date"]),
    default="seconds",
    show_default=True,
    help="What a 429 says about waiting.",
)
@click.option("--latency", type=click.FloatRange(0), default=0.0, show_default=True,
              help="Wait before every answer, seconds.")  # fmt: skip
@click.option("--drift", is_flag=True, help="Reshuffle lists a little between pages.")
@click.option("--faults", metavar="FILE",
              help="YAML or JSON file of what goes wrong, or the name of one that comes along "
              "(`rough_day`). [default: nothing]")  # fmt: skip
@click.option(
    "--list-faults",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_list_faults,
    help="Show all faults, and the files that come along.",
)
@click.option("--clock", help="ISO time at which the sandbox's clock starts. [default: now]")
@click.option("--clock-speed", type=click.FloatRange(0), default=1.0, show_default=True,
              help="Sandbox seconds per real second; 0 stands still.")  # fmt: skip
def command(
    port: int,
    films: int,
    seed: int,
    catalogue: Path | None,
    years: tuple[int, int] | None,
    rate_limit: int,
    omdb_quota: int,
    retry_after: str,
    latency: float,
    drift: bool,
    faults: str | None,
    clock: str | None,
    clock_speed: float,
) -> None:
    """Serve a faithful stand-in of TMDB and OMDb on this machine, until Ctrl-C.

    All films are invented unless --catalogue names a folder of your own. Standard output is the
    settings that point the platform at it, all else goes to standard error: keep them in a file and
    give that file to any other command, or let `ayne ui --sandbox` do both.

    The platform then goes by the sandbox's clock (CLOCK_URL). POST {"advance_seconds": 86400} to
    /_sandbox/clock, and a day has passed for both.

    \b
    Examples:
      ayne sandbox > .env.sandbox
      uv run --env-file .env.sandbox ayne collect --start-year 2020 --end-year 2022
      ayne sandbox --films 20000 --rate-limit 0
      ayne sandbox --faults rough_day
      ayne sandbox --clock 2026-01-01T00:00:00+00:00 --clock-speed 86400
    """
    from ayne_dagster.cli.sandbox_world import environment_lines, sandbox_environment
    from ayne_dagster.sandbox.config import SandboxConfig
    from ayne_dagster.sandbox.server import serve
    from ayne_dagster.settings import PROJECT_ROOT

    plan = _fault_plan(faults)
    port = port or free_port()
    if not is_port_free("127.0.0.1", port):
        raise click.ClickException(
            f"port {port} is taken; give another --port, or 0 for a free one"
        )
    first_year = years[0] if years else _FIRST_YEAR_SERVED if catalogue else _FIRST_YEAR_GENERATED
    try:
        config = SandboxConfig(
            port=port,
            films=films,
            seed=seed,
            first_year=None if catalogue else first_year,
            last_year=years[1] if years and not catalogue else None,
            years=tuple(range(years[0], years[1] + 1)) if years and catalogue else None,
            parquet_folder=str(catalogue.resolve()) if catalogue else None,
            tmdb_requests_per_second=rate_limit,
            omdb_daily_quota=omdb_quota,
            retry_after_mode=retry_after,  # pyright: ignore[reportArgumentType] (checked by click)
            latency_seconds=latency,
            is_drifting=drift,
            faults=plan,
            clock_start=clock,
            clock_speed=clock_speed,
            log_level="info",
        )
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    folder = PROJECT_ROOT / "data" / "sandbox"
    environment = {
        **sandbox_environment(f"http://127.0.0.1:{port}", folder, first_year=first_year),
        # Within the limits it keeps; a pace at the limit would run into it.
        "TMDB__REQUESTS_PER_SECOND": f"{rate_limit / 2:g}",
        "OMDB__DAILY_QUOTA": str(omdb_quota or ""),
        # Whoever moves the sandbox's clock lets days pass for the platform, too.
        "CLOCK_URL": f"http://127.0.0.1:{port}/_sandbox/clock",
    }
    click.echo("\n".join(environment_lines(environment)))
    click.echo("These settings point the platform here, and keep its films apart.", err=True)
    try:
        # Standard output holds the settings and nothing else, so that it can be a file.
        with redirect_stdout(sys.stderr):
            serve(config)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"the sandbox cannot start: {error}") from error
