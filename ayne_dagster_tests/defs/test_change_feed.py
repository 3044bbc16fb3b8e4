"""The change feed as an asset, a sensor and a check, over a real sandbox."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import dagster as dg
import pytest
from dagster._core.storage.runs.schema import RunsTable

from ayne_dagster.definitions import defs
from ayne_dagster.defs.change_days import CHANGE_DAY_PARTITIONS, keep_partitions, range_tags
from ayne_dagster.defs.resources import build_resources
from ayne_dagster.settings import load_settings
from ayne_dagster.sources import tmdb_changes
from ayne_dagster.sources.failures import UnusableAnswer
from ayne_dagster.sources.http_client import ServiceClient
from ayne_dagster.sources.tmdb import TmdbClient
from ayne_dagster.sources.tmdb_changes import ChangedFilms
from ayne_dagster_tests.defs.world import Run, World, requests_served

TODAY = datetime.now(UTC).date()
NOON = datetime.combine(TODAY, time(12), UTC)
PARTITIONS = str(CHANGE_DAY_PARTITIONS.name)
pytestmark = pytest.mark.slow
"""Each test is one run or several; the client and the days have quick tests of their own."""


def back(days: int) -> date:
    return TODAY - timedelta(days=days)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as one:
        yield one


def read(
    world: World,
    instance: dg.DagsterInstance,
    first: date,
    last: date,
    *,
    force: bool = False,
) -> Run:
    """Run the job over days, as the sensor would at noon."""
    days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
    keep_partitions(instance, days, date.min)
    return world.run(
        "change_feed",
        (first.isoformat(), last.isoformat()),
        instance=instance,
        config={"tmdb_changes": {"force": force}},
        at=NOON,
    )


def days_stored(world: World) -> list[date]:
    return [day for (day,) in world.rows("SELECT changed_on FROM change_days ORDER BY 1")]


def green(instance: dg.DagsterInstance) -> set[str]:
    return instance.get_materialized_partitions(dg.AssetKey("tmdb_changes"))


def observed(instance: dg.DagsterInstance) -> dict[str, str]:
    """Days that Dagster was told were not read, with the reason."""
    records = instance.fetch_observations(dg.AssetKey("tmdb_changes"), limit=100).records
    seen = [record.asset_observation for record in records]
    return {
        one.partition: str(one.metadata["not read"].value) for one in seen if one and one.partition
    }


def test_each_day_holds_the_known_films_the_feed_named(world: World, instance: dg.DagsterInstance):
    run = read(world, instance, back(3), back(1))
    assert run.success, run.failure_words()
    known = {film for (film,) in world.rows("SELECT tmdb_id FROM tmdb_details")}
    for day in (back(3), back(2), back(1)):
        stored = world.rows("SELECT tmdb_id FROM tmdb_changes WHERE changed_on = ?", day)
        assert {film for (film,) in stored} == known & set(world.sandbox.edited_on(day))
    figures = run.figures("tmdb_changes")
    assert (figures["days read"], figures["requests"]) == (3, 3)
    assert figures["films known"] == world.value("SELECT count(*) FROM tmdb_changes") > 0
    assert (
        figures["films known"]
        < figures["films named"]
        == world.value("SELECT sum(films_named) FROM change_days")
    ), "films TMDB names and nobody knows here are counted and not kept"
    told = {
        str(event.partition): (
            event.metadata["films named that day"].value,
            event.metadata["films known that day"].value,
        )
        for event in run.materializations_of("tmdb_changes")
    }
    assert told == {
        str(day): (named, known)
        for day, named, known in world.rows(
            "SELECT changed_on, films_named, films_known FROM change_days"
        )
    }, "the figures of the run stand on each of its days; those of the day were nowhere"
    mirrored = world.mirror / "tmdb_changes"
    assert world.value("SELECT count(*) FROM read_parquet(?)", str(mirrored / "*" / "*.parquet")) \
        == figures["films known"]  # fmt: skip
    assert not run.failed_checks()


def test_a_day_that_was_read_is_not_asked_for_again_unless_forced(
    world: World, instance: dg.DagsterInstance
):
    read(world, instance, back(2), back(1))
    before = world.contents(), requests_served(world.sandbox)
    again = read(world, instance, back(2), back(1))
    assert again.success
    assert (world.contents(), requests_served(world.sandbox)) == before
    assert again.figures("tmdb_changes")["days read before"] == 2
    forced = read(world, instance, back(1), back(1), force=True)
    assert forced.figures("tmdb_changes")["requests"] == 1


def interrupted_at(day: date, error: BaseException, patch: pytest.MonkeyPatch) -> None:
    """What asks for this day meets an error in its place."""
    ask = TmdbClient.changed_films

    async def changed_films(self: TmdbClient, wanted: date, *, names_films: bool) -> ChangedFilms:
        if wanted == day:
            raise error
        return await ask(self, wanted, names_films=names_films)

    patch.setattr(TmdbClient, "changed_films", changed_films)


def test_a_kill_loses_at_most_the_day_under_way(
    world: World, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        interrupted_at(back(3), KeyboardInterrupt(), patch)
        assert not read(world, instance, back(5), back(1)).success
    assert days_stored(world) == [back(5), back(4)]
    served = requests_served(world.sandbox)
    assert read(world, instance, back(5), back(1)).success
    assert days_stored(world) == [back(n) for n in (5, 4, 3, 2, 1)]
    assert requests_served(world.sandbox) - served == 3
    mirrored = str(world.mirror / "change_days" / "part.parquet")
    assert world.value("SELECT count(*) FROM read_parquet(?)", mirrored) == 5


def test_a_day_that_cannot_be_read_whole_fails_the_run_and_no_other_day(
    world: World, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    with monkeypatch.context() as patch:
        interrupted_at(back(2), UnusableAnswer("tmdb", "the feed moved, twice"), patch)
        run = read(world, instance, back(3), back(1))
    assert not run.success
    assert "the feed moved, twice (2 days read in this run are stored, 1 are not)" in (
        run.failure_words()
    )
    assert days_stored(world) == [back(3), back(1)]
    assert green(instance) == {back(3).isoformat(), back(1).isoformat()}


def test_an_empty_day_stays_unread_until_it_is_two_days_old(
    world: World, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    """A feed that is late answers 200 and names nobody: that is an outage, and no empty day."""
    answered: list[date] = []

    async def nobody(http: ServiceClient, first_day: date, end_date: date) -> set[int]:
        answered.append(first_day)
        return {1} if first_day == back(4) else set()

    monkeypatch.setattr(tmdb_changes, "_read_window", nobody)
    assert read(world, instance, back(5), back(1)).success
    assert days_stored(world) == [back(5), back(4), back(3)]
    assert answered[-1] == back(1), "it says nothing about the next day"
    assert "names no film" in observed(instance)[back(2).isoformat()]
    assert green(instance) == {back(n).isoformat() for n in (5, 4, 3)}


def test_days_out_of_reach_and_days_not_over_are_left_and_never_shown_as_read(
    world: World, instance: dg.DagsterInstance
):
    served = requests_served(world.sandbox)
    run = read(world, instance, back(16), TODAY)
    assert run.success, run.failure_words()
    assert days_stored(world) == [back(n) for n in range(14, 0, -1)]
    assert requests_served(world.sandbox) - served == 14
    assert green(instance) == {back(n).isoformat() for n in range(14, 0, -1)}
    reasons = observed(instance)
    assert set(reasons) == {back(16).isoformat(), back(15).isoformat(), TODAY.isoformat()}
    assert "goes back 14 days" in reasons[back(15).isoformat()]
    assert "not over yet" in reasons[TODAY.isoformat()]


def test_a_used_up_day_of_tmdb_leaves_the_rest_for_later(
    world: World, instance: dg.DagsterInstance
):
    folder = str(world.folder / "ledger.sqlite")
    world.overrides.update(TMDB__DAILY_QUOTA="2", REQUEST_LEDGER=folder)
    run = read(world, instance, back(4), back(1))
    assert run.success, run.failure_words()
    assert days_stored(world) == [back(4), back(3)]
    assert green(instance) == {back(4).isoformat(), back(3).isoformat()}
    assert observed(instance)[back(1).isoformat()].startswith("deferred: tmdb:")


def test_switched_off_nothing_is_asked(world: World, instance: dg.DagsterInstance):
    served = requests_served(world.sandbox)
    world.overrides["CHANGES__IS_ENABLED"] = "false"
    run = read(world, instance, back(2), back(1))
    assert run.success
    assert requests_served(world.sandbox) == served
    assert not green(instance)
    assert "CHANGES__IS_ENABLED=true" in observed(instance)[back(1).isoformat()]


def test_lost_days_are_told_and_old_days_leave(world: World, instance: dg.DagsterInstance):
    read(world, instance, back(14), back(14))
    for days in (40, 20):
        for table, columns in (
            ("tmdb_changes", "1, $1, now()"),
            ("change_days", "$1, now(), 9, 1, 1"),
        ):
            world.execute(f"INSERT INTO {table} VALUES ({columns})", back(days))
    world.overrides["CHANGES__KEEP_DAYS"] = "30"
    run = read(world, instance, back(13), back(1))
    assert days_stored(world)[0] == back(20)
    oldest = "SELECT min(changed_on) FROM "
    assert world.value(f"{oldest} tmdb_changes") == back(20)
    mirrored = str(world.mirror / "tmdb_changes" / "*" / "*.parquet")
    assert world.value(f"{oldest} read_parquet(?)", mirrored) == back(20)
    check = run.check("tmdb_changes", "no_day_of_the_feed_was_lost")
    assert not check.passed
    assert check.severity is dg.AssetCheckSeverity.WARN
    assert check.metadata["days lost"].value == 5
    assert check.metadata["which"].value == f"{back(19)}..{back(15)}"
    assert str(check.metadata["meaning"].value).startswith(f"films answered before {back(14)}")


@contextmanager
def sensor_of(world: World, instance: dg.DagsterInstance, **overrides: str) -> Iterator[Any]:
    """A function that lets the sensor look at a moment, as the daemon does."""

    def tick(at: datetime) -> Any:
        given = build_resources(load_settings(), lambda: at)
        context = dg.build_sensor_context(
            instance=instance, resources={name: given[name] for name in ("services", "queries")}
        )
        return defs().resolve_sensor_def("read_change_feed").evaluate_tick(context)

    with world.environment(overrides):
        yield tick


def test_the_sensor_asks_once_for_all_days_in_reach_and_then_waits_for_the_next(
    world: World, instance: dg.DagsterInstance
):
    with sensor_of(world, instance) as tick:
        (request,) = tick(NOON).run_requests
        (same,) = tick(NOON + timedelta(minutes=5)).run_requests
        assert same.run_key == request.run_key, "the daemon launches one run per key"
        assert request.tags.items() >= range_tags(back(14), back(1)).items()
        assert request.tags["ayne/kind"] == "sensor"
        assert instance.get_dynamic_partitions(PARTITIONS) == [
            back(n).isoformat() for n in range(14, 0, -1)
        ]
        (later,) = tick(NOON + timedelta(minutes=61)).run_requests
        assert later.run_key != request.run_key, "days that stay unread are asked for again"
        assert read(world, instance, back(14), back(1)).success
        waits = tick(NOON)
        assert not waits.run_requests
        assert waits.skip_message == (
            f"the feed is read up to {back(1)}; the day under way can be read at "
            f"{back(-1)} 00:15 UTC"
        )
        midnight = datetime.combine(back(-1), time(0, 14), UTC)
        assert not tick(midnight).run_requests
        (tomorrow,) = tick(midnight + timedelta(minutes=1)).run_requests
        assert tomorrow.tags.items() >= range_tags(TODAY, TODAY).items()


def test_the_sensor_asks_for_the_days_around_one_that_was_read(
    world: World, instance: dg.DagsterInstance
):
    read(world, instance, back(7), back(7))
    with sensor_of(world, instance) as tick:
        requests = tick(NOON).run_requests
    assert [request.tags["dagster/asset_partition_range_end"] for request in requests] == [
        back(8).isoformat(), back(1).isoformat(),
    ]  # fmt: skip
    days = instance.get_dynamic_partitions(PARTITIONS)
    assert days == sorted(days), "Dagster reads a range in the order of insertion"


def test_partitions_that_a_killed_tick_left_out_come_back_with_the_next(
    world: World, instance: dg.DagsterInstance
):
    """All days go and come back where one is put between them: only unread ones came back."""
    read(world, instance, back(1), back(1))
    for n in range(14, 1, -1):
        world.execute("INSERT INTO change_days VALUES ($1, now(), 9, 1, 1)", back(n))
    everything = [back(n).isoformat() for n in range(14, 0, -1)]
    instance.delete_dynamic_partition(PARTITIONS, back(1).isoformat())
    instance.add_dynamic_partitions(PARTITIONS, [back(40).isoformat(), *everything[4:9]])
    with sensor_of(world, instance, CHANGES__KEEP_DAYS="30") as tick:
        assert not tick(NOON).run_requests
    assert instance.get_dynamic_partitions(PARTITIONS) == everything


def test_a_day_at_the_end_is_added_and_no_other_is_touched(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
):
    """Whoever looks meanwhile finds all the days that were there."""
    taken: list[str] = []
    take = instance.delete_dynamic_partition

    def watched(name: str, key: str) -> None:
        taken.append(key)
        take(name, key)

    monkeypatch.setattr(instance, "delete_dynamic_partition", watched)
    keep_partitions(instance, [back(n) for n in (9, 7, 3)], date.min)
    keep_partitions(instance, [back(7), back(2)], back(8))
    assert taken == [back(9).isoformat()]
    keep_partitions(instance, [back(4)], back(8))
    assert taken[1:] == [back(3).isoformat(), back(2).isoformat()]
    assert instance.get_dynamic_partitions(PARTITIONS) == [
        back(n).isoformat() for n in (7, 4, 3, 2)
    ]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ({"CHANGES__IS_ENABLED": "false"}, "switched off"),
        ({"TMDB__API_KEY": ""}, "TMDB__API_KEY is not set"),
    ],
)
def test_the_sensor_says_why_it_asks_for_nothing(
    empty_world: World, instance: dg.DagsterInstance, overrides: dict[str, str], words: str
):
    with sensor_of(empty_world, instance, **overrides) as tick:
        found = tick(NOON)
    assert not found.run_requests
    assert words in found.skip_message


def test_the_sensor_waits_for_a_run_under_way_however_long_it_waits_or_reads(
    empty_world: World, instance: dg.DagsterInstance
):
    """After an hour in the queue it passed for dead, and its days were requested again."""
    run = dg.DagsterRun(job_name="change_feed", status=dg.DagsterRunStatus.STARTED)
    instance.add_run(run)
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]
        long_ago = datetime.now() - timedelta(hours=20)  # noqa: DTZ005 - as Dagster stores it
        connection.execute(RunsTable.update().values(update_timestamp=long_ago))
    with sensor_of(empty_world, instance) as tick:
        assert f"run {run.run_id[:8]} is reading the feed" in tick(NOON).skip_message
        instance.delete_run(run.run_id)
        assert tick(NOON).run_requests
