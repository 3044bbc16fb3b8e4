"""How an answer leaves the sandbox: encoded JSON, weak ETags, cache headers, error bodies.

What stands in an answer is the business of the body and route modules.
"""

from __future__ import annotations

import hashlib
import json
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from starlette.requests import Request
from starlette.responses import Response

TMDB_JSON = "application/json;charset=utf-8"
OMDB_JSON = "application/json; charset=utf-8"

to_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode

# The wordings of TMDB's error page, by status_code: (HTTP status, message).
TMDB_ERRORS: dict[int, tuple[int, str]] = {
    5: (422, "Invalid parameters: Your request parameters are incorrect."),
    6: (404, "Invalid id: The pre-requisite id is invalid or not found."),
    7: (401, "Invalid API key: You must be granted a valid key."),
    20: (422, "Invalid date range: Should be a range no longer than 14 days."),
    22: (
        400,
        "Invalid page: Pages start at 1 and max at {top}. They are expected to be an integer.",
    ),
    23: (400, "Invalid date: Format needs to be YYYY-MM-DD."),
    25: (429, "Your request count ({count}) is over the allowed limit of ({limit})."),
    27: (
        400,
        "Too many append to response objects: The maximum number of remote calls is 20.",
    ),
    34: (404, "The resource you requested could not be found."),
    42: (405, "This request method is not supported for this resource."),
}


class TmdbError(Exception):
    """An error TMDB answers with; `code` is its status_code."""

    def __init__(self, code: int, **values: object) -> None:
        self.code = code
        self.http_status, message = TMDB_ERRORS[code]
        self.message = message.format(**values)
        super().__init__(self.message)

    def response(self, headers: dict[str, str] | None = None) -> Response:
        """Return the answer TMDB gives for this error."""
        body = {"success": False, "status_code": self.code, "status_message": self.message}
        return Response(to_json(body), self.http_status, headers, TMDB_JSON)


@dataclass(frozen=True, slots=True)
class Encoded:
    """A body ready to send, with its weak ETag."""

    body: bytes
    etag: str

    @classmethod
    def of(cls, body: str | bytes) -> Encoded:
        """Encode `body` and derive its ETag."""
        data = body.encode() if isinstance(body, str) else body
        digest = hashlib.md5(data, usedforsecurity=False).hexdigest()
        return cls(data, f'W/"{digest}"')


class AnswerCache:
    """The last answers built, least recently used leaves first."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._answers: OrderedDict[Hashable, Encoded] = OrderedDict()

    def clear(self) -> None:
        """Forget all answers."""
        self._answers.clear()

    def get(self, key: Hashable, build: Callable[[], str | bytes]) -> Encoded:
        """Return the answer kept under `key`, building it when there is none."""
        found = self._answers.get(key)
        if found is None:
            found = self._answers[key] = Encoded.of(build())
            if len(self._answers) > self._size:
                self._answers.popitem(last=False)
        else:
            self._answers.move_to_end(key)
        return found


def respond(
    request: Request, encoded: Encoded, *, max_age: int, media_type: str = TMDB_JSON
) -> Response:
    """Send an encoded body, or 304 when the caller already has it."""
    headers = {
        "cache-control": f"public, max-age={max_age}",
        "etag": encoded.etag,
        "vary": "accept-encoding, Origin",
    }
    known = request.headers.get("if-none-match")
    if known is not None and _names(known, encoded.etag):
        return Response(status_code=304, headers=headers)
    return Response(encoded.body, headers=headers, media_type=media_type)


def _names(header: str, etag: str) -> bool:
    """Tell whether an If-None-Match header names `etag` (weak comparison)."""
    bare = etag.removeprefix("W/")
    return any(
        part.strip() == "*" or part.strip().removeprefix("W/") == bare for part in header.split(",")
    )
