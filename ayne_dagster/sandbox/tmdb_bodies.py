"""TMDB's bodies for films and pages of films, as JSON text.

Keys and value types are those TMDB answers with in 2026. Pieces are kept as text because most
of an answer's cost is encoding the same list items again. Sub-resources live next door.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from ayne_dagster.sandbox.answers import to_json
from ayne_dagster.sandbox.reference_data import GENRES, english_language
from ayne_dagster.sandbox.world import World

PER_PAGE = 20
_ITEMS_KEPT = 16_384


class FilmBodies:
    """Builds film bodies for a world; `day` is always an ordinal."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._item = lru_cache(maxsize=_ITEMS_KEPT)(self._build_item)
        world.when_edited(self._item.cache_clear)

    def list_item(self, row: int, day: int, *, media_type: bool = False) -> str:
        """Return a film as it stands in lists; trending and others add `media_type`."""
        item = self._item(row, self._world.effective_day(day))
        return f'{item[:-1]},"media_type":"movie"}}' if media_type else item

    def page(
        self,
        rows: Iterable[int],
        day: int,
        *,
        page: int,
        total_results: int,
        total_pages: int | None = None,
        media_type: bool = False,
        dates: tuple[str, str] | None = None,
    ) -> str:
        """Return one page of a list; an empty list still has one page, as TMDB says."""
        items = ",".join(self.list_item(row, day, media_type=media_type) for row in rows)
        pages = total_pages if total_pages is not None else page_count(total_results)
        block = ""
        if dates is not None:
            block = f'"dates":{{"maximum":"{dates[1]}","minimum":"{dates[0]}"}},'
        return (
            f'{{{block}"page":{page},"results":[{items}],'
            f'"total_pages":{pages},"total_results":{total_results}}}'
        )

    def movie(self, row: int, day: int) -> dict[str, Any]:
        """Return the details of a film, without appended parts."""
        day = self._world.effective_day(day)
        film = self._world.state(row, day).film
        numbers = self._world.numbers(day)
        collection = film.collection
        return {
            "adult": False,
            "backdrop_path": film.backdrop_path,
            "belongs_to_collection": collection
            and {
                "id": collection.id,
                "name": collection.name,
                "poster_path": collection.poster_path,
                "backdrop_path": collection.backdrop_path,
            },
            "budget": film.budget,
            "genres": [
                {"id": genre_id, "name": GENRES.get(genre_id, "")} for genre_id in film.genre_ids
            ],
            "homepage": film.homepage,
            "id": film.id,
            "imdb_id": film.imdb_id,
            "origin_country": [code for code, _ in film.countries[:1]],
            "original_language": film.original_language,
            "original_title": film.original_title,
            "overview": film.overview,
            "popularity": float(numbers.popularity[row]),
            "poster_path": film.poster_path,
            "production_companies": [
                {
                    "id": company.id,
                    "logo_path": company.logo_path,
                    "name": company.name,
                    "origin_country": company.origin_country,
                }
                for company in film.companies
            ],
            "production_countries": [
                {"iso_3166_1": code, "name": name} for code, name in film.countries
            ],
            "release_date": film.release_date,
            "revenue": int(numbers.revenue_usd[row]),
            "runtime": film.runtime,
            "softcore": False,
            "spoken_languages": [
                {"english_name": english_language(code, name), "iso_639_1": code, "name": name}
                for code, name in film.languages
            ],
            "status": film.status,
            "tagline": film.tagline,
            "title": film.title,
            "video": False,
            "vote_average": float(numbers.vote_average[row]),
            "vote_count": int(numbers.vote_count[row]),
        }

    def _build_item(self, row: int, day: int) -> str:
        film = self._world.state(row, day).film
        numbers = self._world.numbers(day)
        return to_json(
            {
                "adult": False,
                "backdrop_path": film.backdrop_path,
                "genre_ids": film.genre_ids,
                "id": film.id,
                "title": film.title,
                "original_language": film.original_language,
                "original_title": film.original_title,
                "overview": film.overview,
                "popularity": float(numbers.popularity[row]),
                "poster_path": film.poster_path,
                "release_date": film.release_date,
                "softcore": False,
                "video": False,
                "vote_average": float(numbers.vote_average[row]),
                "vote_count": int(numbers.vote_count[row]),
            }
        )


def page_count(total_results: int, per_page: int = PER_PAGE) -> int:
    """Return how many pages hold `total_results` (one for none)."""
    return max(1, -(-total_results // per_page))
