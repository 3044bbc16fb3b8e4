"""What moves a forecast: the effect of each group of inputs, in words.

Lives here: each group of a film replaced by what is typical of the training films, and the factor
by which that changes the forecast (occlusion). Not here: the groups (`input_groups.py`).

A factor answers "what would the model say of this film with a typical budget instead": it is the
model's view of one change, no cause, and the factors of a film do not multiply to its forecast,
since groups act together.
"""

import calendar
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ayne_dagster.domain.amounts import dollars_in_words
from ayne_dagster.domain.input_groups import INPUT_GROUPS

DRIVERS = 3
_MID_MONTH = 15
_GENRES_NAMED = 3

Predict = Callable[[pd.DataFrame], pd.DataFrame]
"""`RevenueModel.predict`: rows of `features` in, `predicted_revenue_usd` out, in their order."""


@dataclass(frozen=True)
class Driver:
    """What one group of inputs does to the forecast of a film.

    Attributes:
        group: A name of `INPUT_GROUPS`.
        words: What the film has there: `budget of $200m`.
        factor: The forecast over the one with a typical value there; above 1 it raises it.
    """

    group: str
    words: str
    factor: float

    def __str__(self) -> str:
        """`budget of $200m: ×3.1`."""
        return f"{self.words}: ×{_factor_in_words(self.factor)}"


def typical_values(train: pd.DataFrame) -> dict[str, Any]:
    """What a typical training film has in each input: what drivers are measured against.

    The median of numbers and the most frequent of everything else; unknown, where it is unknown of
    most films. Ties are settled by the smaller value, so that the same films give the same.

    Args:
        train: `features` rows of the films the model was trained on.
    """
    columns = [name for names in INPUT_GROUPS.values() for name in names]
    return {name: _typical(train[name]) for name in columns if name != "release_date"}


def film_drivers(
    predict: Predict, films: pd.DataFrame, train: pd.DataFrame, *, most: int = DRIVERS
) -> list[list[Driver]]:
    """The groups of inputs that move the forecast of each film most.

    Args:
        predict: The model; it is asked once per group for all films.
        films: `features` rows to explain.
        train: `features` rows of the films the model was trained on.
        most: How many drivers a film gets.

    Returns:
        For each film its drivers, the strongest first, up or down alike.
    """
    if films.empty:
        return []
    effects = group_effects(predict, films, typical_values(train))
    groups = list(effects.columns)
    values = effects.to_numpy()
    # A stable sort: of two equal effects the one named first in INPUT_GROUPS comes first.
    order = np.argsort(-np.abs(np.round(values, 9)), axis=1, kind="stable")[:, :most]
    columns = {name: films[name].tolist() for name in _columns_in_words(films)}
    return [
        [
            Driver(
                groups[place],
                _in_words(groups[place], {name: of[row] for name, of in columns.items()}),
                float(np.exp(values[row, place])),
            )
            for place in places
        ]
        for row, places in enumerate(order)
    ]


def group_effects(
    predict: Predict, films: pd.DataFrame, typical: Mapping[str, Any]
) -> pd.DataFrame:
    """How much each group adds to the predicted log of each film.

    Args:
        predict: The model.
        films: `features` rows.
        typical: What `typical_values` gave.

    Returns:
        One column per group of `INPUT_GROUPS`, one row per film in their order, ln of the factor.
    """
    said = _predicted_log(predict, films)
    return pd.DataFrame(
        {
            group: said - _predicted_log(predict, _with_typical(films, columns, typical))
            for group, columns in INPUT_GROUPS.items()
        }
    )


def _predicted_log(predict: Predict, films: pd.DataFrame) -> np.ndarray:
    return np.log1p(predict(films)["predicted_revenue_usd"].to_numpy(float))


def _with_typical(
    films: pd.DataFrame, columns: Sequence[str], typical: Mapping[str, Any]
) -> pd.DataFrame:
    """The films with typical values in these columns; a release date keeps its year."""
    changed = {}
    for name in columns:
        if name == "release_date":
            month = int(typical["release_month"])
            dates = pd.to_datetime(films[name])
            changed[name] = pd.to_datetime(
                pd.DataFrame({"year": dates.dt.year, "month": month, "day": _MID_MONTH})
            )
        elif name == "release_day_of_year":
            # That of the typical month, or the two would contradict each other.
            middle = pd.Timestamp(2001, int(typical["release_month"]), _MID_MONTH)
            changed[name] = middle.dayofyear
        elif isinstance(typical[name], list):
            changed[name] = pd.Series([typical[name]] * len(films), index=films.index, dtype=object)
        else:
            changed[name] = pd.Series(
                [typical[name]] * len(films), index=films.index, dtype=_dtype(films[name])
            )
    return films.assign(**changed)


def _dtype(column: pd.Series) -> str:
    """A type that holds both the column's values and an unknown one."""
    if pd.api.types.is_bool_dtype(column):
        return "bool"
    return "float64" if pd.api.types.is_numeric_dtype(column) else "object"


def _typical(column: pd.Series) -> Any:
    """The typical value of a column of training films."""
    name, known = str(column.name), column[column.notna()]
    if len(known) * 2 < len(column) or known.empty:
        return np.nan if pd.api.types.is_numeric_dtype(column) else None
    first = known.iloc[0]
    if isinstance(first, (list, tuple, np.ndarray)):
        return list(_most_frequent([tuple(sorted(names)) for names in known]))
    if isinstance(first, str):
        return _most_frequent(known.tolist())
    if isinstance(first, (bool, np.bool_)) or name in ("release_month", "release_weekday"):
        # The middle of calendar numbers means nothing: December and January are neighbours.
        return _most_frequent([_plain(value) for value in known])
    return float(pd.to_numeric(known).median())


def _plain(value: Any) -> Any:
    return bool(value) if isinstance(value, (bool, np.bool_)) else int(value)


def _most_frequent(values: Sequence[Any]) -> Any:
    counts: dict[Any, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return min(counts, key=lambda value: (-counts[value], value))


def _factor_in_words(factor: float) -> str:
    if factor >= 9.95:
        return f"{factor:,.0f}"
    return f"{factor:.1f}" if factor >= 0.95 else f"{factor:.2g}"


_RECORD = " track record"
"""How the names of groups end that say what somebody's earlier films earned."""

_WORDED = (
    "budget_usd",
    "runtime_minutes",
    "release_month",
    "genres",
    "main_country",
    "original_language",
    "us_certification",
    "is_sequel",
    "collection_films_before",
)


def _columns_in_words(films: pd.DataFrame) -> list[str]:
    """The columns that words are made of."""
    records = [name for group in INPUT_GROUPS if group.endswith(_RECORD)
               for name in INPUT_GROUPS[group]]  # fmt: skip
    return [name for name in (*_WORDED, *records) if name in films.columns]


def _in_words(group: str, film: Mapping[str, Any]) -> str:
    """What a film has in a group; the group's name where there is nothing better to say."""
    if group.endswith(_RECORD):
        has_record = any(_known(film[name]) for name in INPUT_GROUPS[group])
        who = group.removesuffix(_RECORD).removesuffix("'s")
        return group if has_record else f"{who} without a track record"
    worded = _WORDS.get(group)
    return group if worded is None else worded(film)


def _budget(film: Mapping[str, Any]) -> str:
    budget = film["budget_usd"]
    return f"budget of {dollars_in_words(float(budget))}" if _known(budget) else "budget unknown"


def _runtime(film: Mapping[str, Any]) -> str:
    runtime = film["runtime_minutes"]
    return f"runtime of {float(runtime):.0f} minutes" if _known(runtime) else "runtime unknown"


def _release(film: Mapping[str, Any]) -> str:
    return f"released in {calendar.month_name[int(film['release_month'])]}"


def _genres(film: Mapping[str, Any]) -> str:
    names = list(film["genres"]) if film["genres"] is not None else []
    if not names:
        return "genres unknown"
    more = "" if len(names) <= _GENRES_NAMED else " …"
    return ("genre " if len(names) == 1 else "genres ") + ", ".join(names[:_GENRES_NAMED]) + more


def _origin(film: Mapping[str, Any]) -> str:
    parts = [
        f"{word} {film[name]}"
        for word, name in (("country", "main_country"), ("language", "original_language"))
        if _known(film[name])
    ]
    return ", ".join(parts) or "country and language unknown"


def _certification(film: Mapping[str, Any]) -> str:
    rated = film["us_certification"]
    return f"rated {rated}" if _known(rated) else "no US certification"


def _collection(film: Mapping[str, Any]) -> str:
    if not film["is_sequel"]:
        return "no sequel"
    return f"film {int(film['collection_films_before']) + 1} of its collection"


def _known(value: Any) -> bool:
    return value is not None and value is not pd.NA and value == value


_WORDS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "budget": _budget,
    "runtime": _runtime,
    "release date": _release,
    "genres": _genres,
    "country and language": _origin,
    "certification": _certification,
    "collection": _collection,
}
