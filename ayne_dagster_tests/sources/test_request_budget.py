"""What every backend of the request budget does: pace, places, quota, complaints, clocks.

Each test runs against the file and against a real Redis.
"""

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from ayne_dagster.sources.budget_rules import LEASE_SECONDS, RECOVERY_SECONDS
from ayne_dagster.sources.failures import QuotaExhausted
from ayne_dagster.sources.request_budget import RequestBudget, ServiceLimits, key_hash
from ayne_dagster_tests.sources.budgets import Budgets
from ayne_dagster_tests.sources.fakes import NOON


@pytest.fixture(params=["file", "redis"])
def budgets(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Budgets]:
    is_file = request.param == "file"
    where = str(tmp_path / "budget.sqlite") if is_file else request.getfixturevalue("empty_redis")
    made = Budgets(where)
    yield made
    made.close()


def send(budget: RequestBudget, times: int = 1) -> list[date]:
    async def work() -> list[date]:
        days = []
        for _ in range(times):
            async with budget.turn("omdb") as turn:
                days.append(turn.day)
        return days

    return asyncio.run(work())


async def hold(budget: RequestBudget, seconds: float) -> None:
    async with budget.turn("omdb"):
        await asyncio.sleep(seconds)


def test_requests_are_spread_evenly_and_not_let_go_in_bursts(budgets: Budgets) -> None:
    send(budgets.make(pace=4), times=5)
    assert budgets.clock.slept == pytest.approx([0.24, 0.25, 0.25, 0.25], abs=1e-3)


def test_a_late_sender_does_not_squeeze_in_with_those_that_follow(budgets: Budgets) -> None:
    """Reserved times were kept by whoever woke late, and a second had more than it may."""
    sent: list[float] = []
    lateness = iter([0.0, 0.3, 0.0, 0.0, 0.004, 0.0, 0.09, *[0.0] * 60])

    async def oversleep(seconds: float) -> None:
        await budgets.clock.sleep(seconds + next(lateness))

    budget = budgets.make(pace=20, sleep=oversleep)

    async def work() -> None:
        for _ in range(40):
            async with budget.turn("omdb"):
                sent.append(budgets.clock.time.timestamp())

    asyncio.run(work())
    assert sent[-1] - sent[0] > 39 * 0.05 + 0.3
    for first, last in zip(sent, sent[20:], strict=False):
        assert last - first >= 20 * 0.05 - 0.0101
    # A few milliseconds late are caught up: else every timer's lateness would lower the pace.
    assert sent[-1] - sent[0] < 39 * 0.05 + 0.3 + 0.09


def test_without_a_pace_nobody_waits_and_everything_is_counted(budgets: Budgets) -> None:
    budget = budgets.make(pace=0)
    send(budget, times=20)
    assert budgets.clock.slept == []
    assert budget.left_today("omdb") is None
    assert budget.status()[0].used == 20


def test_the_day_ends_exactly_at_the_quota_and_begins_again_at_midnight_utc(
    budgets: Budgets,
) -> None:
    budget = budgets.make(quota=3)
    send(budget, times=3)
    assert budget.left_today("omdb") == 0
    with pytest.raises(QuotaExhausted, match=r"2026-11-20.*3 of 3"):
        send(budget)
    assert budget.status()[0].used == 3
    budgets.clock.time = datetime(2026, 11, 21, 0, 0, 0, tzinfo=UTC)
    assert budget.left_today("omdb") == 3
    assert send(budget) == [date(2026, 11, 21)]
    assert budget.left_today("omdb", now=NOON) == 0


def test_whoever_waits_over_midnight_counts_on_the_day_it_sends(budgets: Budgets) -> None:
    budgets.clock.time = datetime(2026, 11, 20, 23, 59, 59, 800_000, tzinfo=UTC)
    budget = budgets.make(pace=2, quota=2)
    assert send(budget, times=2) == [date(2026, 11, 20), date(2026, 11, 21)]
    assert [budget.left_today("omdb", now=NOON + timedelta(days=d)) for d in (0, 1)] == [1, 1]


def test_the_count_survives_a_restart(budgets: Budgets) -> None:
    first = budgets.make(quota=5)
    send(first, times=4)
    first.close()
    again = budgets.make(quota=5)
    assert again.left_today("omdb") == 1
    send(first)
    assert again.left_today("omdb") == 0


def test_another_key_has_its_own_quota(budgets: Budgets) -> None:
    send(budgets.make(quota=1, key="k1"))
    other = budgets.make(quota=1, key="k2")
    assert other.left_today("omdb") == 1
    send(other)


def test_the_services_word_ends_the_day_whatever_was_counted(budgets: Budgets) -> None:
    for budget in (budgets.make(quota=1000), budgets.make()):
        asyncio.run(budget.exhaust("omdb", NOON.date()))
        assert budget.left_today("omdb") == 0
        with pytest.raises(QuotaExhausted):
            send(budget)
    budgets.clock.time += timedelta(days=1)
    send(budgets.make(quota=1000))


def test_a_refusal_that_comes_in_after_midnight_leaves_the_new_day_open(budgets: Budgets) -> None:
    """The day of the answer was closed once, though the request belonged to the day before."""
    budgets.clock.time = datetime(2026, 11, 20, 23, 59, 59, tzinfo=UTC)
    budget = budgets.make(quota=1000)

    async def refused() -> None:
        async with budget.turn("omdb") as turn:
            budgets.clock.time += timedelta(seconds=5)
        await budget.exhaust("omdb", turn.day)

    asyncio.run(refused())
    assert [budget.left_today("omdb", now=NOON + timedelta(days=d)) for d in (0, 1)] == [0, 1000]
    send(budget)


def test_after_a_complaint_everyone_pauses_then_goes_slower_and_recovers(budgets: Budgets) -> None:
    one, other = budgets.make(pace=10), budgets.make(pace=10)
    send(one)
    asyncio.run(one.slow_down("omdb", 5))
    began = budgets.clock.time
    assert other.status()[0].pace_now == 0
    send(other, times=3)
    assert (budgets.clock.time - began).total_seconds() == pytest.approx(5.4, abs=0.02)
    paces = []
    for _ in range(4):
        status = other.status()[0]
        paces.append(status.pace_now)
        assert status.slowed_until == began + timedelta(seconds=5 + RECOVERY_SECONDS)
        budgets.clock.time += timedelta(seconds=RECOVERY_SECONDS / 4)
    assert paces == pytest.approx([5, 6.25, 7.5, 8.75], abs=0.1)
    assert other.status()[0].slowed_until is None
    assert other.status()[0].pace_now == 10
    began = budgets.clock.time
    send(other, times=3)
    assert (budgets.clock.time - began).total_seconds() == pytest.approx(0.2, abs=0.02)


def test_whoever_waits_already_does_not_rush_into_a_pause(budgets: Budgets) -> None:
    clock = budgets.clock
    send(budgets.make(pace=1))
    told: list[bool] = []

    async def sleep(seconds: float) -> None:
        if not told:
            told.append(True)
            await budgets.make(pace=1).slow_down("omdb", 20)
        await clock.sleep(seconds)

    waiting = budgets.make(1, 10, sleep=sleep)
    send(waiting)
    assert clock.time >= NOON + timedelta(seconds=20)
    assert waiting.left_today("omdb") == 8


def test_a_clock_set_back_does_not_stop_everything(budgets: Budgets) -> None:
    budget = budgets.make(pace=1)
    send(budget, times=2)
    budgets.clock.slept.clear()
    budgets.clock.time -= timedelta(days=2)
    send(budget)
    assert sum(budgets.clock.slept) <= 1.001


def test_a_pause_ends_though_the_clock_was_set_back(budgets: Budgets) -> None:
    """Paused until the day after tomorrow, by a clock that nobody has any more."""
    budget = budgets.make(pace=10)
    asyncio.run(budget.slow_down("omdb", 30))
    budgets.clock.time -= timedelta(days=2)
    assert budget.status()[0].slowed_until is None
    assert budget.status()[0].pace_now == 10
    send(budget, times=11)
    assert sum(budgets.clock.slept) == pytest.approx(1.0, abs=0.02)
    asyncio.run(budget.slow_down("omdb", 5))
    budgets.clock.slept.clear()
    send(budget)
    assert sum(budgets.clock.slept) == pytest.approx(5.0, abs=0.02)


def test_no_complaint_pauses_for_more_than_a_minute(budgets: Budgets) -> None:
    budget = budgets.make(pace=10)
    asyncio.run(budget.slow_down("omdb", 86_400))
    send(budget)
    assert sum(budgets.clock.slept) == pytest.approx(60, abs=0.1)


def test_places_are_shared_by_all_and_given_back(budgets: Budgets) -> None:
    one, other = (budgets.make(places=3, sleep=asyncio.sleep) for _ in range(2))

    async def work() -> None:
        async with one.turn("omdb"), one.turn("omdb"), other.turn("omdb"):
            assert other.status()[0].places_in_use == 3
            assert other.status()[0].places == 3
            waiting = asyncio.create_task(hold(other, 0))
            await asyncio.sleep(0.05)
            assert not waiting.done()
            waiting.cancel()
        assert other.status()[0].places_in_use == 0
        await hold(other, 0)

    asyncio.run(work())


def test_a_place_is_given_back_whatever_happens_to_the_request(budgets: Budgets) -> None:
    budget = budgets.make(places=1)

    async def work() -> None:
        with pytest.raises(ZeroDivisionError):
            async with budget.turn("omdb"):
                raise ZeroDivisionError
        cancelled = asyncio.create_task(hold(budget, 10))
        await asyncio.sleep(0.05)
        assert budget.status()[0].places_in_use == 1
        cancelled.cancel()
        with pytest.raises(asyncio.CancelledError):
            await cancelled

    asyncio.run(work())
    assert budget.status()[0].places_in_use == 0


def test_places_of_a_process_that_died_come_back_after_its_lease(budgets: Budgets) -> None:
    dead, alive = budgets.make(places=1), budgets.make(places=1)

    asyncio.run(dead._wait_for_turn("omdb"))
    assert alive.status()[0].places_in_use == 1
    began = budgets.clock.time
    send(alive)
    assert (budgets.clock.time - began).total_seconds() == pytest.approx(LEASE_SECONDS, abs=0.1)


def test_a_long_request_keeps_its_place(budgets: Budgets, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ayne_dagster.sources.waiting_line.LEASE_SECONDS", 0.06)
    slow, other = budgets.make(places=1), budgets.make(places=1)

    async def work() -> None:
        async with slow.turn("omdb"):
            budgets.clock.time += timedelta(seconds=LEASE_SECONDS / 2)
            await asyncio.sleep(0.1)
            budgets.clock.time += timedelta(seconds=LEASE_SECONDS - 1)
            assert other.status()[0].places_in_use == 1

    asyncio.run(work())


def test_processes_take_turns_however_many_requests_wait_in_each(budgets: Budgets) -> None:
    order: list[str] = []
    many, few = (
        budgets.make(pace=40, sleep=asyncio.sleep, now=lambda: datetime.now(UTC)) for _ in range(2)
    )

    async def work(name: str, budget: RequestBudget, times: int) -> None:
        for _ in range(times):
            async with budget.turn("omdb"):
                order.append(name)

    async def race() -> None:
        await asyncio.gather(*(work("many", many, 2) for _ in range(6)), work("few", few, 10))

    asyncio.run(race())
    assert 7 <= order[:18].count("few") <= 10


def test_status_tells_the_next_send_time_and_the_pace(budgets: Budgets) -> None:
    budget = budgets.make(pace=0.5, quota=10, places=4)
    assert budget.status()[0].next_send_at is None
    send(budget)
    status = budget.status()[0]
    assert status.next_send_at == NOON + timedelta(seconds=2)
    assert (status.service, status.used, status.left, status.requests_per_second) == (
        "omdb", 1, 9, 0.5,
    )  # fmt: skip
    assert (status.pace_now, status.slowed_until, status.places) == (0.5, None, 4)


def test_pace_and_quota_hold_together(budgets: Budgets) -> None:
    budget = budgets.make(pace=10, quota=25)
    with pytest.raises(QuotaExhausted):
        send(budget, times=30)
    assert sum(budgets.clock.slept) == pytest.approx(2.39, abs=0.01)
    assert budget.left_today("omdb") == 0


def test_a_turn_costs_little(budgets: Budgets) -> None:
    budget = budgets.make()
    send(budget)
    began = time.perf_counter()
    send(budget, times=100)
    assert (time.perf_counter() - began) / 100 < 0.02


def test_keys_are_named_by_a_hash_that_does_not_give_them_away() -> None:
    name = key_hash(SecretStr("deadbeef"))
    assert len(name) == 12
    assert "deadbeef" not in name
    assert name == key_hash(SecretStr(" deadbeef "))


@pytest.mark.parametrize(
    ("pace", "quota", "places"), [(-1, None, None), (None, -1, None), (None, None, 0)]
)
def test_limits_that_make_no_sense_are_refused(
    pace: float | None, quota: int | None, places: int | None
) -> None:
    with pytest.raises(ValueError, match=r"not negative|at least one"):
        ServiceLimits(pace, quota, "k1", places)
