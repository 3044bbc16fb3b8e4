"""When a film is frozen, and the row of flags that tells people so.

Lives here: the flags of `frozen_flags`. The counts of unchanged refreshes come from
`refresh_history`, never from a constant.
"""

from datetime import datetime

import numpy as np
import pandas as pd

from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import (
    OLD,
    UNDATED_BAND,
    RefreshPolicy,
    age_bands,
    due_times,
    is_gone,
)
from ayne_dagster.domain.tables import FROZEN_FLAGS


def is_frozen(films: pd.DataFrame, now: datetime, policy: RefreshPolicy) -> pd.Series:
    """Whether automatic refreshes skip each film.

    Frozen = older than `frozen_after_days` and the last `frozen_after_cycles` refreshes of every
    source that has the film brought no change in its stable fields.

    Args:
        films: One row per film with `release_date`, `tmdb_unchanged_cycles`,
            `omdb_unchanged_cycles`, `has_ratings`.
        now: The moment asked about, UTC.
        policy: The numbers of the rule.
    """
    today = pd.Timestamp(now).tz_convert("UTC").tz_localize(None).normalize()
    age = (today - pd.to_datetime(films["release_date"])).dt.days
    cycles = policy.frozen_after_cycles
    return (
        (age > policy.frozen_after_days)
        & (films["tmdb_unchanged_cycles"] >= cycles)
        & (~films["has_ratings"].astype(bool) | (films["omdb_unchanged_cycles"] >= cycles))
    )


def flag_films(films: pd.DataFrame, now: datetime, policy: RefreshPolicy) -> pd.DataFrame:
    """The rows of `frozen_flags` for these films.

    Args:
        films: One row per film: the columns of `due_times` and `is_frozen`, and `release_year`.
        now: The moment asked about, UTC.
        policy: The numbers of the rule.

    Returns:
        A frame that fulfils the contract of `frozen_flags`, sorted by `tmdb_id`.
    """
    films = films.sort_values("tmdb_id", ignore_index=True)
    frozen = is_frozen(films, now, policy)
    films = films.assign(is_frozen=frozen)
    due = {source: due_times(films, source, now, policy) for source in Source}
    flags = pd.DataFrame(
        {
            "tmdb_id": films["tmdb_id"],
            "release_year": films["release_year"],
            "age_band": age_bands(films["release_date"], now),
            "tmdb_fetched_at": pd.to_datetime(films["tmdb_answered_at"], utc=True),
            "tmdb_due_at": due[Source.TMDB],
            "omdb_fetched_at": pd.to_datetime(films["omdb_answered_at"], utc=True),
            "omdb_due_at": due[Source.OMDB],
            "tmdb_unchanged_cycles": films["tmdb_unchanged_cycles"].astype("int32"),
            "omdb_unchanged_cycles": films["omdb_unchanged_cycles"].astype("int32"),
            "is_frozen": frozen,
        }
    )
    flags["reason"] = _reasons(films, flags, policy)
    return flags[FROZEN_FLAGS.column_names]


def _reasons(films: pd.DataFrame, flags: pd.DataFrame, policy: RefreshPolicy) -> pd.Series:
    """Each film's state in words; free of `now`, so that an unchanged film keeps its words."""
    cycles = policy.frozen_after_cycles
    intervals = {
        source: flags["age_band"].map(
            {band: f"{days:g}" for band, days in policy.interval_days[source].items()}
        )
        for source in Source
    }
    band = flags["age_band"].where(flags["age_band"] != UNDATED_BAND, "no release date")
    never_fetched = flags["tmdb_fetched_at"].isna()
    is_old = flags["age_band"] == OLD
    towards = {
        source: films[f"{source}_unchanged_cycles"].clip(upper=cycles).astype(str)
        + f" of {cycles} unchanged {label} refreshes"
        for source, label in ((Source.TMDB, "TMDB"), (Source.OMDB, "OMDb"))
    }
    omdb = ", OMDb every " + intervals[Source.OMDB] + " days"
    plain = (
        band
        + (": TMDB every " + intervals[Source.TMDB] + " days")
        + omdb.mask(films["imdb_id"].isna(), ", OMDb never (no imdb id)")
        + _where(never_fetched, "; details never fetched, due at once")
        + _where(
            flags["omdb_fetched_at"].isna() & flags["omdb_due_at"].notna() & ~never_fetched,
            "; ratings never fetched, due at once",
        )
        + _where(is_old, "; not frozen: " + towards[Source.TMDB])
        + _where(is_old & films["has_ratings"].astype(bool), ", " + towards[Source.OMDB])
    )
    frozen = (
        f"frozen: older than {policy.frozen_after_days} days and unchanged in the last {cycles} "
        f"refreshes of each source; verified again every {policy.frozen_recheck_days:g} days"
    )
    gone = "gone: TMDB no longer has it (not found twice); the row stays, refreshes stop"
    return pd.Series(
        np.select([is_gone(films), flags["is_frozen"]], [gone, frozen], default=plain),
        index=flags.index,
        dtype=object,
    )


def _where(condition: pd.Series, words: pd.Series | str) -> pd.Series:
    """The words where the condition holds, nothing elsewhere."""
    return pd.Series(np.where(condition, words, ""), index=condition.index, dtype=object)
