"""TMDB's endpoints under /3: parse a request, ask for rows, send the body.

Authentication and limits have passed before a request comes here; bodies and orders are built
in the modules next door.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import numpy as np
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ayne_dagster.sandbox.answers import AnswerCache, Encoded, TmdbError, respond, to_json
from ayne_dagster.sandbox.catalogue import Ints
from ayne_dagster.sandbox.clock import SandboxClock
from ayne_dagster.sandbox.reference_data import CONFIGURATION, GENRES
from ayne_dagster.sandbox.tmdb_bodies import PER_PAGE, FilmBodies, page_count
from ayne_dagster.sandbox.tmdb_parts import PARTS_WITHOUT_ID, FilmParts
from ayne_dagster.sandbox.tmdb_queries import FilmQueries, list_window, parse_day
from ayne_dagster.sandbox.world import World

MAX_PAGE = 500
MAX_APPENDED = 20
CHANGES_PER_PAGE = 100
CHANGES_MAX_DAYS = 14
_ANSWERS_KEPT = 2_048
_PAGES_KEPT = 1_024
_LIST_AGE, _FILM_AGE, _FIXED_AGE, _CHANGES_AGE = 1_800, 4_200, 86_400, 600
_REFERENCE = re.compile(r"(tt\d+|\d+)(-.*)?\Z")
_LISTS = ("popular", "top_rated", "now_playing", "upcoming")
_FIND_ARRAYS = (
    "movie_results", "person_results", "tv_results", "tv_episode_results", "tv_season_results",
)  # fmt: skip
_FIND_SOURCES = frozenset(
    (
        "imdb_id", "facebook_id", "instagram_id", "tvdb_id", "tiktok_id", "twitter_id",
        "wikidata_id", "youtube_id",
    )
)  # fmt: skip


class TmdbRoutes:
    """TMDB as Starlette routes.

    Args:
        world: the films in motion.
        clock: decides the day.
        page_cap: highest page that is answered (the service: 500).
        is_drifting: when true, lists are reshuffled a little between two requests, so that
            pages overlap and miss films and totals move.
    """

    def __init__(
        self,
        world: World,
        clock: SandboxClock,
        *,
        page_cap: int = MAX_PAGE,
        is_drifting: bool = False,
    ) -> None:
        self._world = world
        self._catalogue = world.catalogue
        self._clock = clock
        self._page_cap = page_cap
        self._is_drifting = is_drifting
        self._drift_turn = 0
        self._bodies = FilmBodies(world)
        self._parts = FilmParts(world, self._bodies)
        self._queries = FilmQueries(world)
        self._films = AnswerCache(_ANSWERS_KEPT)
        self._pages = AnswerCache(_PAGES_KEPT)
        for kept in (self._films, self._pages):
            world.when_edited(kept.clear)

    def routes(self) -> list[Route]:
        """Return the routes; fixed names come before ids."""
        named = [Route(f"/3/movie/{name}", self._named_list(name)) for name in _LISTS]
        return [
            Route("/3/authentication", self.authentication),
            Route("/3/configuration", self.configuration),
            Route("/3/genre/movie/list", self.genres),
            Route("/3/discover/movie", self.discover),
            *named,
            Route("/3/movie/changes", self.changes),
            Route("/3/movie/latest", self.latest),
            Route("/3/movie/{reference}", self.movie),
            Route("/3/movie/{reference}/{part:path}", self.part),
            Route("/3/trending/movie/{window}", self.trending),
            Route("/3/search/movie", self.search),
            Route("/3/find/{external_id}", self.find),
        ]

    async def authentication(self, request: Request) -> Response:
        """Confirm a credential that has been checked already."""
        body = {"success": True, "status_code": 1, "status_message": "Success."}
        return respond(request, Encoded.of(to_json(body)), max_age=0)

    async def configuration(self, request: Request) -> Response:
        """Answer image sizes and change keys."""
        return respond(request, Encoded.of(to_json(CONFIGURATION)), max_age=_FIXED_AGE)

    async def genres(self, request: Request) -> Response:
        """Answer the genres of films."""
        body = {"genres": [{"id": genre_id, "name": name} for genre_id, name in GENRES.items()]}
        return respond(request, Encoded.of(to_json(body)), max_age=_FIXED_AGE)

    async def discover(self, request: Request) -> Response:
        """Answer a page of the films that match the filters."""
        params = dict(request.query_params)
        return self._list(request, lambda day: self._queries.discover(params, day))

    async def trending(self, request: Request) -> Response:
        """Answer the films of a day's or a week's attention."""
        window = request.path_params["window"]
        if window not in ("day", "week"):
            raise TmdbError(34)
        top = MAX_PAGE * PER_PAGE
        return self._list(
            request, lambda day: self._queries.trending(window, day)[:top], media_type=True
        )

    async def search(self, request: Request) -> Response:
        """Answer films by title; without a query the error has its own shape."""
        params = request.query_params
        text = params.get("query", "")
        if not text.strip():
            return Response(
                to_json({"errors": ["query must be provided"]}), 422, media_type="application/json"
            )
        year = params.get("primary_release_year") or params.get("year")
        return self._list(request, lambda day: self._queries.search(text, year, day))

    async def find(self, request: Request) -> Response:
        """Answer the film of an external id; only imdb ids of films are known."""
        source = request.query_params.get("external_source", "")
        if source not in _FIND_SOURCES:
            raise TmdbError(5)
        external_id = request.path_params["external_id"]
        row = self._catalogue.row_of(external_id) if source == "imdb_id" else None
        if row is not None and not external_id.startswith("tt"):
            row = None
        item = "" if row is None else self._bodies.list_item(row, self._day(), media_type=True)
        arrays = (f'"{name}":[{item if name == "movie_results" else ""}]' for name in _FIND_ARRAYS)
        return respond(request, Encoded.of("{" + ",".join(arrays) + "}"), max_age=_LIST_AGE)

    async def movie(self, request: Request) -> Response:
        """Answer a film's details with everything that `append_to_response` asks for."""
        row = self._row(request.path_params["reference"])
        names = dict.fromkeys(
            name.strip() for name in request.query_params.get("append_to_response", "").split(",")
        )
        names.pop("", None)
        if len(names) > MAX_APPENDED:
            raise TmdbError(27)
        appended = tuple(name for name in names if name in self._parts.by_name)
        day = self._day()

        def build() -> str:
            pieces = [to_json(self._bodies.movie(row, day))[:-1]]
            pieces += [f'"{name}":{self._parts.by_name[name](row, day, 1)}' for name in appended]
            return ",".join(pieces) + "}"

        return respond(request, self._films.get((row, appended, day), build), max_age=_FILM_AGE)

    async def part(self, request: Request) -> Response:
        """Answer one part of a film on its own."""
        name = request.path_params["part"]
        build = self._parts.by_name.get(name)
        if build is None:
            raise TmdbError(34)
        row = self._row(request.path_params["reference"])
        if name == "changes":
            first, last = self._change_window(request)
            body = self._parts.changes(row, first, last, self._day())
            return respond(request, Encoded.of(body), max_age=_CHANGES_AGE)
        body = build(row, self._day(), self._page(request))
        if name not in PARTS_WITHOUT_ID:
            body = f'{{"id":{int(self._catalogue.columns.id[row])},{body[1:]}'
        return respond(request, Encoded.of(body), max_age=_FILM_AGE)

    async def latest(self, request: Request) -> Response:
        """Answer the newest entry (the highest id)."""
        body = to_json(self._bodies.movie(self._catalogue.latest_row, self._day()))
        return respond(request, Encoded.of(body), max_age=0)

    async def changes(self, request: Request) -> Response:
        """Answer the ids of films edited in a window of at most 14 days, and no older.

        That the service knows nothing older is the stricter reading of "up to 14 days": whoever
        gets along with it gets along with the other.
        """
        page = self._page(request)
        first, last = self._change_window(request)
        if first < self._day() - CHANGES_MAX_DAYS:
            raise TmdbError(20)
        rows, gone = self._queries.changed(first, min(last, self._day()))
        items = [
            {"id": film_id, "adult": False, "softcore": False}
            for film_id in self._catalogue.columns.id[rows].tolist()
        ]
        for place, film_id in enumerate(gone):
            items.insert(7 * place, {"id": film_id, "adult": None, "softcore": None})
        start = (page - 1) * CHANGES_PER_PAGE
        body = {
            "results": items[start : start + CHANGES_PER_PAGE],
            "page": page,
            "total_pages": page_count(len(items), CHANGES_PER_PAGE),
            "total_results": len(items),
        }
        return respond(request, Encoded.of(to_json(body)), max_age=_CHANGES_AGE)

    def _named_list(self, name: str) -> Callable[[Request], object]:
        async def answer(request: Request) -> Response:
            return self._list(
                request,
                lambda day: self._queries.named_list(name, day),
                has_dates=name in ("now_playing", "upcoming"),
                name=name,
            )

        return answer

    def _list(
        self,
        request: Request,
        find_rows: Callable[[int], Ints],
        *,
        media_type: bool = False,
        has_dates: bool = False,
        name: str = "",
    ) -> Response:
        page, day = self._page(request), self._day()

        def build() -> str:
            rows = find_rows(day)
            total = len(rows)
            if self._is_drifting:
                rows, total = self._drift(rows)
            window = list_window(name, day) if has_dates else (1, 1)
            first, last = (date.fromordinal(edge).isoformat() for edge in window)
            return self._bodies.page(
                rows[(page - 1) * PER_PAGE : page * PER_PAGE].tolist(),
                day,
                page=page,
                total_results=total,
                media_type=media_type,
                dates=(first, last) if has_dates else None,
            )

        if self._is_drifting:
            return respond(request, Encoded.of(build()), max_age=0)
        asked = tuple(
            sorted((k, v) for k, v in request.query_params.items() if k not in ("api_key", "page"))
        )
        answer = self._pages.get((request.url.path, asked, page, day), build)
        return respond(request, answer, max_age=_LIST_AGE)

    def _drift(self, rows: Ints) -> tuple[Ints, int]:
        """Return the rows with neighbours shuffled, one film left out, and a moved total."""
        self._drift_turn += 1
        rng = np.random.default_rng([self._catalogue.seed, self._drift_turn])
        shuffled = rows[np.argsort(np.arange(len(rows)) + rng.uniform(0, 6, size=len(rows)))]
        if self._drift_turn % 2 and len(shuffled) > PER_PAGE:
            shuffled = np.delete(shuffled, int(rng.integers(0, PER_PAGE)))
        return shuffled, len(shuffled)

    def _day(self) -> int:
        return self._clock.today().toordinal()

    def _row(self, reference: str) -> int:
        found = _REFERENCE.match(reference)
        if found is None:
            raise TmdbError(6)
        row = self._catalogue.row_of(found[1])
        if row is None:
            raise TmdbError(34)
        return row

    def _page(self, request: Request) -> int:
        text = request.query_params.get("page", "1")
        if not (text.isdecimal() and text.isascii() and 1 <= int(text[:9]) <= self._page_cap):
            raise TmdbError(22, top=self._page_cap)
        return int(text)

    def _change_window(self, request: Request) -> tuple[int, int]:
        """Return first and last day; by default the last 24 hours."""
        params, today = request.query_params, self._day()
        start, end = params.get("start_date"), params.get("end_date")
        last = parse_day(end) if end else None
        if start:
            first = parse_day(start)
            # A start alone asks for as much as one request may span.
            last = min(first + CHANGES_MAX_DAYS, max(today, first)) if last is None else last
        else:
            last = today if last is None else last
            first = last - 1
        if not 0 <= last - first <= CHANGES_MAX_DAYS:
            raise TmdbError(20)
        return first, last
