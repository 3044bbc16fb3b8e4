"""Names for people of what the model is told: inputs that say the same thing are one group.

Lives here: which columns of `features` belong together. Not here: which may be inputs at all
(`features.py`), and what a group does to a forecast (`drivers.py`).
"""

from ayne_dagster.domain.point_in_time_history import history_columns_of


def _records(*kinds: str) -> tuple[str, ...]:
    """The history columns of some kinds of entities."""
    return tuple(name for kind in kinds for name in history_columns_of(kind))


INPUT_GROUPS: dict[str, tuple[str, ...]] = {
    "budget": ("budget_usd",),
    "runtime": ("runtime_minutes",),
    "release date": (
        "release_date",
        "release_month",
        "release_day_of_year",
        "release_weekday",
    ),
    "genres": ("genres", *_records("genre")),
    "country and language": (
        "main_country",
        "original_language",
        "is_us_production",
        "is_in_english",
        *_records("country", "language"),
    ),
    "certification": ("us_certification", *_records("certification")),
    "collection": ("is_sequel", "collection_films_before", *_records("collection")),
    "title and its series": (
        "is_numbered_title",
        "has_subtitle",
        "title_words",
        *_records("series"),
    ),
    "company track record": _records("company", "company_genre"),
    "director track record": _records("director"),
    "writer track record": _records("writer"),
    "cast track record": _records("cast"),
    "people's track record": _records("people"),
}
"""Each of `MODEL_INPUT_COLUMNS` in exactly one group.

Columns of a group are replaced or shuffled together: one of them alone would leave its answer in
the others (a month without its day of the year)."""
