"""Masking of secrets in any text that could be shown: logs, exceptions, addresses.

Lives here: the register of secret values and the patterns that carry keys. Not here: how logs are
set up (`logs.py`) and how a key is sent (`sources`). Every room may use it: it knows none.
"""

import logging
import re
import traceback
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from pydantic import SecretStr

MASK = "***"
_SHORTEST_SECRET = 8
_KEY_IN_QUERY = re.compile(r"(?i)\b(api_?key|access_token)(=|%3D)[^&\s\"'\\<>)\]}]+")
_BEARER = re.compile(r"(?i)\b(bearer)([ +]|%20)+[\w\-.~+/=]{4,}")
_secrets: set[str] = set()


def register_secret(secret: SecretStr) -> None:
    """Mask this value wherever it appears from now on, in this process.

    Values shorter than 8 characters are not registered: masking `key` or `demo` everywhere would
    make logs unreadable, and every real key of the services is longer (OMDb's have 8).
    """
    value = secret.get_secret_value().strip()
    if len(value) >= _SHORTEST_SECRET:
        _secrets.add(value)
        _secrets.add(quote(value, safe=""))


def redact(text: str) -> str:
    """The text with registered secrets, key parameters and Bearer tokens masked."""
    # Longest first: of two secrets where one begins with the other, no tail may stay.
    for secret in sorted(_secrets, key=len, reverse=True):
        if secret in text:
            text = text.replace(secret, MASK)
    text = _KEY_IN_QUERY.sub(rf"\1\2{MASK}", text)
    return _BEARER.sub(rf"\1 {MASK}", text)


def redact_value(value: Any) -> Any:
    """The same for any value of a log event: texts and containers of texts, others by their text.

    Numbers, booleans, None and dates pass; an object whose text carries a secret becomes text.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, bytes):
        return redact(value.decode("utf-8", "replace"))
    if isinstance(value, Mapping):
        return {redact_value(key): redact_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        items = [redact_value(item) for item in value]
        return tuple(items) if isinstance(value, tuple) else items
    text = str(value)
    masked = redact(text)
    return value if masked == text else masked


class RedactionFilter(logging.Filter):
    """Masks secrets in records of the standard library's logging, exception text included.

    httpx logs the full address of every request at INFO, with the key where a service wants it
    there.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record in place; every record passes."""
        if isinstance(record.msg, Mapping):  # an event on its way through structlog
            record.msg = redact_value(record.msg)
        else:
            message = record.getMessage()
            masked = redact(message)
            if masked != message:
                record.msg, record.args = masked, None
        if record.exc_info and record.exc_info[0] is not None and not record.exc_text:
            record.exc_text = redact("".join(traceback.format_exception(*record.exc_info)).rstrip())
        elif record.exc_text:
            record.exc_text = redact(record.exc_text)
        return True


_FILTER = RedactionFilter()


def guard_http_logs() -> None:
    """Mask secrets in httpx's own log lines, whatever logging set-up the process has.

    Idempotent. A second line of defence: the clients keep the key out of the addresses httpx sees.
    """
    for name in ("httpx", "httpcore", "httpcore.connection", "httpcore.http11", "httpcore.http2"):
        logging.getLogger(name).addFilter(_FILTER)
