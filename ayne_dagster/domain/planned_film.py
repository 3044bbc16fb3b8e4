"""A film that exists only as a plan: facts people give, as the details row features are made of.

Lives here: the row, and what stands in for facts nobody gave. Not here: whose ids stand behind
names (`storage/name_queries.py`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pandas as pd

from ayne_dagster.domain.features import FEATURE_SOURCE_COLUMNS
from ayne_dagster.domain.tables import TMDB_DETAILS
from ayne_dagster.domain.tables.contract import ColumnType

PLANNED_ID = 0
"""TMDB's ids begin at 1: a planned film is nobody else's."""

_LISTS = (ColumnType.VARCHAR_LIST, ColumnType.BIGINT_LIST)


def usual_origin(films: pd.DataFrame, country: str | None, language: str | None) -> dict[str, str]:
    """What country and language a film is taken to have where nobody said.

    To the model a film of none is neither American nor in English: such films earn far less, and
    nobody claimed that it is one.

    Args:
        films: `features` rows the model learned from.
        country: The main country, ISO 3166-1, where it was given.
        language: The original language, ISO 639-1, where it was given.

    Returns:
        `country` and `language`, those that were not given: the most frequent country, of films
        in the language where that was given, and the most frequent language of films of the
        country; by the alphabet where two are. Empty where no film says.
    """
    taken = {}
    if not country:
        alike = films[films["original_language"] == language] if language else films
        country = _most_frequent(alike["main_country"])
        taken["country"] = country
    if not language:
        taken["language"] = _most_frequent(
            films.loc[films["main_country"] == country, "original_language"]
        )
    return {name: value for name, value in taken.items() if value}


def _most_frequent(texts: pd.Series) -> str | None:
    counts = texts.dropna().value_counts().sort_index()
    return str(counts.idxmax()) if len(counts) else None


def planned_details(facts: Mapping[str, Any], now: datetime) -> pd.DataFrame:
    """The details row of a planned film.

    Args:
        facts: Values of columns of `tmdb_details`, `release_date` among them; what is missing or
            None is unknown.
        now: The time it is planned at, UTC.

    Returns:
        One row with `FEATURE_SOURCE_COLUMNS`; its revenue is unknown.

    Raises:
        KeyError: A fact is none that features are made of.
    """
    unknown = set(facts) - set(FEATURE_SOURCE_COLUMNS)
    if unknown:
        raise KeyError(f"features are not made of {', '.join(sorted(unknown))}")
    row: dict[str, Any] = {
        name: [] if TMDB_DETAILS.column(name).type in _LISTS else None
        for name in FEATURE_SOURCE_COLUMNS
    }
    given = {name: value for name, value in facts.items() if value is not None}
    row |= {
        "tmdb_id": PLANNED_ID,
        "status": "Planned",
        **given,
        "release_year": f"{facts['release_date'].year:04d}",
        "revenue_usd": None,
        "fetched_at": now,
    }
    return pd.DataFrame([row], columns=list(FEATURE_SOURCE_COLUMNS), dtype=object)
