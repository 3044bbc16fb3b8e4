"""What kind of answer a service gave: pure functions of status and body, one table a service.

Lives here: the fault cases of TMDB and OMDb (`docs/services.md`, "Fault cases", cited as #n). Not
here: what is done about them (`retrying.py`, `http_client.py`) and the shape of good answers.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol


class Verdict(StrEnum):
    """What an answer is, and with it what the client does next."""

    USABLE = "usable"
    """A JSON object of the service, no error in it. Its shape is still to be checked."""
    UNCHANGED = "unchanged"
    """Nothing changed since the validator that was sent."""
    NOT_FOUND = "not_found"
    """The service does not know it."""
    BAD_CREDENTIAL = "bad_credential"
    """Stop: nothing can be asked with this key."""
    QUOTA_EXHAUSTED = "quota_exhausted"
    """Stop until the next UTC day."""
    SLOW_DOWN = "slow_down"
    """Too many requests at once: wait, lower the shared pace, ask again."""
    INVALID_REQUEST = "invalid_request"
    """Our mistake; asking again brings the same."""
    UNUSABLE = "unusable"
    """Not readable, or an error nobody described."""
    UNAVAILABLE = "unavailable"
    """The service is not able to answer now."""


@dataclass(frozen=True)
class Classification:
    """One answer, classified.

    Attributes:
        verdict: What it is.
        detail: The service's own words, or ours where it had none.
        payload: The JSON object, where the body was one.
        retries: How often this very case is worth asking again; None: the policy's number for
            its verdict.
        is_damaged: The body was hurt on its way (cut off, another's page): the next may be whole.
    """

    verdict: Verdict
    detail: str | None = None
    payload: dict[str, Any] | None = None
    retries: int | None = None
    is_damaged: bool = False


class Classifier(Protocol):
    """Classifies the answer of one service."""

    def __call__(
        self,
        status: int,
        headers: Mapping[str, str],
        body: bytes,
        /,
        *,
        is_conditional: bool = False,
    ) -> Classification:
        """Classify; `is_conditional`: a validator (If-None-Match) was sent with the request."""
        ...


_TMDB_BAD_CREDENTIAL = frozenset({3, 7, 10, 14, 35})
_TMDB_NOT_FOUND = frozenset({6, 34})
_TMDB_SLOW_DOWN = frozenset({25})
_TMDB_INVALID = frozenset({2, 4, 5, 8, 18, 19, 20, 22, 23, 27, 42, 47})
_TMDB_UNAVAILABLE = frozenset({9, 11, 15, 24, 43, 44, 46})
_TMDB_SUCCESS = frozenset({1, 12, 13})
_TMDB_BY_CODE: dict[int, Verdict] = {
    **dict.fromkeys(_TMDB_BAD_CREDENTIAL, Verdict.BAD_CREDENTIAL),
    **dict.fromkeys(_TMDB_NOT_FOUND, Verdict.NOT_FOUND),
    **dict.fromkeys(_TMDB_SLOW_DOWN, Verdict.SLOW_DOWN),
    **dict.fromkeys(_TMDB_INVALID, Verdict.INVALID_REQUEST),
    **dict.fromkeys(_TMDB_UNAVAILABLE, Verdict.UNAVAILABLE),
}

_EXCERPT = 120
_HALF_CHARACTER = re.compile(rb"\\u[dD][89a-fA-F]")


def classify_tmdb(
    status: int, headers: Mapping[str, str], body: bytes, /, *, is_conditional: bool = False
) -> Classification:
    """Classify an answer of TMDB by its `status_code`, then by its HTTP status.

    The body is asked first: TMDB sends errors with HTTP 200 (code 21, #9), a rate limit with other
    statuses than 429 (code 25), and validation errors without any code (`{"errors": [...]}`, #5).
    """
    if status == 304:
        return _classify_not_modified(is_conditional)
    payload, problem = _read_object(body)
    if payload is None:
        return _classify_unreadable(status, headers, problem, body)
    words = _tmdb_words(payload)
    code = payload.get("status_code")
    if isinstance(code, int) and code not in _TMDB_SUCCESS and code in _TMDB_BY_CODE:
        return Classification(_TMDB_BY_CODE[code], words, payload)
    if 200 <= status < 300:
        is_error = payload.get("success") is False or (
            isinstance(code, int) and code not in _TMDB_SUCCESS
        )
        if is_error or _is_error_list(payload):
            return Classification(Verdict.UNUSABLE, words, payload)
        return Classification(Verdict.USABLE, payload=payload)
    return Classification(_by_status(status), words, payload)


def classify_omdb(
    status: int, headers: Mapping[str, str], body: bytes, /, *, is_conditional: bool = False
) -> Classification:
    """Classify an answer of OMDb by its `Error` text, then by its HTTP status.

    OMDb answers 401 for a wrong key and for a used-up day alike (#15, #16): only the text tells
    them apart. Unknown ids are HTTP 200 (#17), and an error of its own can be no JSON (#18).
    """
    if status == 304:
        return _classify_not_modified(is_conditional)
    payload, problem = _read_object(body)
    if status in (401, 403, 429) and b"limit reached" in body.lower():
        words = _omdb_words(payload) or _excerpt(body)
        return Classification(Verdict.QUOTA_EXHAUSTED, words, payload)
    if payload is None:
        if status == 200 and _is_whole_object(body):
            return Classification(Verdict.UNUSABLE, problem, retries=0)
        return _classify_unreadable(status, headers, problem, body)
    words = _omdb_words(payload)
    if status >= 300:
        return Classification(_by_status(status), words or f"HTTP {status}", payload)
    if str(payload.get("Response")).lower() == "true":
        return Classification(Verdict.USABLE, payload=payload)
    return _classify_omdb_refusal(words or "no Response and no Error in the answer", payload)


def _classify_omdb_refusal(words: str, payload: dict[str, Any]) -> Classification:
    """The verdict on HTTP 200 with `"Response": "False"`, by its text."""
    text = words.lower()
    if "limit reached" in text:
        return Classification(Verdict.QUOTA_EXHAUSTED, words, payload)
    if "api key" in text:
        return Classification(Verdict.BAD_CREDENTIAL, words, payload)
    # "Error getting data." is an id OMDb does not carry and, rarely, a hiccup. It is not asked for
    # again at once: with a free key's thousand requests a day a second try for each unknown id
    # costs more films than it saves. It comes round again with the other unknown ids.
    if any(known in text for known in ("error getting data", "not found", "incorrect imdb id")):
        return Classification(Verdict.NOT_FOUND, words, payload)
    if "too many results" in text:
        return Classification(Verdict.UNUSABLE, words, payload, retries=0)
    return Classification(Verdict.UNUSABLE, words, payload)


CLASSIFIERS: dict[str, Classifier] = {"tmdb": classify_tmdb, "omdb": classify_omdb}


def _by_status(status: int) -> Verdict:
    """The verdict where only the HTTP status says something."""
    if status == 401:
        return Verdict.BAD_CREDENTIAL
    if status == 429:
        return Verdict.SLOW_DOWN
    if status >= 500 or status in (403, 408, 425):
        # 403 without a code of the service comes from the network before it, and passes.
        return Verdict.UNAVAILABLE
    if 400 <= status < 500:
        # A 404 without the service's own code is a wrong address, and never a missing film.
        return Verdict.INVALID_REQUEST
    return Verdict.UNUSABLE


def _classify_unreadable(
    status: int, headers: Mapping[str, str], problem: str, body: bytes
) -> Classification:
    """The verdict on a body that is no JSON object."""
    if status in (301, 302, 303, 307, 308):
        where = headers.get("location", "elsewhere")
        return Classification(
            Verdict.INVALID_REQUEST, f"redirected to {where}: check the service's base URL"
        )
    if status >= 400:
        return Classification(_by_status(status), f"HTTP {status}: {_excerpt(body)}")
    return Classification(Verdict.UNUSABLE, problem, is_damaged=True)


def _classify_not_modified(is_conditional: bool) -> Classification:
    """The verdict on a 304 (#12), which says something only to somebody who sent a validator."""
    if is_conditional:
        return Classification(Verdict.UNCHANGED, "nothing changed since the last answer")
    return Classification(Verdict.UNUSABLE, "304 Not Modified, though no validator was sent")


def _read_object(body: bytes) -> tuple[dict[str, Any] | None, str]:
    """The JSON object of a body, or None and what is wrong with it."""
    if not body.strip():
        return None, "empty body"
    try:
        value = json.loads(body)
        if _HALF_CHARACTER.search(body):
            # An emoji cut in half is valid JSON and no text: no file and no table takes it.
            value = json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        return None, f"not JSON ({type(error).__name__}): {_excerpt(body)}"
    if not isinstance(value, dict):
        return None, f"JSON, but a {type(value).__name__} and no object"
    return value, ""


def _is_whole_object(body: bytes) -> bool:
    """Whether nothing is cut off: it is wrong in itself (#18), and comes the same again.

    A cut-off answer can end in a brace by chance, but then some are left open.
    """
    text = body.strip()
    is_braced = text.startswith(b"{") and text.endswith(b"}")
    pairs = ((b"{", b"}"), (b"[", b"]"))
    return is_braced and all(text.count(left) == text.count(right) for left, right in pairs)


def _is_error_list(payload: Mapping[str, Any]) -> bool:
    return set(payload) == {"errors"}


def _tmdb_words(payload: Mapping[str, Any]) -> str:
    code, message, errors = (payload.get(k) for k in ("status_code", "status_message", "errors"))
    if isinstance(errors, list) and errors:
        return "; ".join(str(error) for error in errors)
    return f"code {code}: {message}" if code is not None else str(message or "no message")


def _omdb_words(payload: Mapping[str, Any] | None) -> str | None:
    words = payload.get("Error") if payload else None
    return str(words) if words else None


def _excerpt(body: bytes) -> str:
    """The beginning of a body in one line, for a message."""
    text = " ".join(body[: 4 * _EXCERPT].decode("utf-8", "replace").split())
    return text[:_EXCERPT] or "empty body"
