"""TMDB's answers as rows of the platform's tables.

Lives here: which of the things TMDB sends goes into which column. Not here: shapes and odd values
(`tmdb_payloads.py`, `quirks.py`), and columns that need older rows (`release_year`, `changed_at`).
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, TypeVar

from ayne_dagster.sources.tmdb_payloads import (
    CastMember,
    CrewMember,
    ListedMovie,
    MovieDetails,
    Named,
    Release,
)

P = TypeVar("P", CastMember, CrewMember, Named)

CAST_SIZE = 15
WRITING_JOBS = frozenset({"Writer", "Screenplay", "Story", "Author", "Novel"})
_THEATRICAL_FIRST = (3, 2, 1)


def listed_row(movie: ListedMovie) -> dict[str, Any]:
    """The columns `movie_lists` and `discovered_movies` share."""
    return {
        "tmdb_id": movie.id,
        "title": movie.title,
        "original_title": movie.original_title,
        "original_language": movie.original_language,
        "release_date": movie.release_date,
        "popularity": movie.popularity,
        "vote_average": _mean(movie.vote_average, movie.vote_count),
        "vote_count": movie.vote_count,
    }


def details_row(movie: MovieDetails, fetched_at: datetime) -> dict[str, Any]:
    """A row of `tmdb_details`, without the columns that need the row before it.

    Missing are `release_year`, `stable_fingerprint`, `changed_at` and `gone_at`. Amounts of 1-999
    stay: some are wrong units and some are true, and `budget_reported` shows both.
    """
    crew = movie.credits.crew if movie.credits else []
    directors = _distinct(person for person in crew if person.job == "Director")
    writers = _distinct(
        person for person in crew if person.department == "Writing" and person.job in WRITING_JOBS
    )
    cast = _distinct(_by_billing(movie.credits.cast if movie.credits else []))[:CAST_SIZE]
    companies = _distinct(movie.production_companies)
    collection = movie.belongs_to_collection
    external = movie.external_ids
    us_releases = _us_releases(movie)
    return {
        "tmdb_id": movie.id,
        "imdb_id": movie.imdb_id or (external.imdb_id if external else None),
        "wikidata_id": external.wikidata_id if external else None,
        "title": movie.title,
        "original_title": movie.original_title,
        "original_language": movie.original_language,
        "overview": movie.overview,
        "tagline": movie.tagline,
        "homepage": movie.homepage,
        "status": movie.status,
        "release_date": movie.release_date,
        "runtime_minutes": movie.runtime,
        "budget_usd": _known(movie.budget),
        "revenue_usd": _known(movie.revenue),
        "budget_reported": movie.budget,
        "revenue_reported": movie.revenue,
        "popularity": movie.popularity,
        "vote_average": _mean(movie.vote_average, movie.vote_count),
        "vote_count": movie.vote_count,
        "is_adult": movie.adult,
        "genres": _names(movie.genres),
        "company_ids": [company.id for company in companies],
        "companies": [company.name for company in companies],
        "countries": _texts(country.iso_3166_1 for country in movie.production_countries),
        "origin_countries": _texts(movie.origin_country),
        "spoken_languages": _texts(spoken.iso_639_1 for spoken in movie.spoken_languages),
        "collection_id": collection.id if collection else None,
        "collection": collection.name if collection else None,
        "director_ids": [person.id for person in directors],
        "directors": [person.name for person in directors],
        "writer_ids": [person.id for person in writers],
        "writers": [person.name for person in writers],
        "cast_ids": [person.id for person in cast],
        "cast_names": [person.name for person in cast],
        "keywords": _names(movie.keywords.keywords if movie.keywords else []),
        "similar_ids": _similar_ids(movie),
        "us_certification": _us_certification(us_releases),
        "us_release_date": _us_release_date(us_releases),
        "trailer_youtube_key": _trailer(movie),
        "poster_path": movie.poster_path,
        "backdrop_path": movie.backdrop_path,
        "fetched_at": fetched_at,
    }


def _known(money: int | None) -> int | None:
    """TMDB writes 0, and at times less, where it knows no amount."""
    return money if money is not None and money > 0 else None


def _mean(mean: float | None, votes: int | None) -> float | None:
    """Without votes the 0.0 that TMDB sends is no rating; a mean of 0 cannot be voted either."""
    return mean if mean and votes != 0 else None


def _by_billing(cast: list[CastMember]) -> list[CastMember]:
    """In billing order; parts without a number come last, in the order sent."""
    return sorted(cast, key=lambda part: (part.order is None, part.order or 0))


def _distinct(people: Iterable[P]) -> list[P]:
    """The first entry of each id; without an id or a name the two lists would not match."""
    by_id: dict[int, P] = {}
    for person in people:
        if person.id is not None and person.name is not None:
            by_id.setdefault(person.id, person)
    return list(by_id.values())


def _names(things: list[Named]) -> list[str]:
    return _texts(thing.name for thing in things)


def _texts(values: Iterable[str | None]) -> list[str]:
    """The known ones, each once, in the order sent."""
    return list(dict.fromkeys(value for value in values if value is not None))


def _similar_ids(movie: MovieDetails) -> list[int]:
    similar = movie.similar.results if movie.similar else []
    ids = [other.id for other in similar if other.id is not None and other.id != movie.id]
    return list(dict.fromkeys(ids))


def _us_releases(movie: MovieDetails) -> list[Release]:
    countries = movie.release_dates.results if movie.release_dates else []
    return [
        release
        for country in countries
        if country.iso_3166_1 == "US"
        for release in country.release_dates
    ]


def _us_certification(releases: list[Release]) -> str | None:
    """The theatrical release's certification, then any other's."""
    certified = [release for release in releases if release.certification is not None]
    certified.sort(key=lambda release: release.type != 3)
    return certified[0].certification if certified else None


def _us_release_date(releases: list[Release]) -> date | None:
    """The first theatrical release; without one the first limited one, then the premiere."""
    for kind in _THEATRICAL_FIRST:
        days = [r.release_date for r in releases if r.type == kind and r.release_date is not None]
        if days:
            return min(days)
    return None


def _trailer(movie: MovieDetails) -> str | None:
    """The first trailer on YouTube, an official one before all others."""
    trailers = [
        video
        for video in (movie.videos.results if movie.videos else [])
        if video.site == "YouTube" and video.type == "Trailer" and video.key is not None
    ]
    trailers.sort(key=lambda video: video.official is not True)
    return trailers[0].key if trailers else None
