"""A thinned history decides what the whole one decided; the series of a film stays readable."""

import random
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.domain.refresh_states import StateRules, states_of_history
from ayne_dagster.domain.tables import REFRESH_HISTORY
from ayne_dagster.storage.history_compaction import Compaction, compact_history
from ayne_dagster.storage.history_queries import HistoryQueries
from ayne_dagster.storage.parquet_mirror import ParquetMirror
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.storage.film_rows import NOW, asked, days_ago, put, row_of

CYCLES = RefreshPolicy().frozen_after_cycles
KEPT = CYCLES + 1
RULES = StateRules()
ROWS = "SELECT * FROM refresh_history ORDER BY source, tmdb_id, fetched_at"


def in_order(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["source"], row["tmdb_id"], row["fetched_at"]))


def thinned(warehouse: Warehouse, **given: Any) -> Compaction:
    return compact_history(warehouse, **{"now": NOW, "full_days": 60, "keep_last": KEPT, **given})


def states(rows: list[dict[str, Any]], rules: StateRules = RULES) -> list[dict[str, Any]]:
    """What a rebuild makes of these rows, counts only as far as freezing asks."""
    return [
        {**state, "unchanged_cycles": min(state["unchanged_cycles"], CYCLES)}
        for state in states_of_history(rows, rules)
    ]


MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
GAPS = (30 * MINUTE, 30 * MINUTE, timedelta(hours=23), DAY - MINUTE / 60, DAY, 1.5 * DAY, 5 * DAY)
KINDS = ("row", "row", "row", "unchanged", "unchanged", "changed", "not_found", "unusable")


def answers(dice: random.Random, source: str, film: int) -> list[dict[str, Any]]:
    """A life of a film in episodes: asked many times an hour, daily, for another imdb id."""
    at, rows, imdb_id = datetime(2021, 1, 1, tzinfo=UTC), [], "tt0000001"
    for _ in range(dice.randint(1, 9)):
        gap, kind = dice.choice(GAPS), dice.choice(KINDS)
        if source == "omdb" and dice.random() < 0.2:
            imdb_id = "tt0000003" if imdb_id == "tt0000001" else "tt0000001"
        for _ in range(1 if kind == "changed" else dice.randint(1, 9)):
            at += gap
            rows.append(
                row_of(
                    REFRESH_HISTORY, source=source, tmdb_id=film, imdb_id=imdb_id, fetched_at=at,
                    outcome="row" if kind == "changed" else kind, is_first=not rows,
                    changed_fields=["title"] if kind == "changed" else [],
                )
            )  # fmt: skip
    return rows


@settings(
    max_examples=3,
    deadline=None,
    derandomize=True,
    phases=(Phase.generate,),
)
@given(
    seed=st.integers(0, 10**6),
    cycle_after=st.sampled_from([timedelta(hours=1), DAY, 3 * DAY]),
)
def test_a_thinned_history_comes_to_the_same_states_now_and_later(
    tmp_path_factory: pytest.TempPathFactory, seed: int, cycle_after: timedelta
) -> None:
    """Keeping the newest rows alone lost cycles where a film was asked twelve times in a day."""
    dice = random.Random(seed)
    warehouse = Warehouse(tmp_path_factory.mktemp("thinned") / "ayne.duckdb")
    films = [(source, number) for source in ("omdb", "tmdb") for number in range(1, 41)]
    put(warehouse, REFRESH_HISTORY, *(row for film in films for row in answers(dice, *film)))
    before = warehouse.rows(ROWS)
    done = thinned(warehouse, cycle_after=cycle_after, rows_at_once=100)
    after = warehouse.rows(ROWS)
    assert done == Compaction(len(before), len(before) - len(after))
    rules = StateRules(cycle_after=cycle_after)
    assert states(after, rules) == states(before, rules)
    assert states(after) == states(before)
    more = [
        {**row, "fetched_at": row["fetched_at"] + 1000 * DAY}
        for film in films
        for row in answers(dice, *film)[: dice.randint(0, 5)]
    ]
    assert states(in_order([*after, *more]), rules) == states(in_order([*before, *more]), rules)
    assert thinned(warehouse, cycle_after=cycle_after).rows_deleted == 0


def test_old_months_keep_their_newest_row_and_what_changed(warehouse: Warehouse) -> None:
    days = [*range(0, 400, 5)]
    put(
        warehouse, REFRESH_HISTORY,
        *(asked("tmdb", 1, day, changed=["title"] * (day == 200), is_first=day == days[-1])
          for day in days),
        asked("tmdb", 2, 300), asked("tmdb", 2, 299),
    )  # fmt: skip
    assert thinned(warehouse).rows_deleted > 40
    left = [row["fetched_at"] for row in warehouse.rows(ROWS) if row["tmdb_id"] == 1]
    # Sixty days ago was 2 April: whole months before it are thinned.
    assert [at for at in left if at >= datetime(2024, 4, 1, tzinfo=UTC)] == [
        days_ago(day) for day in reversed(days) if day <= 60
    ]
    old = [at for at in left if at < datetime(2024, 4, 1, tzinfo=UTC)]
    assert {days_ago(395), days_ago(200)} < set(old)
    assert len(old) == len({f"{at:%Y-%m}" for at in old}) + 2
    # Of a film with few rows none goes.
    assert len([row for row in warehouse.rows(ROWS) if row["tmdb_id"] == 2]) == 2


def test_nothing_goes_where_nothing_is_old_or_the_setting_is_empty(warehouse: Warehouse) -> None:
    assert thinned(warehouse) == Compaction(0, 0)
    put(warehouse, REFRESH_HISTORY, *(asked("tmdb", 1, 100 + hour / 24) for hour in range(99)))
    assert thinned(warehouse, full_days=None) == Compaction(99, 0)
    assert thinned(warehouse, full_days=730) == Compaction(99, 0)


def test_the_months_that_were_thinned_are_mirrored_anew(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    mirror = ParquetMirror(tmp_path / "mirror")
    put(warehouse, REFRESH_HISTORY, *(asked("tmdb", 1, day) for day in range(0, 200, 2)))
    mirror.owe(REFRESH_HISTORY, ())
    with warehouse.writing("the mirror") as connection:
        mirror.write(connection, REFRESH_HISTORY, warehouse.qualified("refresh_history"), ())
    thinned(warehouse, mirror=mirror)
    assert not mirror.is_owed(REFRESH_HISTORY)
    files = str(tmp_path / "mirror" / "refresh_history" / "*" / "part.parquet")
    mirrored = warehouse.rows(f"SELECT fetched_at FROM read_parquet('{files}') ORDER BY 1")
    assert mirrored == warehouse.rows("SELECT fetched_at FROM refresh_history ORDER BY 1")


def test_the_numbers_of_a_film_come_as_a_series(warehouse: Warehouse) -> None:
    put(
        warehouse, REFRESH_HISTORY,
        asked("tmdb", 1, 20, popularity=5.0, vote_count=100, is_first=True),
        asked("omdb", 1, 19, rating=7.5, metascore=61),
        asked("tmdb", 1, 10, "not_found"),
        asked("tmdb", 1, 5, popularity=9.0, vote_count=140, changed=["title"]),
        asked("tmdb", 2, 5, popularity=1.0),
    )  # fmt: skip
    queries = HistoryQueries(warehouse)
    series = queries.film_series(1)
    assert [row["source"] for row in series] == ["tmdb", "omdb", "tmdb"]
    assert [row["vote_count"] for row in series] == [100, None, 140]
    assert series[1]["metascore"] == 61
    assert [row["rating"] for row in queries.film_series(1, days_ago(19), days_ago(5))] == [7.5]
    assert HistoryQueries(Warehouse(warehouse.path.with_name("none"))).film_series(1) == []
