"""States of films: summed up once from an older warehouse, and what reading one needs."""

from datetime import timedelta

import pyarrow as pa
import pytest

from ayne_dagster.domain.outcomes import Source
from ayne_dagster.domain.quarantine import NO_FILM_HAS_IT, ratings_that_leave
from ayne_dagster.domain.refresh_policy import RefreshPolicy
from ayne_dagster.domain.tables import (
    DISCOVERED_MOVIES,
    OMDB_RATINGS,
    QUARANTINED_ANSWERS,
    REFRESH_HISTORY,
    REFRESH_STATE,
    TMDB_DETAILS,
)
from ayne_dagster.storage.duckdb_io_manager import write_batch
from ayne_dagster.storage.due_queries import DueQueries
from ayne_dagster.storage.refresh_states import rebuild_refresh_state
from ayne_dagster.storage.table_writes import delete_rows
from ayne_dagster.storage.warehouse import Warehouse, transaction
from ayne_dagster.storage.wrong_clocks import set_back_clocks
from ayne_dagster_tests.storage.film_rows import (
    NOW,
    asked,
    days_ago,
    detailed,
    discovered,
    put,
    rated,
)

POLICY = RefreshPolicy(spread=0.0)


@pytest.fixture
def queries(warehouse: Warehouse) -> DueQueries:
    return DueQueries(warehouse)


def due(queries: DueQueries, source: Source) -> list[int]:
    return queries.due(source, ["2001", "2002"], NOW, POLICY)["tmdb_id"].tolist()


def test_a_warehouse_with_a_history_only_is_summed_up_once(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    put(
        warehouse, REFRESH_HISTORY,
        asked("tmdb", 1, 100, is_first=True), asked("tmdb", 1, 50), asked("tmdb", 1, 49.9),
        asked("tmdb", 1, 10),
        asked("tmdb", 2, 9, "not_found"), asked("tmdb", 2, 7, "not_found"),
        asked("omdb", 1, 40, imdb_id="tt0000009"), asked("omdb", 1, 20, "not_found"),
    )  # fmt: skip
    states = queries.refresh_states(Source.TMDB, [1, 2, 3])
    assert set(states) == {1, 2}
    assert (states[1]["answered_at"], states[1]["unchanged_cycles"]) == (days_ago(10), 2)
    assert (states[1]["last_change_at"], states[1]["gone_at"]) == (days_ago(100), None)
    assert (states[2]["not_found_since"], states[2]["gone_at"]) == (days_ago(9), days_ago(7))
    omdb = queries.refresh_states(Source.OMDB, [1])[1]
    # The answer for another id is none for this one.
    assert (omdb["imdb_id"], omdb["last_row_at"]) == ("tt0000001", None)
    assert rebuild_refresh_state(warehouse) == 0


def test_where_nothing_was_written_nothing_is_summed_up(warehouse: Warehouse) -> None:
    assert rebuild_refresh_state(warehouse) == 0
    put(warehouse, DISCOVERED_MOVIES, discovered(1))
    assert rebuild_refresh_state(warehouse) == 0
    assert warehouse.table_names() == {"discovered_movies"}


def test_a_table_without_a_column_its_contract_gained_can_be_read(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """A release with a new column could not plan until something had been written."""
    put(warehouse, TMDB_DETAILS, detailed(1))
    with warehouse.writing("an older release") as connection:
        connection.execute("ALTER TABLE tmdb_details DROP COLUMN etag")
    assert queries.stored_rows(TMDB_DETAILS, [1])[1]["etag"] is None
    assert due(queries, Source.TMDB) == [1]


def test_an_id_that_comes_back_is_asked_for_again(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """A film TMDB took away and put back was gone for good."""
    put(
        warehouse, DISCOVERED_MOVIES,
        discovered(1, first_seen_at=days_ago(99), last_seen_at=days_ago(8)),
        discovered(2, first_seen_at=days_ago(99), last_seen_at=days_ago(6)),
        discovered(3, first_seen_at=days_ago(99), last_seen_at=days_ago(0.1)),
    )  # fmt: skip
    gone = [[asked("tmdb", n, last + 2, "not_found"), asked("tmdb", n, last, "not_found")]
            for n, last in ((1, 7), (2, 7), (3, 0.5))]  # fmt: skip
    put(warehouse, REFRESH_HISTORY, *(row for rows in gone for row in rows))
    assert due(queries, Source.TMDB) == [2]
    assert queries.due(Source.TMDB, ["2001"], NOW, POLICY, force=True)["tmdb_id"].size == 3


def test_a_corrected_imdb_id_is_asked_for_at_once_and_the_old_ratings_leave(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    put(warehouse, OMDB_RATINGS, rated(1, imdb_rating=7.5), rated(2), rated(3))
    put(warehouse, REFRESH_HISTORY, *(asked("omdb", n, 1) for n in (1, 2, 3)))
    put(
        warehouse, TMDB_DETAILS,
        # 1 has a new id, 3 shares the id of 2 and its own old id is still that of 4.
        detailed(1, imdb_id="tt7777777"), detailed(2), detailed(3, imdb_id="tt0000002"),
        detailed(4, imdb_id="tt0000003"),
    )  # fmt: skip
    assert sorted(due(queries, Source.OMDB)) == [1, 3, 4]
    [leaving] = queries.ratings_without_film()
    assert (leaving["imdb_id"], leaving["imdb_rating"]) == ("tt0000001", 7.5)
    assert queries.ratings_without_film(["2001"]) == [leaving]
    assert queries.ratings_without_film(["2002"]) == []

    qualified = warehouse.qualified(OMDB_RATINGS.name)
    keys = pa.table({"imdb_id": ["tt0000001", "tt0000002", "tt9999999"]})
    write_batch(
        warehouse, QUARANTINED_ANSWERS, ratings_that_leave([leaving]), years=None, purpose="a test"
    )
    with warehouse.writing("a test") as connection, transaction(connection):
        report = delete_rows(
            connection, OMDB_RATINGS, qualified, keys,
            unless_named_in=warehouse.qualified(TMDB_DETAILS.name),
        )  # fmt: skip
    assert (report.deleted, report.touched_years) == (1, ("2001",))
    assert [row["imdb_id"] for row in warehouse.rows(f"FROM {qualified} ORDER BY imdb_id")] == [
        "tt0000002", "tt0000003",
    ]  # fmt: skip
    [kept] = warehouse.rows("FROM quarantined_answers")
    assert (kept["request_key"], kept["tmdb_id"], kept["reason"]) == (
        "tt0000001", 1, NO_FILM_HAS_IT,
    )  # fmt: skip
    assert '"imdb_rating": 7.5' in kept["body"]


def test_an_id_that_returns_after_its_ratings_left_is_asked_for_again(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """Its state says "answered yesterday", and the answer is not there any more."""
    put(warehouse, TMDB_DETAILS, detailed(1), detailed(2))
    put(warehouse, OMDB_RATINGS, rated(2))
    put(
        warehouse, REFRESH_HISTORY,
        asked("omdb", 1, 1), asked("omdb", 2, 1),
    )  # fmt: skip
    assert due(queries, Source.OMDB) == [1]


def test_ratings_stay_while_their_film_says_no_id_at_all(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """TMDB answered `imdb_id: null` once, and good ratings left."""
    put(warehouse, OMDB_RATINGS, rated(1), rated(2))
    put(warehouse, TMDB_DETAILS, detailed(1, imdb_id=None), detailed(2, imdb_id="tt7777777"))
    assert [row["tmdb_id"] for row in queries.ratings_without_film()] == [2]


def test_films_whose_table_was_dropped_are_asked_for_again(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """Drop the table and materialize again: nothing was due, for all had been answered."""
    put(warehouse, DISCOVERED_MOVIES, *(discovered(n) for n in (1, 2, 3, 4)))
    put(warehouse, TMDB_DETAILS, *(detailed(n) for n in (1, 2, 3)))
    put(
        warehouse, REFRESH_HISTORY,
        asked("tmdb", 1, 1), asked("tmdb", 2, 3), asked("tmdb", 2, 1, "unchanged"),
        # Not there when asked last: asked again a day after that, not on every tick.
        asked("tmdb", 3, 3), asked("tmdb", 3, 0.5, "not_found"),
        asked("tmdb", 4, 0.5, "not_found"),
    )  # fmt: skip
    assert due(queries, Source.TMDB) == []
    with warehouse.writing("a test") as connection:
        connection.execute(f"DROP TABLE {warehouse.qualified(TMDB_DETAILS.name)}")
    assert sorted(due(queries, Source.TMDB)) == [1, 2]
    plan = queries.films_to_plan(["2001"], NOW).set_index("tmdb_id")["tmdb_answered_at"]
    assert plan.isna().to_dict() == {1: True, 2: True, 3: False, 4: False}


def test_ratings_that_left_and_are_not_found_wait_like_others(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """They would be asked for on every tick: no answer could bring the row back."""
    put(warehouse, TMDB_DETAILS, detailed(1), detailed(2))
    put(
        warehouse, REFRESH_HISTORY,
        asked("omdb", 1, 9), asked("omdb", 1, 1, "not_found"),
        asked("omdb", 2, 99), asked("omdb", 2, 31, "not_found"),
    )  # fmt: skip
    assert due(queries, Source.OMDB) == [2]


@pytest.mark.parametrize("source", Source)
def test_a_state_from_a_clock_that_was_ahead_blocks_no_film(
    warehouse: Warehouse, queries: DueQueries, source: Source
) -> None:
    put(warehouse, TMDB_DETAILS, detailed(1), detailed(2))
    put(warehouse, OMDB_RATINGS, rated(1), rated(2))
    put(warehouse, REFRESH_HISTORY, asked(source, 1, -700), asked(source, 2, -0.9))
    assert due(queries, source) == [1]
    plan = queries.films_to_plan(["2001"], NOW).set_index("tmdb_id")[f"{source}_answered_at"]
    assert plan.isna().to_dict() == {1: True, 2: False}


def test_what_a_wrong_clock_stored_lets_the_next_answer_in(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    """A merge keeps the later moment: the film would be asked for on every tick for years."""
    assert set_back_clocks(warehouse, NOW, None) == 0
    put(warehouse, TMDB_DETAILS, detailed(1, fetched_at=days_ago(-700)), detailed(2))
    put(warehouse, REFRESH_HISTORY, asked("tmdb", 1, -700), asked("tmdb", 2, -0.9))
    assert set(queries.refresh_states(Source.TMDB, [1, 2])) == {1, 2}
    assert [set_back_clocks(warehouse, NOW, None) for _ in range(2)] == [2, 0]
    assert set(queries.refresh_states(Source.TMDB, [1, 2])) == {2}
    assert due(queries, Source.TMDB) == [1]
    put(warehouse, TMDB_DETAILS, detailed(1, title="New", fetched_at=NOW + timedelta(hours=1)))
    assert queries.stored_rows(TMDB_DETAILS, [1])[1]["title"] == "New"


def test_a_withdrawn_date_moves_a_film_to_the_undated(
    warehouse: Warehouse, queries: DueQueries
) -> None:
    put(warehouse, DISCOVERED_MOVIES, discovered(1))
    put(warehouse, TMDB_DETAILS, detailed(1))
    put(warehouse, OMDB_RATINGS, rated(1))
    moved = detailed(1, "undated", release_date=None, fetched_at=NOW + timedelta(days=1))
    put(warehouse, TMDB_DETAILS, moved)
    assert warehouse.rows("SELECT release_year FROM tmdb_details") == [{"release_year": "undated"}]
    assert queries.films_to_plan(["2001"], NOW).empty
    assert queries.films_to_plan(["undated"], NOW)["tmdb_id"].tolist() == [1]
    assert [row["release_year"] for row in queries.ratings_to_rehome(["2001"])] == ["undated"]
    assert queries.films_known(Source.TMDB, ["2001"]) == 0
    assert queries.films_known(Source.TMDB, ["2001", "undated"]) == 1
    assert queries.films_known(Source.OMDB, ["undated"]) == 1


def test_rows_are_deleted_with_their_transaction_or_not_at_all(
    warehouse: Warehouse,
) -> None:
    put(warehouse, OMDB_RATINGS, rated(1), rated(2))
    qualified = warehouse.qualified(OMDB_RATINGS.name)
    keys = pa.table({"imdb_id": ["tt0000001"]})
    with warehouse.writing("a test") as connection:
        connection.begin()
        assert delete_rows(connection, OMDB_RATINGS, qualified, keys).deleted == 1
        # Given back without a commit, as after any failure.
    assert len(warehouse.rows(f"FROM {qualified}")) == 2


def test_a_state_is_merged_and_an_older_one_changes_nothing(warehouse: Warehouse) -> None:
    state = {
        "source": "tmdb", "tmdb_id": 1, "imdb_id": None, "answered_at": days_ago(1),
        "outcome": "row", "not_found_since": None, "gone_at": None, "last_row_at": days_ago(1),
        "last_change_at": None, "unchanged_cycles": 3, "last_cycle_at": days_ago(1),
    }  # fmt: skip
    put(warehouse, REFRESH_STATE, state)
    put(warehouse, REFRESH_STATE, {**state, "answered_at": days_ago(2), "unchanged_cycles": 2})
    put(warehouse, REFRESH_STATE, {**state, "source": "omdb", "imdb_id": "tt0000001"})
    stored = warehouse.rows("SELECT source, unchanged_cycles FROM refresh_state ORDER BY source")
    assert [(row["source"], row["unchanged_cycles"]) for row in stored] == [
        ("omdb", 3),
        ("tmdb", 3),
    ]
