"""`ayne model`: the models of each release year, which is champion and why, two side by side.

Lives here: the commands and their documents. Not here: how people see them (`models_shown.py`) and
the rule of promotion (`domain/promotion.py`).
"""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ayne_dagster.cli.collection import Collection, open_collection
from ayne_dagster.cli.console import print_json
from ayne_dagster.cli.models_named import named_version, open_registry, refuse_unkept_year
from ayne_dagster.cli.models_shown import (
    show_comparison,
    show_models,
    show_trained,
    tell_promoted,
    tell_same,
)
from ayne_dagster.cli.options import YEARS, database_option, json_option, keys_of

if TYPE_CHECKING:
    import pandas as pd

    from ayne_dagster.storage.model_registry import ModelRegistry, RegisteredVersion

_SCORES = ("train_films", "test_films", "rmsle", "rmsle_budget_rule", "share_within_factor_two",
           "interval_coverage")  # fmt: skip

_year_option = click.option("--year", type=int, required=True, help="Release year of the models.")


@click.group("model")
def command() -> None:
    """See, make, compare and promote the models of box-office revenue.

    Each release year has models of its own, numbered from 1, trained only on films released before
    it. The newest is its `candidate`; forecasts come from its `champion`. A new model follows the
    champion only if it is not worse on the same films.
    """


@command.command("list")
@click.option(
    "--year",
    type=int,
    help="All models of this release year. [default: candidate and champion of each]",
)
@database_option(must_exist=True)
@json_option
def list_models(year: int | None, database: Path | None, as_json: bool) -> None:
    """Show the models of each release year with their scores.

    Scores are those of the year's films with an outcome, as of the last training; a year to come
    has none yet.

    \b
    Examples:
      ayne model list
      ayne model list --year 2025 --database data/demo/ayne.duckdb
    """
    collection = open_collection(database)
    refuse_unkept_year(collection, year)
    registry = collection.resources["registry"]
    found = []
    if registry.log.store.exists:
        found = registry.every_version() if year is None else registry.versions(year)
    shown = [one for one in found if year is not None or one.aliases]
    rows = [_described(registry, one) for one in shown]
    if as_json:
        print_json({"models": rows})
    elif rows:
        show_models(rows)
    else:
        of_year = "" if year is None else f" of {year}"
        click.echo(f"There is no model{of_year} yet. `ayne model train` makes one.")


@command.command("train")
@click.option("--years", type=YEARS, metavar="YEARS",
              help="Release years, 2015-2026. [default: this year]")  # fmt: skip
@json_option
def train(years: tuple[int, int] | None, as_json: bool) -> None:
    """Make features, models and forecasts of release years; no request is sent.

    Features are made of all years with films up to these: a model learns from the years before it.
    Then the Dagster job `model` runs over these years and those between, so both runs show in the
    UI. Where films and recipe are the same as before, the model stays as it is.

    \b
    Examples:
      ayne model train
      ayne model train --years 2015-2026
    """
    from ayne_dagster.cli.job_runs import own_dagster_home, run_job, use_dagster_home
    from ayne_dagster.defs.open_runs import assets_of_job
    from ayne_dagster.domain.tables import FEATURES

    collection = open_collection()
    this_year = collection.now.year
    keys = keys_of(years or (this_year, this_year), collection.years)
    first = collection.resources["queries"].first_year_of_films() or keys[0]
    known = [year for year in collection.years if min(first, keys[0]) <= year <= keys[-1]]
    use_dagster_home(own_dagster_home())
    features = run_job("model", known, assets=[FEATURES.name], is_quiet=as_json)
    others = [name for name in assets_of_job("model") if name != FEATURES.name]
    outcome = run_job("model", keys, assets=others, is_quiet=as_json)
    report = {
        "run_id": outcome.run_id,
        "seconds": features.seconds + outcome.seconds,
        "models": _trained(collection, keys),
        "failed_checks": [*features.failed_checks, *outcome.failed_checks],
    }
    if as_json:
        print_json(report)
    else:
        show_trained(report)
    if not any(one["model_uri"] for one in report["models"]):
        raise NothingTrained(
            "no model was trained: there are too few films with an outcome before "
            f"{keys[-1]}. `ayne collect --start-year {int(keys[0]) - 10}` fetches earlier films"
        )


@command.command("promote")
@click.argument("version")
@_year_option
@click.option(
    "--force",
    is_flag=True,
    help="Even where the rule says it is worse; it stays until another model is trained.",
)
@click.option("--reason", metavar="TEXT", help="Kept with the decision.")
@database_option(must_exist=True)
@json_option
def promote(
    version: str,
    year: int,
    force: bool,
    reason: str | None,
    database: Path | None,
    as_json: bool,
) -> None:
    """Make VERSION (a number, or `candidate`) the champion of a release year.

    It is compared with the champion by the same rule as a new model, and refused where it is worse.
    With --force it becomes champion all the same, and stays until another model of the year is
    trained or its files are gone, whatever outcomes come in. What was decided and why is kept in
    the registry and in the row of `trained_model`.

    \b
    Examples:
      ayne model promote candidate --year 2026
      ayne model promote 3 --year 2026 --force --reason "the newer data are wrong"
    """
    from ayne_dagster.cli.champion_writes import let_table_name_champion, refuse_foreign_models
    from ayne_dagster.defs.champions import judge, promote_by_hand
    from ayne_dagster.domain.promotion import Decision
    from ayne_dagster.storage.model_registry import FORCED

    collection = open_collection(database)
    refuse_unkept_year(collection, year)
    refuse_foreign_models(collection, database)
    registry = open_registry(collection)
    with registry.deciding(year):
        chosen, champion = named_version(registry, year, version), registry.champion(year)
        if chosen.is_champion and (chosen.decision == FORCED or not force):
            # The table may not know it yet: its write may have failed after the registry's.
            let_table_name_champion(collection, chosen, is_news=False)
            tell_promoted(chosen, as_json=as_json, is_news=False)
            return
        if chosen.is_champion:
            decision = Decision(True, "it was champion already")
        else:
            decision = judge(
                registry,
                champion,
                registry.log.load_model(chosen.model_uri),
                _labelled(collection, year),
                year,
                seed=collection.settings.model.seed,
            )
        if not decision.is_promoted and not force:
            raise PromotionRefused(
                f"version {chosen.version} of {year} does not become champion: {decision.reason}. "
                "`--force` makes it champion all the same"
            )
        chosen = promote_by_hand(
            registry, chosen, decision, is_forced=force, reason=reason, now=collection.now
        )
        let_table_name_champion(collection, chosen, is_news=True)
    tell_promoted(chosen, as_json=as_json, is_news=True)


@command.command("compare")
@click.argument("first", default="candidate")
@click.argument("second", default="champion")
@_year_option
@database_option(must_exist=True)
@json_option
def compare_models(
    first: str, second: str, year: int, database: Path | None, as_json: bool
) -> None:
    """Compare two models of a release year, FIRST with SECOND, on the same films.

    A model is a number, `candidate` or `champion`. The films are those of the year that have an
    outcome, where there are at least 30; otherwise the films both were calibrated on, if those are
    of the same release years, as trees predicted them that had not seen them. The difference has a
    paired bootstrap 90 % interval.

    \b
    Examples:
      ayne model compare --year 2025
      ayne model compare 1 3 --year 2025
    """
    from ayne_dagster.domain.promotion import compare, shared_films

    collection = open_collection(database)
    refuse_unkept_year(collection, year)
    registry = open_registry(collection)
    pair = [named_version(registry, year, one) for one in (first, second)]
    if pair[0].version == pair[1].version:
        if as_json:
            one = _described(registry, pair[0])
            print_json({"year": year, "first": one, "second": one, "comparison": None})
        else:
            tell_same(pair[0])
        return
    models = [registry.log.load_model(one.model_uri) for one in pair]
    shared = shared_films(models[0], models[1], _labelled(collection, year), year)
    if not len(shared):
        raise NothingToCompare(
            f"versions {pair[0].version} and {pair[1].version} of {year} share no film that "
            f"neither was fitted on: no {shared.which}"
        )
    comparison = compare(shared, seed=collection.settings.model.seed)
    if as_json:
        print_json({
            "year": year,
            "first": _described(registry, pair[0]),
            "second": _described(registry, pair[1]),
            "comparison": {**asdict(comparison), "is_not_worse": comparison.is_not_worse},
        })  # fmt: skip
    else:
        show_comparison(pair, comparison)


class PromotionRefused(RuntimeError):
    """A worse model was to be made champion without force."""


class NothingTrained(RuntimeError):
    """No year asked for got a model."""


class NothingToCompare(RuntimeError):
    """Two models share no film they could be compared by."""


def _labelled(collection: Collection, year: int) -> "pd.DataFrame":
    """`features` rows of the films with an outcome, of the year and the years before."""
    from ayne_dagster.storage.feature_queries import FeatureQueries

    return FeatureQueries(collection.warehouse).labelled(f"{year:04d}")


def _trained(collection: Collection, keys: Sequence[str]) -> list[dict[str, Any]]:
    return collection.resources["queries"].model_scores(keys)


def _described(registry: "ModelRegistry", version: "RegisteredVersion") -> dict[str, Any]:
    """A version with its scores, as plain values."""
    scores = registry.scores(version)
    counts = {name: int(scores[name]) for name in _SCORES[:2] if name in scores}
    return {
        **asdict(version),
        "aliases": list(version.aliases),
        **{name: scores.get(name) for name in _SCORES},
        **counts,
    }
