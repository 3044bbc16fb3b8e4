"""The films a walk has seen so far, by where they stand: the known side of every count.

Lives here: rows, places, and cuts along them. Not here: what is asked for (`discovery.py`).
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from typing import Any

from ayne_dagster.sources.discover_windows import Place, Window
from ayne_dagster.sources.http_client import Answer
from ayne_dagster.sources.tmdb_payloads import MoviePage
from ayne_dagster.sources.tmdb_rows import listed_row


class Sightings:
    """Films by id, each once, with the place of its newest sighting.

    Args:
        min_votes: The fewest votes any window of the walk asks for.
    """

    def __init__(self, min_votes: int) -> None:
        self._min_votes = min_votes
        self._rows: dict[int, dict[str, Any]] = {}
        self._places: dict[int, Place] = {}
        self._by_day: dict[date, set[int]] = {}

    def __len__(self) -> int:
        return len(self._rows)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """One row a film, for `discovered_movies`, without `release_year`."""
        return list(self._rows.values())

    def add(self, window: Window, answer: Answer[MoviePage]) -> None:
        """Take in a page; of a film known already the newer sighting counts."""
        at = answer.answered_at
        for movie in answer.value.results:
            known = self._rows.get(movie.id)
            if known is not None and known["last_seen_at"] > at:
                known["first_seen_at"] = min(known["first_seen_at"], at)
                continue
            self._rows[movie.id] = {
                **listed_row(movie),
                "sources": ["discover"],
                "first_seen_at": known["first_seen_at"] if known else at,
                "last_seen_at": at,
            }
            place = window.nearest(movie.release_date, movie.vote_count, movie.original_language)
            before = self._places.get(movie.id)
            if before is not None and before.day != place.day:
                self._by_day[before.day].discard(movie.id)
            self._places[movie.id] = place
            self._by_day.setdefault(place.day, set()).add(movie.id)

    def count(self, window: Window) -> int:
        """Films seen that stand in the window."""
        is_all_of_its_days = (
            window.language is None
            and window.max_votes is None
            and window.min_votes <= self._min_votes
        )
        if is_all_of_its_days:
            return sum(len(films) for _, films in self._days_of(window))
        return sum(1 for _ in self._places_in(window))

    def cut(self, window: Window, size: int) -> list[Window]:
        """Parts with about `size` known films each: by days, within a day by votes, then language.

        Days and votes cut exactly. Languages do not: only known ones can be asked for.

        Returns:
            At least two windows, each smaller than this one, or one with a language; none where
            nothing is left to cut by.
        """
        if window.days > 1:
            days = {day: len(films) for day, films in self._days_of(window) if films}
            parts = window.cut_by_days(days, size)
            return parts if len(parts) > 1 else window.evenly(2)
        if halves := window.halves_by_votes():
            votes = Counter(place.votes for place in self._places_in(window))
            parts = window.cut_by_votes(votes, size)
            return parts if len(parts) > 1 else halves
        if window.language is not None:
            return []
        languages = {place.language for place in self._places_in(window)}
        return [replace(window, language=name) for name in sorted(languages - {None}, key=str)]

    def _days_of(self, window: Window) -> Iterator[tuple[date, set[int]]]:
        for day, films in self._by_day.items():
            if window.first_day <= day <= window.last_day:
                yield day, films

    def _places_in(self, window: Window) -> Iterator[Place]:
        for _, films in self._days_of(window):
            for film in films:
                if window.holds(place := self._places[film]):
                    yield place
