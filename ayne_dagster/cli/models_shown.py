"""How people see the models of release years: tables and sentences of `ayne model`.

Lives here: showing. Not here: the commands (`model.py`).
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from ayne_dagster.cli.console import console, print_json, table

if TYPE_CHECKING:
    from ayne_dagster.domain.promotion import Comparison
    from ayne_dagster.storage.model_registry import RegisteredVersion


def show_trained(report: Mapping[str, Any]) -> None:
    """What a run of training made."""
    console().print(
        table(
            f"Trained in {report['seconds']:.1f} s",
            ["year", "films", "RMSLE", "what came of it"],
            [
                [one["release_year"], one["train_films"], one["rmsle"],
                 one["promotion_reason"] or one["reason"]]
                for one in report["models"]
            ],
            whole=["year", "films", "RMSLE"],
        )
    )  # fmt: skip


def tell_promoted(chosen: "RegisteredVersion", *, as_json: bool, is_news: bool) -> None:
    """Say who is champion now, or was already."""
    from ayne_dagster.storage.model_registry import FORCED

    if as_json:
        print_json({
            "year": chosen.year,
            "version": chosen.version,
            "model_uri": chosen.model_uri,
            "is_news": is_news,
            "is_forced": chosen.decision == FORCED,
            "reason": chosen.reason,
        })  # fmt: skip
        return
    if not is_news:
        click.echo(f"Version {chosen.version} is champion of {chosen.year} already.")
        return
    click.echo(f"{chosen.reason}.")
    click.echo(f"`ayne model train --years {chosen.year}` makes the forecasts by it.")


def show_models(rows: Sequence[Mapping[str, Any]]) -> None:
    """Models with their scores, and why a candidate is not champion."""
    console().print(
        table(
            "Models by release year",
            ["year", "no", "is", "trained", "films", "scored", "RMSLE", "rule", "80 %"],
            [
                [str(one["year"]), one["version"], _standing(one),
                 f"{one['registered_at']:%Y-%m-%d}", one["train_films"], one["test_films"],
                 one["rmsle"], one["rmsle_budget_rule"], one["interval_coverage"]]
                for one in rows
            ],
            caption="films: trained on; scored: films of the year with an outcome; RMSLE: error of "
            "ln(1 + revenue), lower is better; rule: that of the budget rule; 80 %: share of "
            "outcomes inside the interval",
            whole=["year", "is", "trained", "RMSLE"],
        )
    )  # fmt: skip
    for one in rows:
        if "candidate" in one["aliases"] and "champion" not in one["aliases"]:
            click.echo(f"{one['year']}: {one['reason']}")


def _standing(version: Mapping[str, Any]) -> str:
    """`champion`, `candidate` or nothing; the newest model of a year is mostly both."""
    aliases = version["aliases"]
    return next((name for name in ("champion", "candidate") if name in aliases), "-")


def show_comparison(pair: Sequence["RegisteredVersion"], comparison: "Comparison") -> None:
    """Two models on the same films."""
    first, second = (one.version for one in pair)
    difference = comparison.difference
    click.echo(
        f"On the same {comparison.films:,} {comparison.which}:\n"
        f"  version {first}  RMSLE {comparison.candidate_rmsle:.3f}\n"
        f"  version {second}  RMSLE {comparison.champion_rmsle:.3f}\n"
        f"  difference of squared error {difference.value:+.3f}, 90 % between "
        f"{difference.low:+.3f} and {difference.high:+.3f}"
    )
    verdict = "not worse than" if comparison.is_not_worse else "worse than"
    click.echo(f"Version {first} is {verdict} version {second}, by the rule of promotion.")


def tell_same(version: "RegisteredVersion") -> None:
    """Say that both of a comparison are one model; mostly the newest one is champion too."""
    is_called = f", which is {' and '.join(version.aliases)}" if version.aliases else ""
    click.echo(
        f"Both are version {version.version} of {version.year}{is_called}: a model is no better or "
        f"worse than itself. `ayne model list --year {version.year}` names the others."
    )
