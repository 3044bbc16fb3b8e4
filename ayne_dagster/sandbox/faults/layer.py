"""The ASGI layer that makes a plan come true, and the count of what it did."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any
from urllib.parse import parse_qsl, urlencode

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ayne_dagster.sandbox.answers import Encoded
from ayne_dagster.sandbox.faults.alterations import ALTERATIONS, Altering, Sent
from ayne_dagster.sandbox.faults.connections import break_connection
from ayne_dagster.sandbox.faults.draws import Asked, Draw, Fates
from ayne_dagster.sandbox.faults.plan import Fault, FaultPlan
from ayne_dagster.sandbox.faults.refusals import REFUSALS
from ayne_dagster.sandbox.request_statistics import service_of

_OK = 200


class FaultCounts:
    """How often each case was injected."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, name: str) -> None:
        """Count one."""
        self._counts[name] += 1

    def reset(self) -> None:
        """Forget all."""
        self._counts.clear()

    def snapshot(self) -> dict[str, int]:
        """Return the counts by the name of the case."""
        return dict(self._counts)


class FaultLayer:
    """Lets requests meet the faults of a plan; never the sandbox's own pages."""

    def __init__(self, app: ASGIApp, *, plan: FaultPlan, counts: FaultCounts) -> None:
        self._app = app
        self._fates = Fates(plan)
        self._counts = counts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI request."""
        if scope["type"] != "http" or service_of(scope["path"]) == "sandbox":
            await self._app(scope, receive, send)
            return
        asked = Asked.of(scope)
        turn = self._fates.next_turn(asked)
        for slow in self._fates.slowness(asked, turn):
            self._counts.add(slow.case.name)
            await asyncio.sleep(slow.seconds)
        met = self._fates.fault(asked, turn)
        if met is None:
            await self._app(scope, receive, send)
            return
        fault, draw = met
        name = fault.case.name
        if name in REFUSALS:
            self._counts.add(name)
            await REFUSALS[name](fault, draw, asked)(scope, receive, send)
        elif name == "connection_broken":
            await self._break(fault, draw, scope, receive, send)
        else:
            await self._alter(fault, draw, asked, scope, receive, send)

    async def _break(
        self, fault: Fault, draw: Draw, scope: Scope, receive: Receive, send: Send
    ) -> None:
        kind = draw.pick(fault.kinds)
        answer = await _answer_of(self._app, scope, receive) if kind == "cut_off" else None
        sent = Sent(b"{}", "text/plain") if answer is None else answer.sent
        self._counts.add(fault.case.name)
        await break_connection(kind, fault.seconds, sent, scope, receive, send)

    async def _alter(
        self,
        fault: Fault,
        draw: Draw,
        asked: Asked,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        answer = await _answer_of(self._app, scope, receive)

        async def ask_page(number: int) -> dict[str, Any] | None:
            if number < 1:
                return None
            page = await _answer_of(self._app, _of_page(scope, number), receive)
            return json.loads(page.sent.body) if page.status == _OK else None

        altered = None
        if answer.status == _OK and answer.sent.body:
            alter = ALTERATIONS[fault.case.name]
            altered = await alter(Altering(fault, draw, asked, answer.sent, ask_page))
        if altered is None:
            await answer.replay(send)
            return
        self._counts.add(fault.case.name)
        etag = Encoded.of(altered.body).etag
        headers = {"etag": etag, "content-type": altered.media_type}
        await Response(altered.body, headers=headers)(scope, receive, send)


class _Answer:
    """An answer kept back: to be altered, or sent on as it is."""

    def __init__(self, messages: list[Message]) -> None:
        self._messages = messages
        headers = dict(messages[0]["headers"])
        self.status: int = messages[0]["status"]
        body = b"".join(message.get("body", b"") for message in messages[1:])
        self.sent = Sent(body, headers.get(b"content-type", b"text/plain").decode("latin-1"))

    async def replay(self, send: Send) -> None:
        for message in self._messages:
            await send(message)


async def _answer_of(app: ASGIApp, scope: Scope, receive: Receive) -> _Answer:
    """The whole answer to a request; never a 304, of which nothing could be altered."""
    headers = [(name, value) for name, value in scope["headers"] if name != b"if-none-match"]
    messages: list[Message] = []

    async def keep(message: Message) -> None:
        messages.append(message)

    await app({**scope, "headers": headers}, receive, keep)
    return _Answer(messages)


def _of_page(scope: Scope, number: int) -> Scope:
    """The same question about another page."""
    pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    kept = [(name, value) for name, value in pairs if name != "page"]
    query = urlencode([*kept, ("page", str(number))]).encode("latin-1")
    return {**scope, "query_string": query}
