"""What answers come to: rows, history, or nothing; and what they must never overwrite."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from ayne_dagster.domain.fingerprints import stable_fields, stable_fingerprint
from ayne_dagster.domain.frame_check import check_frame
from ayne_dagster.domain.outcomes import FetchOutcome, Source
from ayne_dagster.domain.refreshing import FilmAnswer, Refreshed, apply_answers
from ayne_dagster.domain.tables import OMDB_RATINGS, REFRESH_HISTORY, REFRESH_STATE, TMDB_DETAILS
from ayne_dagster.domain.tables.contract import ColumnType, TableContract

THEN = datetime(2026, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 5, 20, 12, 0, tzinfo=UTC)
ROW = FetchOutcome.ROW
NO_ANSWERS = [FetchOutcome.FAILED, FetchOutcome.DEFERRED]
NO_ROWS = [FetchOutcome.NOT_FOUND, FetchOutcome.UNUSABLE]


def details(tmdb_id: int, **more: Any) -> dict[str, Any]:
    """A fetched row of TMDB: everything but what the platform itself adds."""
    row = _empty(TMDB_DETAILS)
    for name in ("stable_fingerprint", "changed_at", "gone_at"):
        del row[name]
    return {
        **row,
        "tmdb_id": tmdb_id,
        "release_year": "2001",
        "title": f"Film {tmdb_id}",
        "release_date": date(2001, 3, 2),
        "popularity": 3.5,
        "vote_count": 40,
        "vote_average": 6.5,
        "revenue_usd": 1_000_000,
        "fetched_at": NOW,
        **more,
    }


def ratings(imdb_id: str, tmdb_id: int, **more: Any) -> dict[str, Any]:
    row = _empty(OMDB_RATINGS)
    for name in ("stable_fingerprint", "changed_at"):
        del row[name]
    return {
        **row,
        "imdb_id": imdb_id,
        "tmdb_id": tmdb_id,
        "release_year": "2001",
        "imdb_rating": 7.1,
        "imdb_votes": 900,
        "us_box_office_usd": 5_000,
        "fetched_at": NOW,
        **more,
    }


def _empty(contract: TableContract) -> dict[str, Any]:
    lists = (ColumnType.BIGINT_LIST, ColumnType.VARCHAR_LIST)
    return {c.name: [] if c.type in lists else None for c in contract.columns}


def stored(row: dict[str, Any], at: datetime = THEN, **more: Any) -> dict[str, Any]:
    """The row as the warehouse holds it since `at`."""
    contract = OMDB_RATINGS if "imdb_votes" in row else TMDB_DETAILS
    kept = {
        **row,
        "fetched_at": at,
        "changed_at": at,
        "stable_fingerprint": stable_fingerprint(row, stable_fields(contract)),
        **({"gone_at": None} if contract is TMDB_DETAILS else {}),
        **more,
    }
    assert set(kept) == set(contract.column_names)
    return kept


def answer(outcome: FetchOutcome, tmdb_id: int = 7, row: dict[str, Any] | None = None, **more: Any):
    return FilmAnswer(tmdb_id, (row or {}).get("imdb_id"), outcome, NOW, row, **more)


def apply(
    *answers: FilmAnswer,
    known: dict[Any, dict] | None = None,
    states: dict[int, dict] | None = None,
) -> Refreshed:
    return apply_answers(
        answers, known or {}, states or {}, source=Source.TMDB, contract=TMDB_DETAILS
    )


def apply_omdb(
    *answers: FilmAnswer,
    known: dict[Any, dict] | None = None,
    states: dict[int, dict] | None = None,
) -> Refreshed:
    return apply_answers(
        answers, known or {}, states or {}, source=Source.OMDB, contract=OMDB_RATINGS
    )


def state(tmdb_id: int = 7, **more: Any) -> dict[str, Any]:
    """What the states table holds of a film TMDB answered for at `THEN`."""
    row = _empty(REFRESH_STATE)
    return {**row, "source": "tmdb", "tmdb_id": tmdb_id, "answered_at": THEN, "outcome": "row",
            "unchanged_cycles": 0, "last_row_at": THEN, "last_cycle_at": THEN, **more}  # fmt: skip


def test_a_first_answer_is_new_not_changed():
    made = apply(answer(ROW, row=details(7)))
    assert (made.first, made.changed) == (1, 0)
    row = made.rows.iloc[0]
    assert row["changed_at"] == NOW
    assert row["gone_at"] is None
    assert made.history["is_first"].tolist() == [True]
    assert made.history["changed_fields"].tolist() == [[]]


@pytest.mark.parametrize(
    "volatile", [{}, {"popularity": 99.0, "vote_count": 9, "similar_ids": [5]}]
)
def test_an_unchanged_answer_keeps_changed_at_and_renews_fetched_at(volatile: dict[str, Any]):
    made = apply(answer(ROW, row=details(7, **volatile)), known={7: stored(details(7))})
    row = made.rows.iloc[0]
    assert row["changed_at"] == THEN
    assert row["fetched_at"] == NOW
    assert (made.first, made.changed) == (0, 0)
    assert made.history["changed_fields"].tolist() == [[]]


def test_a_changed_answer_names_its_fields_and_moves_changed_at():
    new = details(7, title="Renamed", revenue_usd=2_000_000, popularity=9.0)
    made = apply(answer(ROW, row=new), known={7: stored(details(7))})
    row = made.rows.iloc[0]
    assert row["changed_at"] == NOW
    assert row["title"] == "Renamed"
    assert row["stable_fingerprint"] != stored(details(7))["stable_fingerprint"]
    assert made.history["changed_fields"].tolist() == [["title", "revenue_usd"]]
    assert (made.first, made.changed) == (0, 1)


@pytest.mark.parametrize("outcome", NO_ANSWERS)
def test_mistake_7_a_failed_call_overwrites_nothing_and_is_no_history(outcome: FetchOutcome):
    """A failed detail call overwrote good values with NULL; a capped film was never due again."""
    made = apply(answer(outcome), known={7: stored(details(7))})
    assert made.rows.empty
    assert made.history.empty


@pytest.mark.parametrize("outcome", NO_ROWS)
@pytest.mark.parametrize("is_known", [True, False])
def test_an_answer_without_a_row_is_remembered_and_leaves_the_stored_row(
    outcome: FetchOutcome, is_known: bool
):
    known = {7: stored(details(7))} if is_known else {}
    made = apply(answer(outcome, detail="The resource could not be found."), known=known)
    assert made.rows.empty
    assert made.history["outcome"].tolist() == [outcome.value]
    assert made.history["detail"].tolist() == ["The resource could not be found."]
    assert made.history["is_first"].tolist() == [not is_known]


def test_an_answer_that_claims_a_row_and_has_none_is_a_bug_said_aloud():
    with pytest.raises(ValueError, match="film 7: an answer with outcome row has no row"):
        apply(answer(ROW))


def not_found(known: dict, since: datetime | None) -> Refreshed:
    before = state(outcome="not_found", not_found_since=since, answered_at=since or THEN)
    return apply(answer(FetchOutcome.NOT_FOUND), known={7: known}, states={7: before})


def test_not_found_once_does_not_bury_a_film():
    assert not_found(stored(details(7)), None).rows.empty


def test_not_found_twice_within_a_day_does_not_bury_a_film():
    assert not_found(stored(details(7)), NOW - timedelta(hours=23, minutes=59)).rows.empty


def test_not_found_twice_a_day_apart_sets_gone_at_and_keeps_everything_else():
    made = not_found(stored(details(7)), NOW - timedelta(days=1))
    assert made.rows.to_dict("records") == [{**stored(details(7)), "gone_at": NOW}]


def test_a_film_that_is_gone_stays_gone_since_the_first_time():
    buried = stored(details(7), gone_at=THEN)
    since = THEN - timedelta(days=9)
    before = state(outcome="not_found", not_found_since=since, gone_at=THEN)
    made = apply(answer(FetchOutcome.NOT_FOUND), known={7: buried}, states={7: before})
    assert made.rows.empty
    assert made.states["gone_at"].tolist() == [THEN]


def test_a_film_that_comes_back_is_gone_no_longer():
    made = apply(answer(ROW, row=details(7)), known={7: stored(details(7), gone_at=THEN)})
    assert made.rows.iloc[0]["gone_at"] is None


def test_omdb_has_no_tombstones():
    known = {"tt0000007": stored(ratings("tt0000007", 7))}
    made = apply_answers(
        [FilmAnswer(7, "tt0000007", FetchOutcome.NOT_FOUND, NOW)],
        known,
        {7: state(source="omdb", imdb_id="tt0000007", not_found_since=THEN)},
        source=Source.OMDB,
        contract=OMDB_RATINGS,
    )
    assert made.rows.empty
    assert made.states.iloc[0]["gone_at"] is None
    assert len(made.history) == 1


def test_two_films_sharing_an_imdb_id_share_one_row_and_have_a_history_each():
    """Two TMDB entries of one film: the second row made the key repeat and the write fail."""
    made = apply_omdb(
        answer(ROW, 7, ratings("tt0000007", 7)), answer(ROW, 8, ratings("tt0000007", 8))
    )
    assert made.rows["tmdb_id"].tolist() == [7]
    assert made.history["tmdb_id"].tolist() == [7, 8]
    assert made.first == 1
    assert check_frame(made.rows, OMDB_RATINGS).num_rows == 1


def test_the_history_keeps_the_numbers_of_the_day():
    tmdb = apply(answer(ROW, row=details(7))).history.iloc[0]
    assert (tmdb["popularity"], tmdb["vote_count"], tmdb["rating"]) == (3.5, 40, 6.5)
    assert tmdb["revenue_usd"] == 1_000_000
    omdb = apply_omdb(answer(ROW, 7, ratings("tt0000007", 7))).history.iloc[0]
    assert (omdb["popularity"], omdb["vote_count"], omdb["rating"]) == (None, 900, 7.1)
    assert omdb["revenue_usd"] == 5_000


def test_rows_and_history_fulfil_their_contracts_whatever_was_answered():
    made = apply(
        answer(ROW, 1, details(1)),
        answer(ROW, 2, details(2, title=None)),
        answer(FetchOutcome.NOT_FOUND, 3),
        answer(FetchOutcome.UNUSABLE, 4, detail="not JSON"),
        answer(FetchOutcome.DEFERRED, 5),
        known={1: stored(details(1, title="Old"))},
    )
    assert check_frame(made.rows, TMDB_DETAILS).num_rows == 2
    assert check_frame(made.history, REFRESH_HISTORY).num_rows == 4


def test_no_answers_are_empty_frames_of_the_right_columns():
    made = apply()
    assert check_frame(made.rows, TMDB_DETAILS).num_rows == 0
    assert check_frame(made.history, REFRESH_HISTORY).num_rows == 0


def test_the_rows_that_were_known_are_not_touched_by_the_comparison():
    known = {7: stored(details(7))}
    before = {7: dict(known[7])}
    apply(answer(ROW, row=details(7, title="New")), known=known)
    assert known == before


def test_mistake_9_an_unknown_budget_stays_unknown_beside_what_was_reported():
    """Budget 0 and revenue 0 were taken as numbers; they mean unknown."""
    row = details(7, budget_usd=None, budget_reported=0, revenue_usd=None, revenue_reported=0)
    checked = check_frame(apply(answer(ROW, row=row)).rows, TMDB_DETAILS).to_pylist()[0]
    assert (checked["budget_usd"], checked["revenue_usd"]) == (None, None)
    assert (checked["budget_reported"], checked["revenue_reported"]) == (0, 0)
    zero = apply(answer(ROW, row=details(7, budget_usd=0))).rows
    with pytest.raises(ValueError, match="budget_usd: 1 rows below 1"):
        check_frame(zero, TMDB_DETAILS)
