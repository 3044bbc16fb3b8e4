"""The parts of a film TMDB serves alone or appended: credits, keywords, videos, release dates.

Every part is JSON text without `id`, as it stands inside an appended answer; the stand-alone
answer adds the id in front (paged lists and changes have none).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np

from ayne_dagster.sandbox.answers import to_json
from ayne_dagster.sandbox.edits import Edit
from ayne_dagster.sandbox.film_records import Credit
from ayne_dagster.sandbox.hashing import mix, pick_hex
from ayne_dagster.sandbox.tmdb_bodies import PER_PAGE, FilmBodies, page_count
from ayne_dagster.sandbox.vocabulary import PROVIDERS
from ayne_dagster.sandbox.world import World

RECOMMENDED_FILMS = 40
# Parts whose stand-alone answer carries no id in front.
PARTS_WITHOUT_ID = frozenset({"similar", "recommendations", "changes"})
_KNOWN_FILMS = 200
_CREDITS_KEPT = 8_192


class FilmParts:
    """Builds the parts of a film; each takes (row, day, page)."""

    def __init__(self, world: World, bodies: FilmBodies) -> None:
        self._world = world
        self._catalogue = world.catalogue
        self._bodies = bodies
        self._credits = lru_cache(maxsize=_CREDITS_KEPT)(self._build_credits)
        self.by_name: dict[str, Callable[[int, int, int], str]] = {
            "credits": lambda row, day, page: self._credits(row),
            "keywords": self._keywords,
            "videos": self._videos,
            "similar": self._similar,
            "recommendations": self._recommendations,
            "release_dates": self._release_dates,
            "external_ids": self._external_ids,
            "watch/providers": self._watch_providers,
            "alternative_titles": self._alternative_titles,
            "images": self._images,
            "translations": self._translations,
            "reviews": _empty_page,
            "lists": _empty_page,
            "changes": lambda row, day, page: self.changes(row, day - 1, day, day),
        }

    def changes(self, row: int, first_day: int, last_day: int, today: int) -> str:
        """Return the edits of a film from `first_day` to `last_day` (inclusive), by key."""
        effective = self._world.effective_day(min(last_day, today))
        by_key: dict[str, list[dict[str, Any]]] = {}
        film_id = int(self._catalogue.columns.id[row])
        for edit in self._world.state(row, effective).edits:
            if first_day <= edit.day <= last_day:
                by_key.setdefault(edit.key, []).append(_change_item(film_id, edit))
        return to_json({"changes": [{"key": k, "items": items} for k, items in by_key.items()]})

    def _film(self, row: int, day: int):
        return self._world.state(row, self._world.effective_day(day)).film

    def _build_credits(self, row: int) -> str:
        people = self._catalogue.credits(row)
        film_id = int(self._catalogue.columns.id[row])
        cast = [
            {
                **_person(credit),
                "cast_id": place + 1,
                "character": credit.character,
                "credit_id": pick_hex(mix(film_id, 31, place), 24),
                "order": credit.order,
            }
            for place, credit in enumerate(people.cast)
        ]
        crew = [
            {
                **_person(credit),
                "credit_id": pick_hex(mix(film_id, 32, place), 24),
                "department": credit.department,
                "job": credit.job,
            }
            for place, credit in enumerate(people.crew)
        ]
        return to_json({"cast": cast, "crew": crew})

    def _keywords(self, row: int, day: int, page: int) -> str:
        keywords = self._world.keywords(row, day)
        return to_json({"keywords": [{"id": word.id, "name": word.name} for word in keywords]})

    def _videos(self, row: int, day: int, page: int) -> str:
        film = self._film(row, day)
        if film.trailer_key is None:
            return '{"results":[]}'
        published = f"{film.release_date or '2020-01-01'}T12:00:00.000Z"
        video = {
            "iso_639_1": "en",
            "iso_3166_1": "US",
            "name": "Official Trailer",
            "key": film.trailer_key,
            "site": "YouTube",
            "size": 1080,
            "type": "Trailer",
            "official": True,
            "published_at": published,
            "id": pick_hex(mix(film.id, 33), 24),
        }
        return to_json({"results": [video]})

    def _neighbours(self, row: int) -> np.ndarray:
        """Films of its first genre; all films where it has none, or one TMDB no longer knows."""
        genre_ids = self._catalogue.film(row).genre_ids
        if genre_ids and len(of_genre := self._catalogue.rows_of_genre(genre_ids[0])):
            return of_genre
        return self._catalogue.rows_by_votes

    def _similar(self, row: int, day: int, page: int) -> str:
        rows = self._neighbours(row)
        total = max(len(rows) - 1, 0)
        # As with the service the first pages hold well-known films, and pages may overlap.
        start = mix(row, 39) % min(len(rows), _KNOWN_FILMS) + (page - 1) * PER_PAGE
        count = min(PER_PAGE, max(total - (page - 1) * PER_PAGE, 0))
        shown = rows[np.arange(start, start + count + 1) % len(rows)].tolist()
        shown = [other for other in shown if other != row][:count]
        return self._bodies.page(shown, day, page=page, total_results=total)

    def _recommendations(self, row: int, day: int, page: int) -> str:
        rows = self._neighbours(row)
        rows = rows[rows != row][:: max(len(rows) // RECOMMENDED_FILMS, 1)][:RECOMMENDED_FILMS]
        shown = rows[(page - 1) * PER_PAGE : page * PER_PAGE].tolist()
        return self._bodies.page(
            shown,
            day,
            page=page,
            total_results=len(rows),
            total_pages=page_count(len(rows)),
            media_type=True,
        )

    def _release_dates(self, row: int, day: int, page: int) -> str:
        film = self._film(row, day)
        if not film.release_date and not film.us_certification:
            return '{"results":[]}'
        moment = f"{film.release_date or '1970-01-01'}T00:00:00.000Z"
        countries = dict.fromkeys([*(code for code, _ in film.countries[:1]), "US"])
        results = [
            {
                "iso_3166_1": country,
                "release_dates": [
                    {
                        "certification": film.us_certification if country == "US" else "",
                        "descriptors": [],
                        "iso_639_1": "",
                        "note": "",
                        "release_date": moment,
                        "type": 3,
                    }
                ],
            }
            for country in countries
        ]
        return to_json({"results": results})

    def _external_ids(self, row: int, day: int, page: int) -> str:
        film = self._film(row, day)
        bits = mix(film.id, 34)
        return to_json(
            {
                "imdb_id": film.imdb_id,
                # Twelve digits: no such entry exists.
                "wikidata_id": f"Q{900_000_000_000 + film.id}" if bits % 3 else None,
                "facebook_id": f"film{film.id}" if bits % 5 == 0 else None,
                "instagram_id": f"film{film.id}" if bits % 7 == 0 else None,
                "twitter_id": f"film{film.id}" if bits % 11 == 0 else None,
            }
        )

    def _watch_providers(self, row: int, day: int, page: int) -> str:
        if not self._world.is_released(row, day):
            return '{"results":{}}'
        film_id = int(self._catalogue.columns.id[row])
        results: dict[str, Any] = {}
        for place, country in enumerate(("GB", "US")):
            bits = mix(film_id, 35, place)
            provider = {
                "logo_path": f"/{pick_hex(mix(bits % 4, 36), 27)}.jpg",
                "provider_id": 9_000 + bits % 4,
                "provider_name": PROVIDERS[bits % 4],
                "display_priority": bits % 4 + 1,
            }
            way = ("flatrate", "rent", "buy")[bits % 3]
            link = f"https://films.example/{film_id}/watch?locale={country}"
            results[country] = {"link": link, way: [provider]}
        return to_json({"results": results})

    def _alternative_titles(self, row: int, day: int, page: int) -> str:
        film = self._film(row, day)
        if mix(film.id, 37) % 3:
            return '{"titles":[]}'
        title = {"iso_3166_1": "US", "title": f"{film.title}: The Film", "type": ""}
        return to_json({"titles": [title]})

    def _images(self, row: int, day: int, page: int) -> str:
        film = self._film(row, day)
        # Backdrops without words in them have no language.
        text = "en" if film.id % 3 == 0 else None
        posters = [_image(film.poster_path, 1000, 1500, "en")] if film.poster_path else []
        drops = [_image(film.backdrop_path, 1920, 1080, text)] if film.backdrop_path else []
        return to_json({"backdrops": drops, "logos": [], "posters": posters})

    def _translations(self, row: int, day: int, page: int) -> str:
        film = self._film(row, day)
        data = {
            "homepage": film.homepage,
            "overview": film.overview,
            "runtime": film.runtime,
            "tagline": film.tagline,
            "title": film.title,
        }
        translation = {
            "iso_3166_1": "US",
            "iso_639_1": "en",
            "name": "English",
            "english_name": "English",
            "data": data,
        }
        return to_json({"translations": [translation]})


def _person(credit: Credit) -> dict[str, Any]:
    return {
        "adult": False,
        "gender": credit.gender,
        "id": credit.person_id,
        "known_for_department": credit.department,
        "name": credit.name,
        "original_name": credit.name,
        "popularity": credit.popularity,
        "profile_path": credit.profile_path,
    }


def _image(path: str, width: int, height: int, language: str | None) -> dict[str, Any]:
    return {
        "aspect_ratio": round(width / height, 3),
        "height": height,
        "iso_3166_1": "US" if language else None,
        "iso_639_1": language,
        "file_path": path,
        "vote_average": 0.0,
        "vote_count": 0,
        "width": width,
    }


def _change_item(film_id: int, edit: Edit) -> dict[str, Any]:
    bits = mix(film_id, 38, edit.day)
    # Edits take effect at 00:00, so their stamps lie in the first minute of the day.
    moment = f"{date.fromordinal(edit.day).isoformat()} 00:00:{bits % 60:02d} UTC"
    item: dict[str, Any] = {
        "id": pick_hex(mix(bits, *edit.key.encode()), 24),
        "action": edit.action,
        "time": moment,
        "iso_639_1": edit.language,
        "iso_3166_1": "",
    }
    if edit.value is not None:
        item["value"] = edit.value
    if edit.action != "added":
        item["original_value"] = edit.original_value
    return item


def _empty_page(row: int, day: int, page: int) -> str:
    return to_json({"page": page, "results": [], "total_pages": 1, "total_results": 0})
