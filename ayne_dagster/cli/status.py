"""`ayne status`: what is stored, what is due, what is left of the budgets, the last runs."""

from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ayne_dagster.cli.console import console, print_json, table
from ayne_dagster.cli.options import database_option, json_option

if TYPE_CHECKING:
    from ayne_dagster.defs.services import Services
    from ayne_dagster.settings import Settings


@click.command("status")
@click.option("--runs", type=click.IntRange(0), default=5, show_default=True,
              help="How many of the last runs to show.")  # fmt: skip
@database_option(must_exist=True)
@json_option
def command(runs: int, database: Path | None, as_json: bool) -> None:
    """Show what is stored, what is due, the budgets left and the last runs.

    Due are the films of all release years that a run would ask for now, those that were discovered
    and never fetched among them. With --database rows and due films are that file's; budgets and
    runs stay those of the settings. The run of a killed command stays STARTED until it is
    terminated in the UI.

    \b
    Examples:
      ayne status
      ayne status --database data/demo/ayne.duckdb
    """
    from ayne_dagster.cli.job_runs import use_dagster_home
    from ayne_dagster.defs.resources import build_resources
    from ayne_dagster.settings import PROJECT_ROOT, load_settings

    settings = load_settings()
    if database is not None:
        changed = settings.database.model_copy(update={"path": database.resolve()})
        settings = settings.model_copy(update={"database": changed})
    resources = build_resources(settings)
    figures = _figures(settings, resources, datetime.now(UTC))
    report = {
        "database": settings.resolve(settings.database.path),
        "tables": resources["queries"].table_sizes(),
        "films": figures,
        "due": _due(figures),
        "budgets": _budgets(resources["services"]),
        "runs": _last_runs(use_dagster_home(PROJECT_ROOT / "dagster_home"), runs),
    }
    if as_json:
        print_json(report)
        return
    if database is not None:
        click.echo(f"Rows and due films of {report['database']}; the rest as the settings say.")
    _show(report, [] if database else _demo_databases(PROJECT_ROOT / "data"))


def _figures(
    settings: "Settings", resources: Mapping[str, Any], now: datetime
) -> list[dict[str, Any]]:
    from ayne_dagster.domain.release_years import release_year_keys
    from ayne_dagster.storage.status_queries import StatusQueries

    years = release_year_keys(settings.first_release_year, now.date())
    queries = StatusQueries(resources["queries"].warehouse)
    return queries.collection_figures(years, now, resources["policy"])


def _due(figures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per source: how many films are due now, how many more within a week."""
    from ayne_dagster.storage.status_queries import DUE_NOW, DUE_SOON

    found = {(row["figure"], row["part"]): row["value"] for row in figures}
    return [
        {"source": part, "now": value, "next_7_days": found[DUE_SOON, part]}
        for (figure, part), value in found.items()
        if figure == DUE_NOW
    ]


def _demo_databases(data: Path) -> list[Path]:
    """What `ayne demo` and `ayne ui --sandbox` collected, as paths to type from here."""
    here = Path.cwd()
    found = sorted(data.glob("demo*/ayne.duckdb"))
    return [path.relative_to(here) if path.is_relative_to(here) else path for path in found]


def _budgets(services: "Services") -> list[dict[str, Any]]:
    with closing(services.budget()) as budget:
        return [
            {
                "service": status.service,
                "used_today": status.used,
                "daily_quota": status.daily_quota,
                "left_today": status.left,
                "requests_per_second": status.requests_per_second,
                "pace_now": None if status.pace_now is None else round(status.pace_now, 2),
                "slowed_until": status.slowed_until,
                "places_in_use": status.places_in_use,
                "places": status.places,
            }
            for status in budget.status()
        ]


def _last_runs(home: Path, limit: int) -> list[dict[str, Any]]:
    if limit == 0 or not (home / "history").exists():
        return []
    import dagster as dg

    with dg.DagsterInstance.from_config(str(home)) as instance:
        records = instance.get_run_records(limit=limit)
    return [
        {
            "run_id": record.dagster_run.run_id,
            "job": record.dagster_run.job_name,
            "status": record.dagster_run.status.value,
            "started": _time(record.start_time),
            "seconds": round(record.end_time - record.start_time, 1)
            if record.start_time and record.end_time
            else None,
        }
        for record in records
    ]


def _time(seconds: float | None) -> datetime | None:
    return datetime.fromtimestamp(seconds, UTC) if seconds else None


def _show(report: dict[str, Any], demos: list[Path]) -> None:
    screen = console()
    if not any(report["tables"].values()):
        screen.print(
            f"Nothing collected yet in {report['database']}. Start with [bold]ayne demo[/] "
            "(without keys) or [bold]ayne collect[/]."
        )
        # Echoed, because the screen would break a long path in the middle.
        for path in demos:
            click.echo(f"A demo's films are there: ayne status --database {path}")
    screen.print(table("Rows", ["table", "rows"], report["tables"].items()))
    screen.print(
        table(
            "Films",
            ["figure", "part", "films"],
            [[f["figure"], f["part"], f["value"]] for f in report["films"]],
        )
    )
    screen.print(
        table(
            "Request budgets (UTC day)",
            ["service", "used today", "quota", "left", "requests/s now", "under way"],
            [[b["service"], b["used_today"], b["daily_quota"], b["left_today"], _pace(b),
              f"{b['places_in_use']} of {b['places']}"] for b in report["budgets"]],
        )
    )  # fmt: skip
    if report["runs"]:
        screen.print(
            table(
                "Last runs",
                ["run", "job", "status", "started (UTC)", "seconds"],
                [[r["run_id"][:8], r["job"], r["status"],
                  f"{r['started']:%Y-%m-%d %H:%M}" if r["started"] else None, r["seconds"]]
                 for r in report["runs"]],
            )
        )  # fmt: skip


def _pace(budget: dict[str, Any]) -> str | None:
    """The pace as people read it; after a complaint with its end."""
    if budget["slowed_until"] is None:
        agreed = budget["requests_per_second"]
        return None if agreed is None else f"{agreed:g}"
    now = "slowed" if budget["pace_now"] is None else f"{budget['pace_now']:g}, slowed"
    return f"{now} until {budget['slowed_until']:%H:%M:%S} UTC"
