"""`ayne history`: the numbers of one film over time, as the services said them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from ayne_dagster.cli.collection import open_collection
from ayne_dagster.cli.console import console, moment, print_json, table
from ayne_dagster.cli.options import TMDB_ID, database_option, json_option, unknown_film

_NUMBERS = {
    "popularity": "{:,.2f}",
    "vote_count": "{:,.0f}",
    "rating": "{:.1f}",
    "revenue_usd": "{:,.0f}",
    "rotten_tomatoes_percent": "{:.0f}",
    "metascore": "{:.0f}",
}
_TITLES = {
    "vote_count": "votes", "revenue_usd": "revenue, $", "rotten_tomatoes_percent": "tomatoes, %",
}  # fmt: skip


@click.command("history")
@click.argument("tmdb_id", type=TMDB_ID, metavar="ID")
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True,
              help="Most answers shown, the newest; --json has all.")  # fmt: skip
@database_option(must_exist=True)
@json_option
def command(tmdb_id: int, limit: int, database: Path | None, as_json: bool) -> None:
    """Show how popularity, votes, ratings and revenue of a film went, answer by answer.

    ID is the number in themoviedb.org/movie/ID. Changed are the fields that an answer brought a new
    value for. For many films at once, `ayne export refresh_history` writes a file.

    \b
    Examples:
      ayne history 603
      ayne history 603 --json
    """
    from ayne_dagster.storage.history_queries import HistoryQueries
    from ayne_dagster.storage.steering_queries import SteeringQueries

    warehouse = open_collection(database).warehouse
    film = SteeringQueries(warehouse).films([tmdb_id]).get(tmdb_id)
    if film is None:
        raise click.UsageError(unknown_film(tmdb_id))
    report = {**film, "answers": HistoryQueries(warehouse).film_series(tmdb_id)}
    if as_json:
        print_json(report)
    else:
        _show(report, limit)


def _show(report: Mapping[str, Any], limit: int) -> None:
    name = f"{report['tmdb_id']} {report['title']}"
    answers: Sequence[Mapping[str, Any]] = report["answers"]
    if not answers:
        click.echo(f"{name} was never asked for; `ayne refresh {report['tmdb_id']}` does it now.")
        return
    known = [number for number in _NUMBERS if any(one[number] is not None for one in answers)]
    columns = ["answered (UTC)", "source", *(_TITLES.get(one, one) for one in known), "changed"]
    rows = [
        [
            moment(one["fetched_at"]),
            one["source"],
            *(_said(number, one[number]) for number in known),
            ", ".join(one["changed_fields"]),
        ]
        for one in answers[-limit:]
    ]
    console().print(
        table(name, columns, rows, whole=columns[:2], right=columns[2:-1], caption=None)
    )
    for source in sorted({one["source"] for one in answers}):
        _say_ways(source, known, [one for one in answers if one["source"] == source])
    if len(answers) > limit:
        click.echo(f"{len(answers) - limit} older answers are not shown; --limit shows more.")


def _say_ways(source: str, numbers: Sequence[str], answers: Sequence[Mapping[str, Any]]) -> None:
    """Where each number of a source began and where it stands, over all answers."""
    for number in numbers:
        values = [one[number] for one in answers if one[number] is not None]
        if len(values) > 1 and values[0] != values[-1]:
            first, last = (_said(number, value) for value in (values[0], values[-1]))
            click.echo(f"{source} {_TITLES.get(number, number)}: {first} to {last}")


def _said(number: str, value: float | None) -> str | None:
    return None if value is None else _NUMBERS[number].format(value)
