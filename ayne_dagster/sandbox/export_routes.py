"""The bulk files: TMDB's daily id exports and IMDb's ratings and basics.

No key is needed here, as with the real files. Each file is built once per day and kept.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from datetime import date, timedelta

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ayne_dagster.sandbox.answers import AnswerCache, respond, to_json
from ayne_dagster.sandbox.clock import SandboxClock
from ayne_dagster.sandbox.omdb_bodies import OmdbBodies
from ayne_dagster.sandbox.reference_data import GENRES
from ayne_dagster.sandbox.world import World

READY_HOUR_UTC = 8
KEPT_DAYS = 91
_GZIP = "application/gzip"
_FILES_KEPT = 4
_MAX_AGE = 3_600
_IMDB_GENRES = 3
_FILE_NAME = re.compile(r"(adult_)?movie_ids_(\d\d)_(\d\d)_(\d{4})\.json\.gz\Z")
_MISSING = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
)
# Entries of other kinds, so that readers must filter by titleType and take quotes literally.
_OTHER_TITLES = (
    'tt9900001\ttvSeries\t"Swinging" Ferrymen\t"Swinging" Ferrymen\t0\t1998\t2003\t\\N\tComedy',
    "tt9900002\tshort\tNA\tNA\t0\t\\N\t\\N\t9\t\\N",
    "tt99000003\tvideoGame\tOrrery\tOrrery\t0\t2021\t\\N\t\\N\tAction",
)


class ExportRoutes:
    """The bulk files as Starlette routes."""

    def __init__(self, world: World, clock: SandboxClock) -> None:
        self._world = world
        self._catalogue = world.catalogue
        self._clock = clock
        self._omdb = OmdbBodies(world)
        self._files = AnswerCache(_FILES_KEPT)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/p/exports/{name}", self.daily_ids),
            Route("/title.ratings.tsv.gz", self.title_ratings),
            Route("/title.basics.tsv.gz", self.title_basics),
        ]

    async def daily_ids(self, request: Request) -> Response:
        """Answer a day's id file: ready at 08:00 UTC, kept for three months."""
        found = _FILE_NAME.match(request.path_params["name"])
        day = _day_of(found) if found else None
        if found is None or day is None or not self._is_there(day):
            return Response(_MISSING, 404, media_type="application/xml")
        if found[1]:
            answer = self._files.get("adult", lambda: gzip.compress(b"", mtime=0))
        else:
            answer = self._files.get(("ids", day), lambda: _packed(self._id_lines(day)))
        return respond(request, answer, max_age=_MAX_AGE, media_type=_GZIP)

    async def title_ratings(self, request: Request) -> Response:
        """Answer IMDb's ratings of every film with an imdb id and votes."""
        day = self._clock.today()
        answer = self._files.get(("ratings", day), lambda: _packed(self._rating_lines(day)))
        return respond(request, answer, max_age=_MAX_AGE, media_type=_GZIP)

    async def title_basics(self, request: Request) -> Response:
        """Answer IMDb's basic facts."""
        answer = self._files.get("basics", lambda: _packed(self._basics_lines()))
        return respond(request, answer, max_age=_MAX_AGE, media_type=_GZIP)

    def _is_there(self, day: date) -> bool:
        now = self._clock.now()
        is_ready = day < now.date() or (day == now.date() and now.hour >= READY_HOUR_UTC)
        return is_ready and day >= now.date() - timedelta(days=KEPT_DAYS)

    def _id_lines(self, day: date) -> Iterator[str]:
        columns = self._catalogue.columns
        popularity = self._world.numbers(day.toordinal()).popularity.tolist()
        for row, film_id in enumerate(columns.id.tolist()):
            yield to_json(
                {
                    "adult": False,
                    "id": film_id,
                    "original_title": columns.original_title[row],
                    "popularity": popularity[row],
                    "video": False,
                }
            )

    def _rating_lines(self, day: date) -> Iterator[str]:
        yield "tconst\taverageRating\tnumVotes"
        for row, imdb_id in enumerate(self._catalogue.columns.imdb_id):
            numbers = self._omdb.imdb_numbers(row, day.toordinal()) if imdb_id else None
            if numbers is not None:
                yield f"{imdb_id}\t{numbers[0]:.1f}\t{numbers[1]}"

    def _basics_lines(self) -> Iterator[str]:
        yield (
            "tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear"
            "\truntimeMinutes\tgenres"
        )
        yield from _OTHER_TITLES
        for row, imdb_id in enumerate(self._catalogue.columns.imdb_id):
            if imdb_id is None:
                continue
            film = self._catalogue.film(row)
            genres = [GENRES[genre] for genre in film.genre_ids[:_IMDB_GENRES] if genre in GENRES]
            yield "\t".join(
                (
                    imdb_id,
                    "movie",
                    film.title,
                    film.original_title,
                    "0",
                    film.release_date[:4] or r"\N",
                    r"\N",
                    str(film.runtime) if film.runtime else r"\N",
                    ",".join(genres) or r"\N",
                )
            )


def _day_of(found: re.Match[str]) -> date | None:
    try:
        return date(int(found[4]), int(found[2]), int(found[3]))
    except ValueError:
        return None


def _packed(lines: Iterator[str]) -> bytes:
    """Return gzipped lines; the time stamp is left out so that the same day gives the same file."""
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), compresslevel=5, mtime=0)
