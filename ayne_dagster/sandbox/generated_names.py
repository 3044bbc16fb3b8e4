"""People and companies of generated films: who an id stands for.

A person or a company is the same in every film it has a part in. Films themselves are made
next door.
"""

from __future__ import annotations

from functools import lru_cache

from ayne_dagster.sandbox import vocabulary as words
from ayne_dagster.sandbox.film_records import Company, Credit
from ayne_dagster.sandbox.hashing import mix, pick_hex


def invent_credit(
    person_id: int, department: str, *, job: str = "", character: str = "", order: int = 0
) -> Credit:
    """Return a person's part in a film; the id alone decides who the person is."""
    name, gender, popularity, profile_path = _person(person_id)
    return Credit(
        person_id, name, department, job, character, order, gender, popularity, profile_path
    )


@lru_cache(maxsize=16_384)
def _person(person_id: int) -> tuple[str, int, float, str | None]:
    """Return name, gender, popularity and picture of a person."""
    bits = mix(person_id, 12)
    first = words.FIRST_NAMES[bits % len(words.FIRST_NAMES)]
    last = words.LAST_NAMES[(bits >> 16) % len(words.LAST_NAMES)]
    middle = f" {chr(65 + (bits >> 24) % 26)}." if bits & 4 else ""
    return (
        f"{first}{middle} {last}",
        (bits >> 32) % 3,
        (bits >> 34) % 40_000 / 10_000,
        f"/{pick_hex(bits, 27)}.jpg" if bits & 8 else None,
    )


@lru_cache(maxsize=4_096)
def invent_company(place: int, country: str) -> Company:
    """Return the company in place `place` of the pool."""
    return Company(
        id=700_000 + place,
        name=_company_name(place),
        # Small companies often have no country on record.
        origin_country=country if place % 6 else "",
        logo_path=f"/{pick_hex(mix(place, 10), 27)}.png" if place % 2 == 0 else None,
    )


def _company_name(place: int) -> str:
    head = words.COMPANY_HEADS[place % len(words.COMPANY_HEADS)]
    tail_place, number = place // len(words.COMPANY_HEADS), 0
    number, tail_place = divmod(tail_place, len(words.COMPANY_TAILS))
    name = f"{head} {words.COMPANY_TAILS[tail_place]}"
    return f"{name} {number + 1}" if number else name
