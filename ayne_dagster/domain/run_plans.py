"""Which runs to ask for, from what is due: as few as possible, over exactly the due years.

Lives here: due years -> runs, and the words for both. Not here: what is due (`refresh_policy.py`),
and asking Dagster for a run (`defs/sensors.py`, `defs/schedules.py`).

Years that are neighbours share a run: a run costs seconds to start, a year in it next to nothing. A
year without a due film is in no run, because each year of a run is written down as materialized.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from typing import Any

from ayne_dagster.domain.outcomes import SOURCE_NAMES, Source
from ayne_dagster.domain.release_years import UNDATED, contiguous_blocks

Quota = Mapping[Source, int | None]
"""Requests left today by source; None: no limit."""


@dataclass(frozen=True, order=True)
class DueYear:
    """Films of one release year that are due at one source.

    Attributes:
        source: Whom to ask.
        release_year: Partition key.
        films: How many are due.
        never_fetched: How many of them were never asked for.
        due_since: When the first of them came due, UTC.
        newest_due_at: When the last of them did, UTC.
    """

    source: Source
    release_year: str
    films: int
    never_fetched: int
    due_since: datetime
    newest_due_at: datetime

    @classmethod
    def of(cls, source: Source, row: Mapping[str, Any]) -> "DueYear":
        """A row of `due_years` of this source."""
        return cls(
            source,
            row["release_year"],
            int(row["films"]),
            int(row["never_fetched"]),
            row["due_since"],
            row["newest_due_at"],
        )


@dataclass(frozen=True)
class RunPlan:
    """One run to ask for.

    Attributes:
        years: Its partitions, neighbours in the order of the keys.
        due: What is due in them; empty for a run that is not about due films alone.
    """

    years: tuple[str, ...]
    due: tuple[DueYear, ...] = ()

    @property
    def first(self) -> str:
        """First partition key."""
        return self.years[0]

    @property
    def last(self) -> str:
        """Last partition key."""
        return self.years[-1]

    @property
    def reason(self) -> str:
        """What is due, in words."""
        return films_per_source(self.due)

    @property
    def fingerprint(self) -> str:
        """A short name of exactly what is due: another one as soon as one film more or less is."""
        parts = [
            f"{d.source}/{d.release_year}/{d.films}/{d.never_fetched}/"
            f"{d.due_since.timestamp():.0f}/{d.newest_due_at.timestamp():.0f}"
            for d in sorted(self.due)
        ]
        return sha256("|".join(parts).encode()).hexdigest()[:12]

    def run_key(self, job: str, now: datetime, retry_after: timedelta) -> str:
        """The name under which the same question twice asks for one run.

        Args:
            job: Of which job.
            now: The moment of asking, UTC.
            retry_after: The same films, still due so much later, are a new question.
        """
        bucket = int(now.timestamp() // max(retry_after.total_seconds(), 1.0))
        return f"{job}:{self.first}..{self.last}:{self.fingerprint}:{bucket}"


def plan_runs(
    due: Iterable[DueYear], keys: Sequence[str], quota_left: Quota, under_way: Iterable[str] = ()
) -> list[RunPlan]:
    """The fewest runs that hold every due year that can be served, and no other.

    Args:
        due: What is due, at any source.
        keys: All partition keys in their order; years that are neighbours there share a run.
        quota_left: What each source still answers today; a source that is missing answers nothing.
        under_way: Years that another run already works on.

    Returns:
        The runs, the one with the film waiting longest first. A run is left out where the runs
        before it need all that is left of the quota; which films of a run are asked for first is
        the run's own matter.
    """
    taken = set(under_way)
    wanted = [d for d in servable(due, quota_left) if d.release_year not in taken]
    plans = [
        RunPlan(tuple(block), tuple(sorted(d for d in wanted if d.release_year in block)))
        for block in contiguous_blocks([d.release_year for d in wanted], keys)
    ]
    left = {source: quota for source, quota in quota_left.items() if quota is not None}
    asked = []
    for plan in sorted(plans, key=lambda plan: min(d.due_since for d in plan.due)):
        if any(left.get(d.source, 1) > 0 for d in plan.due):
            asked.append(plan)
            for d in plan.due:
                if d.source in left:
                    left[d.source] -= d.films
    return asked


def servable(due: Iterable[DueYear], quota_left: Quota) -> list[DueYear]:
    """What a source that still answers today could be asked for."""
    open_sources = {source for source, quota in quota_left.items() if quota is None or quota > 0}
    return [d for d in due if d.films > 0 and d.source in open_sources]


def quota_without(quota_left: Quota, due: Iterable[DueYear]) -> Quota:
    """What is left of the quota once these films were asked for."""
    needed = dict.fromkeys(quota_left, 0)
    for d in due:
        if d.source in needed:
            needed[d.source] += d.films
    return {
        source: None if quota is None else max(quota - needed[source], 0)
        for source, quota in quota_left.items()
    }


def recent_years(keys: Sequence[str], today: date) -> list[str]:
    """Last year, this one, the coming ones and `undated`: where films appear and change."""
    return [key for key in keys if key == UNDATED or int(key) >= today.year - 1]


def renewed_models(today: date) -> list[str]:
    """The release years whose models are trained anew as time goes by: last, this and the next.

    Outcomes of last year come in until the summer, and films of the coming year are forecast
    before it begins. Models of other years learn little more, and the back-test wants them stable.
    """
    return [str(today.year + ahead) for ahead in (-1, 0, 1)]


def films_per_source(due: Iterable[DueYear]) -> str:
    """What is due, in words: `120 films at TMDB, 1 film at OMDb`."""
    films: dict[Source, int] = {}
    for d in due:
        films[d.source] = films.get(d.source, 0) + d.films
    return ", ".join(
        f"{_count(films[source])} at {SOURCE_NAMES[source]}" for source in Source if source in films
    )


def why_unserved(due: Iterable[DueYear], quota_left: Quota, now: datetime) -> list[str]:
    """For each source that has due films and answers none today: why, in words.

    Args:
        due: What is due.
        quota_left: What each source still answers today; no key, no entry.
        now: The moment asked about, UTC.
    """
    reasons = []
    due = list(due)
    for source in Source:
        if not any(d.source is source for d in due):
            continue
        name, films = SOURCE_NAMES[source], sum(d.films for d in due if d.source is source)
        if source not in quota_left:
            reasons.append(f"{name}: {source.upper()}__API_KEY is not set, {_count(films)} due")
        elif quota_left[source] is not None and quota_left[source] == 0:
            reasons.append(f"{used_up(source, now)}, {_count(films)} due")
    return reasons


def used_up(source: Source, now: datetime) -> str:
    """A source that answers no more today, in words; quotas end at midnight UTC."""
    midnight = datetime.combine(now.astimezone(UTC).date() + timedelta(days=1), time(), UTC)
    return f"{SOURCE_NAMES[source]}: the day's quota is used up until {moment(midnight)}"


def coming_due(nearest: Mapping[Source, Sequence[Mapping[str, Any]]]) -> str:
    """What comes due next, in words: `next: 3 films of 2026 at TMDB on 2026-11-22 04:10 UTC`.

    Args:
        nearest: Per source the rows of `next_due_films`; none: no film comes due there.
    """
    words = []
    for source, rows in nearest.items():
        if not rows:
            words.append(f"nothing comes due at {SOURCE_NAMES[source]}")
            continue
        films = _count(sum(row["films"] for row in rows))
        years = _listed([row["release_year"] for row in rows])
        at = moment(rows[0]["due_at"])
        words.append(f"{films} of {years} at {SOURCE_NAMES[source]} on {at}")
    return "next: " + ", ".join(words)


def moment(at: datetime) -> str:
    """A moment as people read it, UTC."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def span(years: Sequence[str]) -> str:
    """`2019-2021`, or the one key."""
    return years[0] if len(years) == 1 else f"{years[0]}-{years[-1]}"


def _listed(years: Sequence[str]) -> str:
    """The years, up to three by name: `2019, 2020 and 2026`."""
    named = years if len(years) <= 3 else [*years[:2], f"{len(years) - 2} more years"]
    return " and ".join([", ".join(named[:-1]), named[-1]] if named[:-1] else named)


def _count(films: int) -> str:
    return f"{films:,} film" if films == 1 else f"{films:,} films"
