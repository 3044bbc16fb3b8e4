"""The questions about freshness, over stored tables: what is due, since when, and why."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ayne_dagster.domain.change_feed import ChangeFeed
from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy, Why
from ayne_dagster.domain.tables import (
    CHANGE_DAYS,
    DISCOVERED_MOVIES,
    FROZEN_FLAGS,
    OMDB_RATINGS,
    REFRESH_HISTORY,
    TMDB_CHANGES,
    TMDB_DETAILS,
)
from ayne_dagster.storage.due_queries import DueQueries
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.storage.film_rows import (
    NOW,
    asked,
    days_ago,
    detailed,
    discovered,
    flagged,
    put,
    rated,
    row_of,
)

POLICY = RefreshPolicy(spread=0.0)
YEARS = ["2001", "2002", "undated"]
TMDB, OMDB = Source.TMDB, Source.OMDB
TODAY = datetime(2024, 6, 1, tzinfo=UTC)


@pytest.fixture
def queries(warehouse: Warehouse) -> DueQueries:
    return DueQueries(warehouse)


def days_read(*back: int) -> list[dict[str, Any]]:
    return [row_of(CHANGE_DAYS, changed_on=day_before(number), films_named=9000) for number in back]


def day_before(number: int) -> date:
    return (TODAY - timedelta(days=number)).date()


def named(film: int, back: int) -> dict[str, Any]:
    """A day of the feed that names a film, read an hour after its end."""
    seen_at = TODAY - timedelta(days=back - 1, hours=-1)
    return {"tmdb_id": film, "changed_on": day_before(back), "seen_at": seen_at}


def put_films(warehouse: Warehouse, answered_days_ago: Sequence[float]) -> None:
    """Details of films 1, 2 ... that TMDB answered for so many days ago."""
    put(warehouse, TMDB_DETAILS, *(detailed(n, imdb_id=None) for n, _ in each(answered_days_ago)))
    put(warehouse, REFRESH_HISTORY, *(asked("tmdb", n, d) for n, d in each(answered_days_ago)))


def each(values: Sequence[float]) -> list[tuple[int, float]]:
    return list(enumerate(values, start=1))


def whys(queries: DueQueries, policy: RefreshPolicy = POLICY, **how: Any) -> dict[int, str]:
    due = queries.due(TMDB, YEARS, NOW, policy, **how)
    return dict(zip(due["tmdb_id"].tolist(), due["why"].tolist(), strict=True))


def test_an_empty_warehouse_answers_every_question(queries: DueQueries) -> None:
    assert queries.change_feed() is None
    assert queries.spared_by_feed(YEARS, NOW, POLICY) == 0
    assert queries.freshness_by_year(YEARS, NOW, POLICY) == []
    assert queries.explain(1, NOW, POLICY) == []
    for source in Source:
        assert queries.due_years(source, YEARS, NOW, POLICY) == []
        assert queries.next_due(source, YEARS, NOW, POLICY) is None


def test_the_feed_is_known_from_the_days_that_were_read(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    put(warehouse, CHANGE_DAYS, *days_read(1, 2, 3, 5))
    assert queries.change_feed() == ChangeFeed(TODAY - timedelta(days=3), TODAY)


def test_a_warehouse_without_the_feeds_tables_follows_the_plain_intervals(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """Warehouses of before the change feed have neither table."""
    put_films(warehouse, [91, 89])
    assert whys(queries) == {1: Why.INTERVAL}


def test_what_is_due_follows_the_feed(warehouse: Warehouse, queries: DueQueries) -> None:
    put_films(warehouse, [91, 20, 161, 20, 10])
    assert whys(queries) == {1: Why.INTERVAL, 3: Why.INTERVAL}
    put(warehouse, CHANGE_DAYS, *days_read(*range(1, 201)))
    put(warehouse, TMDB_CHANGES, named(2, 3), named(4, 21), named(5, 2))
    # Film 4 was named before its answer, film 5 within the gap of 11 days.
    assert whys(queries) == {3: Why.RECHECK, 2: Why.NAMED}
    assert queries.spared_by_feed(YEARS, NOW, POLICY) == 1
    assert whys(queries, replace(POLICY, is_feed_enabled=False)) == {
        1: Why.INTERVAL,
        3: Why.INTERVAL,
    }
    assert set(whys(queries, force=True).values()) == {Why.FORCED}


def test_a_naming_on_the_day_of_the_answer_counts_as_after_it(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """The feed knows days only: asked once too often is better than a change that is missed."""
    put_films(warehouse, [20, 20])
    put(warehouse, CHANGE_DAYS, *days_read(*range(1, 31)))
    put(warehouse, TMDB_CHANGES, named(1, 20), named(2, 21))
    assert days_ago(20).date() == day_before(20)
    assert whys(queries) == {1: Why.NAMED}


def test_a_film_named_on_many_days_is_due_since_the_first(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """By the last one, a film edited every day would never be the most overdue."""
    put_films(warehouse, [40])
    put(warehouse, CHANGE_DAYS, *days_read(*range(1, 61)))
    put(warehouse, TMDB_CHANGES, *(named(1, back) for back in (50, 20, 5, 1)))
    [row] = queries.due_years(TMDB, YEARS, NOW, POLICY)
    assert row["due_since"] == row["newest_due_at"] == TODAY - timedelta(days=19, hours=-1)


def test_years_with_due_films_say_how_many_and_since_when(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    put(
        warehouse, TMDB_DETAILS,
        *(detailed(n, year, imdb_id=None)
          for n, year in ((1, "2001"), (2, "2001"), (3, "2002"), (4, "2001"))),
    )  # fmt: skip
    put(warehouse, DISCOVERED_MOVIES, discovered(5, "2001", first_seen_at=days_ago(2)))
    put(
        warehouse, REFRESH_HISTORY,
        asked("tmdb", 1, 95), asked("tmdb", 2, 91), asked("tmdb", 3, 89), asked("tmdb", 4, 50),
    )  # fmt: skip
    assert queries.due_years(TMDB, YEARS, NOW, POLICY) == [
        {"release_year": "2001", "films": 3, "never_fetched": 1,
         "due_since": days_ago(5), "newest_due_at": days_ago(1)}
    ]  # fmt: skip
    assert queries.due_years(TMDB, ["2002"], NOW, POLICY) == []
    assert queries.next_due(TMDB, YEARS, NOW, POLICY) == NOW + timedelta(days=1)
    assert queries.next_due(TMDB, ["2001"], NOW, POLICY) == NOW + timedelta(days=40)
    assert queries.next_due(OMDB, YEARS, NOW, POLICY) is None


def test_the_next_named_film_comes_due_with_its_gap(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    put_films(warehouse, [10, 30])
    put(warehouse, CHANGE_DAYS, *days_read(*range(1, 61)))
    put(warehouse, TMDB_CHANGES, named(1, 2))
    assert queries.next_due(TMDB, YEARS, NOW, POLICY) == NOW + timedelta(days=1)


def test_only_the_films_of_the_next_minute_are_the_next_ones(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    minute = 1 / 1440
    put(
        warehouse, TMDB_DETAILS,
        *(detailed(n, year, imdb_id=None)
          for n, year in enumerate(("2002", "2001", "2001", "2001", "2001", "2001"), start=1)),
    )  # fmt: skip
    put(
        warehouse, REFRESH_HISTORY,
        # NOW is a whole minute; film 4 follows a minute later, 5 in days, 6 is due.
        asked("tmdb", 1, 89), asked("tmdb", 2, 89), asked("tmdb", 3, 89 - minute / 2),
        asked("tmdb", 4, 89 - minute), asked("tmdb", 5, 40), asked("tmdb", 6, 91),
    )  # fmt: skip
    at = NOW + timedelta(days=1)
    assert queries.next_due_films(TMDB, YEARS, NOW, POLICY) == [
        {"release_year": "2001", "films": 2, "due_at": at},
        {"release_year": "2002", "films": 1, "due_at": at},
    ]
    assert queries.next_due_films(OMDB, YEARS, NOW, POLICY) == []


def test_films_that_the_feed_keeps_back_are_next_when_they_are_checked_again(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """By the plain rule two of these would be due already, which no tick ever says."""
    put_films(warehouse, [100, 100, 20])
    put(warehouse, CHANGE_DAYS, *days_read(*range(1, 190)))
    at = NOW + timedelta(days=POLICY.frozen_recheck_days - 100)
    assert queries.next_due_films(TMDB, YEARS, NOW, POLICY) == [
        {"release_year": "2001", "films": 2, "due_at": at}
    ]


def test_the_films_of_a_year_are_fresh_due_overdue_or_frozen(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    put_films(warehouse, [10, 90.5, 92, 100, 10, 161])
    put(warehouse, TMDB_DETAILS, detailed(7, changed_at=days_ago(3)), detailed(8, "2002"))
    put(warehouse, OMDB_RATINGS, rated(8, "2002"))
    put(
        warehouse, REFRESH_HISTORY,
        asked("tmdb", 7, 1), asked("tmdb", 8, 1), asked("omdb", 8, 180.5),
        # Film 5 is gone.
        asked("tmdb", 5, 9, "not_found"), asked("tmdb", 5, 7, "not_found"),
    )  # fmt: skip
    put(warehouse, FROZEN_FLAGS, flagged(4, is_frozen=True), flagged(6, is_frozen=True))
    assert queries.freshness_by_year(YEARS, NOW, POLICY) == [
        # 1 is fresh; 2 due; 3 (TMDB), 6 (its verification) and 7 (OMDb never asked) overdue.
        {"release_year": "2001", "films": 6, "fresh": 1, "due": 1, "overdue": 3, "frozen": 1},
        {"release_year": "2002", "films": 1, "fresh": 0, "due": 1, "overdue": 0, "frozen": 0},
    ]
    [year, _] = queries.freshness_by_year(YEARS, NOW, POLICY, timedelta(days=100))
    assert (year["due"], year["overdue"]) == (4, 0)


def test_a_film_is_explained_at_both_sources(warehouse: Warehouse, queries: DueQueries) -> None:
    put(warehouse, TMDB_DETAILS, detailed(1), detailed(2))
    put(warehouse, OMDB_RATINGS, rated(1))
    put(warehouse, REFRESH_HISTORY, asked("tmdb", 1, 20), asked("omdb", 1, 20))
    put(warehouse, CHANGE_DAYS, *days_read(*range(1, 61)))
    put(warehouse, TMDB_CHANGES, named(1, 3), named(1, 5))
    at_tmdb, at_omdb = queries.explain(1, NOW, POLICY)
    assert (at_tmdb.source, at_tmdb.is_due, at_tmdb.why) == (TMDB, True, Why.NAMED)
    assert at_tmdb.named_on == day_before(5)
    assert at_tmdb.words.startswith(
        "due since 2024-05-28 01:00 UTC: TMDB's change feed named it on 2024-05-27;"
    )
    assert (at_omdb.source, at_omdb.is_due, at_omdb.why) == (OMDB, False, Why.INTERVAL)
    assert at_omdb.due_at == days_ago(20) + timedelta(days=180)
    assert queries.explain(3, NOW, POLICY) == []


def test_an_answer_from_ahead_of_the_clock_is_not_believed(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """A clock that was a month ahead must not keep a film from being asked for that long."""
    put_films(warehouse, [-30])
    put(warehouse, CHANGE_DAYS, *days_read(*range(1, 61)))
    put(warehouse, TMDB_CHANGES, named(1, 3))
    assert whys(queries) == {1: Why.NEVER_FETCHED}
    assert queries.explain(1, NOW, POLICY)[0].why is Why.NEVER_FETCHED


def test_what_explains_a_film_is_what_makes_it_due(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """`ayne due` and a run must never disagree about a film."""
    put_films(warehouse, [91, 20, 151, 20, 10, 5])
    put(warehouse, FROZEN_FLAGS, flagged(1, is_frozen=True), flagged(2, is_frozen=True))
    put(warehouse, CHANGE_DAYS, *days_read(*range(1, 201)))
    put(warehouse, TMDB_CHANGES, named(2, 3), named(4, 21), named(5, 2))
    due = whys(queries)
    for film in range(1, 7):
        [told, _] = queries.explain(film, NOW, POLICY)
        assert (told.is_due, told.why if told.is_due else None) == (film in due, due.get(film))
