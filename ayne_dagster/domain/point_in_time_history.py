"""What the films of a person, company, genre or series had earned by a given day.

Lives here: one vectorised answer to "what had everything this entity released at least so many days
before come to". Not here: which entities a film has (`film_entities.py`), which outcomes count
(`film_facts.py`).

What is kept is a few numbers per outcome and entity. So questions can be asked in groups: a group's
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

HISTORY_FACTS: tuple[str, ...] = ("films", "log", "beyond_budget_log", "best_log", "first_log")
"""What the history columns of an entity say, each after `<entity>_history_`."""


def history_columns_of(kind: str) -> tuple[str, ...]:
    """The history columns of a kind of entity, in the order of `HISTORY_FACTS`."""
    return tuple(f"{kind}_history_{fact}" for fact in HISTORY_FACTS)


_FIXED_POINT = 2**32
_DAY_SPAN = 2**22
_DAY_SHIFT = 2**21


@dataclass(frozen=True)
class FilmEntities:
    """The entities of some films as pairs; an entity named twice by a film is one pair.

    Attributes:
        films: Position of the film, ascending, int64 of shape (pairs,).
        ids: Id of the entity, in the order the film names them, int64 of shape (pairs,).
    """

    films: np.ndarray
    ids: np.ndarray

    @classmethod
    def of_pairs(cls, films: np.ndarray, ids: np.ndarray) -> "FilmEntities":
        """Pairs with ascending positions; what is there twice is taken once."""
        pairs = pd.DataFrame({"film": films, "id": ids}).drop_duplicates()
        return cls(pairs["film"].to_numpy(np.int64), pairs["id"].to_numpy(np.int64))

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
        return cls.of_pairs(films, ids)

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
        beyond: The same of what outcomes were beyond their budget's usual.
        best: The entity's largest outcome up to here, shape (outcomes,).
    """

    known: np.ndarray
    starts: np.ndarray
    keys: np.ndarray
    sums: np.ndarray
    beyond: np.ndarray
    best: np.ndarray

    @classmethod
    def index(
        cls, ids: np.ndarray, days: np.ndarray, outcomes: np.ndarray, beyond: np.ndarray
    ) -> "PastOutcomes":
        """Sort outcomes by entity and day; all four arrays have shape (outcomes,)."""
        known, codes = np.unique(ids, return_inverse=True)
        keys = codes.astype(np.int64) * _DAY_SPAN + (days.astype(np.int64) + _DAY_SHIFT)
        # Films of one day are told apart by their outcome: the order of rows must not matter.
        order = np.lexsort((outcomes, keys))
        keys = keys[order]
        starts = np.searchsorted(keys, np.arange(len(known), dtype=np.int64) * _DAY_SPAN)
        best = pd.Series(outcomes[order]).groupby(codes[order]).cummax().to_numpy(float)
        return cls(known, starts, keys, _sums(outcomes[order]), _sums(beyond[order]), best)

    def until(self, ids: np.ndarray, days: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where each entity's outcomes begin, and where those after a day begin.

        Args:
            ids: Entity ids, shape (questions,).
            days: Days since 1970-01-01, shape (questions,).

        Returns:
            Two positions in `keys` of shape (questions,); equal where there is no outcome up to
            and including the day.
        """
        first, last = np.zeros(len(ids), np.int64), np.zeros(len(ids), np.int64)
        if not self.known.size:
            return first, last
        codes = np.searchsorted(self.known, ids)
        # Most entities have no outcome: only the others are looked up among the outcomes.
        asked = np.flatnonzero(self.known[np.minimum(codes, self.known.size - 1)] == ids)
        codes = codes[asked]
        first[asked] = self.starts[codes]
        wanted = codes.astype(np.int64) * _DAY_SPAN + (days[asked].astype(np.int64) + _DAY_SHIFT)
        last[asked] = np.maximum(np.searchsorted(self.keys, wanted, side="right"), first[asked])
        return first, last


@dataclass(frozen=True)
class TrackRecords:
    """What the films of each entity came to, and what all films came to.

    Attributes:
        by_entity: Outcomes of each entity's films.
        everyone: Outcomes of all films, as those of one entity.
        window_days: How long an outcome says something about the present.
        prior_films: The usual outcome counts as this many films: one hit is not a reputation.
    """

    by_entity: PastOutcomes
    everyone: PastOutcomes
    window_days: int
    prior_films: float

    @classmethod
    def learn(
        cls,
        entities: FilmEntities,
        days: np.ndarray,
        outcomes: np.ndarray,
        beyond: np.ndarray,
        *,
        window_days: int,
        prior_films: float,
    ) -> "TrackRecords":
        """Index the outcomes of films.

        Args:
            entities: The films' entities.
            days: Release day of each film, days since 1970-01-01, shape (films,).
            outcomes: Log revenue in constant dollars, NaN without a usable label, shape (films,).
            beyond: How far outcomes were beyond their budget's usual, log, shape (films,).
            window_days: As the attribute.
            prior_films: As the attribute.
        """
        has_label = ~np.isnan(outcomes)
        counts = has_label[entities.films]
        films = entities.films[counts]
        nobody = np.zeros(int(has_label.sum()), np.int64)
        return cls(
            PastOutcomes.index(entities.ids[counts], days[films], outcomes[films], beyond[films]),
            PastOutcomes.index(nobody, days[has_label], outcomes[has_label], beyond[has_label]),
            window_days,
            prior_films,
        )

    def history(
        self, entities: FilmEntities, days: np.ndarray, *, delay_days: int = LABEL_DELAY_DAYS
    ) -> dict[str, np.ndarray]:
        """What the earlier films of each film's entities came to, beside all films of the time.

        Every earlier film of every entity of a film is one voice; 0, as usual, speaks with the
        weight of `prior_films`. O(n log n) in the number of pairs.

        Args:
            entities: The entities of the films asked about.
            days: Their release days, days since 1970-01-01, shape (films,).
            delay_days: An outcome counts only this many days after its film's release.

        Returns:
            By name of `HISTORY_FACTS`, arrays of shape (films,): the mean number of earlier
            outcomes of an entity (a sum would tell how many were typed in); log revenue above that
            of all films, in the window; log revenue above the budget's usual, in the window; the
            best outcome ever above that of all films; the first-named entity's log revenue above
            that of all films, ever. NaN where there is none.
        """
        cutoff = days - delay_days
        usual, usual_lately = self._usual(cutoff)
        past, at = self.by_entity, entities.films
        first, last = past.until(entities.ids, cutoff[at])
        since = np.maximum(past.until(entities.ids, cutoff[at] - self.window_days)[1], first)
        count, lately = last - first, last - since
        best = np.full(len(at), -np.inf)
        best[count > 0] = past.best[last[count > 0] - 1]
        films = len(days)
        total, recent = _per_film(at, count, films), _per_film(at, lately, films)
        named = np.bincount(at, minlength=films)
        weight = recent + self.prior_films
        summed = _per_film(at, past.sums[last] - past.sums[since], films) / _FIXED_POINT
        beyond = _per_film(at, past.beyond[last] - past.beyond[since], films) / _FIXED_POINT
        # Pairs are ascending by film, so a film's first pair is where its number first shows.
        asked, leading = np.unique(at, return_index=True)
        led, led_count = np.full(films, np.nan), np.zeros(films, np.int64)
        led_count[asked] = count[leading]
        led[asked] = (past.sums[last] - past.sums[first])[leading] / _FIXED_POINT
        is_known, leads = total > 0, led_count > 0
        return {
            "films": np.where(is_known, total / np.maximum(named, 1), np.nan),
            "log": np.where(is_known, (summed - recent * usual_lately) / weight, np.nan),
            "beyond_budget_log": np.where(is_known, beyond / weight, np.nan),
            "best_log": np.where(is_known, _largest(at, best, films) - usual, np.nan),
            "first_log": np.where(
                leads, (led - led_count * usual) / (led_count + self.prior_films), np.nan
            ),
        }

    def _usual(self, cutoff: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean outcome of all films until the cutoff, ever and in the window; 0 without any."""
        everyone, nobody = self.everyone, np.zeros(len(cutoff), np.int64)
        first, last = everyone.until(nobody, cutoff)
        since = everyone.until(nobody, cutoff - self.window_days)[1]
        return self._mean(first, last), self._mean(np.maximum(since, first), last)

    def _mean(self, first: np.ndarray, last: np.ndarray) -> np.ndarray:
        """Mean outcome of all films between two positions."""
        summed = self.everyone.sums[last] - self.everyone.sums[first]
        return summed / _FIXED_POINT / np.maximum(last - first, 1)


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
    first, last = releases.until(entities.ids, days[entities.films] - 1)
    counts[entities.films] = last - first
    return counts


def index_releases(entities: FilmEntities, days: np.ndarray) -> PastOutcomes:
    """When each entity's films were released; days have shape (films,)."""
    nothing = np.zeros(len(entities.films))
    return PastOutcomes.index(entities.ids, days[entities.films], nothing, nothing)


def _sums(outcomes: np.ndarray) -> np.ndarray:
    """Exclusive cumulative sums in fixed point."""
    fixed = np.rint(outcomes * _FIXED_POINT).astype(np.int64)
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(fixed)])


def _per_film(at: np.ndarray, values: np.ndarray, films: int) -> np.ndarray:
    """Exact sums of int64 values per film; `at` is ascending."""
    sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(values)])
    edges = np.searchsorted(at, np.arange(films + 1))
    return sums[edges[1:]] - sums[edges[:-1]]


def _largest(at: np.ndarray, values: np.ndarray, films: int) -> np.ndarray:
    """The largest value per film, -inf where it has none; `at` is ascending."""
    largest = np.full(films, -np.inf)
    asked, starts = np.unique(at, return_index=True)
    if asked.size:
        largest[asked] = np.maximum.reduceat(values, starts)
    return largest
