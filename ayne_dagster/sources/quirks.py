"""What the services write, read tolerantly: pure functions from any JSON value to a value or None.

Lives here: one function per kind of value, used as validators in the payload models. None of them
raises. Not here: the models (`tmdb_payloads.py`, `omdb_payloads.py`).
"""

import math
import re
from dataclasses import dataclass
from datetime import date
from typing import Any

_BIGINT = 2**63 - 1
_INTEGER = 2**31 - 1
_UNKNOWN = frozenset({"", "n/a", "none", "null"})
_IMDB_ID = re.compile(r"tt[0-9]{7,9}")
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})T[0-9:.]+(Z|[+-][0-9:]+)?")
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_NUMBER = re.compile(r"[+-]?([0-9]{1,3}(,[0-9]{3})+|[0-9]+)(\.[0-9]+)?")
_DOLLARS = re.compile(r"\$\s?([0-9,]+)(\.[0-9]+)?")
_OMDB_DATE = re.compile(r"([0-9]{1,2}) ([A-Z][a-z]{2}) ([0-9]{4})")
_MINUTES = re.compile(r"(?:([0-9]{1,3}) ?h(?:r|rs|ours?)?)?\s*(?:([0-9,]{1,9}) ?min(?:s|utes?)?)?")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_OSCARS = re.compile(r"\b(won|nominated for) ([0-9,]+) oscars?\b", re.IGNORECASE)
_HEADLINE = re.compile(r"\b(won|nominated for) ([0-9,]+) (?!wins?\b|nominations?\b)", re.IGNORECASE)
_WINS = re.compile(r"([0-9,]+) wins?(?![a-z])", re.IGNORECASE)
_NOMINATIONS = re.compile(r"([0-9,]+) nominations?(?![a-z])", re.IGNORECASE)


def text(value: Any) -> str | None:
    """Text without outer blanks; `""` and things that are no text are unknown.

    Numbers become their digits. Half a surrogate pair, legal in JSON and nowhere else, becomes
    `?`: no file could hold the row otherwise.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None
    cleaned = value.strip()
    if not cleaned.isascii():
        cleaned = cleaned.encode("utf-8", "replace").decode("utf-8")
    return cleaned or None


def omdb_text(value: Any) -> str | None:
    """The same, with OMDb's `N/A` unknown, too."""
    cleaned = text(value)
    return None if cleaned is None or cleaned.lower() in _UNKNOWN else cleaned


def number(value: Any) -> float | None:
    """A finite number from a number or its text (`8.1`, `862,056`); everything else is unknown."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        if _NUMBER.fullmatch(value.strip()) is None:
            return None
        value = value.replace(",", "")
    elif not isinstance(value, int | float):
        return None
    try:
        result = float(value)
    except (ValueError, OverflowError):
        return None
    return result if math.isfinite(result) else None


def whole(value: Any) -> int | None:
    """A whole number that fits 64 bits; `3.0` is 3, `3.7` is unknown."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value if abs(value) <= _BIGINT else None
    as_float = number(value)
    if as_float is None or not as_float.is_integer() or abs(as_float) > _BIGINT:
        return None
    if isinstance(value, str):  # exact beyond 2**53, too
        return _digits(value.split(".", maxsplit=1)[0])
    return int(as_float) if abs(as_float) < 2**63 else None


def positive(value: Any) -> int | None:
    """A whole number from 1; TMDB writes 0, and at times less, for unknown money and runtimes."""
    result = whole(value)
    return result if result is not None and result >= 1 else None


def runtime(value: Any) -> int | None:
    """Minutes as a number; 0 is unknown."""
    result = positive(value)
    return result if result is not None and result <= _INTEGER else None


def count(value: Any) -> int | None:
    """A whole number from 0."""
    result = whole(value)
    return result if result is not None and result >= 0 else None


def amount(value: Any) -> float | None:
    """A number from 0 (popularity)."""
    result = number(value)
    return result if result is not None and result >= 0 else None


def rating(value: Any) -> float | None:
    """A mean rating between 0 and 10."""
    result = number(value)
    return result if result is not None and 0 <= result <= 10 else None


def percent(value: Any) -> int | None:
    """A whole number between 0 and 100, with or without `%` or `/100`."""
    if isinstance(value, str):
        value = value.strip().removesuffix("%").removesuffix("/100")
    result = whole(value)
    return result if result is not None and 0 <= result <= 100 else None


def flag(value: Any) -> bool | None:
    """A boolean; TMDB's change feed has null where a film is gone."""
    return value if isinstance(value, bool) else None


def imdb_id(value: Any) -> str | None:
    """An IMDb title id: `tt` and 7 to 9 digits."""
    cleaned = text(value)
    return cleaned if cleaned is not None and _IMDB_ID.fullmatch(cleaned) else None


def iso_date(value: Any) -> date | None:
    """`YYYY-MM-DD` and nothing else: TMDB has sent other forms by mistake, and a guess is worse."""
    if not isinstance(value, str) or _DATE.fullmatch(value) is None:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        return None


def day_of_moment(value: Any) -> date | None:
    """The day of `2013-02-14T00:00:00.000Z`, or of a plain date."""
    match = _MOMENT.fullmatch(value) if isinstance(value, str) else None
    return iso_date(match[1]) if match else iso_date(value)


def language(value: Any) -> str | None:
    """A language code in lower case."""
    cleaned = text(value)
    return cleaned if cleaned is not None and _LANGUAGE.fullmatch(cleaned) else None


def omdb_date(value: Any) -> date | None:
    """`28 Jan 2011`, or ISO as in lists of episodes; months are English whatever the locale."""
    match = _OMDB_DATE.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        return iso_date(value)
    day, month, year = match.groups()
    try:
        return date(int(year), _MONTHS.index(month) + 1, int(day))
    except ValueError:
        return None


def minutes(value: Any) -> int | None:
    """Minutes of `142 min`, `1,234 min`, `1 h 34 min`, `1 h`; 0 is unknown."""
    cleaned = omdb_text(value)
    match = _MINUTES.fullmatch(cleaned.lower()) if cleaned else None
    if match is None:
        return None
    total = 60 * (_digits(match[1]) or 0) + (_digits(match[2]) or 0)
    return total if 1 <= total <= _INTEGER else None


def us_dollars(value: Any) -> int | None:
    """Whole dollars of `$134,478,449`; 0 is unknown, cents are dropped.

    Another currency is unknown, too: OMDb's older `&pound;270,592,504` is no US figure.
    """
    match = _DOLLARS.fullmatch(value.strip()) if isinstance(value, str) else None
    return positive(_digits(match[1])) if match else None


def rating_from(ratings: Any, source: str) -> str | None:
    """The text of one source in OMDb's list of ratings (`Rotten Tomatoes` -> `91%`)."""
    if not isinstance(ratings, list):
        return None
    for entry in ratings:
        if isinstance(entry, dict) and entry.get("Source") == source:
            return omdb_text(entry.get("Value"))
    return None


@dataclass(frozen=True)
class Awards:
    """OMDb's awards in numbers; None where the text says nothing.

    Attributes:
        oscar_wins: Oscars won.
        oscar_nominations: Oscar nominations not won.
        award_wins: All wins counted.
        award_nominations: All nominations counted.
    """

    oscar_wins: int | None = None
    oscar_nominations: int | None = None
    award_wins: int | None = None
    award_nominations: int | None = None


def awards(value: Any) -> Awards:
    """Read `Won 4 Oscars. 42 wins & 7 nominations total`: 4 Oscars and 42 wins, not 42 Oscars.

    The forms: an optional headline (`Won 1 BAFTA Award`, `Nominated for 2 Oscars`) and an
    optional count of all wins and nominations. `N wins & M nominations total` includes the
    headline; the older `Another N wins & M nominations.` does not, so the headline is added. A
    headline without a count is the count. A text that names no award at all is unknown.
    """
    cleaned = omdb_text(value)
    if cleaned is None:
        return Awards()
    oscars = {kind.lower(): _digits(n) for kind, n in _OSCARS.findall(cleaned)}
    headline = {kind.lower(): _digits(n) or 0 for kind, n in _HEADLINE.findall(cleaned)}
    wins, nominations = _first(_WINS, cleaned), _first(_NOMINATIONS, cleaned)
    if wins is None and nominations is None and not headline:
        return Awards()
    is_added = "another" in cleaned.lower() or (wins is None and nominations is None)
    extra_wins = headline.get("won", 0) if is_added else 0
    extra_nominations = headline.get("nominated for", 0) if is_added else 0
    return Awards(
        oscar_wins=_bounded(oscars.get("won") or 0),
        oscar_nominations=_bounded(oscars.get("nominated for") or 0),
        award_wins=_bounded((wins or 0) + extra_wins),
        award_nominations=_bounded((nominations or 0) + extra_nominations),
    )


def _first(pattern: re.Pattern[str], cleaned: str) -> int | None:
    match = pattern.search(cleaned)
    return _digits(match[1]) if match else None


def _digits(value: str | None) -> int | None:
    """The whole number of digits with commas, or None beyond 64 bits."""
    if not value:
        return None
    digits = value.replace(",", "").strip()
    is_number = digits.lstrip("+-").isdecimal() and len(digits) <= 20
    result = int(digits) if is_number else None
    return result if result is not None and abs(result) <= _BIGINT else None


def _bounded(value: int) -> int | None:
    return value if value <= _INTEGER else None
