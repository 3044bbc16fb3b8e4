"""OMDb's one endpoint, "/": by imdb id, by title, by search; every failure as OMDb words it.

Key and quota are checked here because OMDb reports them in its own way. Bodies are next door.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ayne_dagster.sandbox.answers import OMDB_JSON, AnswerCache, respond, to_json
from ayne_dagster.sandbox.clock import SandboxClock
from ayne_dagster.sandbox.limiter import DailyQuota
from ayne_dagster.sandbox.omdb_bodies import OmdbBodies
from ayne_dagster.sandbox.world import World

PER_PAGE = 10
MAX_PAGE = 100
MIN_SEARCH_LENGTH = 3
_ANSWERS_KEPT = 2_048
_MAX_AGE = 3_600
_SHORTEST_ID = 7


class OmdbRoutes:
    """OMDb as Starlette routes.

    Args:
        world: the films in motion.
        clock: decides the day.
        keys: keys that are accepted.
        quota: requests per key and day; failed look-ups count too.
    """

    def __init__(
        self, world: World, clock: SandboxClock, *, keys: Iterable[str], quota: DailyQuota
    ) -> None:
        self._catalogue = world.catalogue
        self._clock = clock
        self._keys = frozenset(keys)
        self._quota = quota
        self._bodies = OmdbBodies(world)
        self._answers = AnswerCache(_ANSWERS_KEPT)

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [Route("/", self.answer)]

    async def answer(self, request: Request) -> Response:
        """Answer one request: key first, then quota, then the question."""
        params = request.query_params
        key = params.get("apikey", "")
        if not key:
            return _failure("No API key provided.", 401)
        if key not in self._keys:
            return _failure("Invalid API key!", 401)
        if not self._quota.try_pass(key):
            return _failure("Request limit reached!", 401)
        if "i" in params:
            return self._by_id(request, params["i"])
        if params.get("t", "").strip():
            return self._by_title(request, params["t"].strip(), params.get("y", ""))
        if "s" in params:
            return self._search(request, params["s"].strip())
        return _failure("Incorrect IMDb ID.")

    def _by_id(self, request: Request, text: str) -> Response:
        digits = text.removeprefix("tt")
        if not text.startswith("tt") or not digits or not digits.isascii():
            return _failure("Incorrect IMDb ID.")
        if not digits.isdecimal():
            if re.search(r"\d", digits):
                return _conversion_failure(digits)
            return _failure("Incorrect IMDb ID.")
        if len(digits) < _SHORTEST_ID:
            return _failure("Incorrect IMDb ID.")
        row = self._catalogue.row_of(text)
        if row is None or not self._catalogue.columns.has_rating[row]:
            return _failure("Error getting data.")
        return self._film(request, row)

    def _by_title(self, request: Request, title: str, year: str) -> Response:
        rows = self._known(self._catalogue.rows_by_folded_title.get(title.casefold(), []))
        rows = [row for row in rows if not year or self._bodies.year(row).startswith(year)]
        kind = request.query_params.get("type", "")
        rows = [row for row in rows if not kind or self._bodies.kind(row) == kind]
        if not rows:
            return _failure("Movie not found!")
        return self._film(request, max(rows, key=self._bodies.votes))

    def _search(self, request: Request, text: str) -> Response:
        if len(text) < MIN_SEARCH_LENGTH:
            return _failure("Too many results.")
        params = request.query_params
        page_text = params.get("page", "1")
        page = int(page_text) if page_text.isdecimal() and page_text.isascii() else 1
        folded, year, kind = text.casefold(), params.get("y", ""), params.get("type", "")
        titles = self._catalogue.folded_titles
        rows = [
            row
            for row in self._known(row for row, title in enumerate(titles) if folded in title)
            if (not year or self._bodies.year(row).startswith(year))
            and (not kind or self._bodies.kind(row) == kind)
        ]
        rows.sort(key=self._bodies.votes, reverse=True)
        shown = rows[(page - 1) * PER_PAGE : page * PER_PAGE] if 1 <= page <= MAX_PAGE else []
        if not shown:
            return _failure("Movie not found!")
        body = {
            "Search": [self._bodies.search_item(row) for row in shown],
            "totalResults": str(len(rows)),
            "Response": "True",
        }
        return Response(to_json(body), headers=_HEADERS, media_type=OMDB_JSON)

    def _known(self, rows: Iterable[int]) -> list[int]:
        return [row for row in rows if self._catalogue.columns.has_rating[row]]

    def _film(self, request: Request, row: int) -> Response:
        day = self._clock.today().toordinal()
        answer = self._answers.get((row, day), lambda: to_json(self._bodies.film(row, day)))
        return respond(request, answer, max_age=_MAX_AGE, media_type=OMDB_JSON)


_HEADERS = {"cache-control": f"public, max-age={_MAX_AGE}", "vary": "*"}


def _failure(error: str, status: int = 200) -> Response:
    return Response(to_json({"Response": "False", "Error": error}), status, media_type=OMDB_JSON)


def _conversion_failure(digits: str) -> Response:
    """Return the answer to an id with letters in it: 200, and not JSON (bare quotes)."""
    error = f"""Conversion from string "{digits}" to type 'Double' is not valid."""
    return Response(f'{{"Response":"False","Error":"{error}"}}', media_type=OMDB_JSON)
