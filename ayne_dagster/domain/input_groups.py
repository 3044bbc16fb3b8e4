"""Names for people of what the model is told: inputs that say the same thing are one group.

Lives here: which columns of `features` belong together. Not here: which may be inputs at all
(`features.py`), and what a group does to a forecast (`drivers.py`).
"""

INPUT_GROUPS: dict[str, tuple[str, ...]] = {
    "budget": ("budget_usd",),
    "runtime": ("runtime_minutes",),
    "release date": (
        "release_date",
        "release_month",
        "release_day_of_year",
        "release_weekday",
    ),
    "genres": ("genres",),
    "country and language": ("main_country", "original_language"),
    "certification": ("us_certification",),
    "collection": ("is_sequel", "collection_films_before", "collection_history_log"),
    "company track record": ("company_history_log",),
    "director track record": ("director_history_log",),
    "cast track record": ("cast_history_log",),
}
"""Each of `MODEL_INPUT_COLUMNS` in exactly one group.

Columns of a group are replaced or shuffled together: one of them alone would leave its answer in
the others (a month without its day of the year)."""
