"""Connections that break: really, where the server lends its transport; else as an exception.

ASGI knows no way to break a connection. The server puts its transport into the scope
(`TransportInScope`); without one, as in a test without a server, breaking is an exception.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from typing import Any

from starlette.types import ASGIApp, Receive, Scope, Send

_TRANSPORT = "sandbox.transport"
# l_onoff, l_linger: closing sends RST at once. Two ints, on Windows two shorts.
_LINGER_NOT = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)


class TransportInScope:
    """Puts the connection into every scope; has to stand directly before uvicorn."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one ASGI request."""
        # uvicorn's send is a method of the object that holds the connection.
        transport = getattr(getattr(send, "__self__", None), "transport", None)
        await self._app({**scope, _TRANSPORT: transport}, receive, send)


async def break_connection(
    kind: str, seconds: float, sent: Any, scope: Scope, receive: Receive, send: Send
) -> None:
    """Break the connection of a request.

    Args:
        kind: `reset` (RST before the answer), `closed` (an orderly end before the answer),
            `silent` (nothing for `seconds`, then closed), `cut_off` (half of `sent`).
        seconds: how long silence lasts.
        sent: the answer that is cut off, with `body` and `media_type`.
        scope: of the request.
        receive: tells when the client is gone.
        send: to send half an answer with.

    Raises:
        ConnectionResetError: there is no server whose connection could be broken.
    """
    if kind == "silent":
        await asyncio.sleep(seconds)
    if kind == "cut_off":
        headers = [
            (b"content-type", sent.media_type.encode()),
            (b"content-length", str(len(sent.body)).encode()),
        ]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        half = sent.body[: len(sent.body) // 2]
        await send({"type": "http.response.body", "body": half, "more_body": True})
    transport = scope.get(_TRANSPORT)
    if transport is None:
        raise ConnectionResetError("the sandbox broke this connection, as its plan says")
    if kind == "reset":
        _forget_what_was_sent(transport)
        transport.abort()
    else:
        transport.close()
    # The server has to see the end before this request ends, or it would answer 500.
    while (await receive())["type"] != "http.disconnect":
        pass


def _forget_what_was_sent(transport: Any) -> None:
    connection = transport.get_extra_info("socket")
    if connection is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_NOT)
