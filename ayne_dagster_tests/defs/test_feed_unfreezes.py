"""A frozen film that changes: found by the change feed, and without it by the re-verification."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import dagster as dg
import httpx
import pytest

from ayne_dagster.defs.change_days import keep_partitions
from ayne_dagster.defs.job_options import RunOptions
from ayne_dagster.sandbox.config import SandboxConfig
from ayne_dagster.sandbox.server import RunningSandbox, running_sandbox
from ayne_dagster_tests.defs.world import (
    FIRST_YEAR,
    PLANTED_OMDB_KEY,
    PLANTED_TMDB_KEY,
    World,
)

pytestmark = pytest.mark.slow

NOON = datetime.combine(datetime.now(UTC).date(), time(12), UTC)
LAST_ANSWER = 2
"""Days after NOON on which every film was asked for last, before anything changed."""
OLD_YEARS = (str(FIRST_YEAR), str(FIRST_YEAR + 1))


class Life:
    """A world whose clock and whose services' clock move together; days count from NOON."""

    def __init__(self, world: World, edited: int, quiet: int) -> None:
        self.world, self.edited, self.quiet = world, edited, quiet

    def change_film(self, day: int) -> None:
        """An editor works on the film of that name."""
        _set_clock(self.world.sandbox, day)
        self.world.sandbox.edit(self.edited)

    def read_feed(self, day: int, days: int) -> None:
        """Read the last so many days of the feed."""
        _set_clock(self.world.sandbox, day)
        at = NOON + timedelta(days=day)
        wanted = [at.date() - timedelta(days=back) for back in range(days, 0, -1)]
        with dg.DagsterInstance.ephemeral() as instance:
            keep_partitions(instance, wanted, wanted[0])
            run = self.world.run(
                "change_feed",
                (wanted[0].isoformat(), wanted[-1].isoformat()),
                instance=instance,
                at=at,
            )
        assert run.success, run.failure_words()
        assert run.figures("tmdb_changes")["days read"] == days

    def refresh(self, day: int, *, is_feed_on: bool = True) -> None:
        """Ask for the films that are due."""
        _refresh(self.world, day, is_feed_on=is_feed_on)

    def asked_on(self, film: int) -> list[int]:
        """Days on which TMDB was asked for a film."""
        moments = self.world.rows(
            "SELECT fetched_at FROM refresh_history WHERE source = 'tmdb' AND tmdb_id = ? "
            "ORDER BY 1", film,
        )  # fmt: skip
        return [(moment - NOON).days for (moment,) in moments]

    def is_frozen(self, film: int) -> bool:
        return self.world.value("SELECT is_frozen FROM frozen_flags WHERE tmdb_id = ?", film)

    def votes(self, film: int, day: int) -> int:
        """What TMDB would say then."""
        sandbox = self.world.sandbox
        _set_clock(sandbox, day)
        address = f"{sandbox.tmdb_base_url}/movie/{film}"
        return httpx.get(address, params={"api_key": sandbox.tmdb_key}).json()["vote_count"]


def _set_clock(sandbox: RunningSandbox, day: int) -> None:
    sandbox.advance(NOON + timedelta(days=day) - sandbox.now())


def _refresh(world: World, day: int, *, force: bool = False, is_feed_on: bool = True) -> None:
    _set_clock(world.sandbox, day)
    run = world.run(
        "collect",
        OLD_YEARS,
        assets=["tmdb_details", "omdb_ratings", "frozen_flags"],
        options=RunOptions(force=force),
        at=NOON + timedelta(days=day),
        CHANGES__IS_ENABLED=str(is_feed_on),
    )
    assert run.success, run.failure_words()


@pytest.fixture(scope="module")
def frozen_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Old films, asked for twice without a change: frozen."""
    config = SandboxConfig(
        films=60,
        seed=11,
        first_year=FIRST_YEAR,
        last_year=FIRST_YEAR + 1,
        clock_start=NOON.isoformat(),
        clock_speed=0,
        tmdb_requests_per_second=0,
        omdb_daily_quota=0,
        tmdb_keys=(PLANTED_TMDB_KEY,),
        omdb_keys=(PLANTED_OMDB_KEY,),
    )
    with running_sandbox(config) as sandbox:
        few_cycles = {"REFRESH__FROZEN_AFTER_CYCLES": "1"}
        world = World(tmp_path_factory.mktemp("frozen"), sandbox, few_cycles)
        assert world.run("collect", OLD_YEARS, at=NOON).success
        _refresh(world, LAST_ANSWER, force=True)
        yield world


@pytest.fixture
def life(frozen_world: World, tmp_path: Path) -> Life:
    """Two frozen films that are left alone by chance for half a year; one of them has votes."""
    restless: set[int] = set()
    for day in range(1, 200):
        restless |= set(frozen_world.sandbox.edited_on((NOON + timedelta(days=day)).date()))
    frozen = [film for (film,) in frozen_world.rows(
        "SELECT tmdb_id FROM frozen_flags JOIN tmdb_details USING (tmdb_id) "
        "WHERE is_frozen ORDER BY vote_count DESC"
    )]  # fmt: skip
    quiet, edited, *_ = [film for film in frozen if film not in restless]
    return Life(frozen_world.copied_to(tmp_path / "world"), edited, quiet)


def test_the_feed_unfreezes_a_film_that_changed_and_leaves_alone_one_that_gained_votes(
    life: Life,
):
    votes = life.votes(life.quiet, LAST_ANSWER)
    life.change_film(3)
    life.read_feed(10, days=14)
    life.refresh(10)
    assert life.asked_on(life.edited) == [0, LAST_ANSWER], "its gap of 11 days is not over"
    life.read_feed(17, days=7)
    life.refresh(17)
    assert life.asked_on(life.edited) == [0, LAST_ANSWER, 17]
    assert not life.is_frozen(life.edited)
    assert life.votes(life.quiet, 17) > votes
    assert life.asked_on(life.quiet) == [0, LAST_ANSWER]
    assert life.is_frozen(life.quiet)


def test_without_the_feed_the_re_verification_unfreezes_it(life: Life):
    """160 days, and each film's own tenth more or less."""
    life.change_film(3)
    for day in (17, LAST_ANSWER + 143):
        life.refresh(day, is_feed_on=False)
        assert life.asked_on(life.edited) == [0, LAST_ANSWER]
        assert life.is_frozen(life.edited)
    life.refresh(LAST_ANSWER + 177, is_feed_on=False)
    assert life.asked_on(life.edited) == [0, LAST_ANSWER, LAST_ANSWER + 177]
    assert not life.is_frozen(life.edited)
    assert life.is_frozen(life.quiet), "verified, and nothing but its votes had moved"
