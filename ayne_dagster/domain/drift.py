"""Whether the newest films or the newest errors are unlike those before: drift.

Lives here: the population stability index of each input, the error of the newest scored year beside
that of the years before, and when either is worth a warning. Not here: who is told (`defs`).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ayne_dagster.domain.features import MODEL_INPUT_COLUMNS
from ayne_dagster.domain.input_groups import INPUT_GROUPS
from ayne_dagster.domain.model_scores import coverage, rmsle
from ayne_dagster.domain.number_columns import as_floats
from ayne_dagster.domain.score_intervals import estimate_scores

STABILITY_LIMIT = 0.25
"""From here on a population counts as shifted (Siddiqi, *Credit Risk Scorecards*, 2006, by whom .1
to .25 is a small shift)."""

MINIMUM_FILMS = 30
"""Films of the newest year: a year just begun is compared once it has so many with an outcome."""

REFERENCE_YEARS = 5
"""Inputs are compared with the five years before: budgets and track records in dollars of 1990 are
unlike today's without anything being wrong."""

YEARS_OF_RECORDS = 15
"""In a catalogue that began later, track records are still growing: they are not compared."""

WHOLE_YEAR = 0.7
"""Share of the films of the years before from which on a year counts as complete."""

ERROR_YEARS = 10
"""Errors are compared with the ten scored years before."""

ERROR_GROWTH = 1.1
"""An RMSLE a tenth above that of the years before, and not by chance, is worth a look."""

_RECORDS_OF_CLASSES = ("genre_hist", "country_hist", "language_hist", "certification_hist")
BINS = 10
_CATEGORIES = 10
_CHANCE = 3.09
"""Normal quantile of 99.9 %: of a dozen inputs looked at every week hardly one warns by chance."""


@dataclass(frozen=True)
class InputDrift:
    """How far one input of the newest films is from that of the films before.

    Attributes:
        name: The input.
        stability_index: Population stability index; 0 is no difference.
        limit: What it must exceed for a warning: `STABILITY_LIMIT`, or more where few films alone
            give more.
    """

    name: str
    stability_index: float
    limit: float

    @property
    def has_drifted(self) -> bool:
        """Whether this is worth a warning."""
        return self.stability_index > self.limit


@dataclass(frozen=True)
class ErrorDrift:
    """How the newest scored year stands beside the years before.

    Attributes:
        year: The newest year with enough films.
        films: Its films with an outcome.
        rmsle: Its RMSLE.
        rmsle_low: Lower end of the 90 % interval of that.
        rmsle_before: Pooled RMSLE of the years before.
        films_before: Their films.
        interval_coverage: Share of its outcomes inside their 80 % interval.
        interval_coverage_before: The same of the years before.
    """

    year: str
    films: int
    rmsle: float
    rmsle_low: float
    rmsle_before: float
    films_before: int
    interval_coverage: float
    interval_coverage_before: float

    @property
    def has_drifted(self) -> bool:
        """Whether the error has grown by more than a tenth, and by more than chance."""
        limit = self.rmsle_before * ERROR_GROWTH
        return self.rmsle > limit and self.rmsle_low > self.rmsle_before


def compared_inputs() -> list[str]:
    """The inputs whose drift says something.

    Left out are the release date, which moves by its nature, and the track records of classes
    (genres, countries, languages, certifications): all films of a class share one value, which
    moves a little every year, out of any bin. Which classes films belong to is compared itself.
    """
    left_out = INPUT_GROUPS["release date"]
    return [
        name
        for name in MODEL_INPUT_COLUMNS
        if name not in left_out and not name.startswith(_RECORDS_OF_CLASSES)
    ]


def newest_year(
    rows: pd.DataFrame, minimum_films: int = MINIMUM_FILMS, *, is_whole: bool = False
) -> str | None:
    """The latest release year with enough rows; None where no year has.

    Args:
        rows: Rows with a release year.
        minimum_films: Rows it must have.
        is_whole: It must also have `WHOLE_YEAR` of the mean of the years before it: outcomes of a
            year come in month by month, and films of January are unlike those of a year.
    """
    counts = rows["release_year"].astype(str).value_counts()
    for year in sorted(counts[counts >= minimum_films].index, reverse=True):
        of_before = years_before(rows, year, REFERENCE_YEARS)
        usual = len(of_before) / max(of_before["release_year"].nunique(), 1)
        if not is_whole or counts[year] >= WHOLE_YEAR * usual:
            return str(year)
    return None


def years_before(rows: pd.DataFrame, year: str, most: int) -> pd.DataFrame:
    """The rows of so many calendar years before a year."""
    wanted = {f"{int(year) - back:04d}" for back in range(1, most + 1)}
    return rows[rows["release_year"].astype(str).isin(wanted)]


def input_drift(films: pd.DataFrame, inputs: Sequence[str]) -> tuple[str | None, list[InputDrift]]:
    """Compare the films with an outcome of the newest whole year with those of the five before.

    Like with like: films without an outcome are mostly others than those the model learns from.

    Args:
        films: Labelled `features` rows.
        inputs: Columns to compare: numbers, truth values, texts, lists of texts. A date drifts by
            its nature and is left out.

    Returns:
        The newest year, and one entry per input, the largest index first; no year and no entry
        where there are too few films on either side.
    """
    year = newest_year(films, is_whole=True)
    if year is None:
        return None, []
    newest = films[films["release_year"].astype(str) == year]
    before = years_before(films, year, REFERENCE_YEARS)
    if len(before) < MINIMUM_FILMS:
        return None, []
    is_young = int(year) - films["release_year"].astype(int).min() < YEARS_OF_RECORDS
    found = [
        _drift_of(name, before[name], newest[name])
        for name in inputs
        if not (is_young and "_history_" in name)
        if not pd.api.types.is_datetime64_any_dtype(films[name])
    ]
    return year, sorted(found, key=lambda drift: drift.stability_index, reverse=True)


def error_drift(back_test: pd.DataFrame, seed: int) -> ErrorDrift | None:
    """Compare the errors of the newest scored year with those of the years before.

    Args:
        back_test: Rows of `back_test`, in any order.
        seed: Seed of the bootstrap.

    Returns:
        Both errors; None where there are too few films on either side.
    """
    year = newest_year(back_test)
    if year is None:
        return None
    # A bootstrap draws films by their place, and the warehouse gives rows in any order.
    rows = back_test.sort_values("tmdb_id")
    newest = rows[rows["release_year"].astype(str) == year]
    before = years_before(rows, year, ERROR_YEARS)
    if len(before) < MINIMUM_FILMS:
        return None
    actual, predicted, lower, upper = _columns(newest)
    name = "newest"
    estimated = estimate_scores(actual, {name: predicted}, compared_with=name, seed=seed)
    old_actual, old_predicted, old_lower, old_upper = _columns(before)
    return ErrorDrift(
        year=year,
        films=len(newest),
        rmsle=estimated[name].rmsle.value,
        rmsle_low=estimated[name].rmsle.low,
        rmsle_before=rmsle(old_actual, old_predicted),
        films_before=len(before),
        interval_coverage=coverage(actual, lower, upper),
        interval_coverage_before=coverage(old_actual, old_lower, old_upper),
    )


def stability_index(before: np.ndarray, newest: np.ndarray) -> float:
    """Population stability index of two sets of counts over the same bins.

    Sum of (q - p) ln(q / p) over the bins' shares p and q; half a film is added to each bin, so
    that an empty one is finite.
    """
    p = (before + 0.5) / (before + 0.5).sum()
    q = (newest + 0.5) / (newest + 0.5).sum()
    return float(np.sum((q - p) * np.log(q / p)))


def _drift_of(name: str, before: pd.Series, newest: pd.Series) -> InputDrift:
    counts = _binned(before, newest)
    index = stability_index(*counts)
    bins = int(((counts[0] + counts[1]) > 0).sum())
    by_chance = (1 / len(before) + 1 / len(newest)) * _chi_square_quantile(bins - 1)
    return InputDrift(name, index, max(STABILITY_LIMIT, by_chance))


def _binned(before: pd.Series, newest: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Counts of both over bins learned from `before`; the last bin is unknown."""
    if pd.api.types.is_bool_dtype(before) or pd.api.types.is_numeric_dtype(before):
        old, new = as_floats(before), as_floats(newest)
        known = old[~np.isnan(old)]
        shares = np.linspace(0, 1, BINS + 1)[1:-1]
        edges = np.unique(np.quantile(known, shares)) if len(known) else np.empty(0)
        return _count_numbers(old, edges), _count_numbers(new, edges)
    old, new = before.map(_as_texts).explode(), newest.map(_as_texts).explode()
    named = list(old.value_counts().head(_CATEGORIES).index)
    return _count_texts(old, named), _count_texts(new, named)


def _count_numbers(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    is_known = ~np.isnan(values)
    # A value that is an edge belongs to the upper bin, so that a bin of one frequent value exists.
    bins = np.searchsorted(edges, values[is_known], side="right")
    counts = np.bincount(bins, minlength=len(edges) + 1)
    return np.append(counts, (~is_known).sum()).astype(float)


def _count_texts(values: pd.Series, named: list[str]) -> np.ndarray:
    counts = values.value_counts()
    known = [int(counts.get(name, 0)) for name in named]
    others = int(counts.sum()) - sum(known)
    return np.array([*known, others, int(values.isna().sum())], dtype=float)


def _as_texts(value: object) -> object:
    """A list as a list, anything else as it is; an empty list is unknown."""
    if isinstance(value, (list, tuple, np.ndarray)):
        return list(value) or None
    return value


def _columns(rows: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    names = ("revenue_usd", "predicted_revenue_usd", "lower_usd", "upper_usd")
    actual, predicted, lower, upper = (rows[name].to_numpy(float) for name in names)
    return actual, predicted, lower, upper


def _chi_square_quantile(freedom: int) -> float:
    """The 99.9 % quantile, by Wilson and Hilferty (1931); within 1 % from one degree on."""
    if freedom < 1:
        return 0.0
    spread = 2 / (9 * freedom)
    return freedom * (1 - spread + _CHANCE * spread**0.5) ** 3
