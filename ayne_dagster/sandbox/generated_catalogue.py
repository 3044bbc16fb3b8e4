"""A catalogue of invented films, drawn from a seed: any size, the same seed the same films.

Here are the numbers: when films come out, what they cost, earn and are worth to their viewers,
shaped like real ones. The words around them (names, texts, casts) are made next door.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.random import Generator

from ayne_dagster.sandbox.catalogue import Catalogue, FilmColumns, Floats, Ints
from ayne_dagster.sandbox.generated_records import DrawnFilms, GeneratedRecords, draw_titles
from ayne_dagster.sandbox.growth import revenue_share, vote_share

# Weight of each month: autumn and year's end are busy, July is not.
_MONTH_WEIGHTS = (1.8, 1.7, 2.0, 1.9, 1.7, 1.8, 1.6, 1.9, 2.8, 2.6, 1.9, 2.1)
# What a month does to earnings (log): summer and holidays earn more.
_MONTH_EFFECT = (-0.35, -0.15, -0.05, -0.1, 0.2, 0.35, 0.35, 0.05, -0.3, -0.2, 0.15, 0.35)
# Genre -> share as first genre, effect on budget (log), effect on earnings (log).
_GENRES: dict[int, tuple[float, float, float]] = {
    18: (.24, -.5, -.30), 35: (.19, -.2, .05), 28: (.11, .7, .15), 53: (.09, .1, .0),
    27: (.08, -.7, .35), 10749: (.05, -.3, .05), 80: (.05, .0, -.1), 12: (.04, .9, .3),
    16: (.03, .9, .45), 99: (.04, -1.6, -.8), 878: (.03, .7, .15), 10751: (.02, .4, .35),
    14: (.01, .7, .2), 9648: (.01, -.1, .0), 36: (.01, .3, -.2), 10752: (.01, .5, -.15),
    37: (.01, .2, -.2), 10402: (.01, -.3, -.1), 10770: (.01, -1.0, -.9),
}  # fmt: skip
_LANGUAGES: tuple[tuple[str, str, float, float], ...] = (
    ("en", "US", 0.58, 0.0), ("en", "GB", 0.08, -0.2), ("fr", "FR", 0.07, -0.9),
    ("hi", "IN", 0.04, -0.6), ("es", "ES", 0.05, -1.0), ("ja", "JP", 0.04, -0.6),
    ("de", "DE", 0.03, -1.0), ("it", "IT", 0.03, -1.0), ("zh", "CN", 0.03, -0.2),
    ("ko", "KR", 0.03, -0.5), ("sv", "SE", 0.01, -1.2), ("pt", "BR", 0.01, -1.2),
)  # fmt: skip
_GROWTH_PER_YEAR = 0.030
_INFLATION = 0.025
_MEAN_LOG_BUDGET = 16.1
_MEAN_LOG_REVENUE = 15.7
_REVENUE_NOISE = 1.3
_CAST_SLOTS = 15


@dataclass(frozen=True)
class _Pools:
    """How many recurring people, companies and collections there are, with their pull."""

    director_effect: Floats
    company_effect: Floats
    collection_effect: Floats
    person_count: int


def generate_catalogue(
    *,
    films: int = 2_000,
    seed: int = 42,
    as_of: date,
    first_year: int = 1950,
    last_year: int | None = None,
) -> Catalogue:
    """Draw a catalogue of invented films.

    Args:
        films: how many.
        seed: the same seed, size, years and day give the same films.
        as_of: the day the numbers belong to: films after it are not released yet.
        first_year: earliest release year.
        last_year: latest release year, by default three years after `as_of`.

    Raises:
        ValueError: when there are no films or no years to draw from.
    """
    last_year = as_of.year + 3 if last_year is None else last_year
    if films < 1 or last_year < first_year:
        raise ValueError(
            f"a catalogue needs films and years, got films={films}, years {first_year}-{last_year}"
        )
    rng = np.random.default_rng([seed, films])
    release_day = _draw_release_days(rng, films, as_of, first_year, last_year)
    drawn = _draw_films(rng, seed, as_of, release_day)
    columns = _columns(rng, drawn, as_of)
    return Catalogue(columns, GeneratedRecords(drawn, columns), as_of=as_of, seed=seed)


def _draw_release_days(
    rng: Generator, films: int, as_of: date, first_year: int, last_year: int
) -> Ints:
    """Return sorted release days (ordinals): more films each year, seasons, Fridays."""
    years = np.arange(first_year, last_year + 1)
    weights = np.exp(_GROWTH_PER_YEAR * (years - first_year))
    ahead = np.maximum(years - as_of.year, 0)
    weights = weights * np.array([1.0, 0.25, 0.08, 0.03])[np.minimum(ahead, 3)]
    year = rng.choice(years, size=films, p=weights / weights.sum())
    month_weights = np.array(_MONTH_WEIGHTS)
    month = rng.choice(12, size=films, p=month_weights / month_weights.sum())
    first_of_month = {
        (y, m): date(y, m + 1, 1).toordinal() for y in years.tolist() for m in range(12)
    }
    day = np.array([first_of_month[key] for key in zip(year.tolist(), month.tolist(), strict=True)])
    # The 25th plus a move of six days forward to Friday (ordinal 5 modulo 7) stays in the year.
    day = day + rng.integers(0, 25, size=films)
    day = np.where(rng.random(films) < 0.6, day + (5 - day % 7) % 7, day)
    # Entries of which only the year is known carry 1 January: the dense day of every year.
    new_year = np.array([first_of_month[y, 0] for y in year.tolist()])
    day = np.where(rng.random(films) < 0.03, new_year, day)
    day = np.where(rng.random(films) < 0.02, 0, day)
    return np.sort(day).astype(np.int64)


def _draw_pools(rng: Generator, films: int) -> _Pools:
    return _Pools(
        director_effect=rng.normal(0, 0.55, size=max(30, films // 8)),
        company_effect=np.sort(rng.normal(0, 0.90, size=max(20, films // 25)))[::-1],
        collection_effect=rng.normal(0.7, 0.3, size=max(5, films // 40)),
        person_count=max(200, int(films * 1.2)),
    )


def _draw_films(rng: Generator, seed: int, as_of: date, release_day: Ints) -> DrawnFilms:
    """Draw everything about the films that other draws depend on."""
    count = len(release_day)
    pools = _draw_pools(rng, count)
    genre_ids = np.array(list(_GENRES))
    share = np.array([row[0] for row in _GENRES.values()])
    first = rng.choice(len(genre_ids), size=count, p=share / share.sum())
    second = rng.choice(len(genre_ids), size=count, p=share / share.sum())
    origin_share = np.array([row[2] for row in _LANGUAGES])
    origin = rng.choice(len(_LANGUAGES), size=count, p=origin_share / origin_share.sum())
    # Recurring names: a few do a lot of the work.
    director = (rng.random(count) ** 1.8 * len(pools.director_effect)).astype(np.int64)
    company = (rng.random(count) ** 2.5 * len(pools.company_effect)).astype(np.int64)
    in_collection = rng.random(count) < 0.10
    collection = np.where(
        in_collection, rng.integers(0, len(pools.collection_effect), size=count), -1
    )
    cast = (rng.random((count, _CAST_SLOTS)) ** 2.2 * pools.person_count).astype(np.int32)
    year = np.array([date.fromordinal(d).year if d else as_of.year for d in release_day.tolist()])
    month = np.array([date.fromordinal(d).month - 1 if d else 0 for d in release_day.tolist()])

    genre = list(_GENRES.values())
    budget_effect = np.array([row[1] for row in genre])[first]
    earning_effect = np.array([row[2] for row in genre])[first]
    company_pull = pools.company_effect[company]
    collection_pull = np.where(collection >= 0, pools.collection_effect[collection], 0.0)
    money = _INFLATION * (year - 2010)
    market = np.array([row[3] for row in _LANGUAGES])[origin]
    log_budget = (
        _MEAN_LOG_BUDGET + money + budget_effect + 0.3 * company_pull + 0.8 * collection_pull
        + market + rng.normal(0, 1.0, size=count)
    )  # fmt: skip
    log_revenue = (
        _MEAN_LOG_REVENUE + money + 0.95 * (log_budget - _MEAN_LOG_BUDGET - money)
        + 1.5 * earning_effect + 0.5 * market + np.array(_MONTH_EFFECT)[month] + company_pull
        + pools.director_effect[director] + collection_pull
        + rng.normal(0, _REVENUE_NOISE, size=count)
    )  # fmt: skip
    quality = rng.normal(6.2, 0.8, size=count) + 0.8 * pools.director_effect[director]
    return DrawnFilms(
        seed=seed, as_of=as_of.toordinal(), release_day=release_day, year=year,
        film_id=_draw_ids(rng, count), first_genre=genre_ids[first],
        second_genre=genre_ids[second], origin=origin,
        origins=tuple((language, country) for language, country, *_ in _LANGUAGES),
        director=director, company=company, collection=collection, cast=cast,
        log_budget=log_budget, log_revenue=log_revenue, quality=np.clip(quality, 1.5, 9.4),
        has_budget=_draw_known(rng, log_budget, 0.55), is_sparse=rng.random(count) < 0.015,
        is_known_to_omdb=rng.random(count) < 0.93,
        draw=rng.integers(0, 2**62, size=count), titles=draw_titles(rng, count),
        imdb_id=_draw_imdb_ids(rng, year, release_day),
    )  # fmt: skip


def _draw_ids(rng: Generator, count: int) -> Ints:
    """Return film ids with gaps, roughly but not strictly in order of release."""
    ids = np.cumsum(rng.integers(1, 30, size=count)) + 10
    return ids[np.argsort(np.arange(count) + rng.normal(0, count * 0.05, size=count))]


def _draw_imdb_ids(rng: Generator, year: Ints, release_day: Ints) -> list[str | None]:
    """Return imdb ids: seven digits for older films, eight for newer ones, some without."""
    count = len(year)
    numbers = np.sort(rng.choice(np.arange(count * 40), size=count, replace=False))
    is_missing = rng.random(count) < np.where(release_day == 0, 0.3, 0.035)
    return [
        None if missing else (f"tt{10_000_000 + n}" if y >= 2018 else f"tt{n % 10_000_000:07d}")
        for n, y, missing in zip(numbers.tolist(), year.tolist(), is_missing.tolist(), strict=True)
    ]


def _draw_known(rng: Generator, log_value: Floats, share: float) -> np.ndarray:
    """Draw whether a figure is public: likelier for bigger films, `share` of all."""
    rank = np.argsort(np.argsort(log_value)) / max(len(log_value) - 1, 1)
    return rng.random(len(log_value)) < np.clip(share + 0.8 * (rank - 0.5), 0.02, 0.99)


def _columns(rng: Generator, drawn: DrawnFilms, as_of: date) -> FilmColumns:
    """Return the catalogue's columns: the drawn figures as the service would show them."""
    count = len(drawn.film_id)
    age = as_of.toordinal() - drawn.release_day
    has_date = drawn.release_day > 0
    is_known = _draw_known(rng, drawn.log_revenue, 0.62) & has_date & ~drawn.is_sparse
    final_revenue = np.where(is_known, np.exp(drawn.log_revenue), 0).astype(np.int64)
    _plant_quirks(final_revenue, np.flatnonzero(is_known & (age > 365)))
    revenue = np.round(final_revenue * revenue_share(age)).astype(np.int64)

    recency = 0.02 * (drawn.year - 2000)
    log_votes = (
        4.6 + 0.50 * (drawn.log_revenue - _MEAN_LOG_REVENUE) + recency
        + 0.30 * (drawn.quality - 6.2) + rng.normal(0, 0.9, size=count)
    )  # fmt: skip
    final_votes = np.where(drawn.is_sparse, 0, np.exp(log_votes)).astype(np.int64)
    votes = np.where(has_date, np.round(final_votes * vote_share(age)), 0).astype(np.int64)
    runtime = np.clip(rng.normal(104, 17, size=count) + 4 * (drawn.log_budget - 16), 61, 240)
    freshness = 1.8 * np.exp(-np.abs(age) / 120.0) * has_date
    popularity = np.exp(0.35 * (log_votes - 4.6) + freshness + rng.normal(0, 0.4, size=count))
    is_runtime_missing = drawn.is_sparse | (rng.random(count) < 0.01)
    return FilmColumns(
        id=drawn.film_id,
        release_day=drawn.release_day,
        runtime=np.where(is_runtime_missing, 0, runtime).astype(np.int64),
        genre_bits=drawn.genre_bits(),
        popularity=np.round(popularity, 4).astype(np.float64),
        vote_average=np.round(drawn.quality, 3),
        vote_count=votes,
        final_vote_count=np.where(has_date, final_votes, 0),
        revenue_usd=revenue,
        final_revenue_usd=final_revenue,
        language=np.array([drawn.origins[o][0] for o in drawn.origin.tolist()]),
        has_rating=drawn.is_known_to_omdb & np.array([i is not None for i in drawn.imdb_id]),
        title=drawn.titles,
        original_title=drawn.titles,
        imdb_id=drawn.imdb_id,
    )


def _plant_quirks(final_revenue: Ints, old_known: Ints) -> None:
    """Write a few wrong figures into old films: real entries have them too."""
    if len(old_known) < 20:
        return
    # Millions typed as units, and one negative figure, as published dumps have them.
    for row in old_known[:: max(len(old_known) // 6, 1)][1:6]:
        final_revenue[row] = max(1, int(final_revenue[row] // 1_000_000) % 1_000)
    final_revenue[old_known[len(old_known) // 3]] = -12
