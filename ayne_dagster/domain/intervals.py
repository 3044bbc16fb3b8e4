"""How wide an honest prediction interval is: conformalised quantiles in log space.

Lives here: by how much predicted spreads have to be stretched to hold what they promise, learned
from films the model never saw. Not here: which films calibrate them (`revenue_model.py`).
"""

import numpy as np

COVERAGE = 0.8
"""Share of outcomes the interval is to hold; a wider one says little about a film (a 90 % interval
of box office spans three orders of magnitude)."""

MINIMUM_RESIDUALS = 20
"""With fewer the outer fifth holds under four films: no interval, rather than a guess."""


class TooFewResidualsError(ValueError):
    """There are not enough residuals to calibrate an interval."""


def calibrate_interval(
    errors: np.ndarray, half_widths: np.ndarray, coverage: float = COVERAGE
) -> float:
    """The factor to stretch predicted half widths by, to hold the next outcome often enough.

    Rank ceil((n+1) coverage) of the sorted |error| / half width: conformal prediction with a score
    normalised by what quantile regression says of each film (Romano, Patterson and Candès 2019,
    arXiv 1905.03222; Lei et al. 2018, arXiv 1604.04173, section 5.2). The promise holds for
    exchangeable films; a changing market weakens it, which is why each year's coverage is measured.

    Args:
        errors: Outcome minus prediction in log space, of films the predicting model was not fitted
            on, shape (films,).
        half_widths: Half the distance of the predicted outer quantiles of the same films, positive,
            same shape.
        coverage: Wanted share of outcomes inside, between 0 and 1.

    Returns:
        The factor; about 1 where the quantiles hold what they say.

    Raises:
        TooFewResidualsError: Fewer than `MINIMUM_RESIDUALS`.
        ValueError: A number is not finite, or a half width is not positive.
    """
    count = len(errors)
    if count < MINIMUM_RESIDUALS:
        raise TooFewResidualsError(f"{count} residuals; {MINIMUM_RESIDUALS} are needed")
    scale = np.asarray(half_widths, dtype=np.float64)
    if not np.isfinite(scale).all() or (scale <= 0).any():
        raise ValueError("half widths must be finite and positive")
    scores = np.sort(np.abs(np.asarray(errors, dtype=np.float64)) / scale)
    if not np.isfinite(scores).all():
        raise ValueError("residuals must be finite")
    # 100 * 0.8 must be rank 80: floating point makes it 80.00...1
    rank = min(int(np.ceil(round((count + 1) * coverage, 9))), count)
    return float(scores[rank - 1])
