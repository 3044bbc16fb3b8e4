"""Options that several commands share.

Lives here: their spelling and their checks, so that all commands refuse the same mistakes alike.
"""

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import click

from ayne_dagster.domain.release_years import FIRST_FILM_YEAR

json_option = click.option(
    "--json", "as_json", is_flag=True, help="One JSON document on standard output, for machines."
)


def database_option(*, must_exist: bool = False) -> Callable[..., Any]:
    """`--database`.

    Args:
        must_exist: Refuse a file that is not there.
    """
    return click.option(
        "--database",
        type=click.Path(exists=must_exist, dir_okay=False, path_type=Path),
        help="Another DuckDB file than the setting's, the demo's for example "
        "(data/demo/ayne.duckdb).",
    )


class TmdbId(click.IntRange):
    """The number TMDB knows a film by."""

    name = "id"

    def __init__(self) -> None:
        super().__init__(min=1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The id as a number."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            self.fail(
                f"{value!r} is no TMDB id; it is a number, 603 in themoviedb.org/movie/603",
                param,
                ctx,
            )


TMDB_ID = TmdbId()


def unknown_film(*tmdb_ids: int) -> str:
    """What every command says of films that are not known here, with exit code 2."""
    return (
        f"not known here: {', '.join(map(str, tmdb_ids))}. A film is known once it was discovered: "
        "`ayne collect --start-year Y --end-year Y`, with the year it was released in, discovers it"
    )


class YearRange(click.ParamType):
    """`2015-2023`, or a single year."""

    name = "years"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """(first, last), both inclusive."""
        if isinstance(value, tuple):
            return value
        matched = re.fullmatch(r"(\d{4})(?:\s*(?:-|\.\.)\s*(\d{4}))?", value.strip())
        if not matched:
            self.fail(f"{value!r} is no range of years; write 2015-2023 or 2015", param, ctx)
        first, last = int(matched[1]), int(matched[2] or matched[1])
        if first > last:
            self.fail(f"{value!r}: the first year is after the last", param, ctx)
        if first < FIRST_FILM_YEAR:
            self.fail(f"{value!r}: there was no film before {FIRST_FILM_YEAR}", param, ctx)
        return first, last


YEARS = YearRange()


class YearKeys(YearRange):
    """The same, or `undated`: the films without a release date."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """(first, last), both inclusive, or `undated`."""
        if isinstance(value, str) and value.strip() == "undated":
            return "undated"
        return super().convert(value, param, ctx)


def keys_of(years: tuple[int, int] | str | None, keys: Sequence[str]) -> list[str]:
    """The partition keys that a `YearKeys` option names.

    Args:
        years: What was given; None: all keys.
        keys: The keys that exist.

    Raises:
        click.UsageError: A year lies outside of those kept.
    """
    from ayne_dagster.domain.release_years import UnknownReleaseYear, keys_between

    if years is None:
        return list(keys)
    if isinstance(years, str):
        return [years]
    try:
        return keys_between(*years, keys)
    except UnknownReleaseYear as error:
        raise click.UsageError(str(error)) from error


def year_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--start-year` and `--end-year`."""
    command = click.option(
        "--end-year", type=int, help="Last release year. [default: three years ahead]"
    )(command)
    return click.option("--start-year", type=int, help="First release year. [default: last year]")(
        command
    )
