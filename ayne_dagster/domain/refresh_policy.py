"""When a film is due at each source, and why: age since release -> band -> interval.

Lives here: the rule, vectorised over frames. Not here: freezing (`freezing.py`) and the questions
to the warehouse that fill the frames (`storage/movie_queries.py`).
"""

from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
import pandas as pd

from ayne_dagster.domain.outcomes import FetchOutcome, Source
from ayne_dagster.domain.tables.derived import AGE_BANDS

UNRELEASED, NEW, YOUNG, SETTLING, OLD, UNDATED_BAND = AGE_BANDS
BAND_ENDS = ((UNRELEASED, -1), (NEW, 60), (YOUNG, 180), (SETTLING, 365))
"""Last day after release of each band but the oldest: boundaries belong to the younger one."""
SPREAD_MULTIPLIER = 2654435761
"""Multiplicative hashing (Knuth, TAOCP 6.4): neighbouring ids land far apart."""
_DAY_SECONDS = 86_400.0


@dataclass(frozen=True)
class RefreshPolicy:
    """The numbers of the rule; all times in days.

    Attributes:
        interval_days: Per source and age band, how long an answer stays fresh. Unreleased films
            share the interval of the newest ones, undated films that of the third band.
        spread: Each film's interval is stretched by a fixed share between -spread and +spread, so
            that a first backfill does not come due on one day.
        not_found_days: How long "we do not know it" is believed, per source. TMDB is asked again
            soon: the second sighting makes a film gone.
        unusable_days: How long until an unreadable answer is asked for again.
        frozen_recheck_days: Even a frozen row is verified after so long; TMDB's terms ask for
            less than 180 days.
        frozen_after_days: Younger films never freeze.
        frozen_after_cycles: Refreshes in a row without a change before a film freezes.
        gone_after_days: Two "not found" at least so far apart make a film gone.
        cycle_days: Refreshes without a change count towards freezing only so far apart.
    """

    interval_days: dict[Source, dict[str, float]] = field(
        default_factory=lambda: {
            Source.TMDB: {
                UNRELEASED: 5,
                NEW: 5,
                YOUNG: 15,
                SETTLING: 30,
                OLD: 90,
                UNDATED_BAND: 30,
            },
            Source.OMDB: {
                UNRELEASED: 5,
                NEW: 5,
                YOUNG: 30,
                SETTLING: 90,
                OLD: 180,
                UNDATED_BAND: 90,
            },
        }
    )
    spread: float = 0.10
    not_found_days: dict[Source, float] = field(
        default_factory=lambda: {Source.TMDB: 1.0, Source.OMDB: 30.0}
    )
    unusable_days: float = 7.0
    frozen_recheck_days: float = 150.0
    frozen_after_days: int = 365
    frozen_after_cycles: int = 3
    gone_after_days: float = 1.0
    cycle_days: float = 1.0


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


def due_times(
    films: pd.DataFrame, source: Source, now: datetime, policy: RefreshPolicy
) -> pd.Series:
    """When each film is to be asked for at a source; NaT where it never is.

    `storage/due_films.py` says the same in SQL for a million films; a test holds them equal.

    Args:
        films: One row per film with `tmdb_id`, `release_date`, `imdb_id`, `is_frozen`,
            `first_seen_at`, `last_seen_at`, `changed_at`, `tmdb_gone_at` and, per source,
            `<source>_answered_at` and `<source>_outcome`.
        source: Whom to ask.
        now: The moment asked about, UTC.
        policy: The numbers of the rule.

    Returns:
        UTC timestamps. A film never asked for is due since it is known (at OMDb: since TMDB's
        details last changed, for they brought its imdb id), and never later than now.
    """
    answered = _moments(films[f"{source}_answered_at"])
    outcome = films[f"{source}_outcome"]
    bands = age_bands(films["release_date"], now)
    days = bands.map(policy.interval_days[source]).astype(float)
    days = days.where(~films["is_frozen"].astype(bool), policy.frozen_recheck_days)
    days = days * spread_factors(films["tmdb_id"], policy.spread)
    days = days.mask(outcome == FetchOutcome.NOT_FOUND, policy.not_found_days[source])
    days = days.mask(outcome == FetchOutcome.UNUSABLE, policy.unusable_days)
    gone = is_gone(films)
    if source is Source.TMDB:
        days = days.mask(gone, policy.not_found_days[source])
    # Whole seconds: nobody needs more, and two ways to compute them agree to the last bit.
    seconds = np.floor(days * _DAY_SECONDS)
    due = answered.dt.floor("s") + pd.to_timedelta(seconds, unit="s")
    due = due.mask(answered.isna(), _known_since(films, source, now))
    if source is Source.TMDB:
        return due.mask(gone & ~(_moments(films["last_seen_at"]) > answered))
    return due.mask(gone | films["imdb_id"].isna())


def is_gone(films: pd.DataFrame) -> pd.Series:
    """Whether TMDB has said "not found" twice, far enough apart (a single one may be a ghost)."""
    return films["tmdb_gone_at"].notna()


def due_films(
    films: pd.DataFrame, source: Source, now: datetime, policy: RefreshPolicy
) -> pd.DataFrame:
    """The films due at a source, in the order in which they are to be asked for.

    Never fetched first, then the most overdue relative to now, then the most popular, then the
    newest.

    Args:
        films: As for `due_times`, plus `popularity`.
        source: Whom to ask.
        now: The moment asked about, UTC.
        policy: The numbers of the rule.

    Returns:
        The due rows of `films` with `due_at` added.
    """
    due = due_times(films, source, now, policy)
    never = films[f"{source}_answered_at"].isna()
    chosen = films.assign(due_at=due, _answered_due=due.mask(never))[due <= pd.Timestamp(now)]
    first = chosen["_answered_due"].isna()
    return (
        chosen.assign(_is_answered=~first)
        .sort_values(
            ["_is_answered", "_answered_due", "popularity", "release_date", "tmdb_id"],
            ascending=[True, True, False, False, True],
            na_position="last",
        )
        .drop(columns=["_is_answered", "_answered_due"])
    )


def _known_since(films: pd.DataFrame, source: Source, now: datetime) -> pd.Series:
    """Since when a film that was never asked for could have been."""
    seen, changed = _moments(films["first_seen_at"]), _moments(films["changed_at"])
    known = seen.fillna(changed) if source is Source.TMDB else changed.fillna(seen)
    latest = pd.Timestamp(now)
    return known.where(known <= latest, latest).dt.floor("s")


def _moments(values: pd.Series) -> pd.Series:
    return pd.to_datetime(values, utc=True)
