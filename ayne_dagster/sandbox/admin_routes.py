"""The sandbox's own pages under /_sandbox: health, statistics, clock, edits, catalogue. No key.

Nothing the platform collects comes from here; tests and people steer the stand-in with it.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import date, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ayne_dagster.sandbox.clock import SandboxClock
from ayne_dagster.sandbox.faults.layer import FaultCounts
from ayne_dagster.sandbox.limiter import DailyQuota
from ayne_dagster.sandbox.request_statistics import RequestStatistics
from ayne_dagster.sandbox.world import World


class AdminRoutes:
    """The sandbox's own pages as Starlette routes."""

    def __init__(
        self,
        world: World,
        clock: SandboxClock,
        statistics: RequestStatistics,
        quota: DailyQuota,
        faults: FaultCounts,
    ) -> None:
        self._world = world
        self._catalogue = world.catalogue
        self._clock = clock
        self._statistics = statistics
        self._quota = quota
        self._faults = faults

    def routes(self) -> list[Route]:
        """Return the routes."""
        return [
            Route("/_sandbox/health", self.health),
            Route("/_sandbox/stats", self.stats),
            Route("/_sandbox/reset_stats", self.reset_stats, methods=["POST"]),
            Route("/_sandbox/clock", self.clock, methods=["GET"]),
            Route("/_sandbox/clock", self.move_clock, methods=["POST"]),
            Route("/_sandbox/edits", self.edits, methods=["GET"]),
            Route("/_sandbox/edits", self.order_edit, methods=["POST"]),
            Route("/_sandbox/catalogue", self.catalogue),
        ]

    async def health(self, request: Request) -> Response:
        """Say that the sandbox answers."""
        return JSONResponse({"status": "ok", "films": len(self._catalogue)})

    async def stats(self, request: Request) -> Response:
        """Answer what was asked since the start or the last reset."""
        return JSONResponse(
            {
                "services": self._statistics.snapshot(),
                "omdb_requests_by_key_and_day": self._quota.counts(),
                "faults": self._faults.snapshot(),
            }
        )

    async def reset_stats(self, request: Request) -> Response:
        """Forget the statistics; quotas stay used."""
        self._statistics.reset()
        self._faults.reset()
        return JSONResponse({"status": "reset"})

    async def clock(self, request: Request) -> Response:
        """Answer the sandbox's time."""
        return JSONResponse({"now": self._clock.now().isoformat(), "speed": self._clock.speed})

    async def move_clock(self, request: Request) -> Response:
        """Move the clock by {"advance_seconds": n} or to {"set": "ISO time"}."""
        try:
            order = json.loads(await request.body())
            if set(order) == {"advance_seconds"}:
                self._clock.advance(timedelta(seconds=float(order["advance_seconds"])))
            elif set(order) == {"set"}:
                self._clock.set(datetime.fromisoformat(order["set"]))
            else:
                raise ValueError("unknown order")
        except (ValueError, TypeError, OverflowError) as error:
            expected = 'expected {"advance_seconds": number} or {"set": "ISO time"}'
            return JSONResponse({"error": f"{expected}: {error}"}, 400)
        return await self.clock(request)

    async def edits(self, request: Request) -> Response:
        """Answer which films changed on a day (`?day=`, by default today), and in which fields."""
        try:
            asked = request.query_params.get("day")
            day = (date.fromisoformat(asked) if asked else self._clock.today()).toordinal()
        except ValueError as error:
            return JSONResponse({"error": f"expected day=YYYY-MM-DD: {error}"}, 400)
        rows = self._world.rows_edited_on(day).tolist()
        films = [
            {
                "id": int(self._catalogue.columns.id[row]),
                "title": self._catalogue.film(row).title,
                "fields": sorted(
                    {edit.key for edit in self._world.state(row, day).edits if edit.day == day}
                ),
            }
            for row in rows
        ]
        return JSONResponse({"day": date.fromordinal(day).isoformat(), "films": films})

    async def order_edit(self, request: Request) -> Response:
        """Change films now, one stable field each: {"films": [TMDB ids]}."""
        try:
            order = json.loads(await request.body())
            found = [self._catalogue.row_of(str(int(film))) for film in order["films"]]
            rows = [row for row in found if row is not None]
            if len(rows) < len(found):
                raise ValueError("there is no such film")
            for row in rows:
                self._world.order_edit(row, self._clock.today().toordinal())
        except (ValueError, TypeError, KeyError) as error:
            return JSONResponse({"error": f'expected {{"films": [TMDB ids]}}: {error}'}, 400)
        return await self.edits(request)

    async def catalogue(self, request: Request) -> Response:
        """Answer what the catalogue holds."""
        columns = self._catalogue.columns
        years = Counter(
            date.fromordinal(day).year if day else None for day in columns.release_day.tolist()
        )
        by_year: dict[str, Any] = {str(y): years[y] for y in sorted(y for y in years if y)}
        if years[None]:
            by_year["undated"] = years[None]
        return JSONResponse(
            {
                "films": len(self._catalogue),
                "as_of": self._catalogue.as_of.isoformat(),
                "seed": self._catalogue.seed,
                "films_by_year": by_year,
                "films_with_imdb_id": sum(i is not None for i in columns.imdb_id),
                "films_with_ratings": int(columns.has_rating.sum()),
                "rated_imdb_ids_by_year": self._rated_imdb_ids_by_year(),
            }
        )

    def _rated_imdb_ids_by_year(self) -> dict[str, int]:
        """Count different imdb ids with ratings; one on two films belongs to the lower film id."""
        columns = self._catalogue.columns
        days = columns.release_day.tolist()
        rated = columns.has_rating.tolist()
        first: dict[str, tuple[int, int]] = {}
        for film, imdb_id, day, has_rating in zip(
            columns.id.tolist(), columns.imdb_id, days, rated, strict=True
        ):
            if imdb_id is not None and has_rating:
                first[imdb_id] = min(first.get(imdb_id, (film, day)), (film, day))
        years = Counter(
            str(date.fromordinal(day).year) if day else "undated" for _, day in first.values()
        )
        return dict(sorted(years.items()))
