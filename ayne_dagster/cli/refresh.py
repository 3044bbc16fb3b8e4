"""`ayne refresh`: ask for exactly these films now."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ayne_dagster.cli.collection import Collection, open_collection
from ayne_dagster.cli.console import console, moment, print_json, table
from ayne_dagster.cli.errors import RunFailed, say_error
from ayne_dagster.cli.options import TMDB_ID, json_option, unknown_film

if TYPE_CHECKING:
    from ayne_dagster.cli.job_runs import JobOutcome
    from ayne_dagster.domain.due_reasons import Decision

_ASSETS = {"tmdb": "tmdb_details", "omdb": "omdb_ratings"}

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
    Reaching a day's quota is no failure: the rest stays due. A film that was asked for and not
    answered is: the exit code says so.

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
    _refuse_unkept(films, collection.years)
    before = _decisions(collection, ids)
    asked = [n for n in ids if force or any(one.is_due for one in before[n].values())]
    runs = _ask(
        collection, {n: films[n]["release_year"] for n in asked}, force=force, is_quiet=as_json
    )
    answers = {
        (one["tmdb_id"], one["source"]): one
        for one in queries.answers_since(asked, collection.now.replace(microsecond=0))
    }
    after = _decisions(collection, ids) if asked else before
    failed = {number: run["failed"] for run in runs for number in run["tmdb_ids"]}
    films_told = [
        {
            "tmdb_id": number,
            "title": films[number]["title"],
            "was_asked_for": number in asked,
            "sources": _sources(
                before[number], after[number], answers, failed.get(number, {}), force
            ),
        }
        for number in ids
    ]
    report = {"runs": runs, "films": films_told}
    if as_json:
        print_json(report)
    else:
        _show(report)
    _end(report)


def _end(report: Mapping[str, Any]) -> None:
    """Say what went wrong, and end with exit code 1 if anything did."""
    errors = [run["error"] for run in report["runs"] if run["error"]]
    unanswered = [
        f"{film['tmdb_id']} at {one['source']}"
        for film in report["films"]
        for one in film["sources"]
        if one["has_failed"]
    ]
    if any("omdb_key_works" in words and "not set" not in words
           for run in report["runs"] for words in run["failed_checks"]):  # fmt: skip
        errors.append("OMDb refused the key: ratings were not refreshed, details were")
    if unanswered:
        errors.append(
            f"not answered: {', '.join(unanswered)}. They stay as they were, due or not: give the "
            "command again once the service answers; `ayne ui` shows the log of the run"
        )
    for words in errors:
        say_error(words)
    if errors:
        raise click.exceptions.Exit(1)


def _was_meant(decision: "Decision", *, force: bool) -> bool:
    """Whether the run was to ask the source for the film; never without an imdb id at OMDb."""
    return decision.is_due or (force and decision.due_at is not None)


def _refuse_unknown(unknown: Iterable[int]) -> None:
    if ids := list(unknown):
        raise click.UsageError(unknown_film(*ids))


def _refuse_unkept(films: Mapping[int, Mapping[str, Any]], years: Sequence[str]) -> None:
    """A run is of release years that are kept: a film of another one cannot be in it."""
    from ayne_dagster.domain.release_years import calendar_years

    kept = calendar_years(years)
    for number, film in films.items():
        if film["release_year"] not in years:
            raise click.UsageError(
                f"{number} is a film of {film['release_year']}, and release years {min(kept)} to "
                f"{max(kept)} are kept: change FIRST_RELEASE_YEAR, or leave the film out"
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
) -> list[dict[str, Any]]:
    """One run for each block of neighbouring years, of exactly its films; what each did.

    A run that fails does not keep the others from being made.

    Args:
        collection: Where.
        years: Release year of each film to ask for.
        force: Due or not.
        is_quiet: No progress bars.
    """
    from ayne_dagster.cli.job_runs import own_dagster_home, run_job, use_dagster_home
    from ayne_dagster.defs.job_options import RunOptions, run_config_of
    from ayne_dagster.domain.release_years import contiguous_blocks

    use_dagster_home(own_dagster_home())
    runs = []
    for block in contiguous_blocks(list(years.values()), collection.years):
        ids = [number for number, year in years.items() if year in block]
        config = run_config_of("refresh", RunOptions(tmdb_ids=ids, force=force))
        try:
            outcome = run_job("refresh", block, run_config=config, is_quiet=is_quiet)
        except RunFailed as error:
            runs.append(_run(ids, error.outcome, str(error)))
        else:
            runs.append(_run(ids, outcome))
    return runs


def _run(ids: list[int], outcome: "JobOutcome | None", error: str | None = None) -> dict[str, Any]:
    """What a run did; of one that failed, as far as it came."""
    return {
        "run_id": outcome.run_id if outcome else None,
        "tmdb_ids": ids,
        "seconds": round(outcome.seconds, 1) if outcome else 0.0,
        "requests": outcome.requests if outcome else {},
        "deferred_by": outcome.words("deferred by") if outcome else {},
        "failed": outcome.failed if outcome else {},
        "failed_by": outcome.words("failed by") if outcome else {},
        "failed_checks": outcome.failed_checks if outcome else [],
        "error": error,
    }


def _sources(
    before: "Mapping[str, Decision]",
    after: "Mapping[str, Decision]",
    answers: Mapping[tuple[int, str], Mapping[str, Any]],
    failed: Mapping[str, int],
    force: bool,
) -> list[dict[str, Any]]:
    """What each source answered for a film; a run's failures are of those that were meant."""
    return [
        _source(
            decision,
            answers.get((decision.tmdb_id, name)),
            has_failed=_ASSETS[name] in failed and _was_meant(before[name], force=force),
        )
        for name, decision in after.items()
    ]


def _source(
    decision: "Decision", answer: Mapping[str, Any] | None, *, has_failed: bool
) -> dict[str, Any]:
    """What a source answered for a film, and when it is asked next."""
    return {
        "source": decision.source.value,
        "outcome": answer["outcome"] if answer else None,
        "has_failed": has_failed and answer is None,
        "is_first": answer["is_first"] if answer else None,
        "changed_fields": answer["changed_fields"] if answer else [],
        "due_at": decision.due_at,
        "words": decision.words,
    }


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
        for asset, films in run["failed"].items():
            why = run["failed_by"].get(asset)
            click.echo(f"{asset}: {films} not answered{f' ({why})' if why else ''}")
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
        return "no answer" if one["has_failed"] else "not asked"
    if outcome in ("row", "unchanged"):
        if one["is_first"]:
            return "first answer"
        return "changed" if one["changed_fields"] else "no change"
    return outcome.replace("_", " ")
