"""Rows shaped like `tmdb_details`: every column of the contract, texts and lists of real lengths.

Lives here: seeded synthetic rows, so that every run stores the same bytes.
"""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from ayne_dagster.domain.tables import TMDB_DETAILS
from ayne_dagster.domain.tables.contract import ColumnType

YEARS = tuple(str(year) for year in range(2010, 2020))
FILMS_PER_YEAR = 2_600
FETCHED_AT = datetime(2024, 5, 1, 12, tzinfo=UTC)
_PANDAS_TYPES = {
    ColumnType.BIGINT: "Int64",
    ColumnType.INTEGER: "Int32",
    ColumnType.DOUBLE: "float64",
    ColumnType.BOOLEAN: "boolean",
    ColumnType.TIMESTAMPTZ: "datetime64[us, UTC]",
}
_SYLLABLES = ("ka", "lo", "mi", "ren", "dor", "sa", "vel", "tu", "bri", "an", "os", "ter", "ning")
_GENRES = ("Drama", "Comedy", "Thriller", "Action", "Horror", "Romance", "Crime", "Animation")


def invented_details(years: tuple[str, ...] = YEARS, seed: int = 7) -> pd.DataFrame:
    """One row per film of these years.

    Columns have types. The assets make columns of objects, which the stock manager cannot store: it
    takes the type of whole numbers from a sample of them, and the first film that cost more than
    2^31 dollars fails the write.
    """
    draw = np.random.default_rng(seed)
    words = ["".join(draw.choice(_SYLLABLES, draw.integers(1, 4))) for _ in range(4_000)]
    names = [f"{a.title()} {b.title()}" for a, b in zip(words, reversed(words), strict=True)]
    rows = [
        _row(draw, words, names, 1_000 * int(year) + number, year)
        for year in years
        for number in range(FILMS_PER_YEAR)
    ]
    frame = pd.DataFrame(rows, columns=TMDB_DETAILS.column_names, dtype=object)
    return typed(frame)


def typed(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with the pandas types of its contract's columns."""
    return frame.astype(
        {c.name: _PANDAS_TYPES[c.type] for c in TMDB_DETAILS.columns if c.type in _PANDAS_TYPES}
    )


def _row(
    draw: np.random.Generator, words: list[str], names: list[str], number: int, year: str
) -> dict[str, Any]:
    def text(count: int) -> str:
        return " ".join(words[i] for i in draw.integers(0, len(words), count))

    def ids(count: int) -> list[int]:
        return draw.integers(1, 4_000_000, count).tolist()

    def people(count: int) -> list[str]:
        return [names[i] for i in draw.integers(0, len(names), count)]

    def perhaps(share: float, value: Any) -> Any:
        return value if draw.random() < share else None

    companies, cast = int(draw.integers(1, 5)), int(draw.integers(3, 16))
    budget = perhaps(0.3, int(draw.lognormal(15, 2)) + 1)
    revenue = perhaps(0.25, int(draw.lognormal(16, 2)) + 1)
    released = date(int(year), 1, 1) + timedelta(days=int(draw.integers(0, 365)))
    return {
        "tmdb_id": number,
        "release_year": year,
        "imdb_id": perhaps(0.85, f"tt{number:07d}"),
        "wikidata_id": perhaps(0.6, f"Q{number}"),
        "title": text(3),
        "original_title": text(3),
        "original_language": "en",
        "overview": text(45),
        "tagline": perhaps(0.4, text(8)),
        "homepage": perhaps(0.3, f"https://films.invalid/{number}"),
        "status": "Released",
        "release_date": released,
        "runtime_minutes": perhaps(0.9, int(draw.integers(60, 200))),
        "budget_usd": budget,
        "revenue_usd": revenue,
        "budget_reported": budget or 0,
        "revenue_reported": revenue or 0,
        "popularity": float(draw.gamma(2, 5)),
        "vote_average": float(draw.uniform(0, 10)),
        "vote_count": int(draw.pareto(1) * 20),
        "is_adult": False,
        "genres": list(draw.choice(_GENRES, int(draw.integers(1, 4)), replace=False)),
        "company_ids": ids(companies),
        "companies": people(companies),
        "countries": ["US"],
        "origin_countries": ["US"],
        "spoken_languages": ["en", "fr"],
        "collection_id": perhaps(0.1, number),
        "collection": perhaps(0.1, text(3)),
        "director_ids": ids(1),
        "directors": people(1),
        "writer_ids": ids(2),
        "writers": people(2),
        "cast_ids": ids(cast),
        "cast_names": people(cast),
        "keywords": [words[i] for i in draw.integers(0, len(words), int(draw.integers(0, 15)))],
        "similar_ids": ids(20),
        "us_certification": perhaps(0.5, "PG-13"),
        "us_release_date": perhaps(0.5, released),
        "trailer_youtube_key": perhaps(0.6, text(2)[:11]),
        "poster_path": f"/{number:027d}.jpg",
        "backdrop_path": perhaps(0.7, f"/{number:027d}.jpg"),
        "stable_fingerprint": f"{number:032x}",
        "fetched_at": FETCHED_AT,
        "changed_at": FETCHED_AT,
        # Here and there a value: a column of nothing but None is one of the stock traps.
        "gone_at": FETCHED_AT if number % 100 == 0 else None,
    }


def refetched(frame: pd.DataFrame, *, days: int = 1) -> pd.DataFrame:
    """The same films asked for again: new numbers of the day, everything else as it was."""
    later = frame.assign(
        fetched_at=FETCHED_AT + timedelta(days=days),
        popularity=frame["popularity"].map(lambda value: value * 1.01 + days),
        vote_count=frame["vote_count"].map(lambda value: value + days),
    )
    return typed(later)
