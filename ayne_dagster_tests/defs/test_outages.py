"""A service that answers nothing is no success, and one film that is not answered no outage."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from ayne_dagster.defs.fetching import Fetching
from ayne_dagster.defs.job_options import RunOptions
from ayne_dagster.defs.refreshes import RefreshReport, SourceOfRows, refresh
from ayne_dagster.defs.resources import build_resources
from ayne_dagster.defs.source_tables import TMDB_TABLE
from ayne_dagster.domain.outcomes import FetchOutcome
from ayne_dagster.domain.quarantine import quarantined_row
from ayne_dagster.domain.tables import DISCOVERED_MOVIES, QUARANTINED_ANSWERS
from ayne_dagster.settings import load_settings
from ayne_dagster.sources.failures import CircuitOpen, ServiceUnavailable
from ayne_dagster.sources.fetch_result import FetchResult
from ayne_dagster_tests.defs.world import YEARS, World
from ayne_dagster_tests.storage.film_rows import NOW, discovered, put

FILMS = 8
ONE_YEAR = (YEARS[1], YEARS[1])
Answer = Callable[[int, int], FetchResult]
"""What the n-th ask, for a film, comes to."""


@dataclass
class Service:
    """A service that answers as a test says."""

    answer: Answer
    requests: int = 0
    stats: Any = field(init=False)

    def __post_init__(self) -> None:
        self.stats = self

    async def __aenter__(self) -> "Service":
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    async def ask(self, key: int) -> FetchResult:
        self.requests += 1
        return self.answer(self.requests, key)


@pytest.fixture
def fetching(project: Path) -> Fetching:
    made: Fetching = build_resources(load_settings(), now=lambda: NOW)["fetching"]
    films = [discovered(number) for number in range(1, FILMS + 1)]
    put(made.queries.warehouse, DISCOVERED_MOVIES, *films)
    return made


def refreshed(fetching: Fetching, answer: Answer) -> RefreshReport:
    service = Service(answer)
    source = SourceOfRows(
        TMDB_TABLE, "tmdb_id", lambda: service, lambda client, key, _: client.ask(key), 1
    )
    return refresh(source, ["2001"], options=RunOptions(), fetching=fetching, run_id="a test")


def down(ask: int, _: int) -> FetchResult:
    """Five asks come to nothing, then the service is left alone."""
    error = ServiceUnavailable if ask <= 5 else CircuitOpen
    raise error("tmdb", "503: back soon")


def unknown(key: int) -> FetchResult:
    return FetchResult(key, FetchOutcome.NOT_FOUND, fetched_at=NOW)


def test_a_service_that_answers_nothing_is_a_failure_that_says_what_to_do(fetching: Fetching):
    """Five films failed, the rest was deferred, and the run was green."""
    report = refreshed(fetching, down)
    assert report.failure is not None
    with pytest.raises(dg.Failure) as failed:
        report.fail()
    words = str(failed.value.description)
    assert "none of the 5 films" in words
    assert "503: back soon" in words
    assert "3 more were left" in words
    assert "stay due" in words
    figures = failed.value.metadata
    assert (figures["failed"].value, figures["deferred"].value) == (5, 3)


def test_one_film_that_is_not_answered_among_others_is_no_outage(fetching: Fetching):
    def all_but_one(_: int, key: int) -> FetchResult:
        if key == 1:
            raise ServiceUnavailable("tmdb", "500: that film again")
        return unknown(key)

    report = refreshed(fetching, all_but_one)
    assert report.failure is None
    assert report.metadata()["failed"] == 1
    assert "that film again" in report.metadata()["failed by"]


def test_a_spent_quota_is_no_outage(fetching: Fetching):
    def spent(_: int, key: int) -> FetchResult:
        return FetchResult(key, FetchOutcome.DEFERRED)

    assert refreshed(fetching, spent).failure is None


def test_pages_that_nobody_can_read_are_an_outage_too(fetching: Fetching):
    """A proxy's page answers every film with 200."""
    films = [discovered(number) for number in range(100, 150)]
    put(fetching.queries.warehouse, DISCOVERED_MOVIES, *films)

    def page(_: int, key: int) -> FetchResult:
        return FetchResult(
            key, FetchOutcome.UNUSABLE, fetched_at=NOW, detail="no JSON", raw="<html>"
        )

    report = refreshed(fetching, page)
    assert "none of the 20 films" in str(report.failure)
    assert "could not be read" in str(report.failure)


def test_a_refresh_forgets_old_bodies_of_the_quarantine(fetching: Fetching):
    warehouse = fetching.queries.warehouse
    old, new = NOW - timedelta(days=181), NOW - timedelta(days=179)
    for at in (old, new):
        put(warehouse, QUARANTINED_ANSWERS, quarantined_row("tmdb", "7", at, "no JSON", body="<p>"))
    refreshed(fetching, lambda _, key: unknown(key))
    kept = warehouse.rows("SELECT answered_at FROM quarantined_answers WHERE body IS NOT NULL")
    assert [row["answered_at"] for row in kept] == [new]


@pytest.mark.slow
def test_an_outage_of_omdb_fails_a_check_and_the_graph_goes_on(empty_world: World):
    """TMDB carries the graph; without ratings everything else goes on, and says so."""
    run = empty_world.run(
        "collect",
        ONE_YEAR,
        options=RunOptions(refresh_limit=2),
        OMDB__BASE_URL="http://127.0.0.1:9/",
    )
    assert run.success, run.failure_words()
    check = run.check("omdb_ratings", "omdb_answers")
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.ERROR
    assert "none of the" in str(check.metadata["reason"].value)
    assert run.check("omdb_ratings", "omdb_key_works").passed
    assert "frozen_flags" in run.materialized
