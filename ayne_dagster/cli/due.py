"""`ayne due`: which films are due, most urgent first, and for one film why or why not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from ayne_dagster.cli.collection import BOX_OFFICE, Collection, open_collection
from ayne_dagster.cli.console import console, moment, print_json, table
from ayne_dagster.cli.options import TMDB_ID, YearKeys, database_option, json_option, keys_of

_YEARS_SHOWN = 12


@click.command("due")
@click.option("--source", type=click.Choice(["tmdb", "omdb", BOX_OFFICE]),
              help="Only what is due there. [default: tmdb and omdb]")  # fmt: skip
@click.option("--year", "years", type=YearKeys(), metavar="YEARS",
              help="Only these release years: 1999, 1990-1999, undated.")  # fmt: skip
@click.option("--limit", type=click.IntRange(0), default=20, show_default=True,
              help="Most films shown; the totals count all.")  # fmt: skip
@click.option("--explain", "explained", type=TMDB_ID, metavar="ID",
              help="Everything that decides about the film of this TMDB id.")  # fmt: skip
@database_option(must_exist=True)
@json_option
def command(
    source: str | None,
    years: tuple[int, int] | str | None,
    limit: int,
    explained: int | None,
    database: Path | None,
    as_json: bool,
) -> None:
    """Show which films are due, most urgent first, and why; nothing is asked for.

    These are the films that the next run over their years asks for. Box office has no request of
    its own: OMDb's answer brings it, so what is due there is due at OMDb.

    \b
    Examples:
      ayne due
      ayne due --source omdb --year 1990-1999 --limit 100
      ayne due --explain 603
    """
    if explained is not None:
        from ayne_dagster.cli.due_explained import explain

        if source or years:
            raise click.UsageError("--explain is about one film; leave --source and --year out")
        explain(open_collection(database), explained, as_json=as_json)
        return
    collection = open_collection(database)
    chosen = [source] if source else ["tmdb", "omdb"]
    report = due_report(collection, chosen, keys_of(years, collection.years), limit)
    if as_json:
        print_json(report)
    else:
        _show(report)


def due_report(
    collection: Collection, sources: Sequence[str], years: Sequence[str], limit: int
) -> dict[str, Any]:
    """Which films are due: the document of `--json`.

    Args:
        collection: Where, and by which numbers.
        sources: `tmdb`, `omdb`, `box-office`.
        years: Release years.
        limit: Most films named; everything else counts all.
    """
    from ayne_dagster.storage.status_queries import StatusQueries

    queries = StatusQueries(collection.warehouse)
    now = collection.now
    per_source: list[dict[str, Any]] = []
    per_year: dict[str, dict[str, Any]] = {}
    for name in sources:
        source, policy = collection.rule(name)
        found = queries.due_years(source, years, now, policy)
        for row in found:
            year = per_year.setdefault(
                row["release_year"],
                {"release_year": row["release_year"], **dict.fromkeys(sources, 0)},
            )
            year[name] = row["films"]
        since = [row["due_since"] for row in found if row["due_since"] is not None]
        per_source.append(
            {
                "source": name,
                "films": sum(row["films"] for row in found),
                "never_fetched": sum(row["never_fetched"] for row in found),
                "due_since": min(since, default=None),
                "next_due_at": queries.next_due(source, years, now, policy),
            }
        )
    feed = queries.change_feed()
    return {
        "at": now,
        "films": _films(collection, sources, years, limit) if limit else [],
        "sources": per_source,
        "years": [per_year[year] for year in collection.years if year in per_year],
        "kept_back_by_change_feed": queries.spared_by_feed(years, now, collection.policy)
        if "tmdb" in sources
        else 0,
        "change_feed_read_up_to": feed.until if feed else None,
    }


def _films(
    collection: Collection, sources: Sequence[str], years: Sequence[str], limit: int
) -> list[dict[str, Any]]:
    """The most urgent films of all these sources together."""
    import pandas as pd

    from ayne_dagster.domain.refresh_policy import Why, age_bands
    from ayne_dagster.storage.status_queries import StatusQueries
    from ayne_dagster.storage.steering_queries import SteeringQueries

    frames: list[pd.DataFrame] = []
    for name in sources:
        source, policy = collection.rule(name)
        found = StatusQueries(collection.warehouse).due(
            source, years, collection.now, policy, limit
        )
        frames.append(found[["tmdb_id", "popularity", "due_at", "why"]].assign(source=name))
    due = pd.concat(frames, ignore_index=True)
    # Films never fetched come first, as in a run; among those, no moment says who waits longest.
    first = pd.Timestamp(0, tz="UTC")
    urgent = (
        due.assign(_turn=due["due_at"].mask(due["why"] == Why.NEVER_FETCHED, first))
        .sort_values(["_turn", "popularity"], ascending=[True, False], kind="stable")
        .head(limit)
    )
    known = SteeringQueries(collection.warehouse).films(urgent["tmdb_id"].tolist())
    dates = [known[number]["release_date"] for number in urgent["tmdb_id"]]
    bands = age_bands(pd.Series(dates, dtype=object), collection.now)
    return [
        {
            "tmdb_id": row["tmdb_id"],
            "title": known[row["tmdb_id"]]["title"],
            "release_year": known[row["tmdb_id"]]["release_year"],
            "source": row["source"],
            "age_band": band,
            "due_since": row["due_at"].to_pydatetime(),
            "why": row["why"],
            "words": _brief(collection, row["source"], row["why"], band),
        }
        for row, band in zip(urgent.to_dict("records"), bands, strict=True)
    ]


def _brief(collection: Collection, name: str, why: str, band: str) -> str:
    """Why a film is due, in the few words a column has room for; `--explain` says all."""
    from ayne_dagster.domain.refresh_policy import Why

    source, policy = collection.rule(name)
    return {
        Why.NEVER_FETCHED: "never fetched",
        Why.NAMED: "named by TMDB's change feed",
        Why.INTERVAL: f"every {policy.days(source, band):g} days at its age",
        Why.RECHECK: f"verified every {policy.recheck_days(source, band):g} days",
        Why.NOT_FOUND: "was not found, asked again",
        Why.UNUSABLE: "its answer could not be read",
    }[Why(why)]


def _show(report: dict[str, Any]) -> None:
    screen = console()
    if report["films"]:
        screen.print(
            table(
                "Due now, most urgent first",
                ["film", "title", "year", "source", "age", "due since", "why"],
                [
                    [str(one["tmdb_id"]), one["title"], one["release_year"], one["source"],
                     one["age_band"], f"{one['due_since']:%Y-%m-%d}", one["words"]]
                    for one in report["films"]
                ],
                whole=["film", "year", "source", "age", "due since"],
            )
        )  # fmt: skip
        screen.print()
    screen.print(
        table(
            "In total",
            ["source", "films due", "never fetched", "due since (UTC)", "next due (UTC)"],
            [
                [one["source"], one["films"], one["never_fetched"], moment(one["due_since"]),
                 moment(one["next_due_at"])]
                for one in report["sources"]
            ],
        )
    )  # fmt: skip
    if report["years"]:
        _show_years(report)
    else:
        click.echo(_nothing_due(report["sources"]))
    if report["kept_back_by_change_feed"]:
        click.echo(
            f"{report['kept_back_by_change_feed']:,} more films are past their interval and are "
            "not asked for: TMDB's change feed, read up to "
            f"{moment(report['change_feed_read_up_to'])} UTC, has not named them."
        )


def _show_years(report: dict[str, Any]) -> None:
    sources = [one["source"] for one in report["sources"]]

    def films(year: dict[str, Any]) -> int:
        return sum(year[source] for source in sources)

    most = sorted(report["years"], key=films, reverse=True)[:_YEARS_SHOWN]
    shown = [year for year in report["years"] if year in most]
    rest = sum(map(films, report["years"])) - sum(map(films, shown))
    screen = console()
    screen.print(
        table(
            "By release year",
            ["year", *sources],
            [[year["release_year"], *(year[source] for source in sources)] for year in shown],
        )
    )
    if rest:
        # Under the table: a caption of it would be as narrow as two columns.
        click.echo(f"and {rest:,} in {len(report['years']) - len(shown)} other years")


def _nothing_due(sources: Sequence[dict[str, Any]]) -> str:
    coming = [
        f"{one['source']} {moment(one['next_due_at'])} UTC"
        for one in sources
        if one["next_due_at"] is not None
    ]
    if not coming:
        return "Nothing is due, nothing comes due as things stand. `ayne collect` discovers films."
    return f"Nothing is due. Next: {', '.join(coming)}."
