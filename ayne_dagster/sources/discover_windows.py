"""Windows of discover: what one query asks for, and how it is cut into smaller ones.

Lives here: the parameters of a query and exact cuts of it. Not here: when a window is cut
(`discovery.py`) and which films are known in it (`sightings.py`).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

_MOST_VOTES = 10_000_000


@dataclass(frozen=True)
class Place:
    """Where a film stands among the windows.

    Attributes:
        day: Its primary release date.
        votes: Its TMDB votes.
        language: Its original language.
    """

    day: date
    votes: int
    language: str | None


@dataclass(frozen=True)
class Window:
    """What is asked for at once: days, and where one day is too much, a language and votes."""

    first_day: date
    last_day: date
    min_votes: int = 0
    max_votes: int | None = None
    language: str | None = None

    @property
    def days(self) -> int:
        """How many days it spans, both ends included."""
        return (self.last_day - self.first_day).days + 1

    def params(self, page: int, sort_by: str = "primary_release_date.asc") -> dict[str, Any]:
        """The query of one page, without `region`: it would change what the date means."""
        params: dict[str, Any] = {
            "include_adult": "false",
            "include_video": "false",
            "sort_by": sort_by,
            "primary_release_date.gte": self.first_day.isoformat(),
            "primary_release_date.lte": self.last_day.isoformat(),
            "page": page,
        }
        if self.language is not None:
            params["with_original_language"] = self.language
        if self.min_votes > 0:
            params["vote_count.gte"] = self.min_votes
        if self.max_votes is not None:
            params["vote_count.lte"] = self.max_votes
        return params

    def holds(self, place: Place) -> bool:
        """Whether a film at that place belongs to it."""
        return (
            self.first_day <= place.day <= self.last_day
            and self.min_votes <= place.votes
            and (self.max_votes is None or place.votes <= self.max_votes)
            and (self.language is None or place.language == self.language)
        )

    def nearest(self, day: date | None, votes: int | None, language: str | None) -> Place:
        """The place of a film this window brought, inside it whatever the film says of itself.

        Filters and figures come from caches of different ages: a film can say nine votes where
        ten were asked for. It was counted among these, so it stands among these.
        """
        day = self.first_day if day is None else min(max(day, self.first_day), self.last_day)
        votes = max(votes or 0, self.min_votes)
        if self.max_votes is not None:
            votes = min(votes, self.max_votes)
        return Place(day, votes, self.language or language)

    def parts(self, languages: Sequence[str]) -> list["Window"]:
        """Smaller windows that make up this one; none when it cannot be split any further."""
        if self.days > 1:
            return self.evenly(2)
        if self.language is None:
            return [replace(self, language=language) for language in languages]
        return self.halves_by_votes()

    def evenly(self, parts: int) -> list["Window"]:
        """So many windows of about as many days each, or one a day."""
        parts = min(parts, self.days)
        starts = [
            self.first_day + timedelta(days=number * self.days // parts) for number in range(parts)
        ]
        ends = [*(start - timedelta(days=1) for start in starts[1:]), self.last_day]
        return [
            replace(self, first_day=start, last_day=end)
            for start, end in zip(starts, ends, strict=True)
        ]

    def halves_by_votes(self) -> list["Window"]:
        """Two windows, fewer and more votes; none where it holds one number of votes only.

        Most films have very few votes, so an open range is cut low.
        """
        if self.max_votes is None:
            middle = self.min_votes * 4
            if self.min_votes >= _MOST_VOTES:
                return []
        elif self.max_votes <= self.min_votes:
            return []
        else:
            middle = (self.min_votes + self.max_votes) // 2
        return [replace(self, max_votes=middle), replace(self, min_votes=middle + 1)]

    def cut_by_days(self, films: Mapping[date, int], size: int) -> list["Window"]:
        """Windows of about `size` of these films each, by days; together they are this one."""
        counts = {day.toordinal(): number for day, number in films.items()}
        ends = self.first_day.toordinal(), self.last_day.toordinal()
        return [
            replace(self, first_day=date.fromordinal(low), last_day=date.fromordinal(high))
            for low, high in _ranges(counts, *ends, size)
            if high is not None
        ]

    def cut_by_votes(self, films: Mapping[int, int], size: int) -> list["Window"]:
        """The same by votes."""
        return [
            replace(self, min_votes=low, max_votes=high)
            for low, high in _ranges(films, self.min_votes, self.max_votes, size)
        ]


def _ranges(
    counts: Mapping[int, int], low: int, high: int | None, size: int
) -> Iterator[tuple[int, int | None]]:
    """Neighbouring ranges from `low` to `high` with at most `size` each; a larger value is alone.

    Args:
        counts: How many there are of each value, all of them within the ends.
        low: The lowest value.
        high: The highest; None: open.
        size: Most of one range.
    """
    start, held = low, 0
    for value in sorted(counts):
        if held + counts[value] > size and value > start:
            yield start, value - 1
            start, held = value, 0
        held += counts[value]
        if held > size:
            yield start, value
            start, held = value + 1, 0
    if high is None or start <= high:
        yield start, high
