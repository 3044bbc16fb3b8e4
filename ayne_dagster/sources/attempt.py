"""One request and what came back, before anybody decides whether to send another.

Lives here: the record the retry loop looks at. Not here: the loop (`http_client.py`) and what
answers mean (`classification.py`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

from ayne_dagster.redaction import redact
from ayne_dagster.sources.classification import Classification

RAW_LIMIT = 100_000
"""Bytes of an unreadable body that are kept."""


@dataclass(frozen=True)
class Attempt:
    """What one request came to.

    Attributes:
        classification: Its meaning.
        counted_on: UTC day whose quota it was counted against.
        headers: Of the answer; None where nothing came back.
        body: Of the answer, decompressed.
    """

    classification: Classification
    counted_on: date
    headers: Mapping[str, str] | None = None
    body: bytes = field(default=b"", repr=False)

    @property
    def etag(self) -> str | None:
        """The answer's validator, where the service sent one."""
        return self.headers.get("etag") if self.headers else None

    @property
    def raw(self) -> str | None:
        """The beginning of a body that is no JSON object, secrets masked; else None."""
        if not self.body or self.classification.payload is not None:
            return None
        return redact(self.body[:RAW_LIMIT].decode("utf-8", "replace"))
