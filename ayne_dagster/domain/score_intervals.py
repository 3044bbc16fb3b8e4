"""How sure a score is: bootstrap over films, paired where two predictions are compared.

Lives here: scores of resampled films. Not here: the scores themselves (`model_scores.py`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from ayne_dagster.domain.model_scores import UndefinedScoreError, mean_ranks

DRAWS = 1_000
COVERAGE = 0.9
"""Unpaired differences of two models under about .08 are noise on 1,861 films (`MODEL_FACTS`)."""

_CELLS_AT_ONCE = 4_000_000
"""Counts held at once: 32 MB; a thousand draws of 100,000 films would be 800."""


@dataclass(frozen=True)
class Estimate:
    """A figure and the range that nine of ten resampled sets of films give.

    Attributes:
        value: The figure of the films at hand.
        low: Its 5 % quantile over resampled films.
        high: Its 95 % quantile.
    """

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class ScoreEstimates:
    """The scores of one prediction of some films.

    Attributes:
        rmsle: Root mean squared error of ln(1+revenue).
        r2_log: Share of the variance of ln(1+revenue) explained.
        spearman: Rank correlation.
        share_within_factor_two: Share predicted between half and double.
        rmsle_difference: Its RMSLE minus that of the prediction it is compared with, on the same
            films in each draw; wholly above zero: it is worse for sure. Zero of that one itself.
    """

    rmsle: Estimate
    r2_log: Estimate
    spearman: Estimate
    share_within_factor_two: Estimate
    rmsle_difference: Estimate


def estimate_scores(
    actual_usd: np.ndarray,
    predicted_usd: Mapping[str, np.ndarray],
    *,
    compared_with: str,
    seed: int,
    draws: int = DRAWS,
) -> dict[str, ScoreEstimates]:
    """Score several predictions of the same films, each with its bootstrap intervals.

    Every draw resamples the films once and scores all predictions on them, so that differences are
    paired. The ranks of the rank correlation are those of all films: ranking each draw anew
    changes its interval by less than a hundredth and takes ten times as long.

    Args:
        actual_usd: Outcomes, shape (films,), none negative.
        predicted_usd: Predictions by name, each of the same shape.
        compared_with: The name that `rmsle_difference` refers to.
        seed: Seed of the draws.
        draws: Number of draws.

    Returns:
        The scores by name.

    Raises:
        UndefinedScoreError: Fewer than two films, or outcomes that do not differ.
        KeyError: `compared_with` is no name of a prediction.
    """
    films = len(actual_usd)
    if films < 2 or np.ptp(np.asarray(actual_usd, float)) == 0:
        raise UndefinedScoreError("intervals of scores need two films whose outcomes differ")
    terms = {name: _terms(actual_usd, values) for name, values in predicted_usd.items()}
    whole = {name: _scores(_moments(np.ones((1, films)), of)) for name, of in terms.items()}
    drawn = {
        name: _scores(np.concatenate(parts)) for name, parts in _draw(terms, films, seed, draws)
    }
    reference, reference_drawn = whole[compared_with]["rmsle"], drawn[compared_with]["rmsle"]
    return {
        name: ScoreEstimates(
            **{score: _estimate(whole[name][score], drawn[name][score]) for score in whole[name]},
            rmsle_difference=_estimate(
                whole[name]["rmsle"] - reference, drawn[name]["rmsle"] - reference_drawn
            ),
        )
        for name in terms
    }


def estimate_mean(values: np.ndarray, *, seed: int, draws: int = DRAWS) -> Estimate:
    """The mean of some values, a share for instance, with its bootstrap interval.

    Raises:
        UndefinedScoreError: No values.
    """
    numbers = np.asarray(values, float)
    if not len(numbers):
        raise UndefinedScoreError("there is nothing to take the mean of")
    means = [counts @ numbers / len(numbers) for counts in _counts(len(numbers), seed, draws)]
    return _estimate(np.array([numbers.mean()]), np.concatenate(means))


def _draw(
    terms: Mapping[str, np.ndarray], films: int, seed: int, draws: int
) -> list[tuple[str, list[np.ndarray]]]:
    """Moments of each prediction in every draw; the draws are the same for all."""
    parts: dict[str, list[np.ndarray]] = {name: [] for name in terms}
    for counts in _counts(films, seed, draws):
        for name, of in terms.items():
            parts[name].append(_moments(counts, of))
    return list(parts.items())


def _counts(films: int, seed: int, draws: int) -> Iterator[np.ndarray]:
    """How often each film is drawn, some draws at a time: arrays of shape (draws, films)."""
    generator = np.random.default_rng(seed)
    at_once = max(_CELLS_AT_ONCE // films, 1)
    for first in range(0, draws, at_once):
        rows = min(at_once, draws - first)
        drawn = generator.integers(0, films, size=(rows, films))
        drawn += films * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * films).reshape(rows, films).astype(float)


def _terms(actual_usd: np.ndarray, predicted_usd: np.ndarray) -> np.ndarray:
    """What each film adds to the sums the scores are made of, shape (films, sums)."""
    actual, predicted = np.asarray(actual_usd, float), np.asarray(predicted_usd, float)
    y, p = np.log1p(actual), np.log1p(predicted)
    y_rank, p_rank = mean_ranks(y), mean_ranks(p)
    is_within = (predicted >= actual / 2) & (predicted <= actual * 2)
    return np.column_stack(
        [np.ones(len(y)), (p - y) ** 2, y, y**2, is_within, y_rank, y_rank**2,
         p_rank, p_rank**2, y_rank * p_rank]
    )  # fmt: skip


def _moments(counts: np.ndarray, terms: np.ndarray) -> np.ndarray:
    """Means of the terms of the drawn films, shape (draws, sums without the count)."""
    sums = counts @ terms
    return sums[:, 1:] / sums[:, :1]


def _scores(moments: np.ndarray) -> dict[str, np.ndarray]:
    """The scores of each draw; NaN where all drawn outcomes are equal."""
    squared, y, yy, within, r, rr, q, qq, rq = moments.T
    with np.errstate(divide="ignore", invalid="ignore"):
        r2 = 1 - squared / (yy - y**2)
        spread = np.sqrt(np.maximum(rr - r**2, 0) * np.maximum(qq - q**2, 0))
        correlation = np.clip((rq - r * q) / spread, -1, 1)
    return {
        "rmsle": np.sqrt(squared),
        "r2_log": r2,
        "spearman": correlation,
        "share_within_factor_two": within,
    }


def _estimate(value: np.ndarray, drawn: np.ndarray) -> Estimate:
    tail = (1 - COVERAGE) / 2
    usable = drawn[np.isfinite(drawn)]
    if not len(usable):
        return Estimate(float(value[0]), float("nan"), float("nan"))
    low, high = np.quantile(usable, [tail, 1 - tail])
    return Estimate(float(value[0]), float(low), float(high))
