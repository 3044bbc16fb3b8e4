"""What a request for a film can come to, in the words every room uses.

Lives here: the vocabulary. Not here: how an answer is classified (`sources`) and when the film is
due again after it (`refresh_policy`).
"""

from enum import StrEnum


class Source(StrEnum):
    """Who is asked about a film."""

    TMDB = "tmdb"
    OMDB = "omdb"


SOURCE_NAMES = {Source.TMDB: "TMDB", Source.OMDB: "OMDb"}
"""As people write them."""


class FetchOutcome(StrEnum):
    """What one request for one film came to; the table of fault cases in `docs/services.md`."""

    ROW = "row"
    """A usable answer: the only outcome that writes a row."""
    UNCHANGED = "unchanged"
    """The service says nothing changed since the validator (etag) it was asked with."""
    NOT_FOUND = "not_found"
    """The service does not know the film (or not now): ask again after a while."""
    UNUSABLE = "unusable"
    """An answer that cannot be read, or is for another film: kept out of the tables."""
    FAILED = "failed"
    """No usable answer after all retries: still due."""
    DEFERRED = "deferred"
    """Not asked: the day's quota or the run's limit was reached. Still due."""

    @property
    def is_answer(self) -> bool:
        """Whether the service said something about the film, so that its clock starts again."""
        return self not in (FetchOutcome.FAILED, FetchOutcome.DEFERRED)
