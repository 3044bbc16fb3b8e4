"""The records a catalogue hands out: film, credits, keyword, rating.

Plain immutable data in the services' own conventions (0, "", None for "not known").
How they are stored and how they become JSON is decided elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Company:
    """A production company; `origin_country` is "" when the service does not know it."""

    id: int
    name: str
    origin_country: str = ""
    logo_path: str | None = None


@dataclass(frozen=True, slots=True)
class Collection:
    """A series of films that belong together."""

    id: int
    name: str
    poster_path: str | None = None
    backdrop_path: str | None = None


@dataclass(frozen=True, slots=True)
class Keyword:
    """A keyword of a film."""

    id: int
    name: str


@dataclass(frozen=True, slots=True)
class Credit:
    """One person's part in one film; `character` and `order` belong to cast only."""

    person_id: int
    name: str
    department: str
    job: str = ""
    character: str = ""
    order: int = 0
    gender: int = 0
    popularity: float = 0.0
    profile_path: str | None = None


@dataclass(frozen=True, slots=True)
class Credits:
    """Everybody who worked on a film."""

    cast: tuple[Credit, ...] = ()
    crew: tuple[Credit, ...] = ()


@dataclass(frozen=True, slots=True)
class Film:
    """A film as the service knew it on the catalogue's `as_of` day.

    `release_date` is "" when unknown; `budget`, `revenue` (USD) and `runtime` (minutes) are 0
    when unknown; `countries` and `languages` are pairs of ISO code and (own) name.
    """

    id: int
    title: str
    original_title: str
    original_language: str
    release_date: str
    imdb_id: str | None = None
    overview: str = ""
    tagline: str = ""
    homepage: str = ""
    status: str = "Released"
    runtime: int = 0
    budget: int = 0
    poster_path: str | None = None
    backdrop_path: str | None = None
    genre_ids: tuple[int, ...] = ()
    companies: tuple[Company, ...] = ()
    countries: tuple[tuple[str, str], ...] = ()
    languages: tuple[tuple[str, str], ...] = ()
    collection: Collection | None = None
    us_certification: str = ""
    trailer_key: str | None = None


@dataclass(frozen=True, slots=True)
class Rating:
    """What OMDb knows about an imdb id; None is "N/A" there.

    `imdb_votes` are those of the `as_of` day, `box_office_usd` is the United States only.
    """

    imdb_rating: float | None = None
    imdb_votes: int | None = None
    metascore: int | None = None
    rotten_tomatoes: int | None = None
    box_office_usd: int | None = None
    awards: str | None = None
    rated: str | None = None
    year: str | None = None
    kind: str = "movie"
    title: str | None = None
    total_seasons: int | None = None
