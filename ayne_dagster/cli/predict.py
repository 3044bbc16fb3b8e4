"""`ayne predict`: what one film is expected to earn, how sure that is, and why."""

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ayne_dagster.cli.collection import Collection, open_collection
from ayne_dagster.cli.console import console, print_json, table
from ayne_dagster.cli.facts_given import (
    Certification,
    Code,
    Dollars,
    Genres,
    Given,
    fill_in_origin,
    resolve_names,
    stored_facts,
)
from ayne_dagster.cli.options import TMDB_ID, database_option, json_option

if TYPE_CHECKING:
    import pandas as pd

    from ayne_dagster.domain.forecasting import Forecast


class NoModelYet(RuntimeError):
    """There is no model that may forecast films of a year; the message says what makes one."""


_YEARS_AHEAD = 20
_FACTS = ("budget", "runtime", "genres", "language", "country", "certification")
_NAMES = ("director", "writer", "cast", "company", "collection")


@click.command("predict")
@click.argument("title", required=False)
@click.option("--tmdb-id", type=TMDB_ID, help="A stored film, by TMDB's id; other options change "
              "what is stored of it: what if it cost more?")  # fmt: skip
@click.option("--release-date", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE",
              help="When it opens, 2027-06-18; needed unless --tmdb-id has one.")  # fmt: skip
@click.option("--budget", type=Dollars(), help="US dollars: 200m, 35.5m, 1.2bn.")
@click.option("--runtime", type=click.IntRange(1, 1000), metavar="MINUTES", help="Running time.")
@click.option("--genres", type=Genres(), metavar="NAMES",
              help="TMDB's genres, separated by commas: Action, Comedy.")  # fmt: skip
@click.option("--director", multiple=True, metavar="NAME",
              help="Name or TMDB id; several times for several, as the next.")  # fmt: skip
@click.option("--writer", multiple=True, metavar="NAME", help="A writer.")
@click.option("--cast", multiple=True, metavar="NAME", help="An actor; the first billed first.")
@click.option("--company", multiple=True, metavar="NAME", help="A production company.")
@click.option("--collection", metavar="NAME", help="The collection it is a part of.")
@click.option("--language", type=Code("code", "en", is_upper=False),
              help="Original language, ISO 639-1: en.")  # fmt: skip
@click.option("--country", type=Code("code", "US", is_upper=True), multiple=True,
              help="Producing country, ISO 3166-1: US; the main one first.")  # fmt: skip
@click.option("--certification", type=Certification(), help="US certification: PG-13.")
@database_option(must_exist=True)
@json_option
def command(
    title: str | None,
    tmdb_id: int | None,
    release_date: datetime | None,
    database: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Forecast the worldwide revenue of one film, planned or stored.

    It comes from the champion of the film's release year, or of the nearest year before: a model
    trained only on films released earlier. Beside it stand the 80 % interval, the three groups of
    inputs that move it most (the factor against a typical film), and the earlier films most like
    it. Names are looked up among the stored films; a name of none of them is taken as a debut.
    Without --country and --language the film is taken to be as most films are.

    \b
    Examples:
      ayne predict "The Long Night" --budget 60m --runtime 118 --genres Thriller,Crime \\
          --release-date 2027-10-15 --director "Jane Example" --language en --country US
      ayne predict --tmdb-id 603
      ayne predict --tmdb-id 603 --budget 200m --database data/demo/ayne.duckdb
    """
    if title is None and tmdb_id is None:
        raise click.UsageError('give a TITLE ("The Long Night") or --tmdb-id')
    collection = open_collection(database)
    given = _facts(collection, title, tmdb_id, release_date, options)
    report = _report(collection, given, tmdb_id)
    if as_json:
        print_json(report)
    else:
        _show(report)


def _facts(
    collection: Collection,
    title: str | None,
    tmdb_id: int | None,
    release_date: datetime | None,
    options: dict[str, Any],
) -> Given:
    """What is stored of the film, with what was given over it.

    Raises:
        click.UsageError: There is no release date, one before the first film, or one far ahead.
    """
    from ayne_dagster.domain.features import FEATURE_SOURCE_COLUMNS
    from ayne_dagster.domain.release_years import FIRST_FILM_YEAR
    from ayne_dagster.storage.name_queries import NameQueries, Role

    given = Given(stored_facts(collection, tmdb_id) if tmdb_id is not None else {})
    names = NameQueries(collection.warehouse)
    said: dict[str, Any] = {
        "title": title,
        "release_date": release_date.date() if release_date else None,
        "budget_usd": options["budget"],
        "runtime_minutes": options["runtime"],
        "genres": options["genres"],
        "original_language": options["language"],
        "spoken_languages": [options["language"]] if options["language"] else None,
        "countries": list(options["country"]) or None,
        "us_certification": options["certification"],
    }
    for name in _NAMES:
        asked = options[name]
        asked = [asked] if isinstance(asked, str) else list(asked or ())
        if not asked:
            continue
        role = Role[name.upper()]
        ids, remarks = resolve_names(asked, role, names)
        given.remarks += remarks
        if role is Role.COLLECTION:
            # At once: a name of none of them replaces the stored collection by none at all.
            given.facts["collection_id"] = ids[0] if ids else None
        else:
            said[role.value[0]] = ids
    given.facts |= {
        name: value
        for name, value in said.items()
        if value is not None and name in FEATURE_SOURCE_COLUMNS
    }
    opens = given.facts.get("release_date")
    if opens is not None and opens.year < FIRST_FILM_YEAR:
        raise click.UsageError(f"--release-date: there was no film before {FIRST_FILM_YEAR}")
    if opens is not None and opens.year > collection.now.year + _YEARS_AHEAD:
        raise click.UsageError(
            f"--release-date: {opens.year} is more than {_YEARS_AHEAD} years ahead, and no model "
            "knows what a film earns then"
        )
    if opens is None:
        raise click.UsageError(
            "give --release-date 2027-06-18: the model of its year is asked, and what people and "
            "companies had done by then"
        )
    given.missing = [name for name in _FACTS if not options[name]] if tmdb_id is None else []
    return given


def _report(collection: Collection, given: Given, tmdb_id: int | None) -> dict[str, Any]:
    """The forecast, as plain values: the document of `--json`."""
    from ayne_dagster.domain.forecasting import forecast_films
    from ayne_dagster.domain.intervals import COVERAGE
    from ayne_dagster.domain.year_model import training_films
    from ayne_dagster.storage.feature_queries import FeatureQueries
    from ayne_dagster.storage.model_queries import ModelQueries

    year = given.facts["release_date"].year
    queries = ModelQueries(collection.warehouse)
    row = queries.champion_before(year)
    if row is None:
        raise NoModelYet(_no_model(year, queries.years_with_champion()))
    model_year = int(row["release_year"])
    if model_year != year:
        given.remarks.append(f"{year} has no model; the champion of {model_year} says this")
    labelled = FeatureQueries(collection.warehouse).labelled(f"{model_year:04d}")
    outcome = labelled.loc[labelled["tmdb_id"] == tmdb_id, "revenue_usd"]
    train = training_films(labelled, model_year)
    is_itself = train["tmdb_id"] == tmdb_id
    if is_itself.any():
        given.remarks.append(_learned_itself(model_year, train.loc[is_itself, "release_date"]))
        train = train[~is_itself].reset_index(drop=True)
    fill_in_origin(given, train)
    film = _features(collection, given)
    model = collection.resources["experiments"].load_model(row["champion_uri"])
    (forecast,) = forecast_films(model.predict, film, train)
    return {
        "tmdb_id": tmdb_id,
        "title": given.facts.get("title"),
        "release_date": given.facts["release_date"],
        "predicted_revenue_usd": forecast.predicted_revenue_usd,
        "lower_usd": forecast.lower_usd,
        "upper_usd": forecast.upper_usd,
        "interval_coverage": COVERAGE,
        "revenue_usd": next(iter(outcome), None),
        **_reasons(forecast),
        "model": {
            "release_year": model_year,
            "model_uri": row["champion_uri"],
            "train_films": model.train_films,
        },
        "remarks": given.remarks,
    }


def _features(collection: Collection, given: Given) -> "pd.DataFrame":
    """The film's row of features: the same code that the asset runs.

    What is stored of the film itself is none of its past: a later release date would make its own
    revenue part of the track record of its people.
    """
    from ayne_dagster.domain.features import build_features
    from ayne_dagster.domain.film_facts import PAST_SOURCE_COLUMNS, FilmFacts, KnownPast
    from ayne_dagster.domain.planned_film import planned_details
    from ayne_dagster.storage.feature_queries import FeatureQueries

    details = planned_details(given.facts, collection.now)
    years = details["release_year"].tolist()
    past_films = FeatureQueries(collection.warehouse).past_films(years)
    others = past_films[past_films["tmdb_id"] != details["tmdb_id"].iloc[0]]
    past = KnownPast.of(FilmFacts.of(others, PAST_SOURCE_COLUMNS))
    return build_features(details, years, past)


def _learned_itself(model_year: int, released: "pd.Series") -> str:
    return (
        f"the film opened on {released.iloc[0]:%Y-%m-%d} and its revenue is known: the model of "
        f"{model_year} may have learned from it, so this is nearer to the truth than a forecast "
        "would be"
    )


def _no_model(year: int, years: list[int]) -> str:
    if years:
        return (
            f"there is no model for films of {year}: the earliest is that of {years[0]}, which may "
            f"have learned from films of {year} and later. A model of {year} needs films with an "
            f"outcome before it: `ayne collect --start-year {year - 10}`, then `ayne model train "
            f"--years {year}`"
        )
    return (
        "there is no model yet. `ayne model train` makes one of what is stored; `ayne demo` makes "
        "some of invented films, for --database data/demo/ayne.duckdb"
    )


def _reasons(forecast: "Forecast") -> dict[str, Any]:
    return {
        "drivers": [
            {"group": one.group, "words": one.words, "factor": one.factor}
            for one in forecast.drivers
        ],
        "comparables": [
            {
                "tmdb_id": one.tmdb_id,
                "title": one.title,
                "release_year": one.release_year,
                "revenue_usd": one.revenue_usd,
            }
            for one in forecast.comparables
        ],
    }


def _show(report: dict[str, Any]) -> None:
    from ayne_dagster.domain.amounts import dollars_in_words
    from ayne_dagster.domain.drivers import Driver

    low, point, high = (
        dollars_in_words(report[name])
        for name in ("lower_usd", "predicted_revenue_usd", "upper_usd")
    )
    model = report["model"]
    click.secho(f"{report['title'] or 'untitled'}, opens {report['release_date']}", bold=True)
    click.echo(f"  forecast       {point} worldwide")
    click.echo(f"  80 % interval  {low} to {high}")
    if report["revenue_usd"] is not None:
        is_inside = report["lower_usd"] <= report["revenue_usd"] <= report["upper_usd"]
        came_to = dollars_in_words(report["revenue_usd"])
        click.echo(f"  it came to     {came_to}, {'inside' if is_inside else 'outside'} of it")
    click.echo(
        f"  model          champion of {model['release_year']}, trained on "
        f"{model['train_films']:,} films released before"
    )
    click.echo("  moved most by, against a typical film")
    for one in report["drivers"]:
        click.echo(f"    {Driver(**one)}")
    click.echo()
    console().print(
        table(
            "Earlier films most like it",
            ["film", "title", "year", "worldwide"],
            [
                [str(one["tmdb_id"]), one["title"], one["release_year"],
                 dollars_in_words(one["revenue_usd"])]
                for one in report["comparables"]
            ],
            whole=["film", "year"],
            right=["worldwide"],
        )
    )  # fmt: skip
    for remark in report["remarks"]:
        click.secho(f"note: {remark}", fg="yellow")
