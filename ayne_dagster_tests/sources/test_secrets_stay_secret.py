"""Planted keys are looked for in everything that can be shown."""

import asyncio
import io
import json
import logging
import traceback
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import structlog
from pydantic import SecretStr

from ayne_dagster.logs import bind_log_context, configure_logs, log_context, register_secret
from ayne_dagster.redaction import RedactionFilter, guard_http_logs, redact, redact_value
from ayne_dagster.sources.failures import SourceError
from ayne_dagster.sources.omdb import OmdbClient
from ayne_dagster.sources.tmdb import TmdbClient
from ayne_dagster_tests.sources.fakes import (
    Clock,
    CountingBudget,
    json_answer,
    script,
    title_body,
)

PLANTED_V3 = "fedcba9876543210fedcba9876543210"
PLANTED_TOKEN = "eyJhbGciOiJIUzI1NiJ9.cGxhbnRlZA.c2lnbmF0dXJl-_x"
PLANTED_OMDB = "1a2b3c4d"
PLANTED = (PLANTED_V3, PLANTED_TOKEN, PLANTED_OMDB)


@pytest.fixture
def _own_logging() -> Iterator[None]:
    """Whatever a test sets up in the process's logging is taken back."""
    root, httpx_logger = logging.getLogger(), logging.getLogger("httpx")
    before = (list(root.handlers), root.level, httpx_logger.level)
    yield
    root.handlers[:], level, httpx_level = before
    root.setLevel(level)
    httpx_logger.setLevel(httpx_level)
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()


def assert_clean(shown: str) -> None:
    for key in PLANTED:
        assert key not in shown


def answers() -> list[Any]:
    return [
        json_answer({"status_code": 7, "status_message": f"key {PLANTED_V3} is bad"}, 401),
        httpx.Response(302, headers={"Location": f"https://x.example/?apikey={PLANTED_OMDB}"}),
        httpx.Response(200, content=f"<html>Bearer {PLANTED_TOKEN}</html>".encode()),
        httpx.Response(503, content=f"apikey={PLANTED_OMDB} failed".encode()),
        httpx.ConnectError(f"cannot reach https://x.example/?apikey={PLANTED_OMDB}"),
        json_answer({"Response": "False", "Error": f"Invalid API key! {PLANTED_OMDB}"}, 401),
        json_answer({"id": 5, "title": "another shape"}),
    ]


def ask_everything() -> list[BaseException]:
    """Every kind of answer through every kind of key; what was raised."""
    raised: list[BaseException] = []

    async def run() -> None:
        for answer in answers():
            for secret in (PLANTED_V3, PLANTED_TOKEN):
                transport, _ = script(answer)
                clock = Clock()
                async with TmdbClient(
                    credential=SecretStr(secret), budget=CountingBudget(), now=clock,
                    transport=transport, sleep=clock.sleep,
                ) as tmdb:  # fmt: skip
                    try:
                        result = await tmdb.movie(550)
                        assert_clean(repr(result))
                    except SourceError as error:
                        raised.append(error)
                    assert_clean(f"{vars(tmdb)} {vars(tmdb._http)} {tmdb.stats}")
            transport, _ = script(answer)
            clock = Clock()
            async with OmdbClient(
                credential=SecretStr(PLANTED_OMDB), budget=CountingBudget(), now=clock,
                transport=transport, sleep=clock.sleep,
            ) as omdb:  # fmt: skip
                try:
                    assert_clean(repr(await omdb.title("tt0000001")))
                except SourceError as error:
                    raised.append(error)
                assert_clean(f"{vars(omdb)} {vars(omdb._http)}")

    asyncio.run(run())
    return raised


@pytest.mark.parametrize("json_lines", [True, False])
@pytest.mark.usefixtures("_own_logging")
def test_no_key_is_in_any_log_exception_or_repr(
    json_lines: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """httpx logs full addresses at INFO: OMDb's key stood in every line of the earlier system."""
    stream = io.StringIO()
    configure_logs(json_lines=json_lines, level="DEBUG", stream=stream)
    raised = ask_everything()
    assert len(raised) > 8
    for error in raised:
        try:
            raise error
        except SourceError:
            logging.getLogger("somewhere").exception("failed")
        shown = "".join(traceback.format_exception(error)) + repr(error) + str(error.args)
        assert_clean(shown)
        assert error.__cause__ is None
    assert "HTTP Request" in stream.getvalue()
    assert_clean(stream.getvalue())
    assert_clean(caplog.text)


@pytest.mark.usefixtures("_own_logging")
def test_httpx_is_kept_from_telling_keys_without_any_set_up_of_ours(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A process that logs its own way (Dagster's does) must be as safe."""
    caplog.set_level(logging.DEBUG)
    # Our own set-up, which a command may have made in this process, keeps httpx quiet.
    caplog.set_level(logging.DEBUG, logger="httpx")
    ask_everything()
    assert "HTTP Request" in caplog.text
    assert_clean(caplog.text)
    guard_http_logs()
    logging.getLogger("httpx").info("GET %s", f"https://x.example/?apikey={PLANTED_OMDB}&i=1")
    assert_clean(caplog.text)
    assert "apikey=***&i=1" in caplog.text


@pytest.mark.usefixtures("_own_logging")
def test_registered_secrets_are_masked_in_nested_events_and_tracebacks() -> None:
    stream = io.StringIO()
    configure_logs(json_lines=True, level="INFO", stream=stream)
    planted = "s3cret/with+odd=chars"
    register_secret(SecretStr(planted))
    log = structlog.get_logger("test")
    log.info("event", nested={"list": [planted, 1, None]}, url=f"http://x/?api_key={planted}")
    try:
        raise ValueError(f"with {planted} inside")
    except ValueError:
        log.exception("broken", obj=SecretStr(planted))
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert planted not in stream.getvalue()
    assert lines[0]["nested"] == {"list": ["***", 1, None]}
    assert "ValueError: with *** inside" in lines[1]["exception"]


@pytest.mark.usefixtures("_own_logging")
def test_every_line_carries_run_service_film_and_year_where_there_are_such() -> None:
    stream = io.StringIO()
    configure_logs(json_lines=True, level="INFO", stream=stream)
    bind_log_context(run_id="r1", year="2020")
    with log_context(service="tmdb", film=550):
        logging.getLogger("a").info("inside %d", 1)
    structlog.get_logger("b").info("outside", pages=3)
    inside, outside = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert (inside["run_id"], inside["year"], inside["service"], inside["film"]) == (
        "r1", "2020", "tmdb", 550,
    )  # fmt: skip
    assert inside["event"] == "inside 1"
    assert inside["level"] == "info"
    assert "film" not in outside
    assert outside["pages"] == 3


@pytest.mark.parametrize("json_lines", [True, False])
@pytest.mark.usefixtures("_own_logging")
def test_lines_for_people_stay_short_and_machines_get_everything(json_lines: bool) -> None:
    """Dagster puts 700 characters of its own on each record."""
    stream = io.StringIO()
    configure_logs(json_lines=json_lines, level="INFO", stream=stream)
    logging.getLogger("a").warning(
        "omdb: unavailable", extra={"dagster_meta": {"run_id": "r"}, "answer": "x" * 500}
    )
    line = stream.getvalue()
    assert "omdb: unavailable" in line
    assert ("dagster_meta" in line) is json_lines
    assert ("x" * 121 in line) is json_lines
    assert "x" * 100 in line


@pytest.mark.usefixtures("_own_logging")
def test_configuring_twice_does_not_double_the_lines() -> None:
    stream = io.StringIO()
    for _ in range(2):
        configure_logs(json_lines=False, level="INFO", stream=stream)
    logging.getLogger("a").info("once")
    logging.getLogger("httpx").info("HTTP Request: quiet at INFO")
    assert stream.getvalue().count("once") == 1
    assert "HTTP Request" not in stream.getvalue()


def test_the_filter_masks_arguments_and_keeps_other_records_as_they_are() -> None:
    register_secret(SecretStr(PLANTED_V3))
    masked = logging.LogRecord("n", 20, "f", 1, "key %s", (PLANTED_V3,), None)
    plain = logging.LogRecord("n", 20, "f", 1, "page %d", (3,), None)
    event = logging.LogRecord("n", 20, "f", 1, {"event": PLANTED_V3}, None, None)
    for record in (masked, plain, event):
        assert RedactionFilter().filter(record)
    assert masked.getMessage() == "key ***"
    assert plain.args == (3,)
    assert event.msg == {"event": "***"}
    text_of_error = logging.LogRecord("n", 40, "f", 1, "x", None, None)
    text_of_error.exc_text = f"ValueError: {PLANTED_V3}"
    RedactionFilter().filter(text_of_error)
    assert text_of_error.exc_text == "ValueError: ***"


@pytest.mark.parametrize(
    ("shown", "masked"),
    [
        ("?api_key=abc&x=1", "?api_key=***&x=1"),
        ("?i=tt1&apikey=abc", "?i=tt1&apikey=***"),
        ("apikey%3Dabc", "apikey%3D***"),
        ('{"url": "http://x/?apikey=abc"}', '{"url": "http://x/?apikey=***"}'),
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer ***"),
        ("the bearer of news", "the bearer of news"),
        ("nothing here", "nothing here"),
    ],
)
def test_keys_in_addresses_and_headers_are_masked_even_unregistered(
    shown: str, masked: str
) -> None:
    assert redact(shown) == masked


def test_short_words_are_never_masked_everywhere() -> None:
    register_secret(SecretStr("demo"))
    assert redact("the demo of it") == "the demo of it"


def test_values_of_all_kinds_are_masked() -> None:
    register_secret(SecretStr(PLANTED_V3))
    assert redact_value(PLANTED_V3.encode()) == "***"
    assert redact_value((PLANTED_V3, 1)) == ("***", 1)
    assert redact_value(ValueError(PLANTED_V3)) == "***"
    clean = ValueError("clean")
    assert redact_value(clean) is clean


def test_a_title_in_the_answer_is_no_secret() -> None:
    transport, asked = script(json_answer(title_body()))

    async def run() -> None:
        async with OmdbClient(
            credential=SecretStr(PLANTED_OMDB), budget=CountingBudget(), now=Clock(),
            transport=transport,
        ) as omdb:  # fmt: skip
            assert (await omdb.title("tt0000001")).row is not None

    asyncio.run(run())
    assert str(asked[0].url) == f"https://www.omdbapi.com/?apikey={PLANTED_OMDB}&i=tt0000001"
