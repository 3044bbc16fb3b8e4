"""How wide an honest prediction interval is: split conformal prediction in log space.

Lives here: the quantiles of residuals the model never saw. Not here: which films calibrate them
(`revenue_model.py`).
"""

from dataclasses import dataclass

import numpy as np

COVERAGE = 0.8
"""Share of outcomes the interval is to hold; a wider one says little about a film (a 90 % interval
of box office spans three orders of magnitude)."""

MINIMUM_RESIDUALS = 20
"""With fewer the outer tenths hold under two films each: no interval, rather than a guess."""


class TooFewResidualsError(ValueError):
    """There are not enough residuals to calibrate an interval."""


@dataclass(frozen=True)
class ResidualInterval:
    """How far outcomes fall below and above predictions, in ln(1+revenue).

    Attributes:
        low: Added to the predicted log for the lower end; usually negative.
        high: Added to the predicted log for the upper end; usually positive.
    """

    low: float
    high: float


def calibrate_interval(residuals: np.ndarray, coverage: float = COVERAGE) -> ResidualInterval:
    """The residual quantiles that hold the next outcome with at least the given probability.

    Ranks floor((n+1) a/2) and ceil((n+1)(1-a/2)) of the sorted residuals, each tail on its own
    because flops miss further than hits (Vovk et al., *Algorithmic Learning in a Random World*;
    Lei et al. 2018, arXiv 1604.04173). The promise holds for exchangeable films; a changing market
    weakens it, which is why each year's coverage is measured.

    Args:
        residuals: Outcome minus prediction in log space, of films the predicting model was not
            fitted on, shape (films,).
        coverage: Wanted share of outcomes inside, between 0 and 1.

    Returns:
        The interval to add to predicted logs.

    Raises:
        TooFewResidualsError: Fewer than `MINIMUM_RESIDUALS`.
        ValueError: A residual is not finite.
    """
    count = len(residuals)
    if count < MINIMUM_RESIDUALS:
        raise TooFewResidualsError(f"{count} residuals; {MINIMUM_RESIDUALS} are needed")
    ordered = np.sort(np.asarray(residuals, dtype=np.float64))
    if not np.isfinite(ordered).all():
        raise ValueError("residuals must be finite")
    tail = (1 - coverage) / 2
    # 100 * 0.1 must be rank 10: floating point makes it 9.99...
    low_rank = max(int(np.floor(round((count + 1) * tail, 9))), 1)
    high_rank = min(int(np.ceil(round((count + 1) * (1 - tail), 9))), count)
    return ResidualInterval(float(ordered[low_rank - 1]), float(ordered[high_rank - 1]))
