"""The questions about films, asked of real tables: what is due, what moved, what is counted."""

from datetime import UTC, date, datetime
from typing import Any

import pandas as pd
import pytest

from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.domain.tables import (
    DISCOVERED_MOVIES,
    DISCOVERY_WALKS,
    FROZEN_FLAGS,
    OMDB_RATINGS,
    REFRESH_HISTORY,
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
)

# No spread: the days below are meant exactly. The films are from 2001: TMDB 90 days, OMDb 180.
POLICY = RefreshPolicy(spread=0.0)


@pytest.fixture
def queries(warehouse: Warehouse) -> DueQueries:
    return DueQueries(warehouse)


def due(queries: DueQueries, source: Source, *years: str) -> list[int]:
    return queries.due(source, years or ["2001"], NOW, POLICY)["tmdb_id"].tolist()


def plan_of(queries: DueQueries, number: int) -> dict[str, Any]:
    films = queries.films_to_plan(["2001", "2002"], NOW)
    [film] = films[films["tmdb_id"] == number].to_dict("records")
    return {str(name): value for name, value in film.items()}


def test_nothing_was_ever_written(queries: DueQueries) -> None:
    """The first sensor tick comes before the first table."""
    assert due(queries, Source.TMDB) == []
    assert queries.films_per_year().empty
    assert queries.ratings_to_rehome(["2001"]) == []
    assert queries.walks(["2001"]) == {}
    assert queries.list_readings() == {}
    assert queries.details_coverage() == (0, 0)
    assert set(queries.table_sizes().values()) == {0}
    assert not queries.warehouse.exists


def test_a_film_never_asked_for_is_due_at_once(warehouse: Warehouse, queries: DueQueries) -> None:
    put(warehouse, DISCOVERED_MOVIES, discovered(1), discovered(2, "2002"))
    assert due(queries, Source.TMDB) == [1]
    assert due(queries, Source.TMDB, "2001", "2002") == [1, 2]


def test_omdb_is_asked_for_films_with_an_imdb_id_only(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """Nothing wrote the id back once, so the same films were asked for on every run."""
    put(warehouse, DISCOVERED_MOVIES, discovered(1), discovered(2), discovered(3))
    put(warehouse, TMDB_DETAILS, detailed(2), detailed(3, imdb_id=None))
    assert due(queries, Source.OMDB) == [2]


def test_a_fresh_answer_is_not_asked_for_again_and_an_old_one_is(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    put(warehouse, TMDB_DETAILS, *(detailed(number) for number in (1, 2, 3)))
    put(
        warehouse, REFRESH_HISTORY,
        asked("tmdb", 1, 89), asked("tmdb", 2, 90), asked("tmdb", 3, 400), asked("tmdb", 3, 1),
    )  # fmt: skip
    assert due(queries, Source.TMDB) == [2]


def test_an_answer_of_one_source_says_nothing_about_the_other(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    put(warehouse, TMDB_DETAILS, detailed(1))
    put(warehouse, REFRESH_HISTORY, asked("tmdb", 1, 1))
    assert (due(queries, Source.TMDB), due(queries, Source.OMDB)) == ([], [1])


def test_an_answer_for_another_imdb_id_does_not_count(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """TMDB corrects ids: the ratings at hand are another film's."""
    put(warehouse, TMDB_DETAILS, detailed(1, imdb_id="tt7777777"), detailed(2))
    put(warehouse, OMDB_RATINGS, rated(1), rated(2))
    put(warehouse, REFRESH_HISTORY, asked("omdb", 1, 1, imdb_id="tt0000001"), asked("omdb", 2, 1))
    assert due(queries, Source.OMDB) == [1]


def test_a_film_not_found_once_is_asked_for_again_and_gone_after_twice(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """A single 404 may be a ghost; two a day apart are the truth."""
    lost: dict[str, Any] = {"first_seen_at": days_ago(400), "last_seen_at": days_ago(300)}
    put(warehouse, DISCOVERED_MOVIES, *(discovered(number, **lost) for number in (1, 2, 3, 4)))
    put(
        warehouse, REFRESH_HISTORY,
        asked("tmdb", 1, 2, "not_found"),
        asked("tmdb", 2, 200, "not_found"), asked("tmdb", 2, 198, "not_found"),
        asked("tmdb", 3, 0.5, "not_found"),
        # Found in between: the count starts again.
        asked("tmdb", 4, 9, "not_found"), asked("tmdb", 4, 5), asked("tmdb", 4, 2, "not_found"),
    )  # fmt: skip
    assert sorted(due(queries, Source.TMDB)) == [1, 4]
    assert plan_of(queries, 4)["tmdb_not_found_since"] == pd.Timestamp(days_ago(2))


def test_a_frozen_film_is_asked_for_after_its_recheck_only(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    put(warehouse, TMDB_DETAILS, detailed(1), detailed(2), detailed(3))
    put(
        warehouse, REFRESH_HISTORY,
        asked("tmdb", 1, 159), asked("tmdb", 2, 160), asked("tmdb", 3, 159),
    )  # fmt: skip
    put(
        warehouse, FROZEN_FLAGS,
        flagged(1, is_frozen=True), flagged(2, is_frozen=True), flagged(3, is_frozen=False),
    )  # fmt: skip
    assert sorted(due(queries, Source.TMDB)) == [2, 3]


def test_unchanged_cycles_are_counted_from_the_history(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """They were a constant once, and films froze by age alone."""
    put(warehouse, TMDB_DETAILS, detailed(1), detailed(2), detailed(3))
    put(
        warehouse, REFRESH_HISTORY,
        asked("tmdb", 1, 400, is_first=True), asked("tmdb", 1, 300), asked("tmdb", 1, 200),
        asked("tmdb", 1, 100),
        asked("tmdb", 2, 400, is_first=True), asked("tmdb", 2, 300, changed=["title"]),
        asked("tmdb", 2, 200, "unusable"), asked("tmdb", 2, 100), asked("omdb", 2, 100),
        asked("tmdb", 3, 100, is_first=True),
    )  # fmt: skip
    cycles = {n: plan_of(queries, n)["tmdb_unchanged_cycles"] for n in (1, 2, 3)}
    assert cycles == {1: 3, 2: 1, 3: 0}


def test_the_order_of_work_is_never_fetched_then_overdue_then_popular(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    put(
        warehouse, DISCOVERED_MOVIES,
        discovered(1, popularity=1.0), discovered(2, popularity=9.0), discovered(3), discovered(4),
    )  # fmt: skip
    put(warehouse, TMDB_DETAILS, detailed(3), detailed(4))
    put(warehouse, REFRESH_HISTORY, asked("tmdb", 3, 100), asked("tmdb", 4, 300))
    assert due(queries, Source.TMDB) == [2, 1, 4, 3]
    assert len(queries.due(Source.TMDB, ["2001"], NOW, POLICY, limit=3)) == 3


def test_details_decide_year_and_date_where_lists_say_otherwise(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """A film that moved was planned for its old year, where nobody asked for it."""
    put(warehouse, DISCOVERED_MOVIES, discovered(1, "2001"))
    put(warehouse, TMDB_DETAILS, detailed(1, "2002", release_date=date(2002, 1, 1)))
    assert due(queries, Source.TMDB, "2001") == []
    film = plan_of(queries, 1)
    assert (film["release_year"], film["release_date"]) == ("2002", pd.Timestamp("2002-01-01"))


def test_ratings_follow_a_film_into_its_new_year(warehouse: Warehouse, queries: DueQueries) -> None:
    put(warehouse, OMDB_RATINGS, rated(1, "2001", imdb_rating=7.5), rated(2, "2001"))
    put(warehouse, TMDB_DETAILS, detailed(1, "2002"), detailed(2, "2001"))
    [row] = queries.ratings_to_rehome(["2002"])
    assert (row["imdb_id"], row["release_year"], row["imdb_rating"]) == ("tt0000001", "2002", 7.5)
    # A run over the year it left carries it along too: the new year may have no run for weeks.
    assert queries.ratings_to_rehome(["2001"]) == [row]
    assert queries.ratings_to_rehome(["2003"]) == []
    put(warehouse, OMDB_RATINGS, row)
    assert queries.ratings_to_rehome(["2001", "2002"]) == []


def test_films_that_share_an_imdb_id_do_not_pull_its_ratings_to_and_fro(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """The first film's year is the ratings' year; two homes would mean a write on every run."""
    put(warehouse, OMDB_RATINGS, rated(1, "2001"))
    put(warehouse, TMDB_DETAILS, detailed(1, "2001"), detailed(2, "2002", imdb_id="tt0000001"))
    assert queries.ratings_to_rehome(["2001", "2002"]) == []


def test_films_per_year_counts_each_stage(warehouse: Warehouse, queries: DueQueries) -> None:
    put(warehouse, DISCOVERED_MOVIES, discovered(1), discovered(2), discovered(3, "undated"))
    put(warehouse, TMDB_DETAILS, detailed(1), detailed(4, "2002"))
    counts = queries.films_per_year().set_index("release_year")
    assert counts["discovered_movies"].to_dict() == {"2001": 2, "2002": 0, "undated": 1}
    assert counts["tmdb_details"].to_dict() == {"2001": 1, "2002": 1, "undated": 0}
    assert counts["forecasts"].sum() == 0


def test_a_film_tmdb_does_not_know_counts_as_covered(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    put(warehouse, DISCOVERED_MOVIES, discovered(1), discovered(2), discovered(3),
        discovered(4, "2002"))  # fmt: skip
    put(warehouse, TMDB_DETAILS, detailed(1))
    put(warehouse, REFRESH_HISTORY, asked("tmdb", 2, 1, "not_found"))
    assert queries.details_coverage() == (3, 2)


def test_a_walked_year_without_any_details_is_the_worst_coverage(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """It was left out of the count, so that the check passed where everything was missing."""
    put(warehouse, DISCOVERED_MOVIES, discovered(1), discovered(2))
    walk = {
        "release_year": "2001", "walked_at": datetime(2026, 1, 1, tzinfo=UTC), "min_votes": 0,
        "max_pages": None, "windows": 1, "requests": 1, "films_reported": 2, "films_seen": 2,
        "is_truncated": False,
    }  # fmt: skip
    put(warehouse, DISCOVERY_WALKS, walk)
    assert queries.details_coverage() == (2, 0)


def test_counts_of_the_checks_see_what_is_wrong(warehouse: Warehouse, queries: DueQueries) -> None:
    put(
        warehouse, TMDB_DETAILS,
        detailed(1, title="Typed in millions", budget_usd=150, fetched_at=days_ago(10)),
        detailed(2, budget_usd=1000, fetched_at=days_ago(200)),
        detailed(3, fetched_at=days_ago(200), gone_at=days_ago(200)),
    )  # fmt: skip
    assert [film["tmdb_id"] for film in queries.unit_mistakes()] == [1]
    assert queries.rows_older_than(TMDB_DETAILS, NOW, 180) == 1
    assert queries.distinct_films(["2001"]) == {"rows": 3, "films": 3, "imdb ids": 0}


def test_stored_rows_come_back_as_plain_values(warehouse: Warehouse, queries: DueQueries) -> None:
    """A frame's NaN in place of None once counted as a change of every film."""
    put(warehouse, TMDB_DETAILS, detailed(1, genres=["Drama"]), detailed(2))
    [(key, row)] = queries.stored_rows(TMDB_DETAILS, [1, 99]).items()
    assert key == 1
    assert (row["genres"], row["budget_usd"], row["release_date"]) == (
        ["Drama"], None, date(2001, 3, 4),
    )  # fmt: skip
    assert queries.stored_rows(TMDB_DETAILS, []) == {}
