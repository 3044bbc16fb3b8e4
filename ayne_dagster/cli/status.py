"""`ayne status`: how the collection stands: films, freshness, what is due, budgets, runs."""

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ayne_dagster.cli.collection import Collection, open_collection
from ayne_dagster.cli.console import console, moment, print_json, table
from ayne_dagster.cli.options import database_option, json_option

if TYPE_CHECKING:
    from ayne_dagster.defs.services import Services


@click.command("status")
@click.option("--runs", type=click.IntRange(0), default=5, show_default=True,
              help="How many of the last runs to show.")  # fmt: skip
@database_option(must_exist=True)
@json_option
def command(runs: int, database: Path | None, as_json: bool) -> None:
    """Show how the collection stands: films, freshness, what is due, budgets left, last runs.

    Due are the films of all release years that a run would ask for now, those that were discovered
    and never fetched among them; fully refreshed are films with details of which no source is due.
    With --database everything but the budgets is that file's. The same figures are kept over time
    by the asset `collection_stats`.

    \b
    Examples:
      ayne status
      ayne status --database data/demo/ayne.duckdb
    """
    from ayne_dagster.settings import PROJECT_ROOT

    collection = open_collection(database)
    figures = _figures(collection)
    report = {
        "database": collection.settings.resolve(collection.settings.database.path),
        "tables": collection.resources["queries"].table_sizes(),
        "films": figures,
        "due": _due(figures),
        "change_feed_read_up_to": _feed_read_up_to(collection),
        "budgets": _budgets(collection.services),
        **_runs(collection, runs, are_ours=database is None),
    }
    if as_json:
        print_json(report)
        return
    if database is not None:
        click.echo(f"Films and runs of {report['database']}; budgets as the settings say.")
    _show(report, [] if database else _demo_databases(PROJECT_ROOT / "data"))


def _figures(collection: Collection) -> list[dict[str, Any]]:
    from ayne_dagster.storage.status_queries import StatusQueries

    return StatusQueries(collection.warehouse).collection_figures(
        collection.years, collection.now, collection.policy
    )


def _feed_read_up_to(collection: Collection) -> datetime | None:
    from ayne_dagster.storage.status_queries import StatusQueries

    feed = StatusQueries(collection.warehouse).change_feed()
    return feed.until if feed else None


def _due(figures: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Per source: how many films are due now, how many more within a week."""
    from ayne_dagster.domain.collection_figures import DUE_NOW, DUE_SOON

    found = {(row["figure"], row["part"]): row["value"] for row in figures}
    return [
        {"source": part, "now": value, "next_7_days": found[DUE_SOON, part]}
        for (figure, part), value in found.items()
        if figure == DUE_NOW
    ]


def _runs(collection: Collection, limit: int, *, are_ours: bool) -> dict[str, Any]:
    """The last runs, and how those of the last 30 days went.

    Args:
        collection: Where they are recorded.
        limit: Most runs.
        are_ours: Whether these are the runs of the project's own Dagster instance, so that the
            newest can be recorded first, and those of killed processes as failed.
    """
    from ayne_dagster.cli.job_runs import own_dagster_home, recorded_runs, use_dagster_home
    from ayne_dagster.storage.run_queries import RunQueries

    queries = RunQueries(collection.warehouse)
    home = own_dagster_home()
    if are_ours and (home / "history").exists():
        import dagster as dg

        with dg.DagsterInstance.from_config(str(use_dagster_home(home))) as instance:
            queries = recorded_runs(instance, collection.resources["fetching"])
    return {
        "runs": queries.last_runs(limit=limit) if limit else [],
        # Runs are recorded by this machine's clock, which need not be the platform's.
        "run_figures": queries.run_figures(datetime.now(UTC)),
    }


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
    _show_films(report)
    screen.print(
        table(
            "Request budgets (UTC day)",
            ["service", "used today", "quota", "left", "requests/s now", "under way"],
            [[b["service"], b["used_today"], b["daily_quota"], b["left_today"], _pace(b),
              f"{b['places_in_use']} of {b['places']}"] for b in report["budgets"]],
        )
    )  # fmt: skip
    if report["runs"]:
        _show_runs(report)


def _show_films(report: dict[str, Any]) -> None:
    from ayne_dagster.domain.collection_figures import ALL, DUE_NOW, DUE_SOON, FILMS

    known = next(row["value"] for row in report["films"] if row["figure"] == FILMS)
    screen = console()
    screen.print(
        table(
            "Films",
            ["films", "count", "share"],
            [
                [
                    row["part"] if row["figure"] == FILMS and row["part"] != ALL else row["figure"],
                    row["value"],
                    f"{row['value'] / known:.1%}" if known else None,
                ]
                for row in report["films"]
                if row["figure"] not in (DUE_NOW, DUE_SOON)
            ],
        )
    )
    screen.print(
        table(
            "Due",
            ["source", "now", "in the next 7 days"],
            [[one["source"], one["now"], one["next_7_days"]] for one in report["due"]],
        )
    )
    read = moment(report["change_feed_read_up_to"])
    click.echo(f"TMDB's change feed: {f'read up to {read} UTC' if read else 'not read yet'}\n")


def _show_runs(report: dict[str, Any]) -> None:
    [every, *_] = report["run_figures"] or [None]
    console().print(
        table(
            "Last runs",
            ["run", "job", "by", "status", "started (UTC)", "seconds", "films", "requests"],
            [[r["run_id"][:8], r["job"], r["kind"], r["status"], moment(r["started_at"]),
              None if r["seconds"] is None else round(r["seconds"]), r["films_processed"],
              r["tmdb_requests"] + r["omdb_requests"]]
             for r in report["runs"]],
            caption=every and _run_words(every),
            whole=["run", "job", "status", "started (UTC)"],
        )
    )  # fmt: skip


def _run_words(figures: dict[str, Any]) -> str:
    """How the runs of the last 30 days went, in one line."""
    words = f"last 30 days: {figures['runs']:,} runs"
    if figures["success_rate"] is not None:
        words += f", {figures['success_rate']:.0%} of those that ended succeeded"
    if figures["mean_seconds"] is not None:
        words += f", {figures['mean_seconds']:,.1f} s on average"
    return words


def _pace(budget: dict[str, Any]) -> str | None:
    """The pace as people read it; after a complaint with its end."""
    if budget["slowed_until"] is None:
        agreed = budget["requests_per_second"]
        return None if agreed is None else f"{agreed:g}"
    now = "slowed" if budget["pace_now"] is None else f"{budget['pace_now']:g}, slowed"
    return f"{now} until {budget['slowed_until']:%H:%M:%S} UTC"
