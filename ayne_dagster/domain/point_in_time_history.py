"""What the films of a person, company or collection had earned by a given day.

Lives here: one vectorised answer to "the mean outcome of everything this entity released at least
so many days before". Not here: which entities a film has (`features.py`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

LABEL_DELAY_DAYS = 180
"""A film's outcome counts for others only this many days after its release.

Most of a theatrical gross is in by then (`MODEL_FACTS`: the benchmark's protocol); earlier it would
be a number nobody had when the later film opened."""

PRIOR_WEIGHT = 2.0
"""The mean of all films counts as this many films of the entity: one hit is not a reputation."""

_FIXED_POINT = 2**32
_DAY_SPAN = 2**22
_DAY_SHIFT = 2**21


@dataclass(frozen=True)
class PastOutcomes:
    """Outcomes indexed by (entity, day), for questions of the form "before this day".

    Sums are exact integers (fixed point, 2**-32): the sum over one entity's films is the same to
    the last bit whatever other films are in the frame. With floating cumulative sums a film of the
    future would move the rounding of the past.

    Attributes:
        keys: Sorted `entity * span + day` of every outcome, shape (outcomes,).
        sums: Exclusive cumulative sums of the fixed-point outcomes, shape (outcomes + 1,).
    """

    keys: np.ndarray
    sums: np.ndarray

    @classmethod
    def index(cls, entities: np.ndarray, days: np.ndarray, outcomes: np.ndarray) -> "PastOutcomes":
        """Sort outcomes by entity and day; all three arrays have shape (outcomes,)."""
        keys = entities.astype(np.int64) * _DAY_SPAN + (days.astype(np.int64) + _DAY_SHIFT)
        order = np.argsort(keys, kind="stable")
        fixed = np.rint(outcomes[order] * _FIXED_POINT).astype(np.int64)
        return cls(keys[order], np.concatenate([np.zeros(1, np.int64), np.cumsum(fixed)]))

    def until(self, entities: np.ndarray, days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Count and fixed-point sum of each entity's outcomes up to and including a day.

        Args:
            entities: Entity codes, shape (questions,).
            days: Days since 1970-01-01, shape (questions,).

        Returns:
            Counts (int64) and fixed-point sums (int64), both of shape (questions,).
        """
        base = entities.astype(np.int64) * _DAY_SPAN
        first = np.searchsorted(self.keys, base, side="left")
        last = np.searchsorted(self.keys, base + (days.astype(np.int64) + _DAY_SHIFT), side="right")
        last = np.maximum(last, first)
        return last - first, self.sums[last] - self.sums[first]


def explode_entities(lists: Sequence[Sequence[Any]]) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of (film position, entity code) of a column of id lists; repeats count once.

    Args:
        lists: One list of ids per film, possibly empty.

    Returns:
        Film positions and entity codes, both int64 of shape (pairs,). Codes mean nothing outside
        this answer.
    """
    films = np.repeat(np.arange(len(lists)), [len(ids) for ids in lists])
    ids = [entity for ids in lists for entity in ids]
    codes = pd.factorize(np.asarray(ids, dtype=object))[0] if ids else np.empty(0, np.int64)
    pairs = pd.DataFrame({"film": films, "entity": codes}).drop_duplicates()
    return pairs["film"].to_numpy(np.int64), pairs["entity"].to_numpy(np.int64)


def history_of_lists(
    lists: Sequence[Sequence[Any]],
    days: np.ndarray,
    outcomes: np.ndarray,
    *,
    delay_days: int = LABEL_DELAY_DAYS,
) -> np.ndarray:
    """Smoothed mean outcome of the earlier films of each film's entities.

    Every earlier film of every entity of a film is one voice; the mean of all films known by then
    speaks with the weight of `PRIOR_WEIGHT` films. O(n log n) in the number of pairs.

    Args:
        lists: One list of entity ids per film.
        days: Release day of each film, days since 1970-01-01, shape (films,).
        outcomes: ln(1+revenue), NaN where there is no usable label, shape (films,).
        delay_days: An outcome counts only this many days after its film's release.

    Returns:
        Means of shape (films,); NaN where no entity of the film has an earlier outcome.
    """
    history = np.full(len(days), np.nan)
    has_label = ~np.isnan(outcomes)
    films, entities = explode_entities(lists)
    if not has_label.any() or films.size == 0:
        return history
    cutoff = days - delay_days

    labelled = has_label[films]
    known = films[labelled]
    past = PastOutcomes.index(entities[labelled], days[known], outcomes[known])
    counts, sums = past.until(entities, cutoff[films])
    count = np.zeros(len(days), np.int64)
    total = np.zeros(len(days), np.int64)
    np.add.at(count, films, counts)
    np.add.at(total, films, sums)

    nobody = np.zeros(len(days), np.int64)
    everyone = PastOutcomes.index(nobody[has_label], days[has_label], outcomes[has_label])
    all_count, all_total = everyone.until(nobody, cutoff)

    rows = count > 0
    prior = all_total[rows] / _FIXED_POINT / all_count[rows]
    history[rows] = (total[rows] / _FIXED_POINT + PRIOR_WEIGHT * prior) / (
        count[rows] + PRIOR_WEIGHT
    )
    return history


def films_before(lists: Sequence[Sequence[Any]], days: np.ndarray) -> np.ndarray:
    """How many films with an entity in common were released strictly before, shape (films,).

    For films with at most one entity each (a collection); labels do not matter here, so there is
    no delay: that an earlier film exists is public on its release day.
    """
    counts = np.zeros(len(days), np.int64)
    films, entities = explode_entities(lists)
    if films.size:
        past = PastOutcomes.index(entities, days[films], np.zeros(films.size))
        counts[films] = past.until(entities, days[films] - 1)[0]
    return counts
