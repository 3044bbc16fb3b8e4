"""What one film's fetch came to.

Lives here: the record every client returns and `collecting` gathers. Not here: what the outcomes
mean (`domain.outcomes`).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ayne_dagster.domain.outcomes import FetchOutcome
from ayne_dagster.sources.failures import SourceError


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
        payload: The JSON object as sent, whatever it came to, for an archive or a quarantine.
        etag: Validator of the answer, to ask with the next time; None where none holds for all of
            it.
        raw: The beginning of a body that is no JSON object (text, secrets masked, at most
            100 kB), for a quarantine.
        is_transient: Whether chance may have done it (a broken connection, a damaged body), so
            that asking once more later in the run is worth it.
    """

    key: int | str
    outcome: FetchOutcome
    row: dict[str, Any] | None = None
    detail: str | None = None
    fetched_at: datetime | None = None
    requests: int = 0
    payload: dict[str, Any] | None = field(default=None, repr=False, compare=False)
    etag: str | None = None
    raw: str | None = field(default=None, repr=False, compare=False)
    is_transient: bool = False

    def __post_init__(self) -> None:
        if (self.row is not None) != (self.outcome is FetchOutcome.ROW):
            raise ValueError(f"{self.key}: a row and the outcome {self.outcome} contradict")

    @classmethod
    def without_row(
        cls, key: int | str, outcome: FetchOutcome, error: SourceError, answered_at: datetime
    ) -> "FetchResult":
        """The result of an answer that gave no row, with everything the failure knows about it."""
        return cls(
            key=key,
            outcome=outcome,
            detail=error.detail,
            fetched_at=answered_at,
            requests=error.tries,
            payload=error.payload,
            etag=error.etag,
            raw=error.raw,
            is_transient=error.is_transient,
        )
