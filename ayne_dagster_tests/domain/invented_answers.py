"""Answers and the orders in which they may arrive, for property tests of what is stored.

Lives here: hypothesis strategies. Not here: what must hold (`test_refresh_orders.py`,
`storage/test_refresh_orders_stored.py`).
"""

from datetime import datetime, timedelta

from hypothesis import strategies as st

from ayne_dagster.domain.outcomes import FetchOutcome
from ayne_dagster.domain.refreshing import FilmAnswer
from ayne_dagster.domain.tables import TMDB_DETAILS
from ayne_dagster.domain.tables.contract import ColumnType

_LISTS = (ColumnType.BIGINT_LIST, ColumnType.VARCHAR_LIST)
EMPTY_ANSWER = {
    column.name: [] if column.type in _LISTS else None
    for column in TMDB_DETAILS.columns
    if column.name not in ("stable_fingerprint", "changed_at", "gone_at")
}
_OUTCOMES = [*FetchOutcome, FetchOutcome.ROW, FetchOutcome.ROW, FetchOutcome.NOT_FOUND]


def answers_of_tmdb(first: datetime, most: int = 16) -> st.SearchStrategy[list[FilmAnswer]]:
    """Answers for a few films at different moments, half a day apart at least."""

    def answer(number: int, half_days: int, outcome: FetchOutcome, title: str, year: str):
        at = first + timedelta(hours=12 * half_days)
        row = None
        if outcome is FetchOutcome.ROW:
            row = {**EMPTY_ANSWER, "tmdb_id": number, "title": title, "release_year": year,
                   "imdb_id": f"tt000000{number}", "fetched_at": at}  # fmt: skip
        return FilmAnswer(number, None, outcome, at, row, body="<html>")

    return st.lists(
        st.builds(
            answer,
            st.integers(1, 3),
            st.integers(0, 40),
            st.sampled_from(_OUTCOMES),
            st.sampled_from(["Heat", "Ran", "M"]),
            st.sampled_from(["2001", "2002", "undated"]),
        ),
        max_size=most,
        unique_by=lambda one: (one.tmdb_id, one.fetched_at),
    )


def batches_of(answers: list[FilmAnswer]) -> st.SearchStrategy[list[list[FilmAnswer]]]:
    """The answers in any order, cut anywhere, some of them again."""
    if not answers:
        return st.just([])
    again = st.lists(st.sampled_from(answers), max_size=6)
    return st.tuples(st.permutations(answers), again, st.integers(1, 6)).map(
        lambda drawn: _cut([*drawn[0], *drawn[1]], drawn[2])
    )


def _cut(answers: list[FilmAnswer], size: int) -> list[list[FilmAnswer]]:
    return [answers[start : start + size] for start in range(0, len(answers), size)]
