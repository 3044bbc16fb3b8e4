"""Good answers made bad: bodies cut, values of odd forms, pages that moved, other titles.

Lives here: one function per case that starts from the real answer. It returns None where the
answer has nothing to alter (an error, a film without the part); then nothing is injected.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from ayne_dagster.sandbox.answers import to_json
from ayne_dagster.sandbox.faults.draws import Asked, Draw
from ayne_dagster.sandbox.faults.plan import Fault
from ayne_dagster.sandbox.faults.refusals import HTML_PAGE

_HTML = "text/html; charset=utf-8"
_KEPT_SHARE = 0.7


@dataclass(frozen=True)
class Sent:
    """A whole answer before it leaves.

    Attributes:
        body: its bytes.
        media_type: its content type.
    """

    body: bytes
    media_type: str

    def with_json(self, value: Any) -> Sent:
        """Return the same answer with another JSON body."""
        return replace(self, body=to_json(value).encode())


AskPage = Callable[[int], Awaitable[dict[str, Any] | None]]
"""Another page of the list that was asked for; None where there is none."""


@dataclass(frozen=True)
class Altering:
    """What an alteration has to work with.

    Attributes:
        fault: the line of the plan.
        draw: chance.
        asked: the request.
        sent: the good answer.
        ask_page: asks the service for another page of the same list.
    """

    fault: Fault
    draw: Draw
    asked: Asked
    sent: Sent
    ask_page: AskPage


async def _damaged_body(given: Altering) -> Sent | None:
    kind, body = given.draw.pick(given.fault.kinds), given.sent.body
    if kind == "html":
        return Sent(HTML_PAGE.format(status="Just a moment...").encode(), _HTML)
    if kind == "wrong_type":
        return replace(given.sent, media_type=_HTML)
    # Somewhere inside: never nothing, never all.
    end = 1 + given.draw.below(len(body) - 1) if kind == "truncated" else 0
    return replace(given.sent, body=body[:end])


async def _odd_values(given: Altering) -> Sent | None:
    kind, value = given.draw.pick(given.fault.kinds), json.loads(given.sent.body)
    films = value.get("results", [value])
    for film in films:
        _make_odd(film, kind)
    return given.sent.with_json(value)


def _make_odd(film: dict[str, Any], kind: str) -> None:
    if kind == "new_key":
        film["a_key_of_next_year"] = {"nobody": ["knows", None]}
    elif kind == "null_flag":
        film.update(adult=None, video=None, softcore=None)
    elif kind == "empty_date":
        film["release_date"] = ""
    elif kind == "odd_date":
        film["release_date"] = f"{film.get('release_date') or '2024-02-22'} 18:00:03 UT"
    elif kind == "whole_number":
        film.update({name: int(film[name]) for name in ("popularity", "vote_average")})
    else:
        film.update(budget=-12, revenue=-12)


async def _page_drift(given: Altering) -> Sent | None:
    kind, page = given.draw.pick(given.fault.kinds), json.loads(given.sent.body)
    if kind == "empty":
        page["results"] = []
    elif kind == "no_results":
        page.update(results=[], total_pages=1, total_results=0)
    elif kind == "total_moved":
        page["total_results"] += given.draw.pick((-2, -1, 1, 2))
    else:
        before = await given.ask_page(page["page"] - 1)
        if before is None or not before["results"] or not page["results"]:
            return None
        # A film came in at the top meanwhile: the last of the page before is now the first here.
        page["results"] = [before["results"][-1], *page["results"][:-1]]
    return given.sent.with_json(page)


async def _missing_part(given: Altering) -> Sent | None:
    film = json.loads(given.sent.body)
    names = given.asked.params.get("append_to_response", "").split(",")
    parts = [name for name in names if name in film]
    if not parts:
        return None
    part, kind = given.draw.pick(parts), given.draw.pick(given.fault.kinds)
    if kind == "absent":
        del film[part]
    else:
        error = {"success": False, "status_code": 11, "status_message": "Internal error."}
        film[part] = None if kind == "null" else error
    return given.sent.with_json(film)


async def _other_title(given: Altering) -> Sent | None:
    title = json.loads(given.sent.body)
    if "imdbID" not in title:
        return None
    number = int(title["imdbID"].removeprefix("tt")) + 1 + given.draw.below(9)
    return given.sent.with_json({**title, "imdbID": f"tt{number:07d}"})


async def _damaged_file(given: Altering) -> Sent | None:
    kind, packed = given.draw.pick(given.fault.kinds), given.sent.body
    if kind == "truncated":
        return replace(given.sent, body=packed[: len(packed) // 2])
    lines = gzip.decompress(packed).splitlines(keepends=True)
    if kind == "shrunk":
        lines = lines[: max(1, int(len(lines) * _KEPT_SHARE))]
    else:
        lines.insert(len(lines) // 2, b'{"id": 12, "original_ti\x00\n')
    return _packed(given.sent, lines)


async def _imdb_oddities(given: Altering) -> Sent | None:
    if given.asked.path.startswith("/title.ratings"):
        more = ["tt9900010\t\\N\t\\N"]
    else:
        more = [
            "tt9900010\ttvPilot\tThe Orrery\tThe Orrery\t0\t\\N\t\\N\t\\N\t\\N",
            'tt9900011\tmovie\t"Swing" Harbour\t"Swing" Harbour\t\\N\t\\N\t\\N\t\\N\t\\N',
        ]
    lines = gzip.decompress(given.sent.body).splitlines(keepends=True)
    return _packed(given.sent, [*lines, *(f"{line}\n".encode() for line in more)])


ALTERATIONS: dict[str, Callable[[Altering], Awaitable[Sent | None]]] = {
    "damaged_body": _damaged_body,
    "odd_values": _odd_values,
    "page_drift": _page_drift,
    "missing_part": _missing_part,
    "other_title": _other_title,
    "damaged_file": _damaged_file,
    "imdb_oddities": _imdb_oddities,
}


def _packed(sent: Sent, lines: list[bytes]) -> Sent:
    return replace(sent, body=gzip.compress(b"".join(lines), compresslevel=5, mtime=0))
