"""Which release years exist, and which of them a date belongs to.

Lives here: partition keys as plain strings. Not here: Dagster's partitions definition
(`defs/partitions.py`), which is built from these.
"""

from collections.abc import Sequence
from datetime import date

UNDATED = "undated"
FIRST_FILM_YEAR = 1888
"""Roundhay Garden Scene, the earliest film TMDB dates."""
DEFAULT_FIRST_RELEASE_YEAR = 1900
YEARS_AHEAD = 3
"""Films are announced about three years before they open."""


class UnknownReleaseYear(ValueError):
    """A year outside the range the platform keeps."""


def release_year_keys(first_release_year: int, today: date) -> list[str]:
    """All partition keys: `first_release_year` .. this year + 3, then `undated`.

    Args:
        first_release_year: First year kept, as a calendar year.
        today: The day the range is asked for.

    Raises:
        ValueError: `first_release_year` lies outside 1888 .. this year.
    """
    if not FIRST_FILM_YEAR <= first_release_year <= today.year:
        raise ValueError(
            f"first release year {first_release_year} must lie between {FIRST_FILM_YEAR} "
            f"and {today.year}"
        )
    last = today.year + YEARS_AHEAD
    return [*(str(year) for year in range(first_release_year, last + 1)), UNDATED]


def release_year_of(release_date: date | None, keys: Sequence[str]) -> str:
    """The partition a film of this date belongs to.

    A date outside the years kept has no partition of its own: such a film lives in `undated` until
    the range reaches it, so that it is never lost.

    Args:
        release_date: Primary release date, or None where unknown.
        keys: The keys that exist, from `release_year_keys`.
    """
    if release_date is None:
        return UNDATED
    key = f"{release_date.year:04d}"
    return key if key in keys else UNDATED


def calendar_years(keys: Sequence[str]) -> list[int]:
    """The years among the keys, ascending; `undated` is none."""
    return sorted(int(key) for key in keys if key != UNDATED)


def keys_between(first_year: int, last_year: int, keys: Sequence[str]) -> list[str]:
    """The keys from `first_year` to `last_year`, inclusive.

    Raises:
        UnknownReleaseYear: The range is empty or leaves the years kept.
    """
    years = calendar_years(keys)
    if first_year > last_year:
        raise UnknownReleaseYear(f"the first year {first_year} is after the last year {last_year}")
    for year in (first_year, last_year):
        if year not in years:
            raise UnknownReleaseYear(
                f"{year} is not a release year the platform keeps ({years[0]}-{years[-1]})"
            )
    return [str(year) for year in years if first_year <= year <= last_year]


def contiguous_blocks(selected: Sequence[str], keys: Sequence[str]) -> list[list[str]]:
    """Split selected keys into blocks that are neighbours in `keys`: one run serves each block."""
    position = {key: index for index, key in enumerate(keys)}
    blocks: list[list[str]] = []
    for key in sorted(set(selected), key=position.__getitem__):
        if blocks and position[key] == position[blocks[-1][-1]] + 1:
            blocks[-1].append(key)
        else:
            blocks.append([key])
    return blocks
