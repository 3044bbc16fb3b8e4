"""When a film is frozen, and the row of flags that tells people so.

Lives here: the flags of `frozen_flags`. The counts of unchanged refreshes come from
`refresh_state`, never from a constant.
"""

from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd

from ayne_dagster.domain.change_feed import ChangeFeed
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import (
    OLD,
    UNDATED_BAND,
    RefreshPolicy,
    Why,
    age_bands,
    decide,
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


def flag_films(
    films: pd.DataFrame, now: datetime, policy: RefreshPolicy, feed: ChangeFeed | None = None
) -> pd.DataFrame:
    """The rows of `frozen_flags` for these films.

    Args:
        films: One row per film: the columns of `decide` and `is_frozen`, and `release_year`.
        now: The moment asked about, UTC.
        policy: The numbers of the rule.
        feed: What is known of TMDB's change feed.

    Returns:
        A frame that fulfils the contract of `frozen_flags`, sorted by `tmdb_id`.
    """
    films = films.sort_values("tmdb_id", ignore_index=True)
    frozen = is_frozen(films, now, policy)
    films = films.assign(is_frozen=frozen)
    made = {source: decide(films, source, now, policy, feed) for source in Source}
    flags = pd.DataFrame(
        {
            "tmdb_id": films["tmdb_id"],
            "release_year": films["release_year"].astype(object),
            "age_band": age_bands(films["release_date"], now),
            "tmdb_fetched_at": pd.to_datetime(films["tmdb_answered_at"], utc=True),
            "tmdb_due_at": made[Source.TMDB]["due_at"],
            "omdb_fetched_at": pd.to_datetime(films["omdb_answered_at"], utc=True),
            "omdb_due_at": made[Source.OMDB]["due_at"],
            "tmdb_unchanged_cycles": films["tmdb_unchanged_cycles"].astype("int32"),
            "omdb_unchanged_cycles": films["omdb_unchanged_cycles"].astype("int32"),
            "is_frozen": frozen,
        }
    )
    flags["reason"] = _reasons(films, flags, made[Source.TMDB], policy)
    return flags[FROZEN_FLAGS.column_names]


def _reasons(
    films: pd.DataFrame, flags: pd.DataFrame, of_tmdb: pd.DataFrame, policy: RefreshPolicy
) -> pd.Series:
    """Each film's state in words; free of `now`, so that an unchanged film keeps its words.

    A million films are in a few hundred states: the words of each state are made once.
    """
    most = policy.frozen_after_cycles
    states = pd.DataFrame(
        {
            "age_band": flags["age_band"],
            "is_frozen": flags["is_frozen"],
            "is_gone": is_gone(films),
            "is_named": of_tmdb["why"] == Why.NAMED,
            "is_spared": of_tmdb["is_spared"],
            "is_tmdb_due": flags["tmdb_due_at"].notna(),
            "is_omdb_due": flags["omdb_due_at"].notna(),
            "is_tmdb_new": flags["tmdb_fetched_at"].isna(),
            "is_omdb_new": flags["omdb_fetched_at"].isna(),
            "has_imdb_id": films["imdb_id"].notna(),
            "has_ratings": films["has_ratings"].astype(bool),
            "tmdb_cycles": flags["tmdb_unchanged_cycles"].clip(upper=most),
            "omdb_cycles": flags["omdb_unchanged_cycles"].clip(upper=most),
        }
    )
    numbers = states.groupby(list(states.columns), sort=False).ngroup().to_numpy()
    # In order of appearance, as the groups are numbered.
    kinds = states.drop_duplicates().itertuples(index=False)
    words = np.array([_reason(kind, policy) for kind in kinds], dtype=object)
    return pd.Series(words[numbers] if len(words) else words, index=flags.index, dtype=object)


def _reason(kind: Any, policy: RefreshPolicy) -> str:
    """The words of one state."""
    most = policy.frozen_after_cycles
    if kind.is_gone:
        gone = "gone: TMDB no longer has it (not found twice); the row stays, refreshes stop"
        return f"{gone}; seen again since, asked once more" if kind.is_tmdb_due else gone
    longest = policy.days(Source.TMDB, kind.age_band)
    if kind.is_frozen:
        longest = policy.recheck_days(Source.TMDB, kind.age_band)
    gap = min(policy.gap_days[kind.age_band], longest)
    named = f"{gap:g} days after its last answer (its change feed names it)"
    if kind.is_frozen:
        words = (
            f"frozen: older than {policy.frozen_after_days} days and unchanged in the last {most} "
            f"refreshes of each source; verified again every {longest:g} days"
        )
        at_omdb = policy.recheck_days(Source.OMDB, kind.age_band)
        if kind.has_imdb_id and at_omdb != longest:
            words += f" by TMDB, every {at_omdb:g} days by OMDb"
        return f"{words}; TMDB {named}" if kind.is_named else words
    band = "no release date" if kind.age_band == UNDATED_BAND else kind.age_band
    days = policy.days(Source.TMDB, kind.age_band)
    if kind.is_named:
        words = f"{band}: TMDB {named}"
    elif kind.is_spared:
        days = max(days, policy.frozen_recheck_days)
        words = f"{band}: TMDB every {days:g} days (its change feed does not name it)"
    else:
        words = f"{band}: TMDB every {days:g} days"
    words += _omdb_words(kind, policy)
    if kind.is_tmdb_new:
        words += "; details never fetched, due at once"
    elif kind.is_omdb_new and kind.is_omdb_due:
        words += "; ratings never fetched, due at once"
    if kind.age_band == OLD:
        words += f"; not frozen: {kind.tmdb_cycles} of {most} unchanged TMDB refreshes"
        if kind.has_ratings:
            words += f", {kind.omdb_cycles} of {most} unchanged OMDb refreshes"
    return words


def _omdb_words(kind: Any, policy: RefreshPolicy) -> str:
    if not kind.has_imdb_id:
        return ", OMDb never (no imdb id)"
    days = policy.days(Source.OMDB, kind.age_band)
    is_by_box_office = days < policy.interval_days[Source.OMDB][kind.age_band]
    return f", OMDb every {days:g} days{' (box office)' if is_by_box_office else ''}"
