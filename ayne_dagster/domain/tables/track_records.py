"""The columns of `features` that say what earlier films of the same people and kinds came to.

Lives here: their names and words, made from `ENTITY_KINDS`. Not here: their values
(`point_in_time_history.py`).
"""

from ayne_dagster.domain.film_entities import ENTITY_KINDS, EntityKind
from ayne_dagster.domain.tables.contract import Column, ColumnType

_FACTS: dict[str, str] = {
    "films": "Earlier films with an outcome of its {words}; NULL: none.",
    "log": "Log revenue of its {words}' films above that of all films, constant prices, "
    "{years} years, smoothed.",
    "beyond_budget_log": "The same above what their budgets usually came to.",
    "best_log": "The best of them ever, above all films.",
    "first_log": "Of the first one named, ever, above all films, smoothed.",
}


def history_columns() -> tuple[Column, ...]:
    """Five columns per kind; each counts films released at least 180 days before only."""
    return tuple(_column(kind, fact) for kind in ENTITY_KINDS for fact in _FACTS)


def _column(kind: EntityKind, fact: str) -> Column:
    words = _FACTS[fact].format(words=kind.words, years=kind.window_years)
    if fact not in ("films", "log"):
        words = f"{words[:-1]} ({kind.name.replace('_', ' and ')})."
    minimum = 1 if fact == "films" else None
    return Column(f"{kind.name}_history_{fact}", ColumnType.DOUBLE, words, minimum=minimum)
