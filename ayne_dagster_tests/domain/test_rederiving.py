"""Rows read anew from archived answers: whose they are, what stays, and what comes back."""

from datetime import date, timedelta
from typing import Any

from ayne_dagster.domain.outcomes import FetchOutcome, Source
from ayne_dagster.domain.rederiving import rederived_rows
from ayne_dagster.domain.refreshing import FilmAnswer, apply_answers
from ayne_dagster.domain.tables import OMDB_RATINGS, TMDB_DETAILS
from ayne_dagster_tests.domain.test_refreshing import (
    NOW,
    ROW,
    THEN,
    answer,
    apply,
    apply_omdb,
    details,
    ratings,
    state,
    stored,
)

BEFORE = THEN - timedelta(days=9)


def told(**more: Any) -> FilmAnswer:
    """The archived answer of `THEN`, as the reader reads it today."""
    return FilmAnswer(7, None, ROW, THEN, details(7, fetched_at=THEN, **more))


def again(
    known: dict[int, Any], states: dict[int, Any], *answers: FilmAnswer
) -> list[dict[str, Any]]:
    found = rederived_rows(answers, known, states, contract=TMDB_DETAILS)
    assert list(found.columns) == TMDB_DETAILS.column_names
    return [{str(name): value for name, value in row.items()} for row in found.to_dict("records")]


def test_a_row_confirmed_by_unchanged_is_read_anew_from_the_answer_it_was_made_of() -> None:
    first = apply(told())
    known = {7: first.rows.to_dict("records")[0]}
    states = {7: first.states.to_dict("records")[0]}
    made = apply(answer(FetchOutcome.UNCHANGED), known=known, states=states)
    known, states = {7: made.rows.to_dict("records")[0]}, {7: made.states.to_dict("records")[0]}
    assert (states[7]["last_row_at"], states[7]["answered_at"]) == (THEN, NOW)
    [row] = again(known, states, told(title="Read better"))
    assert (row["title"], row["fetched_at"], row["changed_at"]) == ("Read better", NOW, THEN)


def test_a_corrected_date_moves_the_film_and_is_no_change_of_it() -> None:
    known = {7: stored(details(7), changed_at=BEFORE, gone_at=NOW)}
    better = told(release_date=date(1999, 12, 31), release_year="1999")
    [row] = again(known, {7: state()}, better)
    assert (row["release_year"], row["release_date"]) == ("1999", date(1999, 12, 31))
    assert (row["changed_at"], row["gone_at"], row["fetched_at"]) == (BEFORE, NOW, THEN)
    assert row["stable_fingerprint"] != known[7]["stable_fingerprint"]


def test_older_answers_are_not_read_into_newer_rows() -> None:
    known = {7: stored(details(7), at=NOW)}
    assert again(known, {7: state(answered_at=NOW, last_row_at=NOW)}, told(title="Old")) == []


def test_without_a_state_the_time_of_the_row_tells() -> None:
    assert again({7: stored(details(7))}, {}, told(title="Read"))[0]["title"] == "Read"
    assert again({7: stored(details(7), at=NOW)}, {}, told(title="Read")) == []


def test_a_figure_an_earlier_answer_gave_stays() -> None:
    known = {7: stored(details(7, budget_usd=4_000))}
    assert again(known, {7: state()}, told(budget_usd=None))[0]["budget_usd"] == 4_000


def test_a_lost_row_comes_back_from_its_newest_answer_only() -> None:
    older = FilmAnswer(7, None, ROW, BEFORE, details(7, fetched_at=BEFORE, title="Older"))
    [row] = again({}, {7: state(answered_at=NOW)}, older, told())
    assert (row["title"], row["fetched_at"], row["changed_at"]) == ("Film 7", THEN, THEN)
    assert row["gone_at"] is None
    assert again({}, {7: state(answered_at=NOW, gone_at=NOW)}, told())[0]["gone_at"] == NOW


def test_ratings_keep_their_film_and_a_lost_row_comes_once() -> None:
    """Films that share an imdb id: what one of them makes of the answer is not made twice."""
    at_omdb = state(source="omdb", imdb_id="tt0000007")
    read = [
        FilmAnswer(n, "tt0000007", ROW, THEN, ratings("tt0000007", n, fetched_at=THEN))
        for n in (7, 8)
    ]
    known = {"tt0000007": stored(ratings("tt0000007", 5), release_year="1999")}
    [row] = rederived_rows(read, known, {7: at_omdb}, contract=OMDB_RATINGS).to_dict("records")
    assert (row["tmdb_id"], row["release_year"]) == (5, "1999")
    for states in ({7: at_omdb}, {7: at_omdb, 8: {**at_omdb, "tmdb_id": 8}}):
        back = rederived_rows(read, {}, states, contract=OMDB_RATINGS)
        assert len(back) + len(apply_omdb(*read, states=states).rows) == 1


def test_a_state_and_a_row_from_a_clock_that_was_ahead_give_way() -> None:
    """A clock a year ahead blocked its films for a year."""
    ahead = NOW + timedelta(days=400)
    known = {7: stored(details(7), at=ahead)}
    states = {7: state(answered_at=ahead, last_row_at=ahead, not_found_since=ahead)}
    new = answer(ROW, row=details(7))
    late = {"source": Source.TMDB, "contract": TMDB_DETAILS}
    assert apply_answers([new], known, states, **late).states.empty
    made = apply_answers([new], known, states, **late, now=NOW)
    assert made.states[["answered_at", "last_row_at"]].to_numpy().tolist() == [[NOW, NOW]]
    assert made.rows[["fetched_at", "changed_at"]].to_numpy().tolist() == [[NOW, NOW]]
    # Minutes apart is how clocks are, and what came from ahead is not stored twice.
    near = {7: state(answered_at=NOW + timedelta(hours=23))}
    assert apply_answers([new], known, near, **late, now=NOW).states.empty
    same = FilmAnswer(7, None, ROW, ahead, details(7, fetched_at=ahead))
    assert apply_answers([same], known, states, **late, now=NOW).states.empty
