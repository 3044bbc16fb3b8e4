"""The jobs for real: what each does where nothing is said, and what an option changes."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from ayne_dagster.defs.job_options import Category, ModelYears, RunOptions
from ayne_dagster_tests.defs.world import THIS_YEAR, YEARS, Run, World, requests_served

YEAR = str(THIS_YEAR - 2)
ONE_YEAR = (YEAR, YEAR)
FETCHING = ["tmdb_details", "omdb_ratings"]
LOOKING = ["movie_lists", "discovered_movies"]


def make_lists_old(world: World) -> None:
    world.execute("UPDATE list_readings SET read_at = read_at - INTERVAL 1 DAY")


def make_walks_old(world: World) -> None:
    world.execute("UPDATE discovery_walks SET walked_at = walked_at - INTERVAL 60 DAY")


def make_unknown(world: World, film: int, *, is_discovered: bool) -> None:
    """A film as if nobody had ever asked for it."""
    world.execute(
        "DELETE FROM omdb_ratings WHERE imdb_id IN "
        "(SELECT imdb_id FROM tmdb_details WHERE tmdb_id = ?)",
        film,
    )
    for table in ("tmdb_details", "refresh_state", "frozen_flags"):
        world.execute(f"DELETE FROM {table} WHERE tmdb_id = ?", film)
    if not is_discovered:
        world.execute("DELETE FROM discovered_movies WHERE tmdb_id = ?", film)


def due_again(world: World, films: list[int]) -> None:
    world.execute(
        "UPDATE refresh_state SET answered_at = answered_at - INTERVAL 300 DAY "
        "WHERE tmdb_id IN (SELECT unnest(?))",
        films,
    )


def films_of(world: World, where: str = "true") -> list[int]:
    found = world.rows(
        f"SELECT tmdb_id FROM tmdb_details WHERE release_year = ? AND {where} ORDER BY 1", YEAR
    )
    return [film for (film,) in found]


def requests_of(run: Run) -> dict[str, int]:
    assert run.success, run.failure_words()
    return {asset: run.figures(asset)["requests"] for asset in ("tmdb_details", "omdb_ratings")}


def test_quick_update_fetches_a_new_listed_film_and_walks_nothing(world: World):
    """A backlog of other films waits for the daily run: quick stays quick."""
    on_list = "SELECT tmdb_id FROM movie_lists WHERE list_name = 'popular'"
    listed = films_of(world, f"imdb_id IS NOT NULL AND tmdb_id IN ({on_list})")[0]
    unlisted = films_of(world, "tmdb_id NOT IN (SELECT tmdb_id FROM movie_lists)")[0]
    refreshable = films_of(world, f"tmdb_id NOT IN ({listed}, {unlisted})")
    make_unknown(world, listed, is_discovered=False)
    make_unknown(world, unlisted, is_discovered=True)
    due_again(world, refreshable)
    make_lists_old(world)
    make_walks_old(world)
    run = world.run("quick_update", ONE_YEAR)
    assert requests_of(run) == {"tmdb_details": 1, "omdb_ratings": 1}
    assert run.figures("movie_lists")["lists read"] == "popular, trending_week"
    assert run.figures("discovered_movies")["requests"] == 0
    assert world.value("SELECT count(*) FROM discovered_movies WHERE tmdb_id = ?", listed) == 1
    assert listed in films_of(world)
    assert unlisted not in films_of(world)
    flagged = "SELECT count(*) FROM frozen_flags WHERE tmdb_id = ?"
    assert world.value(flagged, listed) == 1


def test_daily_update_reads_all_lists_and_walks_last_this_and_the_coming_years(world: World):
    make_lists_old(world)
    make_walks_old(world)
    run = world.run("daily_update", assets=LOOKING)
    assert run.success, run.failure_words()
    assert run.figures("movie_lists")["lists read"] == ", ".join(Category)
    walked = world.rows(
        "SELECT release_year FROM discovery_walks WHERE walked_at > now() - INTERVAL 1 DAY"
    )
    assert {year for (year,) in walked} == {year for year in YEARS if int(year) >= THIS_YEAR - 1}


def test_lists_that_are_not_chosen_stay_as_they_were(world: World):
    make_lists_old(world)
    everything = "SELECT * FROM movie_lists WHERE (list_name = 'popular') = ? ORDER BY ALL"
    others, popular = world.rows(everything, False), world.rows(everything, True)
    options = RunOptions(categories=[Category.popular], pages_per_category=1)
    first = world.run("collect", ONE_YEAR, options=options, assets=["movie_lists"])
    assert first.success, first.failure_words()
    assert first.figures("movie_lists")["requests"] == 1
    assert world.rows(everything, False) == others
    assert world.rows(everything, True) != popular
    # Each list has its own clock: only the four that are still old are read now, as deep as asked.
    as_deep = RunOptions(pages_per_category=1)
    second = world.run("collect", ONE_YEAR, options=as_deep, assets=["movie_lists"])
    read = "top_rated, upcoming, now_playing, trending_week"
    assert second.figures("movie_lists")["lists read"] == read
    third = world.run("collect", ONE_YEAR, options=as_deep, assets=["movie_lists"])
    assert "fresh until" in third.figures("movie_lists")["reason"]
    assert "lists read" not in third.figures("movie_lists")
    assert world.value("SELECT count(DISTINCT list_name) FROM movie_lists") == 5


def test_a_share_of_the_day_ends_the_asking_and_not_the_run(world: World):
    (world.folder / "request_ledger.sqlite").unlink()
    options = RunOptions(force=True, budget_share=0.29)
    run = world.run(
        "refresh", ONE_YEAR, options=options, assets=["omdb_ratings"], OMDB__DAILY_QUOTA="10"
    )
    assert run.success, run.failure_words()
    figures = run.figures("omdb_ratings")
    assert figures["requests"] == 2
    assert figures["deferred"] == figures["films due"] - 2 > 0
    assert figures["deferred by"] == "the run's share of the day's budget"


@pytest.mark.slow
def test_a_share_is_one_of_what_is_left_and_no_limit_where_there_is_no_quota(world: World):
    (world.folder / "request_ledger.sqlite").unlink()
    options = RunOptions(force=True, budget_share=0.5)
    films = len(films_of(world))
    assert films > 5
    for share_of_what_is_left in (5, 2, 1):
        run = world.run(
            "refresh", ONE_YEAR, options=options, assets=FETCHING, OMDB__DAILY_QUOTA="10"
        )
        sent = {"tmdb_details": films, "omdb_ratings": share_of_what_is_left}
        assert requests_of(run) == sent


def test_without_enrichment_no_film_is_asked_for(world: World):
    served = requests_served(world.sandbox)
    options = RunOptions(enrichment=False, force=True)
    run = world.run("refresh", ONE_YEAR, options=options)
    assert requests_of(run) == {"tmdb_details": 0, "omdb_ratings": 0}
    assert requests_served(world.sandbox) == served
    figures = run.figures("tmdb_details")
    assert figures["deferred"] == figures["films due"] == len(films_of(world))
    assert figures["deferred by"] == "enrichment is off in this run"
    assert run.materialized == {"tmdb_details", "omdb_ratings", "frozen_flags"}


def test_named_films_are_asked_for_where_due_and_with_force_even_if_frozen(world: World):
    due, frozen, other = films_of(world)[:3]
    due_again(world, [due, other])
    world.execute("UPDATE frozen_flags SET is_frozen = true WHERE tmdb_id = ?", frozen)
    named = RunOptions(tmdb_ids=[due, frozen])
    run = world.run("refresh", ONE_YEAR, options=named, assets=["tmdb_details"])
    assert run.figures("tmdb_details")["requests"] == 1
    assert run.figures("tmdb_details")["named but not due or not of these years"] == 1
    forced = RunOptions(tmdb_ids=[due, frozen], force=True)
    run = world.run("refresh", ONE_YEAR, options=forced, assets=["tmdb_details"])
    assert run.figures("tmdb_details")["requests"] == 2
    assert run.figures("tmdb_details")["named but not due or not of these years"] == 0


@pytest.mark.slow
def test_named_films_are_asked_for_at_both_services(world: World):
    named = films_of(world, "imdb_id IS NOT NULL")[:2]
    options = RunOptions(tmdb_ids=named, force=True)
    assert requests_of(world.run("refresh", ONE_YEAR, options=options)) == {
        "tmdb_details": 2,
        "omdb_ratings": 2,
    }


@pytest.mark.slow
def test_years_narrow_a_run_and_a_year_outside_it_fails_in_words(world: World):
    last = (YEARS[0], YEARS[1])
    due_again(world, [film for (film,) in world.rows("SELECT tmdb_id FROM tmdb_details")])
    options = RunOptions(years=[YEARS[1]])
    run = world.run("refresh", last, options=options, assets=["tmdb_details"])
    assert run.success, run.failure_words()
    films = "SELECT count(*) FROM tmdb_details WHERE release_year = ?"
    assert run.figures("tmdb_details")["requests"] == world.value(films, YEARS[1]) > 0
    wrong = world.run("refresh", last, options=RunOptions(years=["1950"]), assets=["tmdb_details"])
    assert not wrong.success
    assert "the option `years` asks for 1950" in wrong.failure_words()


@pytest.mark.slow
def test_what_the_change_feed_keeps_back_is_counted(world: World):
    films = films_of(world)
    world.execute(
        "UPDATE refresh_state SET answered_at = now() - INTERVAL 120 DAY WHERE source = 'tmdb'"
    )
    options = RunOptions(enrichment=False)
    before = world.run("refresh", ONE_YEAR, options=options, assets=["tmdb_details"])
    assert before.figures("tmdb_details")["films due"] == len(films)
    assert before.figures("tmdb_details")["kept back by the change feed"] == 0
    world.execute(
        "CREATE TABLE change_days AS SELECT (now() AT TIME ZONE 'UTC')::DATE - back::INTEGER "
        "AS changed_on, now() AS read_at, 0 AS films_named, 0 AS films_known, 1 AS requests "
        "FROM range(1, 140) AS days (back)"
    )
    after = world.run("refresh", ONE_YEAR, options=options, assets=["tmdb_details"])
    assert after.figures("tmdb_details")["films due"] == 0
    assert after.figures("tmdb_details")["kept back by the change feed"] == len(films)


@pytest.mark.slow
def test_weekly_enrichment_gives_recent_years_models_and_keeps_those_of_the_others(world: World):
    """Two years on, only the world's last year is a recent one."""
    last, later = str(THIS_YEAR + 1), datetime(THIS_YEAR + 2, 6, 1, tzinfo=UTC)
    modelling = ["trained_model", "back_test", "forecasts"]
    world.execute("DELETE FROM trained_model WHERE release_year = ?", last)
    world.execute("UPDATE trained_model SET data_fingerprint = 'of other films'")
    others = "SELECT * FROM trained_model WHERE release_year <> ? ORDER BY 1"
    before = world.rows(others, last)
    assert before
    run = world.run("weekly_enrichment", assets=modelling, at=later)
    assert run.success, run.failure_words()
    assert world.rows(others, last) == before
    models = "SELECT model_uri IS NOT NULL FROM trained_model WHERE release_year = ?"
    assert world.rows(models, last) == [(True,)]
    assert "forecasts" in run.materialized
    everything = RunOptions(models=ModelYears.all)
    assert world.run("weekly_enrichment", options=everything, assets=modelling, at=later).success
    assert world.rows(others, last) != before


@pytest.mark.slow
def test_the_first_run_of_all_may_choose_no_list_and_still_makes_the_table(
    tmp_path: Path, world: World
):
    """A run that chooses no list has a table to hand on, even the first of all runs."""
    empty = World(tmp_path / "new", world.sandbox)
    run = empty.run("collect", ONE_YEAR, options=RunOptions(categories=[]), assets=LOOKING)
    assert run.success, run.failure_words()
    assert empty.value("SELECT count(*) FROM movie_lists") == 0
    assert empty.value("SELECT count(*) FROM discovered_movies") > 0
