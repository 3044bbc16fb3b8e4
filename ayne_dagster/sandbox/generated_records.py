"""The words around generated figures: names, texts, casts, companies, awards of one film.

A record is made on request from what was drawn for the film and from its own bits, so that a
catalogue of 100,000 films costs no more memory than its figures.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.random import Generator

from ayne_dagster.sandbox import vocabulary as words
from ayne_dagster.sandbox.catalogue import GENRE_BIT, FilmColumns, Floats, Ints
from ayne_dagster.sandbox.film_records import (
    Collection,
    Company,
    Credits,
    Film,
    Keyword,
    Rating,
)
from ayne_dagster.sandbox.generated_names import invent_company, invent_credit
from ayne_dagster.sandbox.hashing import mix, pick_hex
from ayne_dagster.sandbox.reference_data import COUNTRIES, LANGUAGES, US_CERTIFICATIONS

# Writers, producers and composers are people of the same pool, away from the stars.
_CREW_JOBS = (
    ("Screenplay", "Writing"),
    ("Producer", "Production"),
    ("Original Music Composer", "Sound"),
    ("Director of Photography", "Camera"),
    ("Editor", "Editing"),
)
_DIRECTOR_ID_BASE = 5_000_000
_PERSON_ID_BASE = 3_000_000
_UNRELEASED_STATUSES = ("Post Production", "In Production", "Planned", "Rumored")
# Titles that break careless readers: literal quotes, words that mean "missing" elsewhere.
_AWKWARD_TITLES = ('"Quiet" Machinist', "NA", "None", "Ærøskøbing Élan", "1917½", "Null, Island")


@dataclass(frozen=True)
class DrawnFilms:
    """What was drawn for each film, one element per film, in order of release.

    `origin` indexes `origins` (language, country); `director`, `company`, `cast` and
    `collection` index their pools (-1: no collection); `draw` holds the film's own bits.
    """

    seed: int
    as_of: int
    release_day: Ints
    year: Ints
    film_id: Ints
    first_genre: Ints
    second_genre: Ints
    origin: Ints
    origins: tuple[tuple[str, str], ...]
    director: Ints
    company: Ints
    collection: Ints
    cast: np.ndarray
    log_budget: Floats
    log_revenue: Floats
    quality: Floats
    has_budget: np.ndarray
    is_sparse: np.ndarray
    is_known_to_omdb: np.ndarray
    draw: Ints
    titles: list[str]
    imdb_id: list[str | None]

    def genre_bits(self) -> Ints:
        """Return each film's genres as bits; sparse films have none."""
        bit_of = np.vectorize(GENRE_BIT.__getitem__, otypes=[np.int64])
        return np.where(self.is_sparse, 0, bit_of(self.first_genre) | bit_of(self.second_genre))


def draw_titles(rng: Generator, count: int) -> list[str]:
    """Return invented titles; a few occur twice, as real ones do."""
    adjective = rng.integers(0, len(words.ADJECTIVES), size=count).tolist()
    noun = rng.integers(0, len(words.NOUNS), size=count).tolist()
    place = rng.integers(0, len(words.PLACES), size=count).tolist()
    shape = rng.integers(0, 6, size=count).tolist()
    titles: list[str] = []
    for a, n, p, s in zip(adjective, noun, place, shape, strict=True):
        first, second, where = words.ADJECTIVES[a], words.NOUNS[n], words.PLACES[p]
        titles.append(
            (
                f"The {first} {second}",
                f"The {second} of {where}",
                f"{first} {second}",
                f"A {second} for {where}",
                f"{where}, {first} and {second}",
                f"The {first} {second} of {where}",
            )[s]
        )
    if count >= 200:
        for place_in_list, title in enumerate(_AWKWARD_TITLES):
            titles[(place_in_list + 1) * count // (len(_AWKWARD_TITLES) + 2)] = title
    return titles


class GeneratedRecords:
    """Builds the records of generated films (the catalogue's film source)."""

    def __init__(self, drawn: DrawnFilms, columns: FilmColumns) -> None:
        self._drawn = drawn
        self._columns = columns
        self._company_count = int(drawn.company.max()) + 1

    def film(self, row: int) -> Film:
        """Return the film in `row` as of the catalogue's day."""
        drawn, columns = self._drawn, self._columns
        film_id, title = int(drawn.film_id[row]), drawn.titles[row]
        release_day = int(drawn.release_day[row])
        language, country = drawn.origins[int(drawn.origin[row])]
        release_date = date.fromordinal(release_day).isoformat() if release_day else ""
        if drawn.is_sparse[row]:
            return Film(
                id=film_id, title=title, original_title=title, original_language=language,
                release_date=release_date, imdb_id=drawn.imdb_id[row],
                status=self._status(row, "Released"),
            )  # fmt: skip
        bits = mix(drawn.seed, 1, int(drawn.draw[row]))
        genre_ids = dict.fromkeys((int(drawn.first_genre[row]), int(drawn.second_genre[row])))
        languages = dict.fromkeys((language, "en") if bits % 4 == 0 else (language,))
        countries = dict.fromkeys((country, "US") if bits % 5 == 0 else (country,))
        return Film(
            id=film_id,
            title=title,
            original_title=title,
            original_language=language,
            release_date=release_date,
            imdb_id=drawn.imdb_id[row],
            overview=self._overview(bits),
            tagline=words.TAGLINES[(bits >> 7) % len(words.TAGLINES)] if bits & 64 else "",
            homepage=f"https://films.example/{film_id}" if bits & 0x300 == 0 else "",
            status=self._status(row, _UNRELEASED_STATUSES[(bits >> 12) % 4]),
            runtime=int(columns.runtime[row]),
            budget=self._budget(row, bits),
            poster_path=f"/{pick_hex(mix(bits, 2), 27)}.jpg",
            backdrop_path=f"/{pick_hex(mix(bits, 3), 27)}.jpg" if bits & 0x1C00 else None,
            genre_ids=tuple(genre_ids),
            companies=self._companies(row, bits, country),
            countries=tuple((code, COUNTRIES[code]) for code in countries),
            languages=tuple((code, LANGUAGES[code][1]) for code in languages),
            collection=self._collection(row),
            us_certification=self._certification(row, bits),
            trailer_key=pick_hex(mix(bits, 4), 11) if bits & 0x6000 else None,
        )

    def credits(self, row: int) -> Credits:
        """Return cast and crew; sparse films have none."""
        drawn = self._drawn
        if drawn.is_sparse[row]:
            return Credits()
        bits = mix(drawn.seed, 5, int(drawn.draw[row]))
        people = list(dict.fromkeys(drawn.cast[row].tolist()))[: 5 + bits % 11]
        cast = tuple(
            invent_credit(
                _PERSON_ID_BASE + person,
                "Acting",
                character=words.CHARACTERS[(bits + person + 7 * order) % len(words.CHARACTERS)],
                order=order,
            )
            for order, person in enumerate(people)
        )
        crew = [
            invent_credit(_DIRECTOR_ID_BASE + int(drawn.director[row]), "Directing", job="Director")
        ]
        for turn, (job, department) in enumerate(_CREW_JOBS[: 1 + (bits >> 8) % 5]):
            person = mix(bits, turn) % max(200, len(drawn.film_id))
            crew.append(invent_credit(_PERSON_ID_BASE + person, department, job=job))
        return Credits(cast, tuple(crew))

    def keywords(self, row: int) -> tuple[Keyword, ...]:
        """Return up to eight keywords; sparse films have none."""
        if self._drawn.is_sparse[row]:
            return ()
        bits = mix(self._drawn.seed, 6, int(self._drawn.draw[row]))
        picks = {mix(bits, turn) % len(words.KEYWORDS) for turn in range(bits % 9)}
        return tuple(Keyword(*words.KEYWORDS[place]) for place in sorted(picks))

    def rating(self, row: int) -> Rating | None:
        """Return OMDb's view of the film, None when OMDb has no entry."""
        drawn, columns = self._drawn, self._columns
        if not columns.has_rating[row]:
            return None
        bits = mix(drawn.seed, 8, int(drawn.draw[row]))
        quality, year = float(drawn.quality[row]), int(drawn.year[row])
        is_big = drawn.log_revenue[row] > 15.7
        is_series = bits % 250 == 0
        revenue = int(columns.final_revenue_usd[row])
        domestic = int(revenue * (0.25 + (bits >> 20) % 40 / 100)) if revenue > 1_000 else None
        return Rating(
            imdb_rating=round(min(9.6, max(1.2, quality + (bits % 7 - 3) / 10)), 1),
            imdb_votes=int(columns.vote_count[row]) * (18 + bits % 30) + bits % 90 + 5,
            metascore=_bounded(quality * 11 - 12 + bits % 17, 100) if is_big else None,
            rotten_tomatoes=_bounded(quality * 13 - 25 + bits % 23, 100) if bits & 256 else None,
            box_office_usd=None if is_series or bits & 0x600 == 0 else domestic,
            awards=_awards(bits, quality),
            rated=self._certification(row, mix(drawn.seed, 1, int(drawn.draw[row]))) or None,
            year=f"{year}–{year + 2}" if is_series else str(year),
            kind="series" if is_series else "movie",
            title=drawn.titles[row],
            total_seasons=3 if is_series else None,
        )

    def _status(self, row: int, otherwise: str) -> str:
        release_day = int(self._drawn.release_day[row])
        if release_day > self._drawn.as_of and otherwise == "Released":
            return "In Production"
        is_ahead = release_day > self._drawn.as_of or release_day == 0
        return otherwise if is_ahead else "Released"

    def _budget(self, row: int, bits: int) -> int:
        if not self._drawn.has_budget[row]:
            return 0
        if (bits >> 30) % 400 == 0:
            return 5
        exact = float(np.exp(self._drawn.log_budget[row]))
        # Budgets are announced as round figures.
        step = 10 ** max(int(np.log10(exact)) - 1, 0)
        return max(round(exact / step), 1) * step

    def _overview(self, bits: int) -> str:
        opening = words.OVERVIEW_OPENINGS[bits % len(words.OVERVIEW_OPENINGS)].format(
            job=words.JOBS[(bits >> 8) % len(words.JOBS)],
            place=words.PLACES[(bits >> 16) % len(words.PLACES)],
        )
        turn = words.OVERVIEW_TURNS[(bits >> 24) % len(words.OVERVIEW_TURNS)]
        return f"{opening} {turn} {words.OVERVIEW_ENDINGS[(bits >> 32) % 12]}"

    def _companies(self, row: int, bits: int, country: str) -> tuple[Company, ...]:
        places = [int(self._drawn.company[row])]
        places += [mix(bits, 9, turn) % self._company_count for turn in range((bits >> 36) % 3)]
        return tuple(invent_company(place, country) for place in dict.fromkeys(places))

    def _collection(self, row: int) -> Collection | None:
        place = int(self._drawn.collection[row])
        if place < 0:
            return None
        noun = words.NOUNS[place % len(words.NOUNS)]
        where = words.PLACES[(place // len(words.NOUNS)) % len(words.PLACES)]
        path = f"/{pick_hex(mix(place, 11), 27)}.jpg"
        backdrop = f"/{pick_hex(mix(place, 13), 27)}.jpg" if place % 4 else None
        return Collection(800_000 + place, f"{where} {noun} Collection", path, backdrop)

    def _certification(self, row: int, bits: int) -> str:
        """Return a US certification: grown-up genres get stricter ones, many films have none."""
        chance = (bits >> 40) % 100
        if chance < 35:
            return ""
        if self._drawn.first_genre[row] in (16, 10751):
            return US_CERTIFICATIONS[2] if chance < 75 else US_CERTIFICATIONS[4]
        if chance < 68:
            return US_CERTIFICATIONS[0]
        return US_CERTIFICATIONS[1 if chance < 86 else 2 if chance < 95 else 3]


def _bounded(value: float, top: int) -> int:
    return int(min(top, max(1, value)))


def _awards(bits: int, quality: float) -> str | None:
    """Return an awards line in OMDb's wordings, None for most films."""
    wins, nominations = (bits >> 12) % 30, (bits >> 18) % 60 + 1
    kind = (bits >> 26) % 20
    if quality < 5.5 or kind > 9:
        return None
    total = (
        f"{wins} win{'s' * (wins != 1)} & {nominations} nomination{'s' * (nominations != 1)} total"
    )
    if kind == 0 and quality > 7:
        oscars = 1 + bits % 4
        return f"Won {oscars} Oscar{'s' * (oscars != 1)}. {total}"
    if kind == 1:
        return f"Nominated for 2 BAFTA Award{total}"
    return total if wins else f"{nominations} nomination{'s' * (nominations != 1)} total"
