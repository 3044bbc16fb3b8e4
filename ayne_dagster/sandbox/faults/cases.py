"""The faults the sandbox knows: name, number, who shows them, and what can be chosen.

Lives here: the table, and which requests a case fits. Not here: how often (`plan.py`) and what is
sent then (`refusals.py`, `alterations.py`, `connections.py`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

TMDB, OMDB, EXPORTS, IMDB = "tmdb", "omdb", "exports", "imdb"
RETRY_AFTER = ("absent", "zero", "seconds", "date", "huge")

_ANY = r".*"
_FILM = r"/3/movie/(tt\d+|\d+)(-[^/]*)?"
_FILM_OR_PART = rf"{_FILM}(/.*)?"
_PAGE = r"/3/(discover/movie|movie/(popular|top_rated|now_playing|upcoming)|trending/movie/\w+)"


@dataclass(frozen=True)
class FaultCase:
    """One way in which a service goes wrong.

    Attributes:
        name: as a plan calls it.
        number: of the case in `docs/services.md`; None for what is no fault of an answer.
        services: who can show it.
        what: what is done, in one line.
        paths: regular expression of the whole paths it fits.
        kinds: forms to choose from; without a choice each comes up.
        statuses: HTTP statuses to choose from.
        has_retry_after: whether forms of Retry-After can be chosen.
        seconds: default of the option `seconds`; None: it has none.
    """

    name: str
    number: int | None
    services: tuple[str, ...]
    what: str
    paths: str = _ANY
    kinds: tuple[str, ...] = ()
    statuses: tuple[int, ...] = ()
    has_retry_after: bool = False
    seconds: float | None = None

    def fits(self, service: str, path: str) -> bool:
        """Tell whether a request can meet it."""
        return service in self.services and re.fullmatch(self.paths, path) is not None


CASES: tuple[FaultCase, ...] = (
    FaultCase("bad_credential", 1, (TMDB,), "401: the key is refused",
              kinds=("code_7", "code_3", "code_10", "code_14", "code_35")),
    FaultCase("film_gone", 2, (TMDB,), "404: the film is not known",
              paths=_FILM_OR_PART, kinds=("code_34", "code_34_without_success", "code_6")),
    FaultCase("too_many_requests", 3, (TMDB,), "429 code 25, with or without Retry-After",
              has_retry_after=True, seconds=1.0),
    FaultCase("page_out_of_range", 4, (TMDB,), "400 code 22 to a page that exists", paths=_PAGE),
    FaultCase("invalid_parameters", 5, (TMDB,), "422: the parameters are refused",
              kinds=("code_20", "errors")),
    FaultCase("wrong_request", 6, (TMDB,), "400: a mistake in the request",
              kinds=("code_23", "code_27")),
    FaultCase("server_error", 7, (TMDB,), "5xx with a code, with HTML, or empty",
              kinds=("json", "html", "empty"), statuses=(500, 502, 503, 504)),
    FaultCase("damaged_body", 8, (TMDB, OMDB), "200 with a body that is not the answer",
              kinds=("html", "truncated", "empty", "wrong_type")),
    FaultCase("error_as_200", 9, (TMDB,), "200 with success: false, code 21"),
    FaultCase("odd_values", 10, (TMDB,), "200 with values of unexpected forms",
              paths=f"{_FILM}|{_PAGE}",
              kinds=("new_key", "null_flag", "empty_date", "odd_date", "whole_number",
                     "negative_money")),
    FaultCase("page_drift", 11, (TMDB,), "200 with a page that moved since the last one",
              paths=_PAGE, kinds=("repeated", "total_moved", "empty", "no_results")),
    FaultCase("not_modified", 12, (TMDB,), "304 that nobody asked for", paths=_FILM),
    FaultCase("missing_part", 13, (TMDB,), "200 without one of the appended parts",
              paths=_FILM, kinds=("absent", "null", "error")),
    FaultCase("connection_broken", 14, (TMDB, OMDB, EXPORTS, IMDB), "the connection breaks",
              kinds=("reset", "closed", "cut_off", "silent"), seconds=60.0),
    FaultCase("quota_used_up", 15, (OMDB,), "Request limit reached!", paths="/",
              statuses=(401, 403, 429)),
    FaultCase("omdb_bad_key", 16, (OMDB,), "401: the key is refused", paths="/",
              kinds=("invalid", "absent")),
    FaultCase("title_unknown", 17, (OMDB,), "200: OMDb does not know the title", paths="/",
              kinds=("not_found", "incorrect_id", "error_getting_data")),
    FaultCase("broken_json", 18, (OMDB,), "200 with bare quotes inside a text", paths="/"),
    FaultCase("omdb_outage", 19, (OMDB,), "5xx with an HTML page", paths="/",
              statuses=(503, 522, 521, 504)),
    FaultCase("other_title", 20, (OMDB,), "200 for another imdbID than asked for", paths="/"),
    FaultCase("export_missing", 21, (EXPORTS,), "no file of that day (XML)",
              statuses=(403, 404)),
    FaultCase("damaged_file", 22, (EXPORTS, IMDB), "200 with a file that is not whole",
              kinds=("truncated", "bad_line", "shrunk")),
    FaultCase("imdb_oddities", 23, (IMDB,), r"200 with \N, literal quotes, a new titleType"),
    FaultCase("slow", None, (TMDB, OMDB, EXPORTS, IMDB),
              "the answer comes late; on top of other faults", seconds=1.0),
)  # fmt: skip

NOT_SERVED: tuple[tuple[int, str, str], ...] = (
    (24, "Letterboxd export", "a file of the user; no service sends it"),
    (25, "The Numbers", "nothing here asks it"),
)

_BY_NAME = {case.name: case for case in CASES}
_BY_NUMBER = {case.number: case for case in CASES if case.number is not None}


def find_case(word: object) -> FaultCase | None:
    """Return the case of a name or a number, None where there is none."""
    if isinstance(word, str):
        return _BY_NAME.get(word)
    if isinstance(word, bool) or not isinstance(word, int):
        return None
    return _BY_NUMBER.get(word)


def case_lines() -> list[str]:
    """Return the table as lines of text, for the command line."""
    lines = ["  #  name                services            what it does; what can be chosen"]
    for case in CASES:
        number = "-" if case.number is None else str(case.number)
        services = ", ".join(case.services) if len(case.services) < 4 else "all"
        options = [
            *([f"kinds: {', '.join(case.kinds)}"] if case.kinds else []),
            *([f"statuses: {', '.join(map(str, case.statuses))}"] if case.statuses else []),
            *([f"retry_after: {', '.join(RETRY_AFTER)}"] if case.has_retry_after else []),
            *([f"seconds: {case.seconds:g}"] if case.seconds is not None else []),
        ]
        lines.append(f"{number:>3}  {case.name:<18}  {services:<18}  {case.what}")
        lines.extend(f"{'':45}{option}" for option in options)
    lines.extend(
        f"{number:>3}  {name:<18}  {'not served':<18}  {why}" for number, name, why in NOT_SERVED
    )
    return lines
