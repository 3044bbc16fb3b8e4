"""What the schedules ask for at their time; by the platform's clock it is 1 June 2024."""

import dagster as dg
import pytest

from ayne_dagster.defs.schedules import schedules
from ayne_dagster.defs.sensors import sensors
from ayne_dagster.domain.tables import DISCOVERED_MOVIES, MOVIE_LISTS, TMDB_DETAILS
from ayne_dagster_tests.automation.ticking import Ticking, ranges
from ayne_dagster_tests.storage.film_rows import detailed, discovered, row_of

RECENT = ("2023", "undated")
WITH_FEATURES = ("1999", "2025")
"""From the first year with films to the last that has a model: the next."""
REFRESHING = {"tmdb_details", "omdb_ratings", "frozen_flags"}


def assets(request: dg.RunRequest) -> set[str] | None:
    """The assets a run is limited to; None: all of its job."""
    if request.asset_selection is None:
        return None
    return {key.to_user_string() for key in request.asset_selection}


def by_range(requests: list[dg.RunRequest] | str) -> dict[tuple[str, str], dg.RunRequest]:
    assert not isinstance(requests, str), requests
    return {ranges([request])[0]: request for request in requests}


def test_the_daily_update_is_one_run_over_recent_years_and_few_over_what_else_is_due(
    stocked: Ticking,
) -> None:
    assert ranges(stocked.schedule("daily_update")) == [RECENT]
    stocked.put(
        DISCOVERED_MOVIES,
        *(discovered(number, year) for number, year in ((11, "1999"), (12, "2000"), (13, "2010"))),
        discovered(14, "2024"),
    )
    requests = by_range(stocked.schedule("daily_update"))
    assert sorted(requests) == [("1999", "2000"), ("2010", "2010"), RECENT]
    assert assets(requests[RECENT]) is None
    assert assets(requests["1999", "2000"]) == REFRESHING
    assert requests["1999", "2000"].tags["ayne/reason"] == "due: 2 films at TMDB"
    assert {request.tags["ayne/kind"] for request in requests.values()} == {"schedule"}


def test_the_quick_update_adds_only_years_of_listed_films_that_were_never_fetched(
    stocked: Ticking,
) -> None:
    listed = ((3, "popular"), (21, "popular"), (21, "trending_week"), (22, "popular"))
    stocked.put(
        MOVIE_LISTS,
        *(row_of(MOVIE_LISTS, list_name=name, tmdb_id=n)
          for n, name in (*listed, (31, "top_rated"))),
    )  # fmt: skip
    # 11 is on no list, 12 neither, though in a year that has one, and 31 on a list it does not
    # read; 3 was fetched, and 22 is of the recent years, which have a run anyway.
    years = {11: "1999", 12: "2002", 21: "2002", 22: "2024", 31: "2010"}
    stocked.put(DISCOVERED_MOVIES, *(discovered(n, year) for n, year in years.items()))
    requests = by_range(stocked.schedule("quick_update"))
    assert sorted(requests) == [("2002", "2002"), RECENT]
    assert assets(requests["2002", "2002"]) == REFRESHING
    reason = requests["2002", "2002"].tags["ayne/reason"]
    assert reason == "new films of the lists: 1 film at TMDB"


def test_the_weekly_enrichment_serves_every_due_year_and_trains_whatever_is_due(
    stocked: Ticking,
) -> None:
    modelling = {"features", "trained_model", "back_test", "forecasts", "final_sets"}
    requests = by_range(stocked.schedule("weekly_enrichment"))
    assert list(requests) == [WITH_FEATURES]
    assert assets(requests[WITH_FEATURES]) == {*modelling, "collection_stats"}
    stocked.put(
        DISCOVERED_MOVIES,
        *(discovered(n, y) for n, y in ((11, "1999"), (12, "2023"), (13, "2024"))),
    )
    requests = by_range(stocked.schedule("weekly_enrichment"))
    assert list(requests) == [("1999", "1999"), ("2023", "2024"), WITH_FEATURES]
    assert assets(requests["1999", "1999"]) == {*REFRESHING, "discovered_movies", "features"}
    assert requests[WITH_FEATURES].tags["dagster/priority"] == "-1"


def test_training_makes_the_features_of_all_years_anew(stocked: Ticking) -> None:
    """Films of past years got their outcomes on other days: they were never labelled."""
    assert ranges(stocked.schedule("train_model")) == [WITH_FEATURES]
    run_id = stocked.run("weekly_enrichment", ("2020", "2026"))
    assert stocked.schedule("train_model") == (
        f"under way: weekly_enrichment over 2020-2026 ({run_id[:8]})"
    )


@pytest.mark.parametrize(
    "name", ["quick_update", "daily_update", "weekly_enrichment", "train_model"]
)
def test_the_same_tick_twice_asks_once_and_the_next_one_again(stocked: Ticking, name: str) -> None:
    stocked.put(DISCOVERED_MOVIES, discovered(11, "1999"))
    keys = []
    for _ in range(2):
        requests = stocked.schedule(name)
        assert not isinstance(requests, str)
        keys.append([request.run_key for request in requests])
    assert keys[0] == keys[1]
    assert len(set(keys[0])) == len(keys[0])
    stocked.days_pass(0.25)
    requests = stocked.schedule(name)
    assert not isinstance(requests, str)
    assert not set(keys[0]) & {request.run_key for request in requests}


@pytest.mark.parametrize(
    ("name", "running", "is_superseded"),
    [
        ("quick_update", "daily_update", True),
        ("quick_update", "quick_update", True),
        ("quick_update", "refresh", False),
        ("daily_update", "weekly_enrichment", True),
        ("daily_update", "quick_update", False),
        ("weekly_enrichment", "weekly_enrichment", True),
        ("weekly_enrichment", "daily_update", False),
    ],
)
def test_what_a_run_under_way_does_already_is_not_asked_for_again(
    stocked: Ticking, name: str, running: str, *, is_superseded: bool
) -> None:
    stocked.run(running, ("2020", "undated"))
    answer = stocked.schedule(name)
    if is_superseded:
        assert isinstance(answer, str)
        assert answer.startswith(f"under way: {running} over 2020-undated (")
    else:
        assert not isinstance(answer, str)


def test_a_held_warehouse_costs_no_day_and_no_week(stocked: Ticking) -> None:
    """The runs wait for their turn themselves: the next tick may be a week away."""
    stocked.put(DISCOVERED_MOVIES, discovered(11, "1999"))
    stocked.put(MOVIE_LISTS, row_of(MOVIE_LISTS, list_name="popular", tmdb_id=11))
    stocked.overrides = {"database": {"wait_seconds": 0.1}}
    years = {"quick_update": RECENT, "daily_update": RECENT}
    # Which years have films cannot be read.
    years |= dict.fromkeys(("weekly_enrichment", "train_model"), ("2023", "2025"))
    with stocked.held():
        for name, expected in years.items():
            requests = by_range(stocked.schedule(name))
            assert list(requests) == [expected]
            reason = requests[expected].tags["ayne/reason"]
            assert "; what is due could not be read: " in reason
            assert "was held for more than 0.1 s by " in reason
        # What needs no warehouse is looked at all the same.
        stocked.run("whole_graph", ("2020", "undated"))
        for name in years:
            reason = stocked.schedule(name)
            assert isinstance(reason, str)
            assert reason.startswith("under way: whole_graph over 2020-undated (")


def test_no_key_no_quota_and_an_empty_warehouse_are_said(ticking: Ticking) -> None:
    empty = "nothing is collected yet"
    for name in ("weekly_enrichment", "train_model"):
        reason = ticking.schedule(name)
        assert isinstance(reason, str)
        assert reason.startswith(empty)
    # The daily update is how a collection begins.
    assert ranges(ticking.schedule("daily_update")) == [RECENT]
    ticking.put(TMDB_DETAILS, detailed(1))
    ticking.overrides = {"tmdb": {"api_key": None}}
    for name in ("quick_update", "daily_update", "weekly_enrichment"):
        reason = ticking.schedule(name)
        assert isinstance(reason, str)
        assert reason.startswith("TMDB__API_KEY is not set")
    # Training sends no request.
    assert ranges(ticking.schedule("train_model")) == [(detailed(1)["release_year"], "2025")]


def test_schedules_and_sensors_rest_until_they_are_switched_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUTOMATION__TIMEZONE", "Europe/Zurich")
    monkeypatch.setenv("AUTOMATION__DAILY_CRON", "30 4 * * *")
    for is_on, word in (("false", "STOPPED"), ("true", "RUNNING")):
        monkeypatch.setenv("AUTOMATION__IS_ON", is_on)
        made = [*(schedules().schedules or ()), *(sensors().sensors or ())]
        assert {one.default_status.value for one in made} == {word}
    by_name = {one.name: one for one in schedules().schedules or ()}
    daily = by_name["daily_update"]
    assert isinstance(daily, dg.ScheduleDefinition)
    assert (daily.cron_schedule, daily.execution_timezone) == ("30 4 * * *", "Europe/Zurich")
