"""Change over time: what a film's numbers are on a day, and which edits it has seen.

Everything is a pure function of (seed, film id, day) and of the edits somebody ordered: asking
twice, or from two processes, gives the same answer. Edits exist only for days after the catalogue's
`as_of` and take effect at 00:00 UTC, ordered ones at once. A frozen world never changes.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ayne_dagster.sandbox.catalogue import Catalogue, Floats, Ints
from ayne_dagster.sandbox.edits import Edit, FilmEditor
from ayne_dagster.sandbox.film_records import Film, Keyword
from ayne_dagster.sandbox.growth import (
    REVENUE_MILESTONES,
    popularity_shape,
    revenue_share,
    vote_share,
)
from ayne_dagster.sandbox.hashing import mix, uniform_array

# Chance of an edit on one day, by age since release: the younger, the busier its page.
# Films without a date count as old: nobody is looking at them.
EDIT_CHANCE_BY_AGE: tuple[tuple[int, float], ...] = ((60, 0.20), (180, 0.08), (365, 0.04))
EDIT_CHANCE_LATER = 0.005
_MILESTONE_AGES = frozenset(age for age, _ in REVENUE_MILESTONES)
_SALT_EDIT, _SALT_POPULARITY, _SALT_AVERAGE, _SALT_GONE = 101, 102, 103, 104
_DAYS_KEPT = 4


@dataclass(frozen=True)
class DayNumbers:
    """The live numbers of all films on one day, in the catalogue's order."""

    popularity: Floats
    vote_average: Floats
    vote_count: Ints
    revenue_usd: Ints


@dataclass(frozen=True)
class FilmState:
    """A film with all edits up to a day applied, and these edits, oldest first.

    `edited_keywords` is None for a film without edits: most answers do not need them.
    """

    film: Film
    edits: tuple[Edit, ...] = ()
    edited_keywords: tuple[Keyword, ...] | None = None


class World:
    """The catalogue in motion.

    Args:
        catalogue: the films as of their day.
        frozen: when true every day is the `as_of` day.
    """

    def __init__(self, catalogue: Catalogue, *, frozen: bool = False) -> None:
        self.catalogue = catalogue
        self.frozen = frozen
        self._as_of = catalogue.as_of.toordinal()
        self._numbers: OrderedDict[int, DayNumbers] = OrderedDict()
        self._history: dict[int, list[int]] = {}
        self._history_until = self._as_of
        self._ordered: Counter[tuple[int, int]] = Counter()
        self._told_of_edits: list[Callable[[], None]] = []
        self.state = lru_cache(maxsize=8192)(self._build_state)

    def effective_day(self, day: int) -> int:
        """Return the day whose state is shown on `day` (never before `as_of`)."""
        return self._as_of if self.frozen else max(day, self._as_of)

    def numbers(self, day: int) -> DayNumbers:
        """Return the live numbers of every film on `day` (an ordinal)."""
        day = self.effective_day(day)
        found = self._numbers.get(day)
        if found is None:
            found = self._numbers[day] = self._build_numbers(day)
            while len(self._numbers) > _DAYS_KEPT:
                self._numbers.popitem(last=False)
        return found

    def keywords(self, row: int, day: int) -> tuple[Keyword, ...]:
        """Return a film's keywords on `day`."""
        edited = self.state(row, self.effective_day(day)).edited_keywords
        return self.catalogue.keywords(row) if edited is None else edited

    def is_released(self, row: int, day: int) -> bool:
        """Tell whether the film has a release date that has come."""
        release_day = int(self.catalogue.columns.release_day[row])
        return 0 < release_day <= self.effective_day(day)

    def order_edit(self, row: int, day: int) -> None:
        """Change one of the film's stable fields on `day`, as an editor would.

        Raises:
            ValueError: the world is frozen, or the day is not after the catalogue's.
        """
        if self.frozen or day <= self._as_of:
            raise ValueError("a frozen world and the days up to the catalogue's know no edits")
        self._ordered[row, day] += 1
        self.state.cache_clear()
        for forget in self._told_of_edits:
            forget()

    def when_edited(self, forget: Callable[[], None]) -> None:
        """Call `forget` whenever an edit was ordered: answers kept so far no longer hold."""
        self._told_of_edits.append(forget)

    def rows_edited_on(self, day: int) -> Ints:
        """Return the rows of exactly the films whose stable fields changed on `day`."""
        ordered = [row for row, on in self._ordered if on == day]
        return np.union1d(self._rows_drawn_on(day), np.array(ordered, dtype=np.int64))

    def _rows_drawn_on(self, day: int) -> Ints:
        """Return the rows of the films that change on `day` by themselves."""
        if self.frozen or day <= self._as_of:
            return np.empty(0, dtype=np.int64)
        columns = self.catalogue.columns
        chance = _edit_chance(columns.release_day, day)
        is_edited = uniform_array(self.catalogue.seed, _SALT_EDIT, columns.id, day) < chance
        is_edited |= columns.release_day == day
        for age, _ in REVENUE_MILESTONES:
            is_edited |= (columns.release_day == day - age) & (columns.final_revenue_usd > 0)
        return np.flatnonzero(is_edited)

    def gone_ids_on(self, day: int) -> list[int]:
        """Return ids the change feed names with nulls on `day`: no film answers to them."""
        if self.frozen or day <= self._as_of:
            return []
        highest = int(self.catalogue.columns.id[self.catalogue.latest_row])
        ids = {mix(self.catalogue.seed, _SALT_GONE, day, turn) % highest + 1 for turn in range(3)}
        return sorted(i for i in ids if self.catalogue.row_of(str(i)) is None)

    def _build_numbers(self, day: int) -> DayNumbers:
        columns, seed = self.catalogue.columns, self.catalogue.seed
        votes, revenue, popularity = columns.vote_count, columns.revenue_usd, columns.popularity
        average = columns.vote_average
        if day != self._as_of:
            has_date = columns.release_day > 0
            age, age_as_of = day - columns.release_day, self._as_of - columns.release_day
            grown = np.round(columns.final_vote_count * vote_share(age)).astype(np.int64)
            votes = np.where(has_date, np.maximum(votes, grown), votes)
            share = revenue_share(age)
            has_moved = has_date & (share != revenue_share(age_as_of))
            grown = np.round(columns.final_revenue_usd * share).astype(np.int64)
            revenue = np.where(has_moved, grown, revenue)
            ratio = popularity_shape(age) / popularity_shape(age_as_of)
            noise = np.exp(0.3 * (uniform_array(seed, _SALT_POPULARITY, columns.id, day) - 0.5))
            popularity = popularity * np.where(has_date, ratio, 1.0) * noise
            drift = 0.02 * (uniform_array(seed, _SALT_AVERAGE, columns.id, day) - 0.5)
            average = np.where(average > 0, np.clip(average + drift, 0.5, 10.0), 0.0)
        return DayNumbers(
            popularity=np.round(popularity, 4),
            vote_average=np.where(votes > 0, np.round(average, 3), 0.0),
            vote_count=votes,
            revenue_usd=revenue,
        )

    def _edit_days(self, row: int, day: int) -> list[int]:
        """Return the days up to `day` on which the film was edited, in order.

        The history of all films grows day by day with the clock: one pass over the catalogue
        per day is far cheaper than one pass over the days per film.
        """
        while self._history_until < day:
            self._history_until += 1
            for edited in self._rows_drawn_on(self._history_until).tolist():
                self._history.setdefault(edited, []).append(self._history_until)
        return [edited for edited in self._history.get(row, ()) if edited <= day]

    def _build_state(self, row: int, day: int) -> FilmState:
        film = self.catalogue.film(row)
        drawn = [] if self.frozen else self._edit_days(row, day)
        ordered = {on for edited, on in self._ordered if edited == row and on <= day}
        if not drawn and not ordered:
            return FilmState(film)
        editor = FilmEditor(film, self.catalogue.keywords(row), self.catalogue.seed)
        columns = self.catalogue.columns
        final, release_day = int(columns.final_revenue_usd[row]), int(columns.release_day[row])
        for edit_day in sorted({*drawn, *ordered}):
            if edit_day in drawn:
                self._edit_by_itself(editor, film.id, release_day, final, edit_day)
            for turn in range(self._ordered[row, edit_day]):
                editor.edit(edit_day, turn + 1)
        return FilmState(editor.film(), tuple(editor.edits), editor.keywords())

    def _edit_by_itself(
        self, editor: FilmEditor, film_id: int, release_day: int, final: int, day: int
    ) -> None:
        """Apply what happens to a film on a day it was not left alone."""
        age = day - release_day
        if age == 0:
            editor.release(day)
        elif age in _MILESTONE_AGES and final > 0:
            before, after = revenue_share(np.array([age - 1, age])).tolist()
            editor.report_revenue(day, round(final * before), round(final * after))
        else:
            # Nothing else falls on this day, so it was drawn.
            editor.edit(day)
            return
        if self._is_drawn(film_id, release_day, day):
            editor.edit(day)

    def _is_drawn(self, film_id: int, release_day: int, day: int) -> bool:
        chance = float(_edit_chance(np.array([release_day]), day)[0])
        return (mix(self.catalogue.seed, _SALT_EDIT, film_id, day) >> 11) * 2.0**-53 < chance


def _edit_chance(release_day: Ints, day: int | Ints) -> NDArray[np.float64]:
    """Return the chance of an edit on `day` (bounds belong to the younger band)."""
    age = day - release_day
    bounds = np.array([bound for bound, _ in EDIT_CHANCE_BY_AGE])
    chances = np.array([*(chance for _, chance in EDIT_CHANCE_BY_AGE), EDIT_CHANCE_LATER])
    return chances[np.searchsorted(bounds, age, side="left")]
