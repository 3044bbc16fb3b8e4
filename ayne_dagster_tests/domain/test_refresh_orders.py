"""Answers in any order, in parts, twice: each film stands once, and the newest answer wins."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from ayne_dagster.domain.outcomes import FetchOutcome, Source
from ayne_dagster.domain.refresh_states import StateRules, states_of_history
from ayne_dagster.domain.refreshing import FilmAnswer, Refreshed, apply_answers
from ayne_dagster.domain.tables import TMDB_DETAILS
from ayne_dagster_tests.domain.invented_answers import EMPTY_ANSWER, answers_of_tmdb, batches_of

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
PHASES = (Phase.generate, Phase.shrink)


def plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


class Tables:
    """What the warehouse would hold: a merge keeps the newer row, an append what is there."""

    def __init__(self) -> None:
        self.rows: dict[int, dict[str, Any]] = {}
        self.states: dict[int, dict[str, Any]] = {}
        self.history: dict[tuple[int, datetime], dict[str, Any]] = {}
        self.quarantined: dict[tuple[str, datetime], dict[str, Any]] = {}

    def apply(self, answers: Sequence[FilmAnswer]) -> Refreshed:
        made = apply_answers(
            answers, self.rows, self.states, source=Source.TMDB, contract=TMDB_DETAILS
        )
        for row in plain(made.rows):
            assert row["tmdb_id"] not in self.rows or (
                row["fetched_at"] >= self.rows[row["tmdb_id"]]["fetched_at"]
            )
            self.rows[row["tmdb_id"]] = row
        for row in plain(made.states):
            self.states[row["tmdb_id"]] = row
        for row in plain(made.history):
            self.history.setdefault((row["tmdb_id"], row["fetched_at"]), row)
        for row in plain(made.quarantined):
            self.quarantined.setdefault((row["request_key"], row["answered_at"]), row)
        return made


def is_nothing(made: Refreshed) -> bool:
    frames = (made.rows, made.history, made.states, made.quarantined)
    return all(frame.empty for frame in frames) and (made.changed, made.first) == (0, 0)


def check_any_order(answers: list[FilmAnswer], batches: list[list[FilmAnswer]]) -> None:
    tables = Tables()
    for batch in batches:
        tables.apply(batch)
    for number in {answer.tmdb_id for answer in answers}:
        told = [one for one in answers if one.tmdb_id == number and one.outcome.is_answer]
        # "Unchanged" says nothing where no row is stored.
        told = [one for one in told if one.outcome is not FetchOutcome.UNCHANGED]
        if not told:
            assert number not in tables.rows
            continue
        newest = max(told, key=lambda answer: answer.fetched_at)
        assert tables.states[number]["answered_at"] >= newest.fetched_at
        later = [
            one for one in answers if one.tmdb_id == number and one.fetched_at > newest.fetched_at
        ]
        # A later "unchanged" was said of the row stored at that moment, and confirms that one.
        if newest.outcome is FetchOutcome.ROW and not later:
            row = tables.rows[number]
            assert newest.row is not None
            assert (row["title"], row["release_year"]) == (
                newest.row["title"], newest.row["release_year"],
            )  # fmt: skip
            assert row["gone_at"] is None
            assert row["fetched_at"] == newest.fetched_at
        elif number in tables.rows:
            titles = {one.row["title"] for one in told if one.row}
            assert tables.rows[number]["title"] in titles
    for batch in [*batches, answers]:
        assert is_nothing(tables.apply([one for one in batch if _is_old(one, tables)]))


def _is_old(answer: FilmAnswer, tables: Tables) -> bool:
    """Whether the tables have heard of it, or of something newer."""
    state = tables.states.get(answer.tmdb_id)
    return state is None or answer.fetched_at <= state["answered_at"]


@given(st.data())
@settings(max_examples=15, phases=PHASES)
def test_in_any_order_each_film_stands_once_with_its_newest_answer(data: st.DataObject) -> None:
    answers = data.draw(answers_of_tmdb(FIRST))
    check_any_order(answers, data.draw(batches_of(answers)))


@pytest.mark.slow
@given(st.data())
@settings(max_examples=40, phases=PHASES)
def test_in_very_many_orders_each_film_stands_once(data: st.DataObject) -> None:
    answers = data.draw(answers_of_tmdb(FIRST, most=60))
    check_any_order(answers, data.draw(batches_of(answers)))


@given(st.data())
@settings(max_examples=15, phases=PHASES)
def test_a_run_cut_anywhere_and_taken_up_again_comes_to_the_same(data: st.DataObject) -> None:
    """A crash repeats the last batch: what was counted must not be counted twice."""
    answers = data.draw(answers_of_tmdb(FIRST))
    whole, parts = Tables(), Tables()
    whole.apply(answers)
    ordered = sorted(answers, key=lambda answer: answer.fetched_at)
    cuts = sorted(data.draw(st.sets(st.integers(0, len(ordered)))))
    for start, end in zip([0, *cuts], [*cuts, len(ordered)], strict=True):
        overlap = data.draw(st.integers(0, 5))
        parts.apply(ordered[max(0, start - overlap) : end])
        parts.apply(ordered[start:end])
    assert parts.rows == whole.rows
    assert parts.states == whole.states
    assert parts.history == whole.history
    assert parts.quarantined == whole.quarantined


@given(st.data())
@settings(max_examples=15, phases=PHASES)
def test_the_states_are_the_sum_of_the_history(data: st.DataObject) -> None:
    tables = Tables()
    for batch in data.draw(batches_of(data.draw(answers_of_tmdb(FIRST)))):
        tables.apply(batch)
    history = [tables.history[key] for key in sorted(tables.history)]
    summed = {state["tmdb_id"]: state for state in states_of_history(history, StateRules())}
    assert summed == tables.states


def test_refreshes_forced_all_day_long_count_as_one_cycle() -> None:
    """Five forced refreshes in an hour froze a film for five months."""
    row = {**EMPTY_ANSWER, "tmdb_id": 1, "release_year": "2001", "title": "Heat"}
    tables = Tables()
    for hours in (0, 1, 2, 23, 24, 25, 47, 48):
        at = FIRST + timedelta(hours=hours)
        seen = {**row, "fetched_at": at}
        tables.apply([FilmAnswer(1, None, FetchOutcome.ROW, at, seen)])
    assert tables.states[1]["unchanged_cycles"] == 2
