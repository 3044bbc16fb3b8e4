"""The strategies `freshness` compares: numbers for the platform's own rule.

Lives here: who they are. Not here: the rule (`domain/refresh_policy.py`) and how a strategy lives
through the simulated days (`freshness_lives.py`).
"""

from dataclasses import dataclass, replace
from typing import Any

from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy, days_by_band

NEVER = 10**9
"""More unchanged refreshes than anybody sees: nothing freezes."""


@dataclass(frozen=True)
class Strategy:
    """A way to decide what is asked for.

    Attributes:
        name: As the table calls it.
        policy: The numbers of the rule; what is overdue is seen by them, too.
        newest: Where set, the rule decides about the first fill only, and after it so many films
            are asked for every day: the last ones released.
    """

    name: str
    policy: RefreshPolicy
    newest: int | None = None


def weekly() -> Strategy:
    """Everything every seven days, whatever its age and whatever became of it."""
    week = days_by_band(new=7, young=7, settling=7, old=7, undated=7)
    policy = RefreshPolicy(
        interval_days=dict.fromkeys(Source, week),
        box_office_days=week,
        not_found_days=dict.fromkeys(Source, 7.0),
        spread=0,
        frozen_after_cycles=NEVER,
        is_feed_enabled=False,
    )
    return Strategy("(a) everything weekly", policy)


def bands_alone() -> Strategy:
    """The first system: intervals by age, none spread, nothing frozen, no feed."""
    policy = RefreshPolicy(spread=0, frozen_after_cycles=NEVER, is_feed_enabled=False)
    return Strategy("(b) age bands alone", policy)


def newest_hundred() -> Strategy:
    """The newest hundred a day; late is what (b) would have asked for."""
    return replace(bands_alone(), name="(c) the newest 100 a day", newest=100)


def ours(name: str = "ours", **numbers: Any) -> Strategy:
    """The platform's policy, with other numbers where they are given."""
    return Strategy(name, RefreshPolicy(**numbers))


def with_gaps(new: float, young: float, settling: float, old: float) -> Strategy:
    """Ours with other gaps; undated films have that of the third band."""
    gaps = days_by_band(new=new, young=young, settling=settling, old=old, undated=settling)
    return ours(f"{new:g} / {young:g} / {settling:g} / {old:g}", gap_days=gaps)


def verified_after(days: float, *gaps: float) -> Strategy:
    """Ours with other gaps and another re-verification."""
    other = with_gaps(*gaps)
    policy = replace(other.policy, frozen_recheck_days=days)
    return replace(other, name=f"{other.name}, verified after {days:g} days", policy=policy)
