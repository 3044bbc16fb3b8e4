"""What can go wrong when a service is asked, as types.

Lives here: the exceptions. Not here: which answer is which failure (`classification.py`) and what
a run does about it (`collecting.py`).
"""

from typing import Any

from ayne_dagster.redaction import redact


class SourceError(Exception):
    """A service was asked and gave no row.

    Attributes:
        service: Who was asked (`tmdb`, `omdb`).
        detail: What happened, in the service's own words where it had some; secrets masked.
        tries: Requests sent for it, retries included.
        payload: The JSON object of the last answer, where there was one.
        raw: The beginning of its body where it was no JSON object; secrets masked.
        etag: Its validator.
        is_transient: Whether chance may have done it, so that asking later is worth it.
    """

    def __init__(self, service: str, detail: str) -> None:
        super().__init__(service, redact(detail))
        self.service = service
        self.detail = redact(detail)
        self.tries = 0
        self.payload: dict[str, Any] | None = None
        self.raw: str | None = None
        self.etag: str | None = None
        self.is_transient = False

    def __str__(self) -> str:
        return f"{self.service}: {self.detail}"


class BadCredential(SourceError):
    """The key or token is missing, wrong or suspended: nothing can be asked until it is changed."""


class QuotaExhausted(SourceError):
    """The day's quota is used up, by our count or by the service's word: the rest stays due."""


class NotFound(SourceError):
    """The service says it does not know what was asked for."""


class NotModified(SourceError):
    """Nothing changed since the validator that was sent: there is no new row, and none is due."""


class InvalidRequest(SourceError):
    """The request itself is wrong: a mistake in the program or the settings, never retried."""


class UnusableAnswer(SourceError):
    """An answer that cannot be read, after the retries it is worth."""


class ServiceUnavailable(SourceError):
    """No answer after all tries: server errors, timeouts, resets, or a rate limit that stayed."""


class CircuitOpen(ServiceUnavailable):
    """Not asked: too many asks in a row came to nothing, so the service is left alone a while."""


class NothingAnswered(SourceError):
    """Films were asked for, and for none of them came an answer that could be read."""


class LedgerUnusable(Exception):
    """What counts requests (a file, or Redis) cannot be used; the message says what to do.

    Attributes:
        tries: Requests sent before it was noticed.
    """

    tries = 0
