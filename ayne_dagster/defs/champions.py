"""Each year's champion: asked whenever a year has a model that is not the champion already.

Lives here: candidate and champion brought together, what came of it in words. Not here: the rule
(`domain/promotion.py`) and the registry (`storage/model_registry.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pandas as pd

from ayne_dagster.defs.stored_models import usable_model
from ayne_dagster.domain.promotion import (
    Decision,
    decide,
    decide_first,
    decide_without_champion,
)
from ayne_dagster.domain.revenue_model import RevenueModel
from ayne_dagster.storage.model_registry import (
    FORCED,
    PROMOTED,
    REFUSED,
    ModelRegistry,
    RegisteredVersion,
)


@dataclass(frozen=True)
class Standing:
    """How a year's model stands to its champion.

    Attributes:
        champion_uri: Address of the model that forecasts come from.
        is_champion: Whether the model asked about is that one.
        reason: Why, in words.
    """

    champion_uri: str
    is_champion: bool
    reason: str


def settle_champion(
    registry: ModelRegistry,
    year: int,
    model_uri: str,
    model: RevenueModel,
    features: pd.DataFrame,
    *,
    is_new: bool,
    now: datetime,
    seed: int,
) -> Standing:
    """Make a year's model its candidate, and its champion if the rule says so.

    Args:
        registry: Where candidates and champions are.
        year: Release year.
        model_uri: Address of the model.
        model: The model itself.
        features: `features` rows of the year and of the years before.
        is_new: Whether it was just trained. One that is known is compared again where outcomes came
            in, but leaves a champion alone that somebody chose by hand, while it can be used.
        now: Time of the decision, UTC.
        seed: Seed of the comparison's bootstrap.

    Returns:
        How it stands; the registry holds the same.
    """
    with registry.deciding(year):
        champion = registry.champion(year)
        version = registry.register(year, model_uri)
        if champion is not None and champion.model_uri == model_uri:
            return Standing(model_uri, True, champion.reason or "")
        if (
            champion is not None
            and champion.decision == FORCED
            and not is_new
            and not isinstance(usable_model(registry.log, champion.model_uri), str)
        ):
            return Standing(champion.model_uri, False, _stays(version, champion))
        decision = judge(registry, champion, model, features, year, seed=seed)
        reason = _in_words(version, champion, decision)
        registry.record(
            version,
            decision=PROMOTED if decision.is_promoted else REFUSED,
            reason=reason,
            now=now,
            measured_by=_measure(champion, decision),
        )
    if decision.is_promoted or champion is None:
        return Standing(model_uri, True, reason)
    return Standing(champion.model_uri, False, reason)


def judge(
    registry: ModelRegistry,
    champion: RegisteredVersion | None,
    model: RevenueModel,
    features: pd.DataFrame,
    year: int,
    *,
    seed: int,
) -> Decision:
    """What the rule says of a model beside the champion, if there is one that can be used."""
    if champion is None:
        return decide_first(year)
    beaten = usable_model(registry.log, champion.model_uri)
    if isinstance(beaten, str):
        return decide_without_champion(beaten)
    best = _best_before(registry, champion)
    return decide(model, beaten, features, year, seed=seed, best=best)


def _best_before(registry: ModelRegistry, champion: RegisteredVersion) -> RevenueModel | None:
    """The best champion of the line, where that is not the champion itself and can be used."""
    found = [one for one in registry.versions(champion.year) if one.version == champion.measured_by]
    if not found or found[0].version == champion.version:
        return None
    best = usable_model(registry.log, found[0].model_uri)
    return None if isinstance(best, str) else best


def _measure(champion: RegisteredVersion | None, decision: Decision) -> int | None:
    """By which version those after a new champion are measured; None: by itself."""
    if champion is None or decision.is_best:
        return None
    return champion.measured_by or champion.version


def _in_words(
    version: RegisteredVersion, champion: RegisteredVersion | None, decision: Decision
) -> str:
    name = f"version {version.version}"
    if champion is None:
        return f"{name} is champion: {decision.reason}"
    if decision.is_promoted:
        return f"{name} follows version {champion.version} as champion: {decision.reason}"
    return f"version {champion.version} stays champion before {name}: {decision.reason}"


def _stays(version: RegisteredVersion, champion: RegisteredVersion) -> str:
    return (
        f"version {champion.version} stays champion before version {version.version}: chosen by "
        f"hand ({champion.reason}), until another model is trained"
    )


def promote_by_hand(
    registry: ModelRegistry,
    version: RegisteredVersion,
    decision: Decision,
    *,
    is_forced: bool,
    reason: str | None,
    now: datetime,
) -> RegisteredVersion:
    """Make a version the champion because somebody says so.

    Args:
        registry: Where champions are.
        version: The version.
        decision: What the rule says of it.
        is_forced: Whether the person insists: then the choice holds until another model of the year
            is trained, even where the rule agrees today and would not with tomorrow's outcomes.
        reason: What the person says, if anything.
        now: Time of the choice, UTC.

    Returns:
        The version as champion, with the reason.
    """
    how = "by force" if is_forced else "by hand"
    if not decision.is_promoted:
        how += ", against the rule"
    words = f"version {version.version} was made champion {how}: {decision.reason}"
    if reason:
        words += f"; said: {reason}"
    before = registry.champion(version.year)
    return registry.record(
        version,
        decision=FORCED if is_forced else PROMOTED,
        reason=words,
        now=now,
        measured_by=None if is_forced else _measure(before, decision),
    )


def champion_row(row: Mapping[str, Any], champion: RegisteredVersion) -> dict[str, Any]:
    """The row of `trained_model` of a year, with another champion."""
    return {
        **row,
        "champion_uri": champion.model_uri,
        "is_champion": row["model_uri"] == champion.model_uri,
        "promotion_reason": champion.reason,
    }


def by_champion_of_now(
    row: Mapping[str, Any], stored: Mapping[str, Any] | None, registry: ModelRegistry
) -> dict[str, Any]:
    """A row about to be written, by the champion somebody may have chosen since it was made.

    A run over many years takes minutes. Only a row that would change the champion the table names
    is asked about: a run in which nothing changed needs no MLflow.

    Args:
        row: The row of `trained_model`.
        stored: The year's row as the table holds it now, if it does.
        registry: Where champions are.
    """
    known = stored and stored["champion_uri"]
    if None in (known, row["champion_uri"]) or known == row["champion_uri"]:
        return dict(row)
    champion = registry.champion(int(row["release_year"]))
    if champion is None or champion.model_uri == row["champion_uri"]:
        return dict(row)
    return champion_row(row, champion)
