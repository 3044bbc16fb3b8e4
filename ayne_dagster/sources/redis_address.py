"""What is an address of a Redis: asked when settings are read, and before it is used.

Lives here: the question alone, without the client's package. Not here: the budget itself
(`redis_budget.py`).
"""

from urllib.parse import urlsplit

NO_REDIS_ADDRESS = (
    "is no Redis address (percent-encode the password: `/` is %2F, `#` is %23, `?` is %3F, `@` is "
    "%40); write redis://:password@host:6379/0"
)
_SCHEMES = ("redis", "rediss", "unix")


def is_redis_address(address: str) -> bool:
    """Whether a client finds a host, a port and a password where they are meant to stand.

    A password with a bare slash ends the host's part early: its beginning would be read as a port,
    and shown in the error that it is none.
    """
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return False
    return parts.scheme in _SCHEMES and "@" not in f"{parts.path}{parts.query}{parts.fragment}"
