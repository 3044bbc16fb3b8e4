"""What the films of a person, company or collection had earned by a given day.

Lives here: one vectorised answer to "the mean outcome of everything this entity released at least
so many days before". Not here: which entities a film has (`film_facts.py`).

What is kept is one number per outcome and entity. So questions can be asked in groups: a group's
answers are the same to the last bit whatever other films are asked about.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

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
class FilmEntities:
    """The entities of some films as pairs; an entity named twice by a film is one pair.

    Attributes:
        films: Position of the film, int64 of shape (pairs,).
        ids: Id of the entity, int64 of shape (pairs,).
    """

    films: np.ndarray
    ids: np.ndarray

    @classmethod
    def of_lists(cls, lists: pa.ListArray, most: int | None = None) -> "FilmEntities":
        """The pairs of a column of id lists.

        Args:
            lists: One list of ids per film; NULL is an empty one.
            most: Only so many ids of each list, from its start; None: all.
        """
        lengths = lists.value_lengths().fill_null(0).to_numpy(zero_copy_only=False)
        films = np.repeat(np.arange(len(lists), dtype=np.int64), lengths)
        ids = lists.flatten().to_numpy(zero_copy_only=False).astype(np.int64)
        if most is not None:
            starts = np.repeat(np.cumsum(lengths, dtype=np.int64) - lengths, lengths)
            is_first = np.arange(len(films)) - starts < most
            films, ids = films[is_first], ids[is_first]
        pairs = pd.DataFrame({"film": films, "id": ids}).drop_duplicates()
        return cls(pairs["film"].to_numpy(np.int64), pairs["id"].to_numpy(np.int64))

    @classmethod
    def of_ids(cls, ids: np.ndarray) -> "FilmEntities":
        """The pairs of films with at most one entity each, given as floats with NaN for none."""
        films = np.flatnonzero(~np.isnan(ids))
        return cls(films.astype(np.int64), ids[films].astype(np.int64))


@dataclass(frozen=True)
class PastOutcomes:
    """Outcomes indexed by (entity, day), for questions of the form "before this day".

    Sums are exact integers (fixed point, 2**-32): the sum over one entity's films is the same to
    the last bit whatever other films are in the frame. With floating cumulative sums a film of the
    future would move the rounding of the past.

    Attributes:
        known: Sorted ids of the entities that have an outcome, shape (entities,).
        starts: Where each of them begins in `keys`, shape (entities,).
        keys: Sorted `position of the entity * span + day` of every outcome, shape (outcomes,).
        sums: Exclusive cumulative sums of the fixed-point outcomes, shape (outcomes + 1,).
    """

    known: np.ndarray
    starts: np.ndarray
    keys: np.ndarray
    sums: np.ndarray

    @classmethod
    def index(cls, ids: np.ndarray, days: np.ndarray, outcomes: np.ndarray) -> "PastOutcomes":
        """Sort outcomes by entity and day; all three arrays have shape (outcomes,)."""
        known, codes = np.unique(ids, return_inverse=True)
        keys = codes.astype(np.int64) * _DAY_SPAN + (days.astype(np.int64) + _DAY_SHIFT)
        order = np.argsort(keys, kind="stable")
        fixed = np.rint(outcomes[order] * _FIXED_POINT).astype(np.int64)
        sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(fixed)])
        keys = keys[order]
        starts = np.searchsorted(keys, np.arange(len(known), dtype=np.int64) * _DAY_SPAN)
        return cls(known, starts, keys, sums)

    def until(self, ids: np.ndarray, days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Count and fixed-point sum of each entity's outcomes up to and including a day.

        Args:
            ids: Entity ids, shape (questions,).
            days: Days since 1970-01-01, shape (questions,).

        Returns:
            Counts (int64) and fixed-point sums (int64), both of shape (questions,).
        """
        counts, sums = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
        if not self.known.size:
            return counts, sums
        codes = np.searchsorted(self.known, ids)
        # Most entities have no outcome: only the others are looked up among the outcomes.
        asked = np.flatnonzero(self.known[np.minimum(codes, self.known.size - 1)] == ids)
        codes = codes[asked]
        first = self.starts[codes]
        wanted = codes.astype(np.int64) * _DAY_SPAN + (days[asked].astype(np.int64) + _DAY_SHIFT)
        last = np.maximum(np.searchsorted(self.keys, wanted, side="right"), first)
        counts[asked] = last - first
        sums[asked] = self.sums[last] - self.sums[first]
        return counts, sums


@dataclass(frozen=True)
class TrackRecords:
    """What the films of each entity came to, and what all films came to.

    Attributes:
        by_entity: Outcomes of each entity's films.
        everyone: Outcomes of all films, as those of one entity.
    """

    by_entity: PastOutcomes
    everyone: PastOutcomes

    @classmethod
    def learn(
        cls, entities: FilmEntities, days: np.ndarray, outcomes: np.ndarray
    ) -> "TrackRecords":
        """Index the outcomes of films.

        Args:
            entities: The films' entities.
            days: Release day of each film, days since 1970-01-01, shape (films,).
            outcomes: ln(1+revenue), NaN where there is no usable label, shape (films,).
        """
        has_label = ~np.isnan(outcomes)
        counts = has_label[entities.films]
        films = entities.films[counts]
        nobody = np.zeros(int(has_label.sum()), np.int64)
        return cls(
            PastOutcomes.index(entities.ids[counts], days[films], outcomes[films]),
            PastOutcomes.index(nobody, days[has_label], outcomes[has_label]),
        )

    def history(
        self, entities: FilmEntities, days: np.ndarray, *, delay_days: int = LABEL_DELAY_DAYS
    ) -> np.ndarray:
        """Smoothed mean outcome of the earlier films of each film's entities.

        Every earlier film of every entity of a film is one voice; the mean of all films known by
        then speaks with the weight of `PRIOR_WEIGHT` films. O(n log n) in the number of pairs.

        Args:
            entities: The entities of the films asked about.
            days: Their release days, days since 1970-01-01, shape (films,).
            delay_days: An outcome counts only this many days after its film's release.

        Returns:
            Means of shape (films,); NaN where no entity of the film has an earlier outcome.
        """
        cutoff = days - delay_days
        counts, sums = self.by_entity.until(entities.ids, cutoff[entities.films])
        count = np.zeros(len(days), np.int64)
        total = np.zeros(len(days), np.int64)
        np.add.at(count, entities.films, counts)
        np.add.at(total, entities.films, sums)

        history = np.full(len(days), np.nan)
        rows = count > 0
        all_count, all_total = self.everyone.until(
            np.zeros(int(rows.sum()), np.int64), cutoff[rows]
        )
        prior = all_total / _FIXED_POINT / all_count
        history[rows] = (total[rows] / _FIXED_POINT + PRIOR_WEIGHT * prior) / (
            count[rows] + PRIOR_WEIGHT
        )
        return history


def films_before(releases: PastOutcomes, entities: FilmEntities, days: np.ndarray) -> np.ndarray:
    """How many films with an entity in common were released strictly before, shape (films,).

    For films with at most one entity each (a collection); labels do not matter here, so there is
    no delay: that an earlier film exists is public on its release day.

    Args:
        releases: Releases of every entity, from `index_releases`.
        entities: The entities of the films asked about.
        days: Their release days, shape (films,).
    """
    counts = np.zeros(len(days), np.int64)
    counts[entities.films] = releases.until(entities.ids, days[entities.films] - 1)[0]
    return counts


def index_releases(entities: FilmEntities, days: np.ndarray) -> PastOutcomes:
    """When each entity's films were released; days have shape (films,)."""
    return PastOutcomes.index(entities.ids, days[entities.films], np.zeros(len(entities.films)))
