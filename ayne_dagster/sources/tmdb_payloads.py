"""What TMDB sends, as tolerant models: unknown keys ignored, odd values unknown.

Lives here: the shapes. Not here: the rules for single values (`quirks.py`) and the rows made of
them (`tmdb_rows.py`). Only what makes an answer another answer (no id, no results) is refused.
"""

from collections.abc import Callable
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ayne_dagster.sources import quirks

Text = Annotated[str | None, BeforeValidator(quirks.text)]
Identity = Annotated[int | None, BeforeValidator(quirks.positive)]
Language = Annotated[str | None, BeforeValidator(quirks.language)]
Day = Annotated[date | None, BeforeValidator(quirks.iso_date)]
DayOfMoment = Annotated[date | None, BeforeValidator(quirks.day_of_moment)]
Count = Annotated[int | None, BeforeValidator(quirks.count)]
Amount = Annotated[float | None, BeforeValidator(quirks.amount)]
Mean = Annotated[float | None, BeforeValidator(quirks.rating)]
Flag = Annotated[bool | None, BeforeValidator(quirks.flag)]
Money = Annotated[int | None, BeforeValidator(quirks.whole)]
Minutes = Annotated[int | None, BeforeValidator(quirks.runtime)]
ImdbId = Annotated[str | None, BeforeValidator(quirks.imdb_id)]
FilmId = Annotated[int, Field(ge=1)]


def _objects(value: Any) -> Any:
    """A list's objects; null is an empty list, and what is no object in it is left out."""
    if value is None:
        return []
    if not isinstance(value, list):
        return value
    return [entry for entry in value if isinstance(entry, dict)]


def _object(value: Any) -> Any:
    """An object, or nothing."""
    return value if isinstance(value, dict) else None


def _texts(value: Any) -> Any:
    """A list's texts; null is an empty list."""
    if value is None:
        return []
    if not isinstance(value, list):
        return value
    return [cleaned for entry in value if (cleaned := quirks.text(entry)) is not None]


Objects = BeforeValidator(_objects)
Texts = Annotated[list[str], BeforeValidator(_texts)]


class Payload(BaseModel):
    """Base of all: keys nobody knows yet (`softcore` came in 2026) are ignored."""

    model_config = ConfigDict(extra="ignore", frozen=True)


class ListedMovie(Payload):
    """A film in a list, in discover, search, similar or find."""

    id: FilmId
    title: Text = None
    original_title: Text = None
    original_language: Language = None
    release_date: Day = None
    popularity: Amount = None
    vote_average: Mean = None
    vote_count: Count = None


class MoviePage(Payload):
    """A page of films. An empty answer has `total_pages` 1."""

    page: int
    results: list[ListedMovie]
    total_pages: Annotated[int, Field(ge=0)]
    total_results: Annotated[int, Field(ge=0)]


class ChangedMovie(Payload):
    """A film in the change feed; null flags probably mean that it is gone."""

    id: FilmId
    adult: Flag = None


class ChangesPage(Payload):
    """A page of the change feed."""

    page: int
    results: list[ChangedMovie]
    total_pages: Annotated[int, Field(ge=0)]
    total_results: Annotated[int, Field(ge=0)]


class Named(Payload):
    """Something with an id and a name: genre, company, keyword, collection."""

    id: Identity = None
    name: Text = None


class Country(Payload):
    """A producing country."""

    iso_3166_1: Text = None


class SpokenLanguage(Payload):
    """A spoken language."""

    iso_639_1: Text = None


class CastMember(Payload):
    """A part in the film; a person may have several."""

    id: Identity = None
    name: Text = None
    order: Count = None


class CrewMember(Payload):
    """A job in the film; a person may have several."""

    id: Identity = None
    name: Text = None
    department: Text = None
    job: Text = None


class Credits(Payload):
    """Cast and crew."""

    cast: Annotated[list[CastMember], Objects]
    crew: Annotated[list[CrewMember], Objects]


class Keywords(Payload):
    """Keywords."""

    keywords: Annotated[list[Named], Objects]


class Video(Payload):
    """A trailer, teaser or clip."""

    key: Text = None
    site: Text = None
    type: Text = None
    official: Flag = None


class Videos(Payload):
    """Videos."""

    results: Annotated[list[Video], Objects]


class SimilarMovie(Payload):
    """A similar film; only its id is used."""

    id: Identity = None


class SimilarMovies(Payload):
    """The first page of similar films."""

    results: Annotated[list[SimilarMovie], Objects]


class ExternalIds(Payload):
    """Ids at other services."""

    imdb_id: ImdbId
    wikidata_id: Text = None


class Release(Payload):
    """One release in one country. Types: 1 premiere, 2 limited, 3 theatrical, 4-6 other."""

    certification: Text = None
    release_date: DayOfMoment = None
    type: Count = None


class CountryReleases(Payload):
    """A country's releases."""

    iso_3166_1: Text = None
    release_dates: Annotated[list[Release], Objects] = []


class ReleaseDates(Payload):
    """Releases of all countries."""

    results: Annotated[list[CountryReleases], Objects]


APPENDED: dict[str, type[Payload]] = {
    "credits": Credits,
    "keywords": Keywords,
    "videos": Videos,
    "similar": SimilarMovies,
    "external_ids": ExternalIds,
    "release_dates": ReleaseDates,
}
"""What is asked for with every film, in the same request."""


def _unless_error(model: type[Payload]) -> Callable[[Any], Any]:
    """A part that is an error object or lacks its keys was not delivered: it counts as missing."""
    required = [name for name, info in model.model_fields.items() if info.is_required()]

    def read(value: Any) -> Any:
        is_delivered = (
            isinstance(value, dict)
            and value.get("success") is not False
            and all(name in value for name in required)
        )
        return value if is_delivered else None

    return read


class MovieDetails(Payload):
    """A film with everything appended. A part that was not delivered is None."""

    id: FilmId
    imdb_id: ImdbId = None
    title: Text = None
    original_title: Text = None
    original_language: Language = None
    overview: Text = None
    tagline: Text = None
    homepage: Text = None
    status: Text = None
    release_date: Day = None
    runtime: Minutes = None
    budget: Money = None
    revenue: Money = None
    popularity: Amount = None
    vote_average: Mean = None
    vote_count: Count = None
    adult: Flag = None
    poster_path: Text = None
    backdrop_path: Text = None
    belongs_to_collection: Annotated[Named | None, BeforeValidator(_object)] = None
    genres: Annotated[list[Named], Objects] = []
    production_companies: Annotated[list[Named], Objects] = []
    production_countries: Annotated[list[Country], Objects] = []
    spoken_languages: Annotated[list[SpokenLanguage], Objects] = []
    origin_country: Texts = []
    credits: Annotated[Credits | None, BeforeValidator(_unless_error(Credits))] = None
    keywords: Annotated[Keywords | None, BeforeValidator(_unless_error(Keywords))] = None
    videos: Annotated[Videos | None, BeforeValidator(_unless_error(Videos))] = None
    similar: Annotated[SimilarMovies | None, BeforeValidator(_unless_error(SimilarMovies))] = None
    external_ids: Annotated[ExternalIds | None, BeforeValidator(_unless_error(ExternalIds))] = None
    release_dates: Annotated[ReleaseDates | None, BeforeValidator(_unless_error(ReleaseDates))] = (
        None
    )

    @property
    def missing_parts(self) -> list[str]:
        """Appended parts that were not delivered."""
        return [name for name in APPENDED if getattr(self, name) is None]
