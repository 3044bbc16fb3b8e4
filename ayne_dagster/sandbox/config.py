"""Every knob of the sandbox, and the fake keys it accepts.

A config is plain data that travels as JSON to the sandbox's process. It builds nothing.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields, replace
from datetime import date, datetime
from typing import Any

from ayne_dagster.sandbox.faults.plan import FaultPlan
from ayne_dagster.sandbox.limiter import RETRY_AFTER_MODES, RetryAfterMode

# Accepted by the sandbox only; clearly not real ones.
SANDBOX_TMDB_KEY = "deadbeefdeadbeefdeadbeefdeadbeef"
# A JSON web token by shape: {"alg":"none"} . {"sandbox":true} . "not-a-real-signature".
SANDBOX_TMDB_TOKEN = "eyJhbGciOiJub25lIn0.eyJzYW5kYm94Ijp0cnVlfQ.bm90LWEtcmVhbC1zaWduYXR1cmU"  # noqa: S105
SANDBOX_OMDB_KEY = "sandbox0"

DEFAULT_PORT = 8765


@dataclass(frozen=True, kw_only=True)
class SandboxConfig:
    """How a sandbox is set up.

    Attributes:
        host: address it listens on; the default is reachable from this machine only.
        port: TCP port; 0 lets the system choose a free one.
        films: size of the generated catalogue (films).
        seed: seed of the generated catalogue and of all later changes.
        first_year: earliest release year generated; None means 1950.
        last_year: latest release year generated; None means three years ahead of `as_of`.
        as_of: ISO date the catalogue's numbers belong to. None means 1 January of the year the
            clock starts in (generated), or the day the clock starts (Parquet).
        parquet_folder: serve the Parquet files of this folder instead of a generated catalogue.
        years: release years to load from Parquet; None loads all.
        clock_start: ISO time the sandbox's clock starts at; None is the real time.
        clock_speed: sandbox seconds per real second; 0 stands still.
        frozen_world: whether films never change. None means no for a generated catalogue and
            yes for a Parquet catalogue.
        tmdb_requests_per_second: TMDB's limit over all connections; 0 means none.
        retry_after_mode: what a 429 says: absent, zero, seconds or date.
        omdb_daily_quota: OMDb requests per key and UTC day of the clock; 0 means none.
        latency_seconds: wait before every answer of a service (seconds).
        page_cap: highest page TMDB's lists answer.
        is_drifting: whether lists are reshuffled a little between two pages.
        faults: what goes wrong, as plain data (`FaultPlan.of`); None: nothing.
        tmdb_keys: accepted TMDB v3 keys (query) and, with dots, read access tokens (Bearer).
        omdb_keys: accepted OMDb keys.
        log_level: uvicorn's log level.
    """

    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    films: int = 2_000
    seed: int = 42
    first_year: int | None = None
    last_year: int | None = None
    as_of: str | None = None
    parquet_folder: str | None = None
    years: tuple[int, ...] | None = None
    clock_start: str | None = None
    clock_speed: float = 1.0
    frozen_world: bool | None = None
    tmdb_requests_per_second: int = 40
    retry_after_mode: RetryAfterMode = "seconds"
    omdb_daily_quota: int = 1_000
    latency_seconds: float = 0.0
    page_cap: int = 500
    is_drifting: bool = False
    faults: dict[str, Any] | None = None
    tmdb_keys: tuple[str, ...] = (SANDBOX_TMDB_KEY, SANDBOX_TMDB_TOKEN)
    omdb_keys: tuple[str, ...] = (SANDBOX_OMDB_KEY,)
    log_level: str = "warning"

    def __post_init__(self) -> None:
        """Refuse values no sandbox can run with.

        Raises:
            ValueError: naming the setting and the value.
        """
        for name in (
            "port", "clock_speed", "tmdb_requests_per_second", "omdb_daily_quota",
            "latency_seconds",
        ):  # fmt: skip
            if getattr(self, name) < 0:
                raise ValueError(f"{name} must not be negative, got {getattr(self, name)}")
        for name in ("films", "page_cap"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if self.retry_after_mode not in RETRY_AFTER_MODES:
            raise ValueError(
                f"retry_after_mode must be one of {', '.join(RETRY_AFTER_MODES)},"
                f" got {self.retry_after_mode!r}"
            )
        if self.faults is not None:
            FaultPlan.of(self.faults)
        if self.as_of is not None:
            date.fromisoformat(self.as_of)
        if self.clock_start is not None:
            datetime.fromisoformat(self.clock_start)

    def to_json(self) -> str:
        """Return the config as one line of JSON."""
        return json.dumps(asdict(self))

    def on_free_port(self) -> SandboxConfig:
        """Return the same config with a port of the system's choice."""
        return replace(self, port=0)

    @classmethod
    def from_json(cls, text: str) -> SandboxConfig:
        """Read a config back.

        Raises:
            ValueError: when the text is no JSON object or names an unknown setting.
        """
        values: Any = json.loads(text)
        if not isinstance(values, dict):
            raise ValueError("a sandbox config is a JSON object")
        known = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - known):
            raise ValueError(f"unknown sandbox settings: {', '.join(unknown)}")
        for name in ("years", "tmdb_keys", "omdb_keys"):
            if values.get(name) is not None:
                values[name] = tuple(values[name])
        return cls(**values)
