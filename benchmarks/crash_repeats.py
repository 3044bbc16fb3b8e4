"""Which requests were sent again because a process was killed, kill by kill.

Lives here: the note a process takes of every request before it is sent, and what the notes of all
say. Not here: who kills (`crash_crew.py`) and what may be repeated (`crash.py`).
"""

import os
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

import httpx

_KEYS = frozenset({"api_key", "apikey"})


@dataclass(frozen=True, slots=True, order=True)
class Sent:
    """A request that left a process.

    Attributes:
        moment: When, in nanoseconds of the machine's monotonic clock.
        process: Name of the process; each has its own.
        request: Method, address and query, without the key.
    """

    moment: int
    process: str
    request: str


@dataclass
class Repeats:
    """Requests beyond one for each answer that was wanted.

    Attributes:
        by_kill: For each process that was killed, the different requests it had sent and somebody
            had to send again.
        by_the_living: Requests sent again though the process that had sent them came to its end.
        retries: Requests a process sent again itself.
    """

    by_kill: dict[str, set[str]] = field(default_factory=dict)
    by_the_living: int = 0
    retries: int = 0

    @property
    def most(self) -> int:
        """Of the kill that cost most."""
        return max(map(len, self.by_kill.values()), default=0)

    @property
    def mean(self) -> float:
        """Over all kills, those that cost nothing included."""
        return sum(map(len, self.by_kill.values())) / max(len(self.by_kill), 1)

    def add(self, other: "Repeats", name: str) -> None:
        """Count those of another collection, too, which is called so."""
        self.by_kill |= {f"{name}/{kill}": found for kill, found in other.by_kill.items()}
        self.by_the_living += other.by_the_living
        self.retries += other.retries


def repeats_of(sent: Iterable[Sent], killed: Collection[str]) -> Repeats:
    """What each kill cost: a request counts for the process that had sent it last before.

    Args:
        sent: The notes of all processes, in any order.
        killed: Names of those that were killed.
    """
    found = Repeats(by_kill={name: set() for name in killed})
    last: dict[str, str] = {}
    for one in sorted(sent):
        before = last.get(one.request)
        last[one.request] = one.process
        if before is None:
            continue
        if before == one.process:
            found.retries += 1
        elif before in found.by_kill:
            found.by_kill[before].add(one.request)
        else:
            found.by_the_living += 1
    return found


def note_requests(file: Path, process: str) -> None:
    """From now on write a line before every request of this process; a kill loses none.

    Args:
        file: Of this process alone.
        process: Its name.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    into = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    send = httpx.AsyncHTTPTransport.handle_async_request

    async def noted(self: httpx.AsyncHTTPTransport, request: httpx.Request) -> httpx.Response:
        # Straight to the system: what waits in a buffer dies with the process.
        os.write(into, f"{time.monotonic_ns()}\t{process}\t{_words_of(request)}\n".encode())
        return await send(self, request)

    httpx.AsyncHTTPTransport.handle_async_request = noted


def read_notes(folder: Path) -> list[Sent]:
    """The notes of all processes that wrote into this folder."""
    lines = (line for file in folder.glob("*.tsv") for line in file.read_text().splitlines())
    return [Sent(int(moment), *rest) for moment, *rest in (line.split("\t") for line in lines)]


def _words_of(request: httpx.Request) -> str:
    asked = sorted((n, v) for n, v in request.url.params.multi_items() if n not in _KEYS)
    return f"{request.method} {request.url.path}?{urlencode(asked)}"
