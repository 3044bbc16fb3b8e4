"""What people say of a film on the command line, as facts the features are made of.

Lives here: spellings of amounts and genres, names to ids, facts of a stored film, and remarks about
what could not be found. Not here: the options themselves and the answer (`predict.py`).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from ayne_dagster.cli.collection import Collection
from ayne_dagster.cli.options import unknown_film

if TYPE_CHECKING:
    import pandas as pd

    from ayne_dagster.storage.name_queries import Named, NameQueries, Role

_SIZES = {"": 1, "k": 1e3, "m": 1e6, "bn": 1e9, "b": 1e9}
_AMOUNT = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(\.\d+)?\s*(bn|[kmb]?)")
"""A comma parts thousands: taken for a decimal one, `60,5m` would be ten times as much."""
_MOST_USD = 2e9
"""Several times what any film has cost: more is a slip of the keyboard."""


class Dollars(click.ParamType):
    """`200m`, `35.5m`, `1.2bn`, `200000000`, with or without a dollar sign."""

    name = "amount"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """The amount in US dollars."""
        from ayne_dagster.domain.film_facts import BUDGET_MISSING_UP_TO_USD

        if isinstance(value, float):
            return value
        matched = _AMOUNT.fullmatch(str(value).strip().lower().replace("_", "").lstrip("$"))
        if not matched:
            self.fail(
                f"{value!r} is no amount in US dollars; write 200000000, 200m or 1.2bn", param, ctx
            )
        amount = float(matched[1].replace(",", "") + (matched[2] or "")) * _SIZES[matched[3]]
        if amount <= 0:
            self.fail("leave the option out where the budget is unknown", param, ctx)
        if amount <= BUDGET_MISSING_UP_TO_USD:
            self.fail(
                f"{value!r} means {amount:,.0f} dollars, and {BUDGET_MISSING_UP_TO_USD:,} or less "
                "count as unknown; write 60m for sixty million",
                param,
                ctx,
            )
        if amount > _MOST_USD:
            self.fail(f"{value!r} is more than any film has cost; write 60m for sixty million",
                      param, ctx)  # fmt: skip
        return amount


class Certification(click.ParamType):
    """A US certification, however it is spelled: `PG-13`, `pg13`."""

    name = "text"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The certification as TMDB spells it."""
        from ayne_dagster.domain.film_entities import NOT_RATED
        from ayne_dagster.domain.model_inputs import CERTIFICATION_LEVELS

        known = {_bare(word): word for word in (*CERTIFICATION_LEVELS, NOT_RATED)}
        if _bare(str(value)) not in known:
            self.fail(
                f"there is no certification {value!r}; there are {', '.join(known.values())}",
                param, ctx,
            )  # fmt: skip
        return known[_bare(str(value))]


def _bare(word: str) -> str:
    return re.sub(r"[\s-]", "", word).lower()


class Genres(click.ParamType):
    """Names of TMDB's genres, separated by commas."""

    name = "genres"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> list[str]:
        """The names as TMDB spells them."""
        from ayne_dagster.domain.model_inputs import GENRES

        if isinstance(value, list):
            return value
        known = {genre.lower(): genre for genre in GENRES}
        asked = [part.strip() for part in str(value).split(",") if part.strip()]
        wrong = [name for name in asked if name.lower() not in known]
        if wrong or not asked:
            self.fail(
                f"there is no genre {', '.join(map(repr, wrong)) or repr(value)}; there are "
                f"{', '.join(GENRES)}",
                param,
                ctx,
            )
        return list(dict.fromkeys(known[name.lower()] for name in asked))


class Code(click.ParamType):
    """A code of two letters."""

    def __init__(self, name: str, example: str, *, is_upper: bool) -> None:
        self.name, self.example, self.is_upper = name, example, is_upper

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The code as TMDB spells it."""
        if not re.fullmatch(r"[A-Za-z]{2}", str(value)):
            self.fail(
                f"{value!r} is no code of two letters, {self.example} for example", param, ctx
            )
        return str(value).upper() if self.is_upper else str(value).lower()


@dataclass
class Given:
    """Facts of a film, and what there is to say about them.

    Attributes:
        facts: Columns of `tmdb_details` with the values given.
        remarks: Sentences for people: who was meant, who is not known.
        missing: Options of a planned film that were not given.
    """

    facts: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def fill_in_origin(given: Given, train: "pd.DataFrame") -> None:
    """Take a planned film for a usual one where its country or language was not given; say so.

    Args:
        given: What was given; it is changed.
        train: `features` rows of the films the model learned from.
    """
    from ayne_dagster.domain.planned_film import usual_origin

    if not given.missing:
        return
    countries, language = given.facts.get("countries") or [], given.facts.get("original_language")
    taken = usual_origin(train, countries[0] if countries else None, language)
    missing = [name for name in given.missing if name not in taken]
    if missing:
        given.remarks.append(f"not given, so unknown to the model: {', '.join(missing)}")
    if not taken:
        return
    if "country" in taken:
        given.facts["countries"] = [taken["country"]]
    if "language" in taken:
        given.facts["original_language"] = taken["language"]
        given.facts["spoken_languages"] = [taken["language"]]
    like = next((f"{known} " for known in (*countries[:1], language) if known), "")
    given.remarks.append(
        f"{' and '.join(taken)} not given: taken as {' and '.join(taken.values())}, as of most "
        f"{like}films the model learned from"
    )


def resolve_names(
    names: Sequence[str], role: "Role", queries: "NameQueries"
) -> tuple[list[int], list[str]]:
    """The ids that stand behind names or numbers, and remarks where it is not plain.

    A name nobody of the stored films has is a debut: the model takes it like somebody without a
    track record, which is also what it would make of a slip of the pen, so it is said.
    """
    ids, remarks = [], []
    for name in names:
        found = queries.of_id(role, int(name)) if name.isdigit() else queries.of_name(role, name)
        if found:
            ids.append(found[0].id)
            if len(found) > 1:
                remarks.append(_several(name, role, found))
        else:
            remarks.append(_nobody(name, role, queries))
            if name.isdigit():
                ids.append(int(name))
    return list(dict.fromkeys(ids)), remarks


def _several(name: str, role: "Role", found: "Sequence[Named]") -> str:
    others = ", ".join(str(one.id) for one in found[1:4])
    films = "film" if found[0].films == 1 else "films"
    return (
        f"{role.name.lower()} {name!r}: {len(found)} are called so; taken for {found[0].id}, with "
        f"{found[0].films} stored {films} (others: {others}; give the id to choose)"
    )


def _nobody(name: str, role: "Role", queries: "NameQueries") -> str:
    like = [] if name.isdigit() else queries.like(role, name)
    meant = f"; did you mean {' or '.join(map(repr, like))}?" if like else ""
    return f"{role.name.lower()} {name!r} is in none of the stored films: taken as a debut{meant}"


class FilmNotStored(LookupError):
    """A known film is asked about that has no details yet."""


def stored_facts(collection: Collection, tmdb_id: int) -> dict[str, Any]:
    """What is stored of a film.

    Raises:
        click.UsageError: The film is not known here.
        FilmNotStored: It is, and has no details yet.
    """
    from ayne_dagster.storage.model_queries import ModelQueries
    from ayne_dagster.storage.steering_queries import SteeringQueries

    film = ModelQueries(collection.warehouse).film(tmdb_id)
    if film is not None:
        return film
    if tmdb_id not in SteeringQueries(collection.warehouse).films([tmdb_id]):
        raise click.UsageError(unknown_film(tmdb_id))
    raise FilmNotStored(
        f"there are no details of film {tmdb_id} yet; `ayne refresh {tmdb_id}` fetches them"
    )
