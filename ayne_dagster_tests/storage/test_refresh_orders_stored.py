"""The same orders against a real file: late writers, repeated batches, films that move."""

from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ayne_dagster.domain.outcomes import FetchOutcome, Source
from ayne_dagster.domain.refreshing import FilmAnswer, Refreshed, apply_answers
from ayne_dagster.domain.tables import (
    QUARANTINED_ANSWERS,
    REFRESH_HISTORY,
    REFRESH_STATE,
    TMDB_DETAILS,
)
from ayne_dagster.storage.duckdb_io_manager import write_batch
from ayne_dagster.storage.movie_queries import MovieQueries
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.domain.invented_answers import answers_of_tmdb, batches_of

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
PHASES = (Phase.generate, Phase.shrink)


def compared(queries: MovieQueries, answers: list[FilmAnswer]) -> Refreshed:
    """What the answers come to by what is stored at this moment."""
    films = {answer.tmdb_id for answer in answers}
    return apply_answers(
        answers,
        queries.stored_rows(TMDB_DETAILS, films),
        queries.refresh_states(Source.TMDB, films),
        source=Source.TMDB,
        contract=TMDB_DETAILS,
    )


def store(warehouse: Warehouse, made: Refreshed) -> bool:
    """Write it as a run does, and say whether any row changed."""
    report = write_batch(
        warehouse, TMDB_DETAILS, made.rows, years=None, purpose="a test",
        also={REFRESH_HISTORY: made.history, REFRESH_STATE: made.states,
              QUARANTINED_ANSWERS: made.quarantined},
    )  # fmt: skip
    return report.is_changed


def check(data: Any, most: int) -> None:
    """Writers read, answer and write at different times; some batches are written twice."""
    answers = data.draw(answers_of_tmdb(FIRST, most))
    with TemporaryDirectory() as folder:
        warehouse = Warehouse(Path(folder) / "ayne.duckdb")
        queries = MovieQueries(warehouse)
        late: list[Refreshed] = []
        for batch in data.draw(batches_of(answers)):
            late.append(compared(queries, batch))
            while late and data.draw(st.booleans()):
                made = late.pop(data.draw(st.integers(0, len(late) - 1)))
                store(warehouse, made)
                if data.draw(st.booleans()):
                    assert not store(warehouse, made)
        for made in late:
            store(warehouse, made)
        # Whoever was outrun asks again later; here: says it again.
        store(warehouse, compared(queries, answers))
        assert not store(warehouse, compared(queries, answers))
        if not warehouse.exists:
            return
        rows = warehouse.rows("SELECT * FROM tmdb_details")
        states = warehouse.rows("SELECT * FROM refresh_state")
        assert len({row["tmdb_id"] for row in rows}) == len(rows)
        assert len({row["tmdb_id"] for row in states}) == len(states)
        by_film = {row["tmdb_id"]: row for row in rows}
        stands = {state["tmdb_id"]: state for state in states}
        for number in {answer.tmdb_id for answer in answers}:
            told = [one for one in answers if one.tmdb_id == number and one.outcome.is_answer]
            if {one.outcome for one in told} <= {FetchOutcome.UNCHANGED}:
                continue
            newest = max(told, key=lambda one: one.fetched_at)
            if newest.outcome is not FetchOutcome.UNCHANGED:
                assert stands[number]["answered_at"] == newest.fetched_at
            if newest.row is not None:
                row = by_film[number]
                assert (row["title"], row["release_year"]) == (
                    newest.row["title"], newest.row["release_year"],
                )  # fmt: skip


@given(st.data())
@settings(max_examples=4, phases=PHASES)
def test_late_writers_never_win_over_newer_answers(data: Any) -> None:
    check(data, most=12)


@pytest.mark.slow
@given(st.data())
@settings(max_examples=8, phases=PHASES)
def test_late_writers_never_win_in_many_orders(data: Any) -> None:
    check(data, most=40)
