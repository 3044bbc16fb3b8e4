"""Invented films for the tests of features and model: details rows, seeded and clearly made up."""

from datetime import UTC, date, datetime
from typing import Any

import numpy as np
import pandas as pd

DEFAULTS: dict[str, Any] = {
    "title": "An Invented Film",
    "status": "Released",
    "release_date": date(2010, 6, 1),
    "runtime_minutes": 100,
    "budget_usd": 20_000_000,
    "revenue_usd": 50_000_000,
    "genres": ["Drama"],
    "company_ids": [],
    "countries": ["US"],
    "original_language": "en",
    "spoken_languages": ["en"],
    "us_certification": "R",
    "collection_id": None,
    "director_ids": [],
    "writer_ids": [],
    "cast_ids": [],
    "fetched_at": datetime(2035, 1, 1, tzinfo=UTC),
}


def film(tmdb_id: int, **facts: Any) -> dict[str, Any]:
    """One details row; the release year follows the date."""
    row = {"tmdb_id": tmdb_id, **DEFAULTS, **facts}
    released = row["release_date"]
    row.setdefault("release_year", "undated" if released is None else f"{released.year:04d}")
    return row


def details(*films: dict[str, Any]) -> pd.DataFrame:
    """Details rows as a frame of objects, as plain Python gives them."""
    return pd.DataFrame(list(films), dtype=object)


def many_films(count: int, *, first_year: int = 2000, years: int = 12) -> pd.DataFrame:
    """Details whose revenue follows from budget, company and chance: something to learn."""
    rng = np.random.default_rng(7)
    companies = rng.integers(1, 30, count)
    budget = np.exp(rng.normal(16.5, 1.2, count))
    revenue = budget * np.exp(0.7 + (companies - 15) / 6 + rng.normal(0, 0.8, count))
    days = rng.integers(0, years * 365, count)
    rows = [
        film(
            number + 1,
            title=f"Invented Film {number + 1}",
            release_date=(
                pd.Timestamp(first_year, 1, 1) + pd.Timedelta(days=int(days[number]))
            ).date(),
            runtime_minutes=int(rng.normal(105, 15)),
            budget_usd=None if number % 5 == 0 else int(budget[number]),
            revenue_usd=int(revenue[number]) + 1_000,
            genres=[("Drama", "Action", "Comedy")[number % 3]],
            company_ids=[int(companies[number])],
            countries=[("US", "GB", "FR")[number % 3]],
            director_ids=[int(rng.integers(1, 80))],
            writer_ids=[1_000 + number % 40],
            cast_ids=rng.integers(1, 300, 6).tolist(),
        )
        for number in range(count)
    ]
    return details(*rows)


def all_years(frame: pd.DataFrame) -> list[str]:
    """The partition keys of a details frame."""
    return sorted(frame["release_year"].unique())
