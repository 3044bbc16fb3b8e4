"""A server of files for the tests of whole files: answers by path, and what goes wrong.

Lives here: what several tests share. The real thing, the sandbox over loopback, is asked in
`ayne_dagster_tests/defs/test_bulk_files.py`.
"""

import gzip
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import httpx

from ayne_dagster.sources.bulk_files import BulkDownloader

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
XML = b'<?xml version="1.0"?><Error><Code>AccessDenied</Code></Error>'


def packed(lines: Sequence[str]) -> bytes:
    return gzip.compress("".join(f"{line}\n" for line in lines).encode(), mtime=0)


def streamed(body: bytes, headers: dict[str, str] | None = None) -> httpx.Response:
    """An answer as a network gives it: its body is still to be read."""
    return httpx.Response(200, content=iter([body]), headers=headers)


class FileServer:
    """Files by path; `answers` of a path are given before its file, one per request."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.answers: dict[str, list[httpx.Response | Exception]] = {}
        self.asked: list[httpx.Request] = []
        self.slept: list[float] = []
        self.now = NOON

    @property
    def paths(self) -> list[str]:
        return [request.url.path for request in self.asked]

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        path = request.url.path
        if self.answers.get(path):
            answer = self.answers[path].pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        body = self.files.get(path)
        if body is None:
            return httpx.Response(403, content=XML, headers={"content-type": "application/xml"})
        etag = f'"{hash(body)}"'
        if request.headers.get("if-none-match") == etag:
            return httpx.Response(304)
        headers = {"etag": etag, "last-modified": "Fri, 20 Nov 2026 07:30:00 GMT"}
        return streamed(body, headers)

    def downloader(self, **more: Any) -> BulkDownloader:
        return BulkDownloader(
            now=lambda: self.now,
            transport=httpx.MockTransport(self.handle),
            sleep=self.slept.append,
            seed=1,
            **more,
        )
