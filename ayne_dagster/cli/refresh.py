"""`ayne refresh`: ask for exactly these films now."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

from ayne_dagster.cli.collection import Collection, open_collection
from ayne_dagster.cli.console import console, moment, print_json, table
from ayne_dagster.cli.errors import say_error
from ayne_dagster.cli.options import json_option


@click.command("refresh")
@click.argument("tmdb_ids", metavar="ID...", nargs=-1, required=True, type=click.IntRange(1))
@click.option("--force", is_flag=True,
              help="Ask whether they are due or not, and whether they are frozen or not.")  # fmt: skip
@json_option
def command(tmdb_ids: tuple[int, ...], force: bool, as_json: bool) -> None:
    """Ask TMDB and then OMDb for the films of these TMDB ids, now.

    Without --force only what is due is asked for; for the others it says why they are not, and
    when they will be. It runs the Dagster job `refresh`, once for each block of neighbouring
    release years of the films. A day's quota that is used up is no failure: the rest stays due.

    \b
    Examples:
      ayne refresh 603
      ayne refresh 603 604 605 --force
    """
    from ayne_dagster.storage.steering_queries import SteeringQueries

    collection = open_collection()
    ids = list(dict.fromkeys(tmdb_ids))
    films = SteeringQueries(collection.warehouse).films(ids)
    _refuse_unknown([number for number in ids if number not in films])
    decided = _decisions(collection, ids)
    asked = [n for n in ids if force or any(one["is_due"] for one in decided[n].values())]
    runs = [
        _refresh(collection, numbers, years, force=force, is_quiet=as_json)
        for years, numbers in _by_years(collection, {n: films[n]["release_year"] for n in asked})
    ]
    answers = SteeringQueries(collection.warehouse).answers_since(asked, collection.now)
    report = {
        "runs": runs,
        "films": _films(films, asked, decided, _decisions(collection, ids), answers),
    }
    if as_json:
        print_json(report)
    else:
        _show(report)
    if any("omdb_key_works" in words and "not set" not in words
           for run in runs for words in run["failed_checks"]):  # fmt: skip
        say_error("OMDb refused the key: ratings were not refreshed, details were")
        raise click.exceptions.Exit(1)
