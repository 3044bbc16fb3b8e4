"""Forecasts come from the champion, say why, and tell a forecast from what is known already."""

from ayne_dagster_tests.defs.world import LAST_YEAR, THIS_YEAR, Run, World

Populated = tuple[World, Run]


def test_films_not_released_yet_are_forecast_and_none_of_them_is_called_known(
    first_run: Populated,
):
    world, _ = first_run
    upcoming = world.value("SELECT count(*) FROM features WHERE release_year = ?", str(LAST_YEAR))
    found = world.rows(
        "SELECT is_outcome_known, count(*) FROM forecasts WHERE release_year = ? GROUP BY ALL",
        str(LAST_YEAR),
    )
    assert found == [(False, upcoming)]
    assert upcoming > 0


def test_every_film_of_a_year_with_a_champion_has_one_forecast(first_run: Populated):
    world, run = first_run
    missing = world.value(
        "SELECT count(*) FROM features WHERE tmdb_id NOT IN (SELECT tmdb_id FROM forecasts) AND "
        "release_year IN (SELECT release_year FROM trained_model WHERE champion_uri IS NOT NULL)"
    )
    assert missing == 0
    is_open = world.value("SELECT count(*) FROM forecasts WHERE NOT is_outcome_known")
    assert run.figures("forecasts")["films without an outcome"] == is_open > 0


def test_an_outcome_is_known_where_it_could_train_a_model_and_nowhere_else(first_run: Populated):
    """A gross of the first weeks is no outcome yet: the forecast still counts."""
    world, _ = first_run
    differing = world.value(
        "SELECT count(*) FROM forecasts f JOIN features x USING (tmdb_id) "
        "WHERE f.is_outcome_known IS DISTINCT FROM x.is_labelled"
    )
    assert differing == 0


def test_each_forecast_says_what_drives_it_and_what_it_is_like(first_run: Populated):
    world, _ = first_run
    rows = world.rows(
        "SELECT release_year, drivers, comparables, comparable_ids FROM forecasts ORDER BY tmdb_id"
    )
    years = dict(world.rows("SELECT tmdb_id, release_year FROM features WHERE is_labelled"))
    for year, drivers, comparables, ids in rows:
        assert len(drivers) == 3
        assert all(": ×" in words for words in drivers)
        assert len(comparables) == len(ids) == 5
        assert all(years[number] < year for number in ids)
        assert all(f"({years[n]}): $" in words for n, words in zip(ids, comparables, strict=True))


def test_forecasts_name_the_champion_of_their_year(first_run: Populated):
    world, _ = first_run
    strangers = world.value(
        "SELECT count(*) FROM forecasts f JOIN trained_model m USING (release_year) "
        "WHERE f.model_uri IS DISTINCT FROM m.champion_uri"
    )
    assert strangers == 0
    assert world.value("SELECT count(*) FROM forecasts WHERE release_year > ?", str(THIS_YEAR))


def test_a_year_without_a_model_is_forecast_by_the_nearest_earlier_champion(world: World):
    """Films of a coming year stood without a forecast until its first of January."""
    last, before = str(LAST_YEAR), str(LAST_YEAR - 1)
    world.execute("DELETE FROM trained_model WHERE release_year = ?", last)
    world.execute("DELETE FROM forecasts WHERE release_year = ?", last)
    run = world.run("model", (last, last), assets=["forecasts"])
    assert run.success, run.failure_words()
    named = world.rows(
        "SELECT DISTINCT f.model_uri = m.champion_uri FROM forecasts f, trained_model m "
        "WHERE f.release_year = ? AND m.release_year = ?", last, before
    )  # fmt: skip
    assert named == [(True,)]
    assert run.figures("forecasts")["years without a model"] == 0
