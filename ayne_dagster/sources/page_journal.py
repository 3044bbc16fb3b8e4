"""Pages kept while a walk is under way, so that a walk that was killed goes on where it stopped.

Lives here: what a journal has to be able to do. Not here: a file behind it (`storage`), and which
pages are taken from it (`discover_pages.py`).
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Protocol


class JournaledPage(Protocol):
    """An answer as it was kept."""

    @property
    def payload(self) -> dict[str, Any]:
        """The JSON object as the service sent it."""
        ...

    @property
    def answered_at(self) -> datetime:
        """When it arrived, UTC."""
        ...


class PageJournal(Protocol):
    """Keeps answers by path and query. The query never holds a key: that is added further down.

    One journal belongs to one address of a service and is used by one process at a time.
    """

    def recall(
        self, path: str, params: Mapping[str, Any], newer_than: datetime
    ) -> JournaledPage | None:
        """The newest answer to this query, unless there is none newer than that."""
        ...

    def keep(
        self, path: str, params: Mapping[str, Any], payload: dict[str, Any], answered_at: datetime
    ) -> None:
        """Keep an answer in place of an older one to the same query."""
        ...

    def forget(self, path: str, is_done: Callable[[Mapping[str, Any]], bool]) -> None:
        """Drop the answers whose query is done with, and whatever is too old to be recalled."""
        ...
