"""Answers that come instead of the service's: errors, outages, limits.

Lives here: one function per case that needs nothing of the real answer, worded as the services
word it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import formatdate

from starlette.responses import Response

from ayne_dagster.sandbox.answers import OMDB_JSON, TMDB_ERRORS, TMDB_JSON, to_json
from ayne_dagster.sandbox.faults.draws import Asked, Draw
from ayne_dagster.sandbox.faults.plan import Fault

HTML_PAGE = (
    "<!DOCTYPE html><html><head><title>{status}</title></head><body><h1>{status}</h1>"
    "<p>The sandbox stands in for a web server that has trouble.</p></body></html>"
)
_HTML = "text/html; charset=utf-8"
_HUGE_SECONDS = 86_400
_MISSING = (
    '<?xml version="1.0" encoding="UTF-8"?>\n'
    "<Error><Code>{code}</Code><Message>The sandbox was told to have no file.</Message></Error>"
)
# Codes the sandbox itself never answers with: status_code -> (HTTP status, message).
_ERRORS: dict[int, tuple[int, str]] = {
    **TMDB_ERRORS,
    3: (401, "Authentication failed: You do not have permissions to access the service."),
    9: (503, "Service offline: This service is temporarily offline, try again later."),
    10: (401, "Suspended API key: Access to your account has been suspended, contact TMDB."),
    11: (500, "Internal error: Something went wrong, contact TMDB."),
    14: (401, "Authentication failed."),
    21: (200, "Entry not found: The item you are trying to edit cannot be found."),
    24: (504, "Your request to the backend server timed out. Try again."),
    35: (401, "Invalid token."),
    43: (502, "Couldn't connect to the backend server."),
}
_CODE_BY_STATUS = {500: 11, 502: 43, 503: 9, 504: 24}
_OMDB_UNKNOWN = {
    "not_found": "Movie not found!",
    "incorrect_id": "Incorrect IMDb ID.",
    "error_getting_data": "Error getting data.",
}

Refusal = Callable[[Fault, Draw, Asked], Response]


def _bad_credential(fault: Fault, draw: Draw, asked: Asked) -> Response:
    return _tmdb(_code_of(draw.pick(fault.kinds)))


def _film_gone(fault: Fault, draw: Draw, asked: Asked) -> Response:
    kind = draw.pick(fault.kinds)
    return _tmdb(6 if kind == "code_6" else 34, has_success=kind != "code_34_without_success")


def _too_many_requests(fault: Fault, draw: Draw, asked: Asked) -> Response:
    response = _tmdb(25, count=41, limit=40)
    form = draw.pick(fault.retry_after)
    whole = round(fault.seconds)
    value = {
        "zero": "0",
        "seconds": str(whole),
        "date": formatdate(time.time() + whole, usegmt=True),
        "huge": str(_HUGE_SECONDS),
    }.get(form)
    if value is not None:
        response.headers["retry-after"] = value
    return response


def _page_out_of_range(fault: Fault, draw: Draw, asked: Asked) -> Response:
    return _tmdb(22, top=500)


def _invalid_parameters(fault: Fault, draw: Draw, asked: Asked) -> Response:
    if draw.pick(fault.kinds) == "code_20":
        return _tmdb(20)
    body = to_json({"errors": ["page must be less than or equal to 500"]})
    return Response(body, 422, media_type=TMDB_JSON)


def _wrong_request(fault: Fault, draw: Draw, asked: Asked) -> Response:
    return _tmdb(_code_of(draw.pick(fault.kinds)))


def _server_error(fault: Fault, draw: Draw, asked: Asked) -> Response:
    status, kind = draw.pick(fault.statuses), draw.pick(fault.kinds)
    if kind == "json":
        return _tmdb(_CODE_BY_STATUS[status], status=status)
    return _page(status) if kind == "html" else Response(b"", status)


def _error_as_200(fault: Fault, draw: Draw, asked: Asked) -> Response:
    return _tmdb(21)


def _not_modified(fault: Fault, draw: Draw, asked: Asked) -> Response:
    return Response(status_code=304)


def _quota_used_up(fault: Fault, draw: Draw, asked: Asked) -> Response:
    return _omdb("Request limit reached!", draw.pick(fault.statuses))


def _omdb_bad_key(fault: Fault, draw: Draw, asked: Asked) -> Response:
    is_absent = draw.pick(fault.kinds) == "absent"
    return _omdb("No API key provided." if is_absent else "Invalid API key!", 401)


def _title_unknown(fault: Fault, draw: Draw, asked: Asked) -> Response:
    return _omdb(_OMDB_UNKNOWN[draw.pick(fault.kinds)], 200)


def _broken_json(fault: Fault, draw: Draw, asked: Asked) -> Response:
    words = """Conversion from string "011f8539" to type 'Double' is not valid."""
    body = f'{{"Response":"False","Error":"{words}"}}'
    return Response(body, media_type=OMDB_JSON)


def _omdb_outage(fault: Fault, draw: Draw, asked: Asked) -> Response:
    return _page(draw.pick(fault.statuses))


def _export_missing(fault: Fault, draw: Draw, asked: Asked) -> Response:
    status = draw.pick(fault.statuses)
    code = "AccessDenied" if status == 403 else "NoSuchKey"
    return Response(_MISSING.format(code=code), status, media_type="application/xml")


REFUSALS: dict[str, Refusal] = {
    "bad_credential": _bad_credential,
    "film_gone": _film_gone,
    "too_many_requests": _too_many_requests,
    "page_out_of_range": _page_out_of_range,
    "invalid_parameters": _invalid_parameters,
    "wrong_request": _wrong_request,
    "server_error": _server_error,
    "error_as_200": _error_as_200,
    "not_modified": _not_modified,
    "quota_used_up": _quota_used_up,
    "omdb_bad_key": _omdb_bad_key,
    "title_unknown": _title_unknown,
    "broken_json": _broken_json,
    "omdb_outage": _omdb_outage,
    "export_missing": _export_missing,
}


def _tmdb(
    code: int, *, status: int | None = None, has_success: bool = True, **values: object
) -> Response:
    """An error as TMDB sends it."""
    own_status, message = _ERRORS[code]
    body = {"status_code": code, "status_message": message.format(**values)}
    if has_success:
        body = {"success": False, **body}
    return Response(to_json(body), status or own_status, media_type=TMDB_JSON)


def _omdb(error: str, status: int) -> Response:
    return Response(to_json({"Response": "False", "Error": error}), status, media_type=OMDB_JSON)


def _page(status: int) -> Response:
    return Response(HTML_PAGE.format(status=status), status, media_type=_HTML)


def _code_of(kind: str) -> int:
    return int(kind.removeprefix("code_"))
