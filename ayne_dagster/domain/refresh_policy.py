"""When a film is due at each source, and why: age since release -> band -> interval.

Lives here: the rule, vectorised over frames. Not here: the order of work (`due_order.py`), its
decisions in words (`due_reasons.py`), freezing (`freezing.py`) and the questions to the warehouse
that fill the frames (`storage/movie_queries.py`).
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

import numpy as np
import pandas as pd

from ayne_dagster.domain.change_feed import ChangeFeed
from ayne_dagster.domain.failed_requests import next_tries
from ayne_dagster.domain.outcomes import FetchOutcome, Source
from ayne_dagster.domain.refresh_states import StateRules
from ayne_dagster.domain.tables.derived import AGE_BANDS

UNRELEASED, NEW, YOUNG, SETTLING, OLD, UNDATED_BAND = AGE_BANDS
BAND_ENDS = ((UNRELEASED, -1), (NEW, 60), (YOUNG, 180), (SETTLING, 365))
"""Last day after release of each band but the oldest: boundaries belong to the younger one."""
SPREAD_MULTIPLIER = 2654435761
"""Multiplicative hashing (Knuth, TAOCP 6.4): neighbouring ids land far apart."""
_DAY_SECONDS = 86_400.0
_STANDING = (FetchOutcome.ROW, FetchOutcome.UNCHANGED)
"""Answers that say what TMDB has: a change since then is what the feed can tell of."""


class Why(StrEnum):
    """What a film's due time comes from."""

    NEVER_FETCHED = "never_fetched"
    NAMED = "named"
    """TMDB's change feed names it since its last answer: due after its band's gap."""
    INTERVAL = "interval"
    RECHECK = "recheck"
    """Frozen, or not named by a feed that is believed: verified again from time to time."""
    NOT_FOUND = "not_found"
    UNUSABLE = "unusable"
    FORCED = "forced"
    FAILED = "failed"
    """Not before its next try: the source was asked for it and did not answer."""
    GONE = "gone"
    """Never asked for: TMDB has it no more."""
    NO_IMDB_ID = "no_imdb_id"
    """Never asked for: OMDb wants an imdb id."""


@dataclass(frozen=True)
class RefreshPolicy:
    """The numbers of the rule; all times in days.

    Attributes:
        interval_days: Per source and age band, how long an answer stays fresh. Unreleased films
            share the interval of the newest ones, undated films that of the third band.
        box_office_days: Per age band, how long box office stays fresh. It has no request of its
            own: OMDb brings it with the ratings, and is asked by the shorter of both intervals.
        gap_days: Per age band, how long after its last answer a film that TMDB's change feed names
            is asked for at the earliest. Not spread: edits are spread already.
        feed_believed_days: A feed read up to longer ago than this keeps no film back.
        is_feed_enabled: Whether the feed has a say at all.
        spread: Each film's interval is stretched by a fixed share between -spread and +spread, so
            that a first backfill does not come due on one day.
        not_found_days: How long "we do not know it" is believed, per source. TMDB is asked again
            soon: the second sighting makes a film gone.
        unusable_days: How long until an unreadable answer is asked for again.
        retry_hours: How long after a request that failed for good the film is due again. Each
            failure in a row makes it four times as long, but no longer than
            `longest_retry_hours`; an answer ends it.
        longest_retry_hours: See there.
        frozen_recheck_days: Even a frozen row is verified after so long, or at OMDb after its plain
            interval where that is longer; TMDB's terms ask for less than 180 days.
        frozen_after_days: Younger films never freeze.
        frozen_after_cycles: Refreshes in a row without a change before a film freezes.
        gone_after_days: Two "not found" at least so far apart make a film gone.
        cycle_days: Refreshes without a change count towards freezing only so far apart.
    """

    interval_days: dict[Source, dict[str, float]] = field(
        default_factory=lambda: {
            Source.TMDB: days_by_band(new=5, young=15, settling=30, old=90, undated=30),
            Source.OMDB: days_by_band(new=5, young=30, settling=90, old=180, undated=90),
        }
    )
    box_office_days: dict[str, float] = field(
        default_factory=lambda: days_by_band(new=5, young=30, settling=90, old=180, undated=90)
    )
    gap_days: dict[str, float] = field(
        default_factory=lambda: days_by_band(new=1, young=3, settling=7, old=11, undated=7)
    )
    feed_believed_days: float = 3.0
    is_feed_enabled: bool = True
    spread: float = 0.10
    not_found_days: dict[Source, float] = field(
        default_factory=lambda: {Source.TMDB: 1.0, Source.OMDB: 30.0}
    )
    unusable_days: float = 7.0
    retry_hours: float = 1.0
    longest_retry_hours: float = 72.0
    frozen_recheck_days: float = 160.0
    frozen_after_days: int = 365
    frozen_after_cycles: int = 3
    gone_after_days: float = 1.0
    cycle_days: float = 1.0

    def days(self, source: Source, band: str) -> float:
        """How long an answer about a film of an age band stays fresh, spread aside."""
        days = self.interval_days[source][band]
        return min(days, self.box_office_days[band]) if source is Source.OMDB else days

    def recheck_days(self, source: Source, band: str) -> float:
        """How long a frozen film's answer is believed, spread aside.

        OMDb has no terms that bind: freezing must not make it be asked more often than age does.
        """
        days = self.frozen_recheck_days
        return max(days, self.days(source, band)) if source is Source.OMDB else days

    @property
    def state_rules(self) -> StateRules:
        """The numbers by which an answer is counted."""
        return StateRules(timedelta(days=self.gone_after_days), timedelta(days=self.cycle_days))

    def believes(self, feed: ChangeFeed | None, now: datetime) -> bool:
        """Whether a change feed may keep films from being asked for."""
        return (
            self.is_feed_enabled
            and feed is not None
            and feed.is_believed(now, self.feed_believed_days)
        )


def days_by_band(
    *, new: float, young: float, settling: float, old: float, undated: float
) -> dict[str, float]:
    """Days per age band; unreleased films share those of the newest."""
    return {
        UNRELEASED: new,
        NEW: new,
        YOUNG: young,
        SETTLING: settling,
        OLD: old,
        UNDATED_BAND: undated,
    }


def age_bands(release_dates: pd.Series, now: datetime) -> pd.Series:
    """The age band of each film.

    Boundaries belong to the younger band: day 60 after release is still "0-60 days".

    Args:
        release_dates: Dates, missing allowed.
        now: The moment asked about, UTC; ages are whole days of the UTC calendar.
    """
    today = pd.Timestamp(now).tz_convert("UTC").tz_localize(None).normalize()
    age = (today - pd.to_datetime(release_dates)).dt.days
    return pd.Series(
        np.select(
            [age.isna(), *(age <= last_day for _, last_day in BAND_ENDS)],
            [UNDATED_BAND, *(band for band, _ in BAND_ENDS)],
            default=OLD,
        ),
        index=release_dates.index,
        dtype=object,
    )


def spread_factors(tmdb_ids: pd.Series, spread: float) -> pd.Series:
    """A fixed factor per film, evenly spread over 1 - spread .. 1 + spread."""
    hashed = (tmdb_ids.to_numpy(dtype=np.uint64) * np.uint64(SPREAD_MULTIPLIER)) % np.uint64(2**32)
    return pd.Series(1 - spread + 2 * spread * (hashed / 2**32), index=tmdb_ids.index)


def decide(
    films: pd.DataFrame,
    source: Source,
    now: datetime,
    policy: RefreshPolicy,
    feed: ChangeFeed | None = None,
) -> pd.DataFrame:
    """When each film is to be asked for at a source, and what that comes from.

    The plain rule: so many days after the last answer, by age. At TMDB the change feed decides over
    it for films whose last answer stands (a row, or "unchanged"). One it does not name since then
    is not asked for before its re-verification, if the feed is believed and has no gap since then.
    One it names is due since it was named, but not before its band's gap or its plain interval has
    passed; if it was due before that all the same, it is due since then and for that reason.
    A film a source did not answer for since its last answer is due no sooner than its next try.
    `storage/due_films.py` says the same in SQL for a million films; a test holds them equal.

    Args:
        films: One row per film with `tmdb_id`, `release_date`, `imdb_id`, `is_frozen`,
            `first_seen_at`, `last_seen_at`, `changed_at`, `tmdb_gone_at`, `named_at` and, per
            source, `<source>_answered_at` and `<source>_outcome`. `named_at` is when a day of the
            feed was first read that names the film, the UTC day of TMDB's last answer or a later
            one; the feed knows days only, so a change before the answer on the same day counts.
            Where failures are remembered also `<source>_failed_at` and `<source>_failures`.
        source: Whom to ask.
        now: The moment asked about, UTC.
        policy: The numbers of the rule.
        feed: What is known of the change feed; None: nothing was read.

    Returns:
        By the index of `films`: `due_at` (UTC, whole seconds; NaT: never), `why` (values of `Why`),
        `plain_due_at` (what it would be without feed and failures), `is_spared` (whether the feed
        put it off to the re-verification) and `failures` since the last answer. A film never asked
        for is due since it is known (at OMDb: since TMDB's details last changed, for they brought
        its imdb id), and never later than now.
    """
    answered = _moments(films[f"{source}_answered_at"]).dt.floor("s")
    outcome = films[f"{source}_outcome"]
    gone, frozen = is_gone(films), films["is_frozen"].astype(bool)
    bands = age_bands(films["release_date"], now)
    factors = spread_factors(films["tmdb_id"], policy.spread)
    days = bands.map({band: policy.days(source, band) for band in AGE_BANDS}).astype(float)
    rechecks = {band: policy.recheck_days(source, band) for band in AGE_BANDS}
    days = days.where(~frozen, bands.map(rechecks).astype(float))
    why = pd.Series(np.where(frozen, Why.RECHECK, Why.INTERVAL), index=films.index, dtype=object)
    due = _after(answered, days * factors)
    for kind, is_it, fixed_days in (
        (Why.NOT_FOUND, outcome == FetchOutcome.NOT_FOUND, policy.not_found_days[source]),
        (Why.UNUSABLE, outcome == FetchOutcome.UNUSABLE, policy.unusable_days),
        (Why.NOT_FOUND, gone & (source is Source.TMDB), policy.not_found_days[source]),
    ):
        due = due.mask(is_it, _after(answered, fixed_days))
        why = why.mask(is_it, kind)
    made = pd.DataFrame({"due_at": due, "why": why, "plain_due_at": due, "is_spared": False})
    if source is Source.TMDB and policy.is_feed_enabled:
        is_standing = outcome.isin(_STANDING) & answered.notna() & ~gone
        longest = days.clip(lower=policy.frozen_recheck_days) * factors
        believed_since = feed.since if feed and policy.believes(feed, now) else None
        named = _moments(films["named_at"]).dt.floor("s").where(is_standing)
        _follow_feed(
            made,
            named=named,
            earliest=_after(answered, bands.map(policy.gap_days).astype(float)),
            # Named by a clock that is ahead of this one: nobody knows for how long.
            is_kept_back=is_standing
            & (answered >= believed_since if believed_since else False)
            & ~(named > pd.Timestamp(now)),
            recheck=_after(answered, longest),
        )
    return _put_off_failed(
        _without_never(made, films, source, now, answered.isna()), films, source, now, policy
    )


def _put_off_failed(
    made: pd.DataFrame, films: pd.DataFrame, source: Source, now: datetime, policy: RefreshPolicy
) -> pd.DataFrame:
    """The decisions with films that failed: due no sooner than their next try."""
    if f"{source}_failed_at" not in films:
        return made.assign(failures=0)
    tries = next_tries(
        films, source, retry_hours=policy.retry_hours, longest_hours=policy.longest_retry_hours
    )
    is_later = tries["next_try_at"] > made["due_at"]
    is_waiting = is_later & (tries["next_try_at"] > pd.Timestamp(now))
    return made.assign(
        due_at=made["due_at"].mask(is_later, tries["next_try_at"]),
        # Once its time has come it is due for the reason it was due for before.
        why=made["why"].mask(is_waiting, Why.FAILED),
        failures=tries["failures"],
    )


def _follow_feed(
    made: pd.DataFrame,
    *,
    named: pd.Series,
    earliest: pd.Series,
    is_kept_back: pd.Series,
    recheck: pd.Series,
) -> None:
    """Let the change feed decide over the plain due times of TMDB, in place."""
    plain = made["plain_due_at"]
    without_naming = plain.mask(is_kept_back, recheck)
    sooner = earliest.where(earliest <= plain, plain)
    is_named = named <= without_naming
    made["due_at"] = without_naming.mask(is_named, sooner.where(sooner >= named, named))
    made["why"] = made["why"].mask(is_kept_back, Why.RECHECK).mask(is_named, Why.NAMED)
    made["is_spared"] = is_kept_back & named.isna()


def _without_never(
    made: pd.DataFrame, films: pd.DataFrame, source: Source, now: datetime, is_new: pd.Series
) -> pd.DataFrame:
    """The decisions with films that were never asked for, or never are to be."""
    gone, known = is_gone(films), _known_since(films, source, now)
    never, no_id = gone, pd.Series(False, index=films.index)
    if source is Source.TMDB:
        seen_again = _moments(films["last_seen_at"]) > _moments(films["tmdb_answered_at"])
        never = gone & ~seen_again
    else:
        no_id = films["imdb_id"].isna()
    why = made["why"].mask(is_new, Why.NEVER_FETCHED).mask(no_id, Why.NO_IMDB_ID)
    return made.assign(
        due_at=made["due_at"].mask(is_new, known).mask(never | no_id),
        plain_due_at=made["plain_due_at"].mask(is_new, known).mask(never | no_id),
        why=why.mask(never, Why.GONE),
    )


def is_gone(films: pd.DataFrame) -> pd.Series:
    """Whether TMDB has said "not found" twice, far enough apart (a single one may be a ghost)."""
    return films["tmdb_gone_at"].notna()


def _known_since(films: pd.DataFrame, source: Source, now: datetime) -> pd.Series:
    """Since when a film that was never asked for could have been."""
    seen, changed = _moments(films["first_seen_at"]), _moments(films["changed_at"])
    known = seen.fillna(changed) if source is Source.TMDB else changed.fillna(seen)
    latest = pd.Timestamp(now)
    return known.where(known <= latest, latest).dt.floor("s")


def _after(answered: pd.Series, days: "pd.Series | float") -> pd.Series:
    # Whole seconds: nobody needs more, and two ways to compute them agree to the last bit.
    return answered + pd.to_timedelta(np.floor(days * _DAY_SECONDS), unit="s")


def _moments(values: pd.Series) -> pd.Series:
    # Its cache looks for repeated values first, also where nothing is to be converted.
    return pd.to_datetime(values, utc=True, cache=False)
