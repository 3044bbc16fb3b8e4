"""`refresh_due`: what a tick asks for, and what it says when it asks for nothing."""

import asyncio
import re
from datetime import timedelta

import dagster as dg
import pytest

from ayne_dagster.domain.tables import (
    CHANGE_DAYS,
    DISCOVERED_MOVIES,
    REFRESH_HISTORY,
    TMDB_DETAILS,
)
from ayne_dagster_tests.automation.ticking import Ticking, ranges
from ayne_dagster_tests.storage.film_rows import asked, detailed, discovered, row_of


def test_exactly_the_due_years_are_requested_and_neighbours_share_a_run(stocked: Ticking) -> None:
    stocked.put(
        DISCOVERED_MOVIES,
        *(discovered(number, year) for number, year in ((11, "1999"), (12, "2000"), (13, "2010"))),
        discovered(14, "undated", release_date=None),
    )
    requests = stocked.sensor()
    assert ranges(requests) == [("1999", "2000"), ("2010", "2010"), ("undated", "undated")]
    assert not isinstance(requests, str)
    for request in requests:
        assert request.tags["ayne/kind"] == "sensor"
    assert {request.tags["ayne/reason"] for request in requests} == {
        "due: 2 films at TMDB", "due: 1 film at TMDB"
    }  # fmt: skip
    # What the other service is due for is asked for as well, and both share the run.
    stocked.put(REFRESH_HISTORY, asked("omdb", 3, 400))
    stocked.put(TMDB_DETAILS, detailed(3, "2001", imdb_id="tt9999999"))
    assert ranges(stocked.sensor())[0] == ("1999", "2001")


def test_the_same_tick_twice_gives_the_same_keys(stocked: Ticking) -> None:
    stocked.put(DISCOVERED_MOVIES, discovered(11, "1999"), discovered(12, "2010"))
    first, second = stocked.sensor(), stocked.sensor()
    assert not isinstance(first, str)
    assert not isinstance(second, str)
    assert {one.run_key for one in first} == {one.run_key for one in second}
    assert len({one.run_key for one in first}) == 2


def test_a_tick_with_nothing_due_names_what_comes_next_and_when(stocked: Ticking) -> None:
    reason = stocked.sensor()
    assert isinstance(reason, str)
    assert reason.startswith("nothing is due; next: 1 film of ")
    assert " at TMDB on 2024-08-" in reason
    assert " at OMDb on 2024-1" in reason
    assert reason.endswith(" UTC")


def test_a_film_that_grows_out_of_its_age_band_first_is_counted_as_things_stand(
    ticking: Ticking,
) -> None:
    """Who looked again at the moment it named found no film: `0 films of  at TMDB`."""
    released = (ticking.now - timedelta(days=59)).date()
    ticking.put(TMDB_DETAILS, detailed(1, "2024", release_date=released, imdb_id=None))
    ticking.put(REFRESH_HISTORY, asked("tmdb", 1, 0.1))
    reason = ticking.sensor()
    assert isinstance(reason, str)
    assert reason.startswith("nothing is due; next: 1 film of 2024 at TMDB on 2024-06-")


def test_films_that_the_change_feed_keeps_back_are_announced_when_they_are_due(
    ticking: Ticking,
) -> None:
    ticking.put(
        CHANGE_DAYS,
        *(
            row_of(CHANGE_DAYS, changed_on=(ticking.now - timedelta(days=back)).date())
            for back in range(1, 190)
        ),
    )
    ticking.put(TMDB_DETAILS, *(detailed(n, str(1990 + n), imdb_id=None) for n in range(1, 8)))
    ticking.put(REFRESH_HISTORY, *(asked("tmdb", number, 100) for number in range(1, 8)))
    reason = ticking.sensor()
    assert isinstance(reason, str)
    # 180 days after the answer, a tenth more or less, and each film has a time of its own.
    assert re.match(r"nothing is due; next: 1 film of 199\d at TMDB on 2024-0[78]-", reason), reason


def test_years_a_run_works_on_are_left_to_it_and_named(stocked: Ticking) -> None:
    stocked.put(DISCOVERED_MOVIES, discovered(11, "1999"), discovered(12, "2010"))
    run_id = stocked.run("collect", ("1998", "2001"))
    assert ranges(stocked.sensor()) == [("2010", "2010")]
    stocked.run("refresh", ("2010", "2012"), dg.DagsterRunStatus.STARTING)
    reason = stocked.sensor()
    assert isinstance(reason, str)
    assert f"under way: collect over 1998-2001 ({run_id[:8]}), due there 1 film at TMDB" in reason
    assert "under way: refresh over 2010-2012" in reason


@pytest.mark.parametrize(
    ("job", "status"),
    [("model", dg.DagsterRunStatus.STARTED), ("refresh", dg.DagsterRunStatus.FAILURE)],
)
def test_a_run_that_fetches_nothing_or_has_ended_keeps_no_year(
    stocked: Ticking, job: str, status: dg.DagsterRunStatus
) -> None:
    """A run that died once blocked the next for ever."""
    stocked.put(DISCOVERED_MOVIES, discovered(11, "1999"))
    stocked.run(job, ("1998", "2001"), status)
    assert ranges(stocked.sensor()) == [("1999", "1999")]


def test_films_that_keep_failing_are_not_requested_in_a_loop(stocked: Ticking) -> None:
    stocked.put(DISCOVERED_MOVIES, discovered(11, "1999"))
    requests = stocked.sensor()
    assert not isinstance(requests, str)
    stocked.carry_out(requests)
    stocked.days_pass(59 / 1440)
    reason = stocked.sensor()
    assert isinstance(reason, str)
    assert reason.startswith(
        "1999: 1 film at TMDB, asked for at 2024-06-01 12:00 UTC and still due, "
        "again from 2024-06-01 13:00 UTC; next: "
    )
    # Another film in the same year is another question.
    stocked.put(DISCOVERED_MOVIES, discovered(12, "1999"))
    assert ranges(stocked.sensor()) == [("1999", "1999")]
    stocked.put(REFRESH_HISTORY, asked("tmdb", 12, -0.03, "not_found"))
    stocked.days_pass(1 / 1440)
    again = stocked.sensor()
    assert ranges(again) == [("1999", "1999")]
    assert not isinstance(again, str)
    assert again[0].run_key != requests[0].run_key


def test_a_used_up_quota_asks_for_nothing_until_midnight(stocked: Ticking) -> None:
    stocked.put(TMDB_DETAILS, detailed(3, "2001", imdb_id="tt9999999"))
    assert ranges(stocked.sensor()) == [("2001", "2001")]
    budget = stocked.resources()["services"].budget()
    asyncio.run(budget.exhaust("omdb", stocked.now.date()))
    budget.close()
    reason = stocked.sensor()
    assert isinstance(reason, str)
    assert reason.startswith(
        "OMDb: the day's quota is used up until 2024-06-02 00:00 UTC, 1 film due; next: "
    )
    stocked.days_pass(0.5)
    assert ranges(stocked.sensor()) == [("2001", "2001")]


def test_a_missing_key_and_an_empty_warehouse_are_said(ticking: Ticking) -> None:
    reason = ticking.sensor()
    assert isinstance(reason, str)
    assert reason.startswith("nothing is collected yet")
    ticking.put(TMDB_DETAILS, detailed(1))
    ticking.put(REFRESH_HISTORY, asked("tmdb", 1, 1))
    ticking.overrides = {"omdb": {"api_key": None}}
    reason = ticking.sensor()
    assert isinstance(reason, str)
    assert reason.startswith("OMDb: OMDB__API_KEY is not set, 1 film due; next: 1 film of 2001 at")
    ticking.overrides = {"tmdb": {"api_key": None}}
    reason = ticking.sensor()
    assert isinstance(reason, str)
    assert reason.startswith("TMDB__API_KEY is not set")


def test_a_held_warehouse_is_a_skip_and_no_failing_tick(stocked: Ticking) -> None:
    with stocked.held():
        reason = stocked.sensor()
    assert isinstance(reason, str)
    assert reason.startswith("the warehouse could not be read: ")
    assert "was held for more than 0.3 s" in reason
