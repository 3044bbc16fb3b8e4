"""The columns of `features` that say what earlier films of the same people and kinds came to.

Lives here: their names and words, made from `ENTITY_KINDS`. Not here: their values
(`point_in_time_history.py`).
"""

from ayne_dagster.domain.film_entities import ENTITY_KINDS, EntityKind
from ayne_dagster.domain.point_in_time_history import history_columns_of
from ayne_dagster.domain.tables.contract import Column, ColumnType

_WORDS: tuple[str, ...] = (
    "Earlier films with an outcome of each of its {words}, their mean; NULL: none.",
    "Log revenue of {years} years' films of its {words}, constant prices, above all, smoothed.",
    "The same above what their budgets usually came to ({kind}).",
    "The best of them ever, above all films ({kind}).",
    "Of the first one named, ever, above all films, smoothed ({kind}).",
)


def history_columns() -> tuple[Column, ...]:
    """Five columns per kind; each counts films released at least 180 days before only."""
    return tuple(
        _column(kind, name, words, minimum=0 if name.endswith("_films") else None)
        for kind in ENTITY_KINDS
        for name, words in zip(history_columns_of(kind.name), _WORDS, strict=True)
    )


def _column(kind: EntityKind, name: str, words: str, minimum: float | None) -> Column:
    told = words.format(
        words=kind.words, years=kind.window_years, kind=kind.name.replace("_", " and ")
    )
    return Column(name, ColumnType.DOUBLE, told, minimum=minimum)
