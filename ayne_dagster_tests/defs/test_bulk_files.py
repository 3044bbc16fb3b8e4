"""The whole files as assets: off until somebody wants them, read once, green without them."""

import gzip
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest

from ayne_dagster.domain.release_years import UNDATED
from ayne_dagster.domain.tables import TMDB_DETAILS
from ayne_dagster.storage.bulk_queries import BulkQueries
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.defs.world import World, requests_served
from ayne_dagster_tests.storage.film_rows import detailed, put

KNOWN = 5


def rated_ids(world: World) -> dict[str, float]:
    """The sandbox's ratings of a few films, read without the platform."""
    with urllib.request.urlopen(f"{world.sandbox.url}/title.ratings.tsv.gz") as answer:
        lines = gzip.decompress(answer.read()).decode().splitlines()[1 : KNOWN + 1]
    return {line.split("\t")[0]: float(line.split("\t")[1]) for line in lines}


@pytest.fixture
def world(empty_world: World) -> World:
    """A world that knows details of a few films of the sandbox, and one no file lists."""
    films = [detailed(n, imdb_id=i) for n, i in enumerate([*rated_ids(empty_world), None], 1)]
    put(Warehouse(empty_world.database), TMDB_DETAILS, *films)
    return empty_world


def test_switched_off_they_ask_for_nothing_and_say_how_to_switch_them_on(empty_world: World):
    served = requests_served(empty_world.sandbox)
    run = empty_world.run(
        "bulk_files", None, EXPORT__IS_ENABLED="false", IMDB__ACCEPT_PERSONAL_USE="false"
    )
    assert run.success, run.failure_words()
    assert run.materialized == {"tmdb_ids", "imdb_ratings"}
    assert "EXPORT__IS_ENABLED=true" in run.figures("tmdb_ids")["reason"]
    assert "IMDB__ACCEPT_PERSONAL_USE=true" in run.figures("imdb_ratings")["reason"]
    assert requests_served(empty_world.sandbox) == served
    assert run.failed_checks() == set()
    assert not (empty_world.folder / "bulk").exists()


def test_every_id_and_the_ratings_of_our_films_are_read_once(world: World):
    now = datetime.now(UTC)
    expected = rated_ids(world)
    served = requests_served(world.sandbox)
    run = world.run("bulk_files", None)
    assert run.success, run.failure_words()
    assert requests_served(world.sandbox) - served == 2
    days = world.rows("SELECT last_exported_on, count(*) FROM tmdb_ids GROUP BY ALL")
    assert days == [(now.date() - timedelta(days=now.hour < 8), world.sandbox.config.films)]
    assert dict(world.rows("SELECT imdb_id, imdb_rating FROM imdb_ratings")) == expected
    assert "Information courtesy of IMDb" in run.figures("imdb_ratings")["terms"]
    assert (world.mirror / "tmdb_ids" / "part.parquet").exists()

    before = world.contents()
    again = world.run("bulk_files", None)
    assert requests_served(world.sandbox) - served == 2
    assert "was read before" in again.figures("tmdb_ids")["reason"]
    assert again.figures("imdb_ratings")["rows unchanged"] == KNOWN
    after = world.contents()
    assert after["tmdb_ids"] == before["tmdb_ids"]
    assert after["imdb_ratings"] == before["imdb_ratings"]


def test_an_export_that_cannot_be_had_fails_and_says_which_days_were_asked_for(world: World):
    run = world.run("bulk_files", None, EXPORT__BASE_URL=f"{world.sandbox.url}/p/nowhere")
    assert not run.success
    assert "none of the last 3 days" in run.failure_words()
    assert run.materialized == {"imdb_ratings"}


@pytest.mark.slow
def test_a_film_only_the_export_knows_is_fetched_and_moves_to_its_year(empty_world: World):
    assert empty_world.run("bulk_files", None).success
    bulk = BulkQueries(Warehouse(empty_world.database))
    ids = bulk.ids_never_discovered(500)
    run = empty_world.run(
        "collect",
        (UNDATED, UNDATED),
        DISCOVERY__LIST_PAGES="1",
        EXPORT__LIMIT_PER_RUN="3",
        EXPORT__MIN_POPULARITY="0",
    )
    assert run.success, run.failure_words()
    added = {
        film[0]
        for film in empty_world.rows(
            "SELECT tmdb_id FROM discovered_movies WHERE list_contains(sources, 'export')"
        )
    }
    assert len(added) == 3
    assert added <= {film["tmdb_id"] for film in ids}
    found = empty_world.rows("SELECT tmdb_id, release_year, year(release_date) FROM tmdb_details")
    assert added <= {film_id for film_id, *_ in found}
    assert all(year == str(released) for _, year, released in found)
