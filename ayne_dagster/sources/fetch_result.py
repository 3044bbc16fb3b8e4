"""What one film's fetch came to.

Lives here: the record every client returns and `collecting` gathers. Not here: what the outcomes
mean (`domain.outcomes`).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ayne_dagster.domain.outcomes import FetchOutcome


@dataclass(frozen=True, slots=True)
class FetchResult:
    """One film asked for once.

    Attributes:
        key: The id asked for: TMDB id (int) or IMDb id (text).
        outcome: What it came to.
        row: Normalised row; only with `FetchOutcome.ROW`.
        detail: The service's own words or the reason, where there is no row.
        fetched_at: When the service answered, UTC; None where it did not.
        requests: Requests sent for it, retries included.
        payload: The answer as sent, for an archive; dropped once handed over.
    """

    key: int | str
    outcome: FetchOutcome
    row: dict[str, Any] | None = None
    detail: str | None = None
    fetched_at: datetime | None = None
    requests: int = 0
    payload: dict[str, Any] | None = field(default=None, repr=False, compare=False)

    def __post_init__(self) -> None:
        if (self.row is not None) != (self.outcome is FetchOutcome.ROW):
            raise ValueError(f"{self.key}: a row and the outcome {self.outcome} contradict")
