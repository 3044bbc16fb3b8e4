"""A real Redis for the tests that need one."""

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a `redis-server` of this session, with a password, on a free port."""
    program = shutil.which("redis-server")
    if program is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    folder = tmp_path_factory.mktemp("redis")
    port = _free_port()
    log = folder / "redis.log"
    server = subprocess.Popen(
        [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
         "--dir", str(folder), "--logfile", str(log), "--requirepass", "not-a-secret"],
    )  # fmt: skip
    try:
        _wait_until_ready(server, port, log)
        yield f"redis://:not-a-secret@127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture
def empty_redis(redis_url: str) -> str:
    """The same with nothing in it."""
    from redis import Redis

    with Redis.from_url(redis_url) as connection:
        connection.flushdb()
    return redis_url


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if server.poll() is not None or time.monotonic() > deadline:
                said = log.read_text() if log.exists() else "nothing"
                raise AssertionError(f"redis-server did not come up: {said}") from None
            time.sleep(0.02)
        else:
            return
