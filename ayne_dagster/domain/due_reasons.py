"""Why a film is due at a source or not, in words people can check.

Lives here: the sentences. Not here: the rule they tell of (`refresh_policy.py`) and the short words
of `frozen_flags`, which know no `now` (`freezing.py`).
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pandas as pd

from ayne_dagster.domain.change_feed import ChangeFeed
from ayne_dagster.domain.outcomes import SOURCE_NAMES, FetchOutcome, Source
from ayne_dagster.domain.refresh_policy import (
    UNDATED_BAND,
    RefreshPolicy,
    Why,
    age_bands,
    decide,
    spread_factors,
)


@dataclass(frozen=True)
class Decision:
    """When one film is asked for at one source, and why.

    Attributes:
        source: Whom to ask.
        tmdb_id: The film.
        is_due: Whether it is asked for now.
        why: What that comes from.
        due_at: Since or from when, UTC; None: never.
        fetched_at: When the source last answered, UTC; None: never.
        age_band: Age since release.
        is_frozen: Whether the last flags call it frozen.
        is_spared: Whether TMDB's change feed puts it off to its re-verification.
        named_on: First day of the change feed that names it since TMDB's last answer.
        words: All of that in a sentence.
    """

    source: Source
    tmdb_id: int
    is_due: bool
    why: Why
    due_at: datetime | None
    fetched_at: datetime | None
    age_band: str
    is_frozen: bool
    is_spared: bool
    named_on: date | None
    words: str


@dataclass(frozen=True)
class _Asked:
    """What the sentences need to know besides the film."""

    source: Source
    now: datetime
    policy: RefreshPolicy
    feed: ChangeFeed | None

    @property
    def name(self) -> str:
        return SOURCE_NAMES[self.source]


def explain(
    films: pd.DataFrame,
    source: Source,
    now: datetime,
    policy: RefreshPolicy,
    feed: ChangeFeed | None = None,
    *,
    is_forced: bool = False,
) -> list[Decision]:
    """The decision about each film at a source, with its reason.

    Args:
        films: As for `decide`, plus `named_on`, the first day of the feed behind `named_at`.
        source: Whom to ask.
        now: The moment asked about, UTC.
        policy: The numbers of the rule.
        feed: What is known of the change feed.
        is_forced: All films the source could be asked for are asked for, due or not.

    Returns:
        One decision per film, in the order of `films`.
    """
    made = decide(films, source, now, policy, feed)
    facts = films.join(made).assign(
        band=age_bands(films["release_date"], now),
        factor=spread_factors(films["tmdb_id"], policy.spread),
        answered_at=films[f"{source}_answered_at"],
        outcome=films[f"{source}_outcome"],
        failed_at=films.get(f"{source}_failed_at"),
    )
    asked = _Asked(source, now, policy, feed)
    return [_decision(film, asked, is_forced) for film in facts.itertuples(index=False)]


def _decision(film: Any, asked: _Asked, is_forced: bool) -> Decision:
    due_at = _moment(film.due_at)
    is_due = due_at is not None and due_at <= asked.now
    why, words = Why(film.why), _words(film, asked)
    if is_forced and why is not Why.NO_IMDB_ID:
        is_due, why, words = True, Why.FORCED, f"asked for because it is forced; else: {words}"
    is_tmdb = asked.source is Source.TMDB
    named_on = film.named_on if is_tmdb and pd.notna(film.named_at) else None
    return Decision(
        source=asked.source,
        tmdb_id=int(film.tmdb_id),
        is_due=is_due,
        why=why,
        due_at=due_at,
        fetched_at=_moment(film.answered_at),
        age_band=film.band,
        is_frozen=bool(film.is_frozen),
        is_spared=bool(film.is_spared),
        named_on=None if named_on is None or pd.isna(named_on) else _day(named_on),
        words=words,
    )


def _words(film: Any, asked: _Asked) -> str:
    due_at = _moment(film.due_at)
    if film.why == Why.GONE:
        return (
            f"never due: TMDB no longer has it (not found twice, gone since "
            f"{_time(film.tmdb_gone_at)}); the row stays, refreshes stop"
        )
    if due_at is None:
        return "never due: it has no imdb id, and OMDb is asked by one"
    if film.why == Why.NEVER_FETCHED:
        words = f"due since {_time(due_at)}: never fetched"
        return f"{words}, failed {_times(film.failures)} in a row" if film.failures else words
    if film.why == Why.FAILED:
        return (
            f"not due until {_time(due_at)}: failed {_times(film.failures)} in a row, last "
            f"{_time(film.failed_at)} ({asked.name} gave no answer); that is its next try"
        )
    head = "due since" if due_at <= asked.now else "not due until"
    ago = _ago(asked.now - film.answered_at)
    last = f"last answer {_time(film.answered_at)}, {ago}"
    if film.failures:
        last += f", failed {_times(film.failures)} since"
    return f"{head} {_time(due_at)}: {_cause(film, asked)}; {last}"


def _cause(film: Any, asked: _Asked) -> str:
    policy, source = asked.policy, asked.source
    band = "no release date" if film.band == UNDATED_BAND else film.band
    if film.why == Why.NOT_FOUND:
        again = f"asked again after {_days(policy.not_found_days[source])}"
        if pd.notna(film.tmdb_gone_at):
            return f"gone, and seen on a list or in discover since; {again}"
        return f"{asked.name} did not know it; {again}"
    if film.why == Why.UNUSABLE:
        return f"the answer could not be read; asked again after {_days(policy.unusable_days)}"
    if film.why == Why.NAMED:
        words = f"{_named_on(film)}; films so named are asked for {_gap(film, asked)} after their"
        return f"{words} last answer ({band})"
    if film.is_spared:
        return _spared(film, asked, band)
    if film.is_frozen:
        days = policy.recheck_days(source, film.band)
        cause = f"frozen, verified again after {_spread(days, film)}"
    elif film.why == Why.RECHECK:
        days = _spread(_verified_days(film, asked), film)
        return f"verified again after {days}; only then {_named_on(film)}"
    else:
        cause = f"{band}: {_plain(film, asked)}"
    return cause + _feed_note(film, asked)


def _named_on(film: Any) -> str:
    return f"TMDB's change feed named it on {_day(film.named_on)}"


def _gap(film: Any, asked: _Asked) -> str:
    """How long after its last answer a named film is asked for: no longer than by its age."""
    policy, gap = asked.policy, asked.policy.gap_days[film.band]
    plain = policy.frozen_recheck_days if film.is_frozen else policy.days(asked.source, film.band)
    return _days(gap) if gap <= plain * film.factor else _spread(plain, film)


def _verified_days(film: Any, asked: _Asked) -> float:
    """Days to the re-verification of a film that the feed keeps back."""
    days = asked.policy.frozen_recheck_days
    return days if film.is_frozen else max(days, asked.policy.days(asked.source, film.band))


def _plain(film: Any, asked: _Asked) -> str:
    """The plain interval, and for OMDb which of its two it is."""
    days = asked.policy.days(asked.source, film.band)
    words = f"every {_spread(days, film)}"
    ratings = asked.policy.interval_days[asked.source][film.band]
    if asked.source is Source.OMDB and days < ratings:
        words += f", by its box office (ratings alone: every {_days(ratings)})"
    return words


def _spared(film: Any, asked: _Asked, band: str) -> str:
    words = (
        f"{'frozen, and ' if film.is_frozen else ''}TMDB's change feed has not named it since its "
        f"last answer; verified again after {_spread(_verified_days(film, asked), film)}"
    )
    if film.is_frozen:
        return words
    plain_due_at = _moment(film.plain_due_at)
    assert plain_due_at is not None
    verb = "was due" if plain_due_at <= asked.now else "would be due"
    return f"{words}; by its age alone ({band}, {_plain(film, asked)}) it {verb} " + _time(
        plain_due_at
    )


def _feed_note(film: Any, asked: _Asked) -> str:
    """Why TMDB's change feed keeps a film back no more than the plain rule does."""
    stands = film.outcome in (FetchOutcome.ROW, FetchOutcome.UNCHANGED)
    if asked.source is not Source.TMDB or not stands or pd.notna(film.named_at):
        return ""
    if not asked.policy.is_feed_enabled:
        return "; the change feed is switched off"
    if asked.feed is None:
        return "; the change feed was never read"
    if not asked.policy.believes(asked.feed, asked.now):
        return f"; the change feed is not believed, it was read up to {_time(asked.feed.until)}"
    return f"; the change feed is known without a gap since {_time(asked.feed.since)} only"


def _spread(days: float, film: Any) -> str:
    """An interval, and what the film's own spread makes of it."""
    own = days * film.factor
    return _days(days) if abs(own - days) < 0.05 else f"{_days(days)}, {own:.1f} with its spread"


def _days(days: float) -> str:
    return f"{days:g} {'day' if days == 1 else 'days'}"


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def _ago(since: timedelta) -> str:
    seconds = since.total_seconds()
    if seconds < 0:
        return "ahead of the clock"
    for size, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        count = int(seconds // size)
        if count:
            return f"{count} {unit}{'' if count == 1 else 's'} ago"
    return "just now"


def _moment(value: Any) -> datetime | None:
    return None if pd.isna(value) else pd.Timestamp(value).tz_convert("UTC").to_pydatetime()


def _time(moment: Any) -> str:
    return f"{pd.Timestamp(moment).tz_convert(UTC):%Y-%m-%d %H:%M} UTC"


def _day(value: Any) -> date:
    return pd.Timestamp(value).date()
