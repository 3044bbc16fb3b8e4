"""The columns of `features` that say what earlier films of the same people and kinds came to.

Lives here: their names and words, made from `ENTITY_KINDS`. Not here: their values
(`point_in_time_history.py`).
"""

from ayne_dagster.domain.film_entities import ENTITY_KINDS, EntityKind
from ayne_dagster.domain.tables.contract import Column, ColumnType

NAMES: dict[str, tuple[str, str, str, str, str]] = {
    "company": (
        "company_history_films",
        "company_history_log",
        "company_history_beyond_budget_log",
        "company_history_best_log",
        "company_history_first_log",
    ),
    "director": (
        "director_history_films",
        "director_history_log",
        "director_history_beyond_budget_log",
        "director_history_best_log",
        "director_history_first_log",
    ),
    "writer": (
        "writer_history_films",
        "writer_history_log",
        "writer_history_beyond_budget_log",
        "writer_history_best_log",
        "writer_history_first_log",
    ),
    "cast": (
        "cast_history_films",
        "cast_history_log",
        "cast_history_beyond_budget_log",
        "cast_history_best_log",
        "cast_history_first_log",
    ),
    "people": (
        "people_history_films",
        "people_history_log",
        "people_history_beyond_budget_log",
        "people_history_best_log",
        "people_history_first_log",
    ),
    "collection": (
        "collection_history_films",
        "collection_history_log",
        "collection_history_beyond_budget_log",
        "collection_history_best_log",
        "collection_history_first_log",
    ),
    "series": (
        "series_history_films",
        "series_history_log",
        "series_history_beyond_budget_log",
        "series_history_best_log",
        "series_history_first_log",
    ),
    "genre": (
        "genre_history_films",
        "genre_history_log",
        "genre_history_beyond_budget_log",
        "genre_history_best_log",
        "genre_history_first_log",
    ),
    "country": (
        "country_history_films",
        "country_history_log",
        "country_history_beyond_budget_log",
        "country_history_best_log",
        "country_history_first_log",
    ),
    "language": (
        "language_history_films",
        "language_history_log",
        "language_history_beyond_budget_log",
        "language_history_best_log",
        "language_history_first_log",
    ),
    "certification": (
        "certification_history_films",
        "certification_history_log",
        "certification_history_beyond_budget_log",
        "certification_history_best_log",
        "certification_history_first_log",
    ),
    "company_genre": (
        "company_genre_history_films",
        "company_genre_history_log",
        "company_genre_history_beyond_budget_log",
        "company_genre_history_best_log",
        "company_genre_history_first_log",
    ),
}
"""The columns of each of `ENTITY_KINDS` in the order of `HISTORY_FACTS`, written out so that a
search for one finds it."""

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
        for name, words in zip(NAMES[kind.name], _WORDS, strict=True)
    )


def _column(kind: EntityKind, name: str, words: str, minimum: float | None) -> Column:
    told = words.format(
        words=kind.words, years=kind.window_years, kind=kind.name.replace("_", " and ")
    )
    return Column(name, ColumnType.DOUBLE, told, minimum=minimum)
