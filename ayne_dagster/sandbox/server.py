"""The sandbox as a server: for people (`serve`), and as a child process for programs and tests.

The child is a real process of its own, started the same way on every system. What it answers
is built in the app.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import IO, Any

import uvicorn
from starlette.applications import Starlette

from ayne_dagster.sandbox.app import create_app
from ayne_dagster.sandbox.catalogue import Catalogue
from ayne_dagster.sandbox.clock import SandboxClock
from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.faults.connections import TransportInScope
from ayne_dagster.sandbox.faults.plan import FaultPlan

_STOP_SECONDS = 5.0
_REQUEST_SECONDS = 30.0


class SandboxStartError(RuntimeError):
    """A sandbox process did not come up; the message holds what it said."""


@dataclass(frozen=True)
class RunningSandbox:
    """A sandbox that answers under `url`."""

    url: str
    config: SandboxConfig
    process_id: int

    @property
    def tmdb_base_url(self) -> str:
        """Where TMDB's API is."""
        return f"{self.url}/3"

    @property
    def omdb_base_url(self) -> str:
        """Where OMDb is."""
        return f"{self.url}/"

    @property
    def exports_base_url(self) -> str:
        """Where TMDB's daily id files are."""
        return f"{self.url}/p/exports"

    @property
    def clock_url(self) -> str:
        """Where it tells its time, and is told another."""
        return f"{self.url}/_sandbox/clock"

    @property
    def tmdb_key(self) -> str:
        """A TMDB v3 key or token it accepts."""
        return self.config.tmdb_keys[0]

    @property
    def omdb_key(self) -> str:
        """An OMDb key it accepts."""
        return self.config.omdb_keys[0]

    def stats(self) -> dict[str, Any]:
        """Return what it was asked so far."""
        return _call(f"{self.url}/_sandbox/stats")

    def reset_stats(self) -> None:
        """Forget what it was asked; quotas stay used."""
        _call(f"{self.url}/_sandbox/reset_stats", {})

    def now(self) -> datetime:
        """Return its clock's time."""
        return datetime.fromisoformat(_call(self.clock_url)["now"])

    def edit(self, *film_ids: int) -> None:
        """Change one stable field of each of these films, today."""
        _call(f"{self.url}/_sandbox/edits", {"films": list(film_ids)})

    def edited_on(self, day: date) -> dict[int, list[str]]:
        """Return the films that changed on a day, each with the fields concerned."""
        answer = _call(f"{self.url}/_sandbox/edits?day={day.isoformat()}")
        return {film["id"]: film["fields"] for film in answer["films"]}

    def advance(self, step: timedelta) -> datetime:
        """Move its clock and return the new time."""
        body = {"advance_seconds": step.total_seconds()}
        return datetime.fromisoformat(_call(self.clock_url, body)["now"])


def build_app(config: SandboxConfig) -> Starlette:
    """Build the app a config describes.

    Raises:
        CatalogueError: when a Parquet file cannot be used.
        ValueError: when the catalogue cannot be generated.
    """
    start = datetime.fromisoformat(config.clock_start) if config.clock_start else None
    clock = SandboxClock(start, config.clock_speed)
    is_parquet = config.parquet_folder is not None
    return create_app(
        build_catalogue(config, clock.today()),
        clock=clock,
        tmdb_requests_per_second=config.tmdb_requests_per_second,
        retry_after_mode=config.retry_after_mode,
        omdb_daily_quota=config.omdb_daily_quota,
        latency_seconds=config.latency_seconds,
        tmdb_keys=config.tmdb_keys,
        omdb_keys=config.omdb_keys,
        frozen_world=is_parquet if config.frozen_world is None else config.frozen_world,
        page_cap=config.page_cap,
        is_drifting=config.is_drifting,
        faults=None if config.faults is None else FaultPlan.of(config.faults),
    )


def build_catalogue(config: SandboxConfig, today: date) -> Catalogue:
    """Build the catalogue a config describes; `today` is the day the clock starts."""
    as_of = date.fromisoformat(config.as_of) if config.as_of else None
    if config.parquet_folder is not None:
        # pyarrow takes its time to import and only this catalogue needs it.
        from ayne_dagster.sandbox.parquet_catalogue import load_parquet_catalogue

        return load_parquet_catalogue(
            config.parquet_folder, as_of=as_of or today, seed=config.seed, years=config.years
        )
    from ayne_dagster.sandbox.generated_catalogue import generate_catalogue

    return generate_catalogue(
        films=config.films,
        seed=config.seed,
        # A fixed day of the year: restarting tomorrow shows the same films, a day older.
        as_of=as_of or date(today.year, 1, 1),
        first_year=config.first_year or 1950,
        last_year=config.last_year,
    )


def serve(config: SandboxConfig) -> None:
    """Serve until interrupted.

    Raises:
        SystemExit: with one clear line when the port is taken or the catalogue is not usable.
    """
    try:
        app = build_app(config)
        listener = _listen(config)
    except (OSError, ValueError) as error:
        raise SystemExit(f"The sandbox cannot start: {error}") from error
    url = f"http://{config.host}:{listener.getsockname()[1]}"
    sys.stdout.write(f"Sandbox of TMDB, OMDb and the bulk files: {url} (Ctrl+C stops it)\n")
    sys.stdout.flush()
    _server(app, config).run(sockets=[listener])


def serve_child(config: SandboxConfig, orders: IO[str]) -> None:
    """Serve as a child: say the port on standard output, stop when `orders` (stdin) closes.

    A parent that dies, however it dies, closes the pipe; so no child outlives it. Ctrl-C reaches
    every process of a terminal: it is the parent's to answer, which still has questions then.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    app = build_app(config)
    listener = _listen(config)
    server = _ChildServer(_configured(app, config))
    threading.Thread(
        target=_stop_at_end, args=(orders, server), name="watch-parent", daemon=True
    ).start()
    sys.stdout.write(json.dumps({"port": listener.getsockname()[1]}) + "\n")
    sys.stdout.flush()
    server.run(sockets=[listener])


@contextlib.contextmanager
def running_sandbox(
    config: SandboxConfig | None = None, *, startup_seconds: float = 30.0
) -> Iterator[RunningSandbox]:
    """Run a sandbox in a process of its own while the block runs.

    Args:
        config: how it is set up; its port is ignored, the system chooses a free one.
        startup_seconds: how long it may take until it is healthy.

    Raises:
        SandboxStartError: when it does not come up in time, with what it wrote.
    """
    config = SandboxConfig() if config is None else config
    # Written to a file, not a pipe: a pipe nobody reads would stop the child when it is full.
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
        process = _spawn(config, log)
        try:
            port = _read_port(process, startup_seconds, lambda: _written(log))
            yield RunningSandbox(f"http://{config.host}:{port}", config, process.pid)
        finally:
            _stop(process)


def _spawn(config: SandboxConfig, log: IO[str]) -> subprocess.Popen[str]:
    root = str(Path(__file__).resolve().parents[2])
    paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
    process = subprocess.Popen(
        [sys.executable, "-m", "ayne_dagster.sandbox", "--child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    assert process.stdin is not None
    with contextlib.suppress(BrokenPipeError):
        process.stdin.write(config.to_json() + "\n")
        process.stdin.flush()
    return process


def _read_port(
    process: subprocess.Popen[str], startup_seconds: float, written: Callable[[], str]
) -> int:
    """Return the port the child says it listens on.

    The socket listens before the port is said, so a first request waits instead of failing.
    """
    stdout = process.stdout
    assert stdout is not None
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(target=lambda: lines.put(stdout.readline()), daemon=True).start()
    try:
        line = lines.get(timeout=startup_seconds)
    except queue.Empty:
        raise SandboxStartError(
            f"the sandbox was not ready after {startup_seconds:g} s: {written()}"
        ) from None
    if not line.strip():
        process.wait(_STOP_SECONDS)
        raise SandboxStartError(f"the sandbox ended at once: {written()}")
    return int(json.loads(line)["port"])


def _written(log: IO[str]) -> str:
    log.flush()
    log.seek(0)
    return log.read().strip() or "it wrote nothing"


def _stop(process: subprocess.Popen[str]) -> None:
    """End the child: ask by closing its input, then insist."""
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    for insist in (lambda: None, process.terminate, process.kill):
        insist()
        try:
            process.wait(_STOP_SECONDS)
            break
        except subprocess.TimeoutExpired:
            continue
    process.stdout.close()


def _stop_at_end(orders: IO[str], server: uvicorn.Server) -> None:
    while orders.readline():
        pass
    server.should_exit = True
    time.sleep(_STOP_SECONDS)
    # Still here: an open connection holds the server up, but the parent is gone.
    os._exit(0)


def _listen(config: SandboxConfig) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if os.name == "posix":
        # On Windows this option would let two servers share a port.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((config.host, config.port))
        # Listening here, not in uvicorn, makes connections wait from the first moment on.
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise OSError(f"port {config.port} on {config.host} cannot be used: {error}") from error
    return listener


class _ChildServer(uvicorn.Server):
    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them as they are: Ctrl-C ignored, and to be asked to terminate ends it at once."""
        yield


def _server(app: Starlette, config: SandboxConfig) -> uvicorn.Server:
    return uvicorn.Server(_configured(app, config))


def _configured(app: Starlette, config: SandboxConfig) -> uvicorn.Config:
    return uvicorn.Config(
        TransportInScope(app),
        log_level=config.log_level,
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        timeout_graceful_shutdown=2,
    )


def _call(url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Ask one of the sandbox's own pages; a body makes it a POST."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data)  # noqa: S310 - the url is our own child's
    # Without proxies: the sandbox is on this machine whatever the environment says.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=_REQUEST_SECONDS) as answer:
        return json.load(answer)
