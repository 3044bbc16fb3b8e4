"""`ayne refresh`: ask for exactly these films now."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ayne_dagster.cli.collection import Collection, open_collection
from ayne_dagster.cli.console import console, moment, print_json, table
from ayne_dagster.cli.errors import say_error
from ayne_dagster.cli.options import TMDB_ID, json_option

if TYPE_CHECKING:
    from ayne_dagster.cli.job_runs import JobOutcome
    from ayne_dagster.domain.due_reasons import Decision

Decisions = Mapping[int, "Mapping[str, Decision]"]
"""By film and source."""


@click.command("refresh")
@click.argument("tmdb_ids", metavar="ID...", nargs=-1, required=True, type=TMDB_ID)
@click.option("--force", is_flag=True, help="Due or not, frozen or not.")
@json_option
def command(tmdb_ids: tuple[int, ...], force: bool, as_json: bool) -> None:
    """Ask TMDB and then OMDb for the films of these TMDB ids, now.

    Without --force only what is due is asked for; of the rest it says why it is not, and when it
    will be. It runs the Dagster job `refresh`, once for each block of neighbouring release years.
    Reaching a day's quota is no failure: the rest stays due.

    \b
    Examples:
      ayne refresh 603
      ayne refresh 603 604 605 --force
    """
    from ayne_dagster.storage.steering_queries import SteeringQueries

    collection = open_collection()
    queries = SteeringQueries(collection.warehouse)
    ids = list(dict.fromkeys(tmdb_ids))
    films = queries.films(ids)
    _refuse_unknown(number for number in ids if number not in films)
    before = _decisions(collection, ids)
    asked = [n for n in ids if force or any(one.is_due for one in before[n].values())]
    outcomes = _ask(
        collection, {n: films[n]["release_year"] for n in asked}, force=force, is_quiet=as_json
    )
    answers = queries.answers_since(asked, collection.now.replace(microsecond=0))
    after = _decisions(collection, ids) if asked else before
    report = {
        "runs": [_run(outcome) for outcome in outcomes],
        "films": [
            {
                "tmdb_id": number,
                "title": films[number]["title"],
                "was_asked_for": number in asked,
                "sources": _sources(number, after[number], answers),
            }
            for number in ids
        ],
    }
    if as_json:
        print_json(report)
    else:
        _show(report)
    if any("omdb_key_works" in words and "not set" not in words
           for outcome in outcomes for words in outcome.failed_checks):  # fmt: skip
        say_error("OMDb refused the key: ratings were not refreshed, details were")
        raise click.exceptions.Exit(1)


def _refuse_unknown(unknown: Iterable[int]) -> None:
    names = ", ".join(map(str, unknown))
    if names:
        raise click.UsageError(
            f"not known here: {names}. A film is known once it was discovered: `ayne collect "
            "--start-year Y --end-year Y`, with the year it was released in, discovers it"
        )


def _decisions(collection: Collection, ids: Sequence[int]) -> Decisions:
    """When and why each film is due, as things stand at this moment."""
    from ayne_dagster.storage.status_queries import StatusQueries

    queries, now = StatusQueries(collection.warehouse), collection.services.now()
    return {
        number: {one.source.value: one for one in queries.explain(number, now, collection.policy)}
        for number in ids
    }


def _ask(
    collection: Collection, years: Mapping[int, str], *, force: bool, is_quiet: bool
) -> "list[JobOutcome]":
    """One run for each block of neighbouring years, of exactly its films.

    Args:
        collection: Where.
        years: Release year of each film to ask for.
        force: Due or not.
        is_quiet: No progress bars.
    """
    from ayne_dagster.cli.job_runs import run_job, use_dagster_home
    from ayne_dagster.defs.job_options import RunOptions, run_config_of
    from ayne_dagster.domain.release_years import contiguous_blocks
    from ayne_dagster.settings import PROJECT_ROOT

    use_dagster_home(PROJECT_ROOT / "dagster_home")
    outcomes = []
    for block in contiguous_blocks(list(years.values()), collection.years):
        ids = [number for number, year in years.items() if year in block]
        options = RunOptions(tmdb_ids=ids, force=force)
        config = run_config_of("refresh", options)
        outcomes.append(run_job("refresh", block, run_config=config, is_quiet=is_quiet))
    return outcomes


def _run(outcome: "JobOutcome") -> dict[str, Any]:
    return {
        "run_id": outcome.run_id,
        "seconds": round(outcome.seconds, 1),
        "requests": outcome.requests,
        "deferred_by": {
            one.asset: one.figures["deferred by"]
            for one in outcome.assets
            if one.figures.get("deferred by", "-") != "-"
        },
        "failed_checks": outcome.failed_checks,
    }


def _sources(
    number: int, decisions: "Mapping[str, Decision]", answers: Sequence[Mapping[str, Any]]
) -> list[dict[str, Any]]:
    """What each source answered for a film, and when it is asked next."""
    answered = {one["source"]: one for one in answers if one["tmdb_id"] == number}
    return [
        {
            "source": source,
            "outcome": answered[source]["outcome"] if source in answered else None,
            "is_first": answered[source]["is_first"] if source in answered else None,
            "changed_fields": answered[source]["changed_fields"] if source in answered else [],
            "due_at": decision.due_at,
            "words": decision.words,
        }
        for source, decision in decisions.items()
    ]


def _show(report: Mapping[str, Any]) -> None:
    asked = [film for film in report["films"] if film["was_asked_for"]]
    if asked:
        console().print(
            table(
                f"Asked for in {sum(run['seconds'] for run in report['runs']):.1f} s",
                ["film", "title", "source", "answer", "changed fields", "due next (UTC)"],
                [
                    [str(film["tmdb_id"]), film["title"], one["source"], _answer(one),
                     ", ".join(one["changed_fields"]) or None, moment(one["due_at"]) or "never"]
                    for film in asked
                    for one in film["sources"]
                ],
                whole=["film", "source", "answer", "due next (UTC)"],
            )
        )  # fmt: skip
    for run in report["runs"]:
        for asset, words in run["deferred_by"].items():
            click.echo(f"{asset}: what was not asked for stays due; deferred by {words}")
        for words in run["failed_checks"]:
            click.echo(f"check failed: {words}")
    for film in report["films"]:
        if not film["was_asked_for"]:
            click.echo(f"{film['tmdb_id']} {film['title']}: not asked for")
            for one in film["sources"]:
                click.echo(f"  {one['source']}: {one['words']}")
    if not asked:
        click.echo("Nothing was sent; --force asks all the same.")


def _answer(one: Mapping[str, Any]) -> str:
    outcome: str | None = one["outcome"]
    if outcome is None:
        return "not asked"
    if outcome in ("row", "unchanged"):
        if one["is_first"]:
            return "first answer"
        return "changed" if one["changed_fields"] else "no change"
    return outcome.replace("_", " ")
