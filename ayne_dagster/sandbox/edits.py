"""What an edit of a film's page changes: the ways people really improve an entry.

An editor takes one film through its edits in order. Which days have an edit is decided by the
world; here is only what changes, and the trace of it that the change feed shows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ayne_dagster.sandbox.film_records import Film, Keyword
from ayne_dagster.sandbox.hashing import mix, pick_hex
from ayne_dagster.sandbox.reference_data import US_CERTIFICATIONS
from ayne_dagster.sandbox.vocabulary import KEYWORDS, OVERVIEW_ENDINGS, TAGLINES

_SALT_KIND = 201
# Beyond this many keywords an edit removes one instead of adding another.
_KEYWORDS_CAP = 12


@dataclass(frozen=True, slots=True)
class Edit:
    """One change of one field on one day (an ordinal); `action` is added, updated or deleted."""

    day: int
    key: str
    action: str
    value: Any
    original_value: Any
    language: str = ""


class FilmEditor:
    """Applies edits to one film; every edit changes something."""

    def __init__(self, film: Film, keywords: tuple[Keyword, ...], seed: int) -> None:
        self.edits: list[Edit] = []
        self._film = film
        self._keywords = list(keywords)
        self._changes: dict[str, Any] = {}
        self._seed = seed

    def film(self) -> Film:
        """Return the film with all edits so far."""
        return replace(self._film, **self._changes) if self._changes else self._film

    def keywords(self) -> tuple[Keyword, ...]:
        """Return the keywords with all edits so far."""
        return tuple(self._keywords)

    def release(self, day: int) -> None:
        """Record that the film came out."""
        if self._value("status") != "Released":
            self._set(day, "status", "status", "Released")

    def report_revenue(self, day: int, before_usd: int, after_usd: int) -> None:
        """Record a box-office figure (the figure itself stands in the world's numbers)."""
        if before_usd != after_usd:
            action = "updated" if before_usd else "added"
            self.edits.append(Edit(day, "revenue", action, after_usd, before_usd))

    def edit(self, day: int, turn: int = 0) -> None:
        """Apply an edit of `day`: the chance one (turn 0), or the nth somebody ordered."""
        bits = mix(self._seed, _SALT_KIND, self._film.id, day, *([turn] if turn else []))
        change, bits = _WEIGHTED_CHANGES[bits % len(_WEIGHTED_CHANGES)], bits >> 8
        change(self, day, bits)

    def _value(self, field: str) -> Any:
        return self._changes.get(field, getattr(self._film, field))

    def _set(self, day: int, key: str, field: str, value: Any, language: str = "") -> None:
        original = self._value(field)
        self._changes[field] = value
        action = "updated" if original else "added"
        self.edits.append(Edit(day, key, action, value, original, language))

    def _edit_overview(self, day: int, bits: int) -> None:
        text: str = self._value("overview")
        endings = OVERVIEW_ENDINGS
        start = bits % len(endings)
        for turn in range(len(endings)):
            if text.endswith(endings[(start + turn) % len(endings)]):
                text = text.removesuffix(endings[(start + turn) % len(endings)]).rstrip()
                start += turn + 1
                break
        text = f"{text} {endings[start % len(endings)]}".strip()
        self._set(day, "overview", "overview", text, "en")

    def _edit_keywords(self, day: int, bits: int) -> None:
        if len(self._keywords) >= _KEYWORDS_CAP:
            gone = self._keywords.pop(bits % len(self._keywords))
            body = {"id": gone.id, "name": gone.name}
            self.edits.append(Edit(day, "plot_keywords", "deleted", None, body))
            return
        present = {keyword.id for keyword in self._keywords}
        place = bits % len(KEYWORDS)
        while KEYWORDS[place][0] in present:
            place = (place + 1) % len(KEYWORDS)
        new = Keyword(*KEYWORDS[place])
        self._keywords.append(new)
        body = {"id": new.id, "name": new.name}
        self.edits.append(Edit(day, "plot_keywords", "added", body, None))

    def _edit_runtime(self, day: int, bits: int) -> None:
        runtime: int = self._value("runtime")
        step = 1 + bits % 3
        if runtime == 0:
            fixed = 80 + bits % 45
        else:
            fixed = runtime - step if bits & 8 and runtime > step else runtime + step
        self._set(day, "runtime", "runtime", fixed)

    def _edit_certification(self, day: int, bits: int) -> None:
        now: str = self._value("us_certification")
        others = [name for name in US_CERTIFICATIONS if name != now]
        new = others[bits % len(others)]
        body = {"certification": new, "iso_3166_1": "US"}
        original = {"certification": now, "iso_3166_1": "US"} if now else None
        self._changes["us_certification"] = new
        action = "updated" if now else "added"
        self.edits.append(Edit(day, "releases", action, body, original))

    def _edit_tagline(self, day: int, bits: int) -> None:
        now: str = self._value("tagline")
        others = [line for line in TAGLINES if line != now]
        self._set(day, "tagline", "tagline", others[bits % len(others)], "en")

    def _edit_homepage(self, day: int, bits: int) -> None:
        page = f"https://films.example/{self._film.id}/{day}"
        if page == self._value("homepage"):
            page = f"{page}/{bits % 1_000_000}"
        self._set(day, "homepage", "homepage", page, "en")

    def _edit_poster(self, day: int, bits: int) -> None:
        original: str | None = self._value("poster_path")
        path = f"/{pick_hex(mix(bits, day), 27)}.jpg"
        self._changes["poster_path"] = path
        body = {"poster": {"file_path": path, "iso_639_1": "en"}}
        before = {"poster": {"file_path": original, "iso_639_1": "en"}} if original else None
        self.edits.append(Edit(day, "images", "updated" if before else "added", body, before, "en"))


Change = Callable[[FilmEditor, int, int], None]
# How often each field is edited, as repetitions in this table.
_WEIGHTED_CHANGES: tuple[Change, ...] = (
    *[FilmEditor._edit_overview] * 5,
    *[FilmEditor._edit_keywords] * 4,
    *[FilmEditor._edit_runtime] * 2,
    *[FilmEditor._edit_certification] * 3,
    *[FilmEditor._edit_tagline] * 2,
    *[FilmEditor._edit_homepage] * 2,
    *[FilmEditor._edit_poster] * 2,
)
