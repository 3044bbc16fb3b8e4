"""`ayne demo`: the whole graph against the sandbox, without keys, in a minute."""

import json
import os
import shutil
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ayne_dagster.cli.options import YEARS, json_option

if TYPE_CHECKING:
    from ayne_dagster.cli.job_runs import JobOutcome
    from ayne_dagster.sandbox.config import SandboxConfig
    from ayne_dagster.storage.warehouse import Warehouse

_STAGES = ("discovered_movies", "tmdb_details", "omdb_ratings", "frozen_flags", "features",
           "forecasts")  # fmt: skip
_YEARS_BACK = 10


@click.command("demo")
@click.option(
    "--films", type=click.IntRange(50, 200_000), default=1_500, show_default=True,
    help="Size of the generated catalogue.",
)  # fmt: skip
@click.option("--seed", type=int, default=42, show_default=True, help="Seed of the catalogue.")
@click.option(
    "--catalogue",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Serve this folder of Parquet files instead of generated films.",
)
@click.option(
    "--years", type=YEARS, help="Release years, `2015-2023`. [default: ten years back to next year]"
)
@click.option("--fresh", is_flag=True, help="Forget what an earlier demo collected.")
@json_option
def command(
    films: int,
    seed: int,
    catalogue: Path | None,
    years: tuple[int, int] | None,
    fresh: bool,
    as_json: bool,
) -> None:
    """Watch the whole graph work, without any key and in about a minute.

    A local stand-in of TMDB and OMDb is started; films are discovered, detailed, rated, flagged,
    turned into features and into a model of box-office revenue for each year, in a DuckDB file of
    its own in data/demo (with other films in data/demo_<films>_<seed>). A second call asks only for
    what has come due. Your own database is never touched.

    \b
    Examples:
      ayne demo
      ayne demo --films 5000 --fresh
      ayne demo --catalogue PATH --years 2015-2023
    """
    from ayne_dagster.cli.job_runs import run_job, use_dagster_home
    from ayne_dagster.cli.sandbox_world import sandbox_folder
    from ayne_dagster.sandbox.config import SandboxConfig

    this_year = datetime.now(UTC).year
    first, last = years or (this_year - _YEARS_BACK, this_year + 1)
    folder = sandbox_folder(catalogue, films=films, seed=seed, years=years)
    if fresh:
        shutil.rmtree(folder, ignore_errors=True)
    config = SandboxConfig(
        films=films,
        seed=seed,
        first_year=None if catalogue else first,
        last_year=None if catalogue else last,
        parquet_folder=str(catalogue.resolve()) if catalogue else None,
        years=tuple(range(first, last + 1)) if catalogue else None,
        tmdb_requests_per_second=0,
        omdb_daily_quota=0,
    )
    with _sandboxed(config, folder, first_year=first) as url:
        use_dagster_home(folder / "dagster_home")
        keys = [str(year) for year in range(first, last + 1)]
        outcome = run_job("whole_graph", keys, is_quiet=as_json, tags={"ayne/started_by": "demo"})
        offered = _ask(f"{url}/_sandbox/catalogue")
        served = _ask(f"{url}/_sandbox/stats")
    report = _report(outcome, keys, offered, served, folder)
    if as_json:
        from ayne_dagster.cli.console import print_json

        print_json(report)
    else:
        _show(report)
    if not report["is_complete"]:
        raise click.exceptions.Exit(1)


@contextmanager
def _sandboxed(config: "SandboxConfig", folder: Path, *, first_year: int) -> Iterator[str]:
    """A sandbox of its own process, with this process's settings pointing at it."""
    from ayne_dagster.cli.sandbox_world import sandbox_environment
    from ayne_dagster.sandbox.server import running_sandbox

    before = dict(os.environ)
    with running_sandbox(config) as sandbox:
        os.environ.update(sandbox_environment(sandbox.url, folder, first_year=first_year))
        try:
            yield sandbox.url
        finally:
            os.environ.clear()
            os.environ.update(before)


def _ask(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(url, timeout=30) as answer:  # noqa: S310 (loopback, our own server)
        return json.load(answer)


def _report(
    outcome: "JobOutcome",
    keys: list[str],
    offered: Mapping[str, Any],
    served: Mapping[str, Any],
    folder: Path,
) -> dict[str, Any]:
    """Everything the demo tells, as plain values."""
    from ayne_dagster.storage.movie_queries import MovieQueries
    from ayne_dagster.storage.warehouse import Warehouse

    queries = MovieQueries(Warehouse(folder / "ayne.duckdb"))
    per_year = queries.films_per_year()
    per_year = per_year[per_year["release_year"].isin(keys)]
    by_year = offered["films_by_year"]
    years = [
        {"release_year": key, "in the catalogue": by_year.get(key, 0), **_counts(per_year, key)}
        for key in keys
    ]
    stored = queries.distinct_films(keys)
    expected = {
        "films": sum(by_year.get(key, 0) for key in keys),
        "imdb ids with ratings": sum(offered["rated_imdb_ids_by_year"].get(key, 0) for key in keys),
    }
    return {
        "run_id": outcome.run_id,
        "seconds": round(outcome.seconds, 1),
        "database": str(folder / "ayne.duckdb"),
        "years": years,
        "expected": expected,
        "stored": stored,
        "is_complete": stored["films"] == stored["rows"] == expected["films"]
        and stored["imdb ids"] == expected["imdb ids with ratings"],
        "requests": {
            "sent": outcome.requests,
            "answered by the sandbox": {
                name: service.get("requests") for name, service in served["services"].items()
            },
        },
        "rows changed": {
            one.asset: sum(
                int(one.figures.get(name, 0))
                for name in ("rows inserted", "rows updated", "rows deleted")
            )
            for one in outcome.assets
        },
        "model": queries.model_scores(keys),
        "back-test": _back_test(queries.warehouse, keys),
        "top forecasts": queries.top_forecasts(keys, 10),
        "failed checks": outcome.failed_checks,
    }


def _back_test(warehouse: "Warehouse", keys: list[str]) -> dict[str, Any]:
    """Films scored and the scores of all years together; None where there is no film."""
    from ayne_dagster.domain.back_test import scores_of
    from ayne_dagster.domain.tables import BACK_TEST
    from ayne_dagster.storage.duckdb_io_manager import UpstreamMissing, load_frame

    try:
        films = load_frame(warehouse, BACK_TEST, years=keys)
    except UpstreamMissing:
        return {"films": 0}
    return {"films": len(films), **scores_of(films)}


def _counts(per_year: Any, key: str) -> dict[str, int]:
    row = per_year[per_year["release_year"] == key]
    return {name: int(row[name].iloc[0]) if len(row) else 0 for name in _STAGES}


def _show(report: dict[str, Any]) -> None:
    """The report as tables."""
    from ayne_dagster.cli.console import console, dollars, table

    screen = console()
    total = [
        "all",
        *(sum(y[name] for y in report["years"]) for name in ("in the catalogue", *_STAGES)),
    ]
    screen.print(
        table(
            "Films per release year and stage",
            ["year", "catalogue", "discovered", "details", "ratings", "flags", "features",
             "forecasts"],
            [*([y["release_year"], y["in the catalogue"], *(y[s] for s in _STAGES)]
               for y in report["years"]), total],
        )
    )  # fmt: skip
    stored, expected = report["stored"], report["expected"]
    screen.print(
        f"\ntmdb_details: [bold]{stored['films']:,}[/] films in {stored['rows']:,} rows, the "
        f"catalogue has {expected['films']:,}   omdb_ratings: [bold]{stored['imdb ids']:,}[/] imdb "
        f"ids, the catalogue has ratings for {expected['imdb ids with ratings']:,}\n"
    )
    screen.print(
        table(
            "The model of each year: trained on the years before, scored on the year itself",
            ["year", "trained on", "scored on", "RMSLE", "budget rule", "within x2", "budget rule",
             "80 % interval holds"],
            [[m["release_year"], m["train_films"], m["test_films"], m["rmsle"],
              m["rmsle_budget_rule"], m["share_within_factor_two"],
              m["share_within_factor_two_budget_rule"], m["interval_coverage"]]
             for m in report["model"]],
            caption="RMSLE: error of ln(1 + revenue), lower is better; the budget rule is the "
            "median multiple of the budget",
        )
    )  # fmt: skip
    if (pooled := report["back-test"])["films"]:
        screen.print(
            f"All {pooled['films']:,} films together: RMSLE [bold]{pooled['rmsle']:.2f}[/], budget "
            f"rule {pooled['rmsle_budget_rule']:.2f}, regression on the budget "
            f"{pooled['rmsle_ols']:.2f}; {pooled['rmsle_leak_marker']:.2f} with votes and ratings, "
            "which nobody knows before release."
        )
    screen.print()
    screen.print(
        table(
            "Top forecasts of films without a known outcome",
            ["film", "opens", "budget", "forecast", "80 % from", "to"],
            [[f["title"] or f"TMDB {f['tmdb_id']}", str(f["release_date"]),
              dollars(f["budget_usd"]), dollars(f["predicted_revenue_usd"]),
              dollars(f["lower_usd"]), dollars(f["upper_usd"])]
             for f in report["top forecasts"]],
        )
    )  # fmt: skip
    sent = sum(report["requests"]["sent"].values())
    changed = sum(report["rows changed"].values())
    remarks = len(report["failed checks"])
    screen.print(
        f"\n[green]Done[/] in {report['seconds']} s: {sent:,} requests sent, {changed:,} rows "
        f"changed, {remarks} {'check' if remarks == 1 else 'checks'} with a remark. Database:"
    )
    # Not wrapped, because the screen would break a long path in the middle; so below.
    screen.print(f"  {report['database']}", soft_wrap=True)
    for words in report["failed checks"]:
        screen.print(f"  [yellow]check:[/] {words}")
    if not report["is_complete"]:
        screen.print("[red]What is stored is not what the catalogue has; see the table above.[/]")
    database = Path(report["database"])
    if database.is_relative_to(Path.cwd()):
        # Short, so that the commands can be copied from a narrow terminal.
        database = database.relative_to(Path.cwd())
    screen.print(
        "\nNext:\n"
        "  [bold]uv run ayne demo[/]            again: only what has come due is asked for\n"
        "  [bold]uv run ayne ui --sandbox[/]    the same graph in the Dagster UI\n"
        "  [bold]uv run ayne export forecasts --to forecasts.csv --database "
        f"{database}[/]\n"
        '  [bold]uv run ayne predict "A Film of Mine" --budget 20m --language en --country US '
        f"--release-date {report['years'][-1]['release_year']}-06-01 --database {database}[/]\n"
        "  README, “With real keys”: your own TMDB and OMDb keys",
        soft_wrap=True,
    )
