"""Whether a new model of a release year takes the champion's place: compared on the same films.

Lives here: which films both may be judged by, the paired comparison, the decision in words. Not
here: where champions are kept (`storage/model_registry.py`), and when one is asked to decide.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from ayne_dagster.domain.revenue_model import labelled_films
from ayne_dagster.domain.score_intervals import Estimate, estimate_mean

MINIMUM_FILMS = 30
"""Fewer films say nothing: with 30 the 90 % interval of a difference is already about as wide as
the error itself."""

TOLERANCE = 0.01
"""A candidate may be so much worse in RMSLE and still follow: it knows the newer films, and one per
cent is far inside the noise (`MODEL_FACTS`: differences under about 5 % are)."""

MORE_FILMS = 2.0
"""Where nothing can be compared, a candidate that learned from so many times the films follows:
otherwise the first model of a young catalogue, of some fifty films, would stay for good."""

LEAST_SHARE_OF_A_YEAR = 0.05
"""A year with fewer of the calibration films is none of those calibrated on: its films moved there
when their release dates were corrected."""


class Judged(Protocol):
    """What is asked of a model that is compared: `RevenueModel` has it."""

    @property
    def validation(self) -> pd.DataFrame:
        """Predictions of films it was not fitted on: tmdb_id, predicted_log."""
        ...

    @property
    def train_films(self) -> int:
        """Films it was fitted on."""
        ...

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        """Predicted revenue of films, in the order of the rows."""
        ...


@dataclass(frozen=True)
class SharedFilms:
    """Films that neither of two models was fitted on.

    Attributes:
        which: Which films these are, in words.
        outcome_log: ln(1+revenue) as known today, shape (films,).
        candidate_log: What the candidate says, same shape.
        champion_log: What the champion says, same shape.
    """

    which: str
    outcome_log: np.ndarray
    candidate_log: np.ndarray
    champion_log: np.ndarray

    def __len__(self) -> int:
        """Number of films."""
        return len(self.outcome_log)


@dataclass(frozen=True)
class Comparison:
    """Two models on the same films.

    Attributes:
        which: Which films, in words.
        films: How many.
        candidate_rmsle: Error of the candidate.
        champion_rmsle: Error of the champion.
        difference: Mean of the candidate's squared log error minus the champion's, with its paired
            bootstrap 90 % interval; above zero the candidate is worse.
    """

    which: str
    films: int
    candidate_rmsle: float
    champion_rmsle: float
    difference: Estimate

    @property
    def is_not_worse(self) -> bool:
        """Whether the candidate may follow the champion."""
        is_close = self.candidate_rmsle <= self.champion_rmsle * (1 + TOLERANCE)
        return is_close and not self.difference.low > 0

    @property
    def is_no_larger(self) -> bool:
        """Whether the candidate's error is at most the champion's."""
        return self.candidate_rmsle <= self.champion_rmsle

    def in_words(self) -> str:
        """The numbers in a sentence's middle: RMSLE 1.532 against 1.541 on 412 films of 2024."""
        low, high = self.difference.low, self.difference.high
        return (
            f"RMSLE {self.candidate_rmsle:.3f} against {self.champion_rmsle:.3f} on the same "
            f"{self.films:,} {self.which} (difference of squared error "
            f"{self.difference.value:+.3f}, 90 % between {low:+.3f} and {high:+.3f})"
        )


@dataclass(frozen=True)
class Decision:
    """Whether a candidate becomes champion.

    Attributes:
        is_promoted: Whether it does.
        reason: Why, in words with the numbers.
        comparison: The numbers that decided; None where there was nothing to compare.
        is_best: Whether nothing it was compared with has a smaller error, so that those after it
            are measured by it.
    """

    is_promoted: bool
    reason: str
    comparison: Comparison | None = None
    is_best: bool = True


def decide(
    candidate: Judged,
    champion: Judged,
    features: pd.DataFrame,
    year: int,
    *,
    seed: int,
    best: Judged | None = None,
) -> Decision:
    """Decide whether the candidate of a year follows its champion.

    It does where it is not worse on the films both can be judged by: RMSLE at most `TOLERANCE`
    above the champion's, and the 90 % interval of the paired difference not wholly above zero. A
    tie is not worse: the candidate knows the newer data. Where there are too few films for that,
    the champion stays, unless the candidate learned from `MORE_FILMS` times as many.

    By the champion alone fifty trainings, each a little under one per cent worse, would make a
    model two thirds worse. So the candidate must not be worse than the best of the champion's line
    either, by the same rule.

    Args:
        candidate: The newest model of the year.
        champion: The one forecasts come from.
        features: `features` rows of the year and of the years before, with today's outcomes.
        year: The release year.
        seed: Seed of the bootstrap.
        best: The best champion so far of those the champion followed within the tolerance; None:
            the champion itself.
    """
    shared = shared_films(candidate, champion, features, year)
    if len(shared) >= MINIMUM_FILMS:
        comparison = compare(shared, seed=seed)
        if not comparison.is_not_worse:
            return Decision(False, f"worse than the champion: {comparison.in_words()}", comparison)
        before = None if best is None else shared_films(candidate, best, features, year)
        return _beside_best(comparison, before, seed=seed)
    too_few = f"only {len(shared)} {shared.which} to compare by, {MINIMUM_FILMS} are needed"
    learned = f"{candidate.train_films:,} films against {champion.train_films:,}"
    if candidate.train_films >= MORE_FILMS * champion.train_films:
        return Decision(True, f"{too_few}; it learned from far more, {learned}")
    return Decision(False, f"{too_few}; the champion stays (learned from {learned})")


def _beside_best(comparison: Comparison, before: SharedFilms | None, *, seed: int) -> Decision:
    """The decision on a candidate that is not worse than the champion.

    Args:
        comparison: Of candidate and champion.
        before: Films of the candidate and the best champion before; None, or too few, say nothing.
        seed: Seed of the bootstrap.
    """
    reason = f"not worse than the champion: {comparison.in_words()}"
    if before is None or len(before) < MINIMUM_FILMS:
        return Decision(True, reason, comparison, is_best=comparison.is_no_larger)
    with_best = compare(before, seed=seed)
    if with_best.is_not_worse:
        is_best = comparison.is_no_larger and with_best.is_no_larger
        return Decision(True, reason, comparison, is_best=is_best)
    worse = "not worse than the champion, but worse than the best of those before it"
    return Decision(False, f"{worse}: {with_best.in_words()}", with_best)


def shared_films(
    candidate: Judged, champion: Judged, features: pd.DataFrame, year: int
) -> SharedFilms:
    """The films two models of a year are compared by, with today's outcomes.

    The films of the year itself, which no model of it was fitted on, where `MINIMUM_FILMS` of them
    have an outcome. Otherwise the calibration films both have predictions for, made by trees that
    had not seen them, where both were calibrated on the same release years. Otherwise those trees
    knew films up to different times: one calibrated on two years was asked about the second without
    having seen the first, one of a young catalogue, calibrated by folds, was helped by films of the
    same time. That would be unfair, so they share none.
    """
    labelled = labelled_films(features)
    of_year = labelled[labelled["release_year"].astype(str) == f"{year:04d}"]
    if len(of_year) >= MINIMUM_FILMS:
        return SharedFilms(
            f"films of {year} with an outcome",
            np.log1p(of_year["revenue_usd"].to_numpy(float)),
            *(_predicted_log(model, of_year) for model in (candidate, champion)),
        )
    outcome = labelled.set_index("tmdb_id")["revenue_usd"].astype(float)
    first, second = (model.validation.set_index("tmdb_id") for model in (candidate, champion))
    shared = first.index.intersection(second.index).intersection(outcome.index).sort_values()
    which = "calibration films of both"
    times = [_calibrated_on(model, features) for model in (candidate, champion)]
    if times[0] != times[1]:
        shared = shared[:0]
        which += f" (one was calibrated {times[0]}, the other {times[1]})"
    return SharedFilms(
        which,
        np.log1p(outcome.loc[shared].to_numpy()),
        first.loc[shared, "predicted_log"].to_numpy(float),
        second.loc[shared, "predicted_log"].to_numpy(float),
    )


def compare(shared: SharedFilms, *, seed: int) -> Comparison:
    """The errors of two models on the same films, and how sure their difference is.

    Raises:
        UndefinedScoreError: There are no films.
    """
    candidate = (shared.candidate_log - shared.outcome_log) ** 2
    champion = (shared.champion_log - shared.outcome_log) ** 2
    difference = estimate_mean(candidate - champion, seed=seed)
    return Comparison(
        shared.which,
        len(shared),
        float(np.sqrt(candidate.mean())),
        float(np.sqrt(champion.mean())),
        difference,
    )


def decide_first(year: int) -> Decision:
    """The first model of a year is champion."""
    return Decision(True, f"the first model of {year}")


def decide_without_champion(why: str) -> Decision:
    """A champion that cannot be used any more is followed by whatever comes."""
    return Decision(True, f"the champion cannot be used any more: {why}")


def _predicted_log(model: Judged, films: pd.DataFrame) -> np.ndarray:
    return np.log1p(model.predict(films)["predicted_revenue_usd"].to_numpy(float))


def _calibrated_on(model: Judged, features: pd.DataFrame) -> str:
    """On films of which time a model was calibrated, in words."""
    if len(model.validation) >= model.train_films:
        return "by folds"
    years = features.set_index("tmdb_id")["release_year"].astype(str)
    shares = years.reindex(model.validation["tmdb_id"]).value_counts(normalize=True)
    kept = sorted(shares.index[shares >= LEAST_SHARE_OF_A_YEAR])
    return f"on films of {' and '.join(kept)}"
