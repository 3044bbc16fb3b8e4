"""When a film freezes, what unfreezes it, and the reasons people read."""

from typing import Any

import pandas as pd
import pytest

from ayne_dagster.domain.change_feed import ChangeFeed
from ayne_dagster.domain.frame_check import check_frame
from ayne_dagster.domain.freezing import flag_films, is_frozen
from ayne_dagster.domain.refresh_policy import RefreshPolicy, days_by_band
from ayne_dagster.domain.tables import FROZEN_FLAGS
from ayne_dagster_tests.domain.planned_films import NOW, SEEN, answered, planned, released

POLICY = RefreshPolicy()
OLD_PLAIN = "over 365 days: TMDB every 90 days, OMDb every 180 days"


def cycles(tmdb: int, omdb: int) -> dict[str, int]:
    return {"tmdb_unchanged_cycles": tmdb, "omdb_unchanged_cycles": omdb}


def freezes(film: dict[str, Any], policy: RefreshPolicy = POLICY) -> bool:
    return bool(is_frozen(planned(film), NOW, policy)[0])


def flags(*films: dict[str, Any]) -> pd.DataFrame:
    return flag_films(planned(*films), NOW, POLICY)


@pytest.mark.parametrize(("age", "frozen"), [(-5, False), (365, False), (366, True), (9000, True)])
def test_only_films_older_than_a_year_freeze(age: int, frozen: bool):
    assert freezes(released(age, **cycles(9, 9))) is frozen


@pytest.mark.parametrize(
    ("tmdb", "omdb", "frozen"),
    [(0, 0, False), (2, 9, False), (9, 2, False), (3, 3, True), (3, 2, False), (4, 3, True)],
)
def test_mistake_3_freezing_counts_unchanged_refreshes_of_every_source(
    tmdb: int, omdb: int, frozen: bool
):
    """Freezing looked at age only: the number of unchanged cycles was a constant."""
    assert freezes(released(2000, **cycles(tmdb, omdb))) is frozen


def test_a_source_that_does_not_have_the_film_has_no_say():
    assert freezes(released(2000, has_ratings=False, **cycles(3, 0)))
    assert not freezes(released(2000, has_ratings=True, **cycles(3, 0)))


def test_a_film_without_a_date_never_freezes():
    assert not freezes({"release_date": None, **cycles(50, 50)})


def test_the_numbers_are_the_policys():
    eager = RefreshPolicy(frozen_after_days=10, frozen_after_cycles=1)
    assert freezes(released(11, **cycles(1, 1)), eager)
    assert not freezes(released(11, **cycles(1, 1)))


def test_a_change_unfreezes_because_the_count_starts_again():
    still = released(2000, is_frozen=True, **cycles(3, 3), **answered(1))
    changed = released(2000, is_frozen=True, **cycles(0, 3), **answered(1))
    made = flags(still, changed)
    assert made["is_frozen"].tolist() == [True, False]
    assert made["tmdb_due_at"][0] > made["tmdb_due_at"][1]


def test_flags_fulfil_their_contract_for_films_of_every_kind():
    films = (
        released(-10),
        released(10, **answered(1)),
        released(100, imdb_id=None, has_ratings=False, **answered(1)),
        released(300, **answered(1, "unusable")),
        released(2000, **answered(1, "not_found")),
        released(2000, **cycles(3, 3), **answered(1)),
        {"release_date": None},
    )
    table = check_frame(flags(*films), FROZEN_FLAGS)
    assert table.num_rows == len(films)


def test_flags_come_sorted_by_film_whatever_the_order_of_the_question():
    films = planned(*(released(100) for _ in range(9)))
    shuffled = films.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(
        flag_films(shuffled, NOW, POLICY), flag_films(films, NOW, POLICY), check_exact=True
    )


def test_no_films_have_no_flags():
    assert check_frame(flags(), FROZEN_FLAGS).num_rows == 0


@pytest.mark.parametrize(
    ("film", "words"),
    [
        (released(10, **answered(1)), "0-60 days: TMDB every 5 days, OMDb every 5 days"),
        (
            released(100, imdb_id=None, **answered(1)),
            "60-180 days: TMDB every 15 days, OMDb never (no imdb id)",
        ),
        (
            released(-10),
            "unreleased: TMDB every 5 days, OMDb every 5 days; details never fetched, due at once",
        ),
        (
            released(10, **{**answered(1), "omdb_answered_at": None, "omdb_outcome": None}),
            "0-60 days: TMDB every 5 days, OMDb every 5 days; ratings never fetched, due at once",
        ),
        (
            released(2000, **cycles(2, 1), **answered(1)),
            (
                f"{OLD_PLAIN}; not frozen: 2 of 3 unchanged TMDB refreshes, "
                "1 of 3 unchanged OMDb refreshes"
            ),
        ),
        (
            released(2000, has_ratings=False, **cycles(2, 0), **answered(1)),
            f"{OLD_PLAIN}; not frozen: 2 of 3 unchanged TMDB refreshes",
        ),
        (
            released(2000, **cycles(3, 3), **answered(1)),
            (
                "frozen: older than 365 days and unchanged in the last 3 refreshes of each "
                "source; verified again every 160 days by TMDB, every 180 days by OMDb"
            ),
        ),
        (
            {"release_date": None, **answered(1)},
            "no release date: TMDB every 30 days, OMDb every 90 days",
        ),
        (
            released(
                900,
                **{**answered(1, "not_found"), "tmdb_gone_at": NOW - pd.Timedelta(days=9)},
            ),
            "gone: TMDB no longer has it (not found twice); the row stays, refreshes stop",
        ),
        (
            released(
                900,
                **{
                    **answered(9, "not_found"),
                    "tmdb_gone_at": NOW - pd.Timedelta(days=9),
                    "last_seen_at": NOW,
                },
            ),
            (
                "gone: TMDB no longer has it (not found twice); the row stays, refreshes stop; "
                "seen again since, asked once more"
            ),
        ),
    ],
)
def test_every_state_has_its_reason_in_words(film: dict[str, Any], words: str):
    assert flags(film)["reason"][0] == words


def test_a_rated_film_that_waits_for_omdb_says_so():
    """It read "not frozen: 3 of 3 unchanged TMDB refreshes": a reason that is none."""
    reason = flags(released(2000, **cycles(3, 1), **answered(1)))["reason"][0]
    assert "1 of 3 unchanged OMDb refreshes" in reason


def test_an_unchanged_film_keeps_its_words_from_day_to_day():
    """A reason with a date in it would rewrite every row on every run."""
    film = planned(released(2000, **cycles(1, 1), **answered(1)))
    later = flag_films(film, NOW + pd.Timedelta(days=20), POLICY)
    pd.testing.assert_frame_equal(flag_films(film, NOW, POLICY), later, check_exact=True)


def test_a_film_never_fetched_is_due_since_it_is_known_and_says_so():
    """It read "due 1970-01-01", before TMDB, OMDb and the film."""
    never = released(10)
    unrated = released(10, changed_at=NOW - pd.Timedelta(days=2), **answered(1))
    unrated |= {"omdb_answered_at": None, "omdb_outcome": None}
    made = flags(never, unrated)
    assert made["tmdb_due_at"][0] == SEEN
    assert made["omdb_due_at"][1] == NOW - pd.Timedelta(days=2)
    assert made["reason"].str.contains("never fetched, due at once").all()


FEED = ChangeFeed(NOW - pd.Timedelta(days=300), NOW)
NAMED = {"named_at": NOW - pd.Timedelta(days=1)}
NOT_NAMED = "TMDB every 160 days (its change feed does not name it)"
AFTER_GAP = "days after its last answer (its change feed names it)"


@pytest.mark.parametrize(
    ("film", "words"),
    [
        (released(10, **answered(1)), f"0-60 days: {NOT_NAMED}, OMDb every 5 days"),
        (
            released(10, **answered(1), **NAMED),
            f"0-60 days: TMDB 1 {AFTER_GAP}, OMDb every 5 days",
        ),
        (
            released(2000, **cycles(3, 3), **answered(1), **NAMED),
            (
                "frozen: older than 365 days and unchanged in the last 3 refreshes of each "
                "source; verified again every 160 days by TMDB, every 180 days by OMDb; "
                f"TMDB 11 {AFTER_GAP}"
            ),
        ),
        (
            released(10, **answered(1, "unusable")),
            "0-60 days: TMDB every 5 days, OMDb every 5 days",
        ),
    ],
)
def test_what_the_change_feed_says_of_a_film_stands_in_its_reason(film: dict[str, Any], words: str):
    made = flag_films(planned(film), NOW, POLICY, FEED)
    assert made["reason"][0] == words


def test_omdb_asked_for_its_box_office_says_so():
    money = days_by_band(new=2, young=2, settling=2, old=2, undated=2)
    policy = RefreshPolicy(box_office_days=money)
    [reason] = flag_films(planned(released(100, **answered(1))), NOW, policy)["reason"]
    assert reason == "60-180 days: TMDB every 15 days, OMDb every 2 days (box office)"


def test_a_gap_longer_than_the_interval_is_not_what_a_named_film_waits_for():
    long = days_by_band(new=9, young=9, settling=9, old=9, undated=9)
    film = released(10, **answered(5), **NAMED)
    [reason] = flag_films(planned(film), NOW, RefreshPolicy(gap_days=long), FEED)["reason"]
    assert reason.startswith(f"0-60 days: TMDB 5 {AFTER_GAP}")


def test_a_frozen_film_that_is_named_is_due_and_stays_frozen():
    """Only a change of its stable fields unfreezes it; one that gains votes stays as it is."""
    frozen = released(2000, is_frozen=True, **cycles(3, 3), **answered(20), **NAMED)
    [flags_of_it] = flag_films(planned(frozen), NOW, POLICY, FEED).to_dict("records")
    assert flags_of_it["is_frozen"]
    assert flags_of_it["tmdb_due_at"] == NAMED["named_at"]
