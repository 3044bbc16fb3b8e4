"""OMDb's bodies: everything a string, "N/A" for what is not known.

How a request is understood, and its failures, stand in the routes.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from ayne_dagster.sandbox.film_records import Credits, Rating
from ayne_dagster.sandbox.growth import vote_share
from ayne_dagster.sandbox.hashing import mix, pick_hex
from ayne_dagster.sandbox.reference_data import GENRES, OMDB_COUNTRIES, english_language
from ayne_dagster.sandbox.world import World

NOT_KNOWN = "N/A"
# Young films have no ratings at OMDb for about this long.
RATING_DELAY_DAYS = 14
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_OMDB_GENRES = {"Science Fiction": "Sci-Fi"}
_LISTED_PEOPLE = 3


class OmdbBodies:
    """Builds OMDb answers for the films of a world; `row` must be known to OMDb."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._catalogue = world.catalogue

    def film(self, row: int, day: int) -> dict[str, Any]:
        """Return the full answer for one film."""
        film = self._catalogue.film(row)
        people, rating = self._catalogue.credits(row), self._rating(row)
        is_rated = self._is_rated(row, day)
        score = rating.imdb_rating if is_rated else None
        votes = self._votes_on(row, rating, day) if is_rated else None
        metascore = rating.metascore if is_rated else None
        tomatoes = rating.rotten_tomatoes if is_rated else None
        body: dict[str, Any] = {
            "Title": rating.title or film.title,
            "Year": self.year(row),
            "Rated": rating.rated or NOT_KNOWN,
            "Released": _written_date(film.release_date),
            "Runtime": f"{film.runtime} min" if film.runtime else NOT_KNOWN,
            "Genre": _listed(
                _OMDB_GENRES.get(GENRES[genre], GENRES[genre])
                for genre in film.genre_ids
                if genre in GENRES
            ),
            "Director": _people(people, "Director"),
            "Writer": _people(people, "Screenplay", "Writer"),
            "Actors": _listed(person.name for person in people.cast[:_LISTED_PEOPLE]),
            "Plot": film.overview or NOT_KNOWN,
            "Language": _listed(english_language(code, name) for code, name in film.languages),
            "Country": _listed(OMDB_COUNTRIES.get(code, name) for code, name in film.countries),
            "Awards": rating.awards or NOT_KNOWN,
            "Poster": self._poster(row),
            "Ratings": _ratings(score, tomatoes, metascore),
            "Metascore": _text(metascore),
            "imdbRating": NOT_KNOWN if score is None else f"{score:.1f}",
            "imdbVotes": NOT_KNOWN if votes is None else f"{votes:,}",
            "imdbID": film.imdb_id or "",
            "Type": rating.kind,
        }
        if rating.kind == "series":
            body["totalSeasons"] = _text(rating.total_seasons)
        else:
            dollars = rating.box_office_usd if is_rated else None
            body["DVD"] = NOT_KNOWN
            body["BoxOffice"] = NOT_KNOWN if dollars is None else f"${dollars:,}"
            body["Production"] = NOT_KNOWN
            body["Website"] = NOT_KNOWN
        body["Response"] = "True"
        return body

    def search_item(self, row: int) -> dict[str, str]:
        """Return a film as it stands in a search."""
        film, rating = self._catalogue.film(row), self._rating(row)
        return {
            "Title": rating.title or film.title,
            "Year": self.year(row),
            "imdbID": film.imdb_id or "",
            "Type": rating.kind,
            "Poster": self._poster(row),
        }

    def year(self, row: int) -> str:
        """Return the Year field; series have a span with an en dash."""
        return self._rating(row).year or self._catalogue.film(row).release_date[:4] or NOT_KNOWN

    def kind(self, row: int) -> str:
        """Return movie, series or game."""
        return self._rating(row).kind

    def votes(self, row: int) -> int:
        """Return the votes of the catalogue's day (0 when unknown)."""
        return self._rating(row).imdb_votes or 0

    def imdb_numbers(self, row: int, day: int) -> tuple[float, int] | None:
        """Return IMDb's rating and votes on a day, None when it shows none."""
        rating = self._catalogue.rating(row)
        if rating is None or rating.imdb_rating is None or not self._is_rated(row, day):
            return None
        votes = self._votes_on(row, rating, day)
        return None if votes is None else (rating.imdb_rating, votes)

    def _rating(self, row: int) -> Rating:
        rating = self._catalogue.rating(row)
        if rating is None:
            raise LookupError(f"OMDb knows nothing of row {row}")
        return rating

    def _is_rated(self, row: int, day: int) -> bool:
        release_day = int(self._catalogue.columns.release_day[row])
        if release_day == 0 or self._world.frozen:
            return True
        return self._world.effective_day(day) - release_day >= RATING_DELAY_DAYS

    def _votes_on(self, row: int, rating: Rating, day: int) -> int | None:
        """Return the votes grown since the catalogue's day at the pace of TMDB's."""
        release_day = int(self._catalogue.columns.release_day[row])
        day = self._world.effective_day(day)
        as_of = self._catalogue.as_of.toordinal()
        if rating.imdb_votes is None or release_day == 0 or day == as_of:
            return rating.imdb_votes
        before, now = vote_share(np.array([as_of - release_day, day - release_day])).tolist()
        if before == 0:
            final = int(self._catalogue.columns.final_vote_count[row])
            return max(round(final * now * 20), rating.imdb_votes)
        return round(rating.imdb_votes * now / before)

    def _poster(self, row: int) -> str:
        film = self._catalogue.film(row)
        if film.poster_path is None:
            return NOT_KNOWN
        return f"https://posters.example/images/M/{pick_hex(mix(film.id, 41), 20)}.jpg"


def _text(value: int | None) -> str:
    return NOT_KNOWN if value is None else str(value)


def _listed(names: Any) -> str:
    return ", ".join(names) or NOT_KNOWN


def _people(people: Credits, *jobs: str) -> str:
    names = dict.fromkeys(person.name for person in people.crew if person.job in jobs)
    return _listed(list(names)[:_LISTED_PEOPLE])


def _written_date(text: str) -> str:
    """Return "25 May 1977" for an ISO date; months are English whatever the locale is."""
    if not text:
        return NOT_KNOWN
    day = date.fromisoformat(text)
    return f"{day.day:02d} {_MONTHS[day.month - 1]} {day.year}"


def _ratings(
    score: float | None, tomatoes: int | None, metascore: int | None
) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    if score is not None:
        found.append({"Source": "Internet Movie Database", "Value": f"{score:.1f}/10"})
    if tomatoes is not None:
        found.append({"Source": "Rotten Tomatoes", "Value": f"{tomatoes}%"})
    if metascore is not None:
        found.append({"Source": "Metacritic", "Value": f"{metascore}/100"})
    return found
