"""Change over time: edits, the change feed, drifting numbers, release, the frozen world."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from ayne_dagster.sandbox.catalogue import Catalogue
from ayne_dagster.sandbox.clock import SandboxClock
from ayne_dagster.sandbox.generated_catalogue import generate_catalogue
from ayne_dagster.sandbox.world import World
from ayne_dagster_tests.sandbox.conftest import AS_OF, Client

LIVE = {"popularity", "vote_average", "vote_count"}
APPEND = "keywords,release_dates"


def stable(client: Client, film_id: int) -> dict:
    body = client.tmdb(f"movie/{film_id}", append_to_response=APPEND).json()
    return {key: value for key, value in body.items() if key not in LIVE}


def changed_ids(client: Client, day: date) -> tuple[set[int], set[int]]:
    """Return the ids the feed names for one day: films, and ids with nulls."""
    window = {"start_date": day.isoformat(), "end_date": day.isoformat()}
    items = []
    pages = 1
    page = 1
    while page <= pages:
        body = client.tmdb("movie/changes", page=page, **window).json()
        items += body["results"]
        pages, page = body["total_pages"], page + 1
    gone = {item["id"] for item in items if item["adult"] is None}
    return {item["id"] for item in items} - gone, gone


@pytest.mark.slow
def test_the_feed_names_exactly_the_films_whose_stable_fields_changed(
    make_client: Callable[..., Client],
) -> None:
    """A refresh driven by the feed must miss nothing and fetch nothing in vain."""
    clock = SandboxClock(datetime(2026, 5, 19, 23, 0, tzinfo=UTC), speed=0)
    client = make_client(clock=clock)
    ids = client.catalogue.columns.id.tolist()
    before = {film_id: stable(client, film_id) for film_id in ids}
    clock.advance(timedelta(hours=2))
    edited = {film_id for film_id in ids if stable(client, film_id) != before[film_id]}
    named, _ = changed_ids(client, date(2026, 5, 20))
    assert named == edited
    assert edited


def test_a_films_changes_name_keys_and_both_values(client: Client) -> None:
    day = date(2026, 5, 20)
    named, _ = changed_ids(client, day)
    for film_id in named:
        body = client.tmdb(
            f"movie/{film_id}/changes", start_date=day.isoformat(), end_date=day.isoformat()
        ).json()
        assert body["changes"]
        for change in body["changes"]:
            for item in change["items"]:
                assert item["action"] in ("added", "updated", "deleted")
                assert item["time"].startswith("2026-05-20 00:00:")
                assert "value" in item or item["action"] == "deleted"
    quiet = next(i for i in client.catalogue.columns.id.tolist() if i not in named)
    window = {"start_date": "2026-05-20", "end_date": "2026-05-20"}
    assert client.tmdb(f"movie/{quiet}/changes", **window).json() == {"changes": []}


def test_an_edit_on_order_changes_a_stable_field_and_is_named_that_day(
    make_client: Callable[..., Client],
) -> None:
    """Whoever wants to see the feed work must not wait for chance."""
    client, day = make_client(), date(2026, 5, 20)
    named, _ = changed_ids(client, day)
    film = next(i for i in client.catalogue.columns.id.tolist() if i not in named)
    seen = [stable(client, film)]
    for _ in range(12):
        answer = client.ask("/_sandbox/edits", method="POST", json={"films": [film]})
        assert film in [one["id"] for one in answer.json()["films"]]
        seen.append(stable(client, film))
    assert all(before != after for before, after in itertools.pairwise(seen))
    assert changed_ids(client, day)[0] == named | {film}
    told = {one["id"]: one["fields"] for one in client.ask("/_sandbox/edits").json()["films"]}
    assert told.keys() == named | {film}
    keys = client.tmdb(f"movie/{film}/changes").json()["changes"]
    assert told[film] == sorted(change["key"] for change in keys)


@pytest.mark.parametrize(
    ("knobs", "order"),
    [({"frozen_world": True}, {"films": [1_000_001]}), ({}, {"films": [7]}), ({}, {"film": 7})],
)
def test_an_edit_that_cannot_be_is_refused(
    make_client: Callable[..., Client], knobs: dict, order: dict
) -> None:
    assert make_client(**knobs).ask("/_sandbox/edits", method="POST", json=order).status_code == 400


def test_ids_with_nulls_are_gone(client: Client) -> None:
    gone = set().union(*(changed_ids(client, date(2026, 5, day))[1] for day in range(10, 20)))
    assert gone
    assert all(client.tmdb(f"movie/{film_id}").status_code == 404 for film_id in gone)


@pytest.mark.parametrize(
    ("params", "status", "code"),
    [
        ({"start_date": "2026-05-01", "end_date": "2026-05-16"}, 422, 20),
        ({"start_date": "2026-05-10", "end_date": "2026-05-01"}, 422, 20),
        ({"start_date": "2026-05-05", "end_date": "2026-05-05"}, 422, 20),
        ({"start_date": "yesterday"}, 400, 23),
        ({"page": "0"}, 400, 22),
    ],
)
def test_a_bad_window_of_changes_is_refused(
    client: Client, params: dict[str, str], status: int, code: int
) -> None:
    answer = client.tmdb("movie/changes", **params)
    assert (answer.status_code, answer.json()["status_code"]) == (status, code)


def test_the_feed_holds_a_hundred_per_page() -> None:
    catalogue = generate_catalogue(films=3_000, seed=1, as_of=AS_OF, first_year=2025)
    client = Client(catalogue)
    body = client.tmdb("movie/changes").json()
    assert len(body["results"]) == 100
    assert body["total_pages"] == -(-body["total_results"] // 100)


def test_young_films_are_edited_more_often_than_old_ones() -> None:
    catalogue = generate_catalogue(films=20_000, seed=3, as_of=AS_OF)
    world, columns = World(catalogue), catalogue.columns
    day = AS_OF.toordinal() + 30
    edited = set(world.rows_edited_on(day).tolist())
    age = day - columns.release_day
    for low, high, chance in ((1, 60, 0.2), (61, 180, 0.08), (181, 365, 0.04), (366, 9_999, 0.005)):
        rows = [
            r for r in range(len(catalogue)) if low <= age[r] <= high and age[r] not in (7, 30, 90)
        ]
        share = sum(row in edited for row in rows) / len(rows)
        assert share == pytest.approx(chance, abs=0.6 * chance)


def test_an_upcoming_film_comes_out_and_its_revenue_grows(
    make_client: Callable[..., Client],
) -> None:
    clock = SandboxClock(datetime(2026, 1, 1, tzinfo=UTC), speed=0)
    client = make_client(clock=clock)
    columns = client.catalogue.columns
    row = next(
        row
        for row in range(len(client.catalogue))
        if columns.release_day[row] > AS_OF.toordinal() and columns.final_revenue_usd[row] > 0
    )
    path = f"movie/{columns.id[row]}"
    before = client.tmdb(path).json()
    assert (before["revenue"], before["vote_count"]) == (0, 0)
    assert before["status"] != "Released"
    release = datetime.fromordinal(int(columns.release_day[row])).replace(tzinfo=UTC)
    revenues = []
    for age in (0, 7, 30, 90, 400):
        clock.set(release + timedelta(days=age, hours=1))
        body = client.tmdb(path).json()
        assert body["status"] == "Released"
        revenues.append(body["revenue"])
    assert revenues == sorted(revenues)
    assert (revenues[0], revenues[-1]) == (0, columns.final_revenue_usd[row])
    assert revenues[1] > 0


def test_live_numbers_drift_daily_without_an_edit(make_client: Callable[..., Client]) -> None:
    clock = SandboxClock(datetime(2026, 5, 19, 12, tzinfo=UTC), speed=0)
    client = make_client(clock=clock)
    today = client.tmdb("movie/popular").json()["results"]
    clock.advance(timedelta(days=1))
    film = client.tmdb(f"movie/{today[0]['id']}").json()
    assert film["popularity"] != today[0]["popularity"]
    assert film["vote_count"] >= today[0]["vote_count"]


def test_a_frozen_world_always_answers_the_same(make_client: Callable[..., Client]) -> None:
    clock = SandboxClock(datetime(2026, 5, 19, tzinfo=UTC), speed=0)
    client = make_client(clock=clock, frozen_world=True)
    ids = client.catalogue.columns.id.tolist()[::5]
    before = [client.tmdb(f"movie/{film_id}", append_to_response=APPEND).content for film_id in ids]
    clock.advance(timedelta(days=500))
    after = [client.tmdb(f"movie/{film_id}", append_to_response=APPEND).content for film_id in ids]
    assert before == after
    assert client.tmdb("movie/changes").json()["results"] == []


def test_an_edit_before_the_catalogues_day_does_not_exist(catalogue: Catalogue) -> None:
    world = World(catalogue)
    assert len(world.rows_edited_on(AS_OF.toordinal())) == 0
    assert world.gone_ids_on(AS_OF.toordinal() - 5) == []


def test_the_same_day_gives_the_same_answer_whatever_was_asked_before(
    make_client: Callable[..., Client],
) -> None:
    """Two runs of a test must not differ because one looked at other days first."""
    wandering, direct = make_client(), make_client()
    wandering.clock.set(datetime(2027, 3, 1, tzinfo=UTC))
    film_id = int(wandering.catalogue.columns.id[-30])
    wandering.tmdb(f"movie/{film_id}")
    wandering.clock.set(direct.clock.now())
    assert wandering.tmdb(f"movie/{film_id}").content == direct.tmdb(f"movie/{film_id}").content
