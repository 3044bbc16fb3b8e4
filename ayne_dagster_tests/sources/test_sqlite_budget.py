"""The budget's file: locks, damage, what people read in it, and that it is let go."""

import asyncio
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from ayne_dagster.sources.failures import LedgerUnusable
from ayne_dagster.sources.request_budget import RequestBudget, ServiceLimits
from ayne_dagster.sources.sqlite_budget import SqliteRequestBudget
from ayne_dagster_tests.sources.budgets import Budgets
from ayne_dagster_tests.sources.fakes import NOON, Clock


@pytest.fixture
def budgets(tmp_path: Path) -> Iterator[Budgets]:
    made = Budgets(str(tmp_path / "state" / "budget.sqlite"))
    yield made
    made.close()


def send(budget: RequestBudget, times: int = 1) -> None:
    async def work() -> None:
        for _ in range(times):
            async with budget.turn("omdb"):
                pass

    asyncio.run(work())


def test_a_plain_view_shows_people_what_was_used(budgets: Budgets) -> None:
    """The query that `docs/services.md` gives."""
    budget = budgets.make(quota=5)
    send(budget, times=3)
    asyncio.run(budget.slow_down("omdb", 5))
    with sqlite3.connect(budgets.where) as ledger:
        found = ledger.execute(
            "select service, day, used, is_over, last_sent_at, last_pause_ended_at from budget"
        ).fetchall()
    ledger.close()
    assert found == [("omdb", "2026-11-20", 3, 0, "2026-11-20T12:00:00Z", "2026-11-20T12:00:05Z")]


def test_a_ledger_of_the_version_before_keeps_its_count(tmp_path: Path) -> None:
    path = tmp_path / "budget.sqlite"
    with sqlite3.connect(path) as old:
        old.execute("create table pace (service text primary key, next_send_at real not null "
                    "default 0, paused_until real not null default 0, slower_until real not null "
                    "default 0) without rowid")  # fmt: skip
        old.execute("create table used (service text not null, key_hash text not null, day text "
                    "not null, requests integer not null default 0, is_over integer not null "
                    "default 0, primary key (service, key_hash, day)) without rowid")  # fmt: skip
        old.execute("insert into used values ('omdb', 'k1', '2026-11-20', 7, 0)")
    old.close()
    budgets = Budgets(str(path))
    budget = budgets.make(quota=10)
    send(budget)
    assert budget.left_today("omdb") == 2
    budgets.close()


def damage(path: Path, how: str) -> None:
    if how == "no database":
        path.write_bytes(b"this is no database, and long enough to be taken for one" * 50)
        return
    budget = Budgets(str(path))
    send(budget.make(), times=3)
    budget.close()
    content = path.read_bytes()
    if how == "cut off":
        path.write_bytes(content[: len(content) // 2])
    elif how == "overwritten":
        path.write_bytes(content[:1024] + b"\xff" * (len(content) - 1024))
    else:
        path.unlink()
        with sqlite3.connect(path) as other:
            other.execute("create table used (something text)")
        other.close()


@pytest.mark.parametrize("how", ["no database", "cut off", "overwritten", "of another program"])
def test_a_damaged_ledger_names_the_file_and_what_to_do(tmp_path: Path, how: str) -> None:
    path = tmp_path / "budget.sqlite"
    damage(path, how)
    budget = SqliteRequestBudget(path, {"omdb": ServiceLimits()}, now=Clock())
    with pytest.raises(LedgerUnusable, match=r"budget\.sqlite.*delete it"):
        send(budget)
    budget.close()


def test_a_ledger_that_cannot_be_opened_says_so(tmp_path: Path) -> None:
    (tmp_path / "budget.sqlite").mkdir()
    (tmp_path / "file").write_text("no folder")
    for path in (tmp_path / "budget.sqlite", tmp_path / "file" / "budget.sqlite"):
        budget = SqliteRequestBudget(path, {"omdb": ServiceLimits()}, now=Clock())
        with pytest.raises(LedgerUnusable, match="check that its folder"):
            budget.status()


def test_a_closed_budget_holds_no_file_and_opens_again(budgets: Budgets) -> None:
    """Connections were never closed: a long process kept one per client it had ever made."""

    def held() -> list[str]:
        return [one.path for one in psutil.Process().open_files() if "budget.sqlite" in one.path]

    budget = budgets.make(quota=5)
    send(budget)
    assert held()
    budget.close()
    assert held() == []
    send(budget)
    assert budget.left_today("omdb") == 3


def test_a_ledger_held_by_another_is_waited_for_and_then_named(
    budgets: Budgets, monkeypatch: pytest.MonkeyPatch
) -> None:
    budget = budgets.make(quota=5)
    send(budget)
    other = sqlite3.connect(budgets.where, isolation_level=None)
    other.execute("begin immediate")

    async def once() -> None:
        async with budget.turn("omdb"):
            pass

    async def freed_meanwhile() -> None:
        waiting = asyncio.create_task(once())
        await asyncio.sleep(0.02)
        assert not waiting.done()
        other.execute("rollback")
        await waiting

    asyncio.run(freed_meanwhile())
    assert budget.left_today("omdb") == 3
    monkeypatch.setattr("ayne_dagster.sources.sqlite_ledger._LONGEST_WAIT_SECONDS", 0.02)
    other.execute("begin immediate")
    with pytest.raises(LedgerUnusable, match="another process holds it"):
        send(budget)
    other.execute("rollback")
    other.close()
    assert budget.left_today("omdb") == 3


def test_a_turn_nobody_waits_for_any_more_gives_its_place_back(budgets: Budgets) -> None:
    """Cancelled while another held the file: the turn came after all, and its place was lost."""
    budget = budgets.make(places=1, quota=5)
    send(budget)
    other = sqlite3.connect(budgets.where, isolation_level=None)

    async def once() -> None:
        async with budget.turn("omdb"):
            pass

    async def cancelled_meanwhile() -> None:
        other.execute("begin immediate")
        waiting = asyncio.create_task(once())
        await asyncio.sleep(0.02)
        waiting.cancel()
        await asyncio.sleep(0)
        other.execute("rollback")
        await asyncio.sleep(0.1)

    asyncio.run(cancelled_meanwhile())
    other.close()
    assert budget.status(NOON)[0].places_in_use == 0
    send(budget)


def test_a_turn_whose_commit_failed_holds_no_place(budgets: Budgets) -> None:
    """The place was counted before: with each failure one less could be used, until none was."""
    budget = budgets.make(places=1, quota=9)
    send(budget)
    assert isinstance(budget, SqliteRequestBudget)
    ledger = budget._ledger._open()
    ledger.execute("pragma foreign_keys = on")
    ledger.execute("create table parent (id integer primary key)")
    ledger.execute("create table child (id references parent deferrable initially deferred)")
    ledger.execute(
        "create trigger late after update on used begin insert into child values (1); end"
    )
    for _ in range(2):
        with pytest.raises(LedgerUnusable, match="FOREIGN KEY"):
            send(budget)
    ledger.execute("drop trigger late")
    assert budget.status(NOON)[0].places_in_use == 0
    send(budget)
    assert budget.left_today("omdb") == 7


def test_a_place_is_free_although_giving_it_back_could_not_be_written(budgets: Budgets) -> None:
    """It stayed in the count of the process, which renewed its lease for ever."""
    budget = budgets.make(places=1, quota=9)

    async def held_when_the_file_fails() -> None:
        async with budget.turn("omdb"):
            ledger = budget._ledger._open()  # type: ignore[attr-defined]
            ledger.execute("pragma query_only = on")
        ledger.execute("pragma query_only = off")
        budgets.clock.time += timedelta(seconds=1)
        async with budget.turn("omdb"):
            pass

    asyncio.run(held_when_the_file_fails())
    assert budget.status(NOON)[0].places_in_use == 0
