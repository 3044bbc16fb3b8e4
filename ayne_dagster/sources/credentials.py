"""How a key travels with a request: as a Bearer token where the service allows it.

Lives here: the shapes of keys and the transport that adds them. Not here: where keys come from
(settings) and how they are masked (`redaction.py`).
"""

import re
from dataclasses import dataclass
from enum import StrEnum

import httpx
from pydantic import SecretStr

_TMDB_V3_KEY = re.compile(r"[0-9a-fA-F]{32}")
_PRINTABLE = re.compile(r"[\x21-\x7e]+")


class Placement(StrEnum):
    """Where a request carries its key."""

    BEARER = "bearer"
    API_KEY_PARAM = "api_key"
    APIKEY_PARAM = "apikey"


@dataclass(frozen=True)
class Credential:
    """A key and where it goes. Its repr shows no key."""

    secret: SecretStr
    placement: Placement

    @property
    def is_sendable(self) -> bool:
        """Whether there is a key at all, and nothing in it that no header or query may carry."""
        return _PRINTABLE.fullmatch(self.secret.get_secret_value()) is not None


def tmdb_credential(secret: SecretStr) -> Credential:
    """TMDB's two kinds of credential, told apart by shape.

    32 hex digits are a v3 key and go into the query; anything else is an API Read Access Token (a
    JWT) and goes into the header. A leading `Bearer ` is taken off.
    """
    value = secret.get_secret_value().strip()
    if value.lower().startswith("bearer "):
        value = value[7:].strip()
    is_v3_key = _TMDB_V3_KEY.fullmatch(value) is not None
    return Credential(SecretStr(value), Placement.API_KEY_PARAM if is_v3_key else Placement.BEARER)


def omdb_credential(secret: SecretStr) -> Credential:
    """OMDb takes its key in the query only."""
    return Credential(SecretStr(secret.get_secret_value().strip()), Placement.APIKEY_PARAM)


class CredentialTransport(httpx.AsyncBaseTransport):
    """Adds the key to a copy of the request, below everything that logs or raises.

    httpx logs and attaches to its exceptions the request it was given: that one never has the key.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, credential: Credential) -> None:
        self._inner = inner
        self._credential = credential

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send the request with its key."""
        value = self._credential.secret.get_secret_value()
        url, headers = request.url, request.headers.copy()
        if self._credential.placement is Placement.BEARER:
            headers["Authorization"] = f"Bearer {value}"
        else:
            # First, as OMDb documents it: it is known to lose a key behind some parameters.
            name = self._credential.placement.value
            url = url.copy_with(params=[(name, value), *url.params.multi_items()])
        return await self._inner.handle_async_request(
            httpx.Request(
                request.method,
                url,
                headers=headers,
                stream=request.stream,
                extensions=request.extensions,
            )
        )

    async def aclose(self) -> None:
        """Close the transport below."""
        await self._inner.aclose()
