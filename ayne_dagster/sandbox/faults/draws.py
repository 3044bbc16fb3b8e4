"""Who is hit: chance that depends on the request alone, never on the order of requests.

Lives here: what a request is to a plan, how often it came, and the draw. Many connections at once
change nothing: seed, case, request and turn decide.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import TypeVar
from urllib.parse import parse_qsl, urlencode

from starlette.types import Scope

from ayne_dagster.sandbox.faults.plan import Fault, FaultPlan
from ayne_dagster.sandbox.request_statistics import service_of

T = TypeVar("T")

_FILM = re.compile(r"/3/movie/(tt\d+|\d+)")
_KEYS = frozenset(("api_key", "apikey"))


@dataclass(frozen=True)
class Asked:
    """What was asked for.

    Attributes:
        service: who was asked.
        path: of the request.
        params: its query, keys left out.
        film: TMDB or IMDb id it is about, where it is about one.
        identity: equal for equal requests, whatever key they carry.
    """

    service: str
    path: str
    params: dict[str, str]
    film: str | None
    identity: bytes

    @classmethod
    def of(cls, scope: Scope) -> Asked:
        """Read it from an ASGI scope."""
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        params = {name: value for name, value in pairs if name not in _KEYS}
        path = scope["path"]
        found = _FILM.match(path)
        film = found[1] if found else params.get("i") if path == "/" else None
        words = f"{scope['method']} {path}?{urlencode(params)}"
        return cls(service_of(path), path, params, film, _digest(words)[:8])


class Draw:
    """The fate of one request under one fault.

    Attributes:
        share: a number from 0 to below 1.
    """

    def __init__(self, seed: int, fault: Fault, asked: Asked, turn: int) -> None:
        words = f"{seed} {fault.case.name} {fault.place} {asked.identity.hex()} {turn}"
        digest = _digest(words)
        self.share = int.from_bytes(digest[:8], "big") / 2.0**64
        self._rest = int.from_bytes(digest[8:], "big")

    def below(self, number: int) -> int:
        """Return a number from 0 to below `number`, another one each time."""
        self._rest, drawn = divmod(self._rest, max(number, 1))
        return drawn

    def pick(self, choices: Sequence[T]) -> T:
        """Return one of the choices."""
        return choices[self.below(len(choices))]


class Fates:
    """Decides for every request of a plan; counts how often each came."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan
        self._turns: dict[bytes, int] = {}

    def next_turn(self, asked: Asked) -> int:
        """Count a request and return how often it came, from 1."""
        turn = self._turns[asked.identity] = self._turns.get(asked.identity, 0) + 1
        return turn

    def slowness(self, asked: Asked, turn: int) -> list[Fault]:
        """Return the faults that only make a request wait; they come on top of others."""
        return [
            fault
            for fault in self._plan.faults
            if _is_slowness(fault) and self._hits(fault, asked, turn, fault.rate)
        ]

    def fault(self, asked: Asked, turn: int) -> tuple[Fault, Draw] | None:
        """Return the one fault a request meets, or None.

        Rates add up: each fault takes its share of what those before it leave.
        """
        left = 1.0
        for fault in self._plan.faults:
            if _is_slowness(fault) or not self._fits(fault, asked, turn):
                continue
            if left <= 0:
                return None
            draw = Draw(self._plan.seed, fault, asked, turn)
            if draw.share < fault.rate / left:
                return fault, draw
            left -= fault.rate
        return None

    def _hits(self, fault: Fault, asked: Asked, turn: int, rate: float) -> bool:
        is_fit = self._fits(fault, asked, turn)
        return is_fit and Draw(self._plan.seed, fault, asked, turn).share < rate

    @staticmethod
    def _fits(fault: Fault, asked: Asked, turn: int) -> bool:
        return fault.fits(asked.service, asked.path, asked.film, turn)


def _is_slowness(fault: Fault) -> bool:
    return fault.case.name == "slow"


def _digest(words: str) -> bytes:
    return blake2b(words.encode("utf-8", "surrogateescape"), digest_size=32).digest()
