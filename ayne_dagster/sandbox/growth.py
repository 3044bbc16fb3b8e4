"""How a film's public numbers grow with its age: votes, revenue, popularity.

Pure curves over arrays of ages in days (negative = not yet released). Which film has which
final numbers is the catalogue's business, what day it is the world's.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

# Age in days -> share of the final revenue that is publicly known from that day on.
REVENUE_MILESTONES: tuple[tuple[int, float], ...] = ((7, 0.45), (30, 0.80), (90, 1.0))
# Half of the final votes are in after this many days.
_VOTE_HALF_DAYS = 40.0

Days = NDArray[np.int64]
Shares = NDArray[np.float64]


def vote_share(age_days: Days) -> Shares:
    """Return the share of the final votes that were cast by this age (0 before release)."""
    age = np.maximum(age_days, 0).astype(np.float64)
    return age / (age + _VOTE_HALF_DAYS)


def revenue_share(age_days: Days) -> Shares:
    """Return the share of the final revenue that is public at this age."""
    steps = np.array([step for step, _ in REVENUE_MILESTONES])
    shares = np.array([0.0, *(share for _, share in REVENUE_MILESTONES)])
    return shares[np.searchsorted(steps, age_days, side="right")]


def popularity_shape(age_days: Days) -> Shares:
    """Return relative popularity: rises towards the release, falls off slowly after it."""
    age = age_days.astype(np.float64)
    before = 0.25 + 0.75 * np.exp(np.minimum(age, 0) / 60.0)
    after = 0.30 + 0.70 * np.exp(-np.maximum(age, 0) / 50.0)
    return np.where(age < 0, before, after)
