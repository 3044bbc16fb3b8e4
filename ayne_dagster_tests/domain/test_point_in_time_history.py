"""History counts what was known by then: no later film, no fresh outcome, no rounding noise."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from ayne_dagster.domain import point_in_time_history
from ayne_dagster.domain.point_in_time_history import (
    HISTORY_FACTS,
    FilmEntities,
    TrackRecords,
    index_releases,
)

Lists = Sequence[Sequence[int]]
WINDOW = 1_000
PRIOR = 2.0


def entities(lists: Lists) -> FilmEntities:
    return FilmEntities.of_lists(pa.array(lists, pa.list_(pa.int64())))


def learned(named: FilmEntities, days: np.ndarray, outcomes: np.ndarray) -> TrackRecords:
    """Records with a window of 1,000 days; what is beyond the budget is half the outcome."""
    return TrackRecords.learn(
        named, days, outcomes, outcomes / 2, window_days=WINDOW, prior_films=PRIOR
    )


def histories(lists: Lists, days: np.ndarray, outcomes: np.ndarray) -> dict[str, np.ndarray]:
    """The histories of films among themselves."""
    named = entities(lists)
    return learned(named, days, outcomes).history(named, days)


def history_of_lists(lists: Lists, days: np.ndarray, outcomes: np.ndarray) -> np.ndarray:
    """The first-named entity's mean outcome above that of all films."""
    return histories(lists, days, outcomes)["first_log"]


def films_before(lists: Lists, days: np.ndarray) -> np.ndarray:
    named = entities(lists)
    return point_in_time_history.films_before(index_releases(named, days), named, days)


def test_an_outcome_counts_from_day_180_on_and_not_a_day_earlier():
    """The boundary decides whether a model sees grosses that were not yet earned."""
    days = np.array([0, 179, 180])
    history = histories([[1], [1], [1]], days, np.array([16.0, np.nan, np.nan]))
    for fact in HISTORY_FACTS:
        assert np.isnan(history[fact][:2]).all(), fact
    assert history["films"][2] == 1
    assert history["log"][2] == 0, "it is as good as all films, being the only one"


def test_a_film_is_no_part_of_its_own_history():
    """Its own outcome among its inputs would be the purest leak."""
    history = history_of_lists([[1]], np.array([1000]), np.array([16.0]))
    assert np.isnan(history).all()


def test_an_entity_without_earlier_films_has_no_history_rather_than_the_mean():
    """A debut is not an average director; the model may treat it as its own case."""
    history = history_of_lists([[1], [2]], np.array([0, 500]), np.array([16.0, np.nan]))
    assert np.isnan(history[1])


def test_one_hit_is_pulled_towards_the_mean_of_all_films():
    days = np.array([0, 0, 0, 400])
    outcomes = np.array([20.0, 14.0, 14.0, np.nan])
    history = history_of_lists([[1], [2], [3], [1]], days, outcomes)
    assert history[3] == pytest.approx((20 - 16) / (1 + PRIOR))


def test_an_entity_named_twice_by_a_film_counts_once():
    days = np.array([0, 0, 400])
    outcomes = np.array([20.0, 10.0, np.nan])
    once = history_of_lists([[1], [2], [1]], days, outcomes)
    twice = history_of_lists([[1, 1], [2], [1, 1]], days, outcomes)
    assert once[2] == twice[2]


def test_other_films_do_not_move_the_last_bit():
    """Floating cumulative sums gave a film another history when a stranger joined the frame."""
    rng = np.random.default_rng(1)
    lists = [[int(entity)] for entity in rng.integers(1, 20, 300)]
    days, outcomes = rng.integers(0, 5000, 300), rng.normal(16, 2, 300)
    before = history_of_lists(lists, days, outcomes)
    after = history_of_lists([[0], *lists], np.append(9000, days), np.append(690.123, outcomes))
    assert np.array_equal(before, after[1:], equal_nan=True)


def test_it_agrees_with_the_plain_definition():
    rng = np.random.default_rng(2)
    count = 120
    lists = [rng.integers(1, 15, 3).tolist() for _ in range(count)]
    days = rng.integers(-3_000, 3_000, count)
    outcomes = np.where(rng.random(count) < 0.3, np.nan, rng.normal(16, 2, count))
    history = histories(lists, days, outcomes)
    for film in range(count):
        past = [p for p in range(count) if days[p] <= days[film] - 180 and outcomes[p] > 0]
        usual = np.mean([outcomes[p] for p in past]) if past else 0.0
        lately = [p for p in past if days[p] > days[film] - 180 - WINDOW]
        named = set(lists[film])
        voices = [p for e in named for p in past if e in lists[p]]
        recent = [outcomes[p] for e in named for p in lately if e in lists[p]]
        led = [outcomes[p] for p in past if lists[film][0] in lists[p]]
        if not voices:
            assert all(np.isnan(history[fact][film]) for fact in HISTORY_FACTS)
            continue
        usual_lately = np.mean([outcomes[p] for p in lately]) if lately else 0.0
        weight = len(recent) + PRIOR
        assert history["films"][film] == len(voices) / len(named)
        expected = {
            "log": (sum(recent) - len(recent) * usual_lately) / weight,
            "beyond_budget_log": sum(recent) / 2 / weight,
            "best_log": max(outcomes[p] for p in voices) - usual,
            "first_log": sum(v - usual for v in led) / (len(led) + PRIOR) if led else np.nan,
        }
        for fact, value in expected.items():
            assert history[fact][film] == pytest.approx(value, abs=1e-6, nan_ok=True), fact


def test_what_lies_before_the_window_still_counts_as_a_film_and_as_the_best():
    days = np.array([0, 2_000])
    history = histories([[1], [1]], days, np.array([18.0, np.nan]))
    assert [history[fact][1] for fact in ("films", "log", "best_log")] == [1, 0, 0]


def test_films_of_one_day_may_stand_in_any_order():
    days, outcomes = np.array([0, 0, 0, 900]), np.array([20.0, 14.0, 17.0, np.nan])
    lists = [[1], [1], [2], [1, 2]]
    order = [2, 1, 0, 3]
    one = histories(lists, days, outcomes)
    other = histories([lists[i] for i in order], days[order], outcomes[order])
    assert [values[3] for values in one.values()] == [values[3] for values in other.values()]


def test_earlier_films_of_a_collection_are_counted_by_day():
    days = np.array([100, 50, 100, 200])
    assert films_before([[7], [7], [7], []], days).tolist() == [1, 0, 1, 0]


def test_no_films_have_no_history():
    assert history_of_lists([], np.array([], dtype=int), np.array([])).size == 0
    assert films_before([], np.array([], dtype=int)).size == 0


def test_entities_that_no_outcome_knows_have_no_history_whatever_their_id():
    """Ids are looked up in a sorted list: one beyond its end, or between two, is nobody."""
    past = learned(entities([[10], [30]]), np.array([0, 0]), np.array([16.0, 12.0]))
    asked = entities([[5], [20], [2**62], [30]])
    history = past.history(asked, np.full(4, 1000))["first_log"]
    assert np.isnan(history[:3]).all()
    assert history[3] == (12.0 - 14.0) / (1 + PRIOR)


def test_lists_are_cut_before_repeats_are_dropped():
    named = FilmEntities.of_lists(pa.array([[7, 7, 8], None, [9]]), most=2)
    assert (named.films.tolist(), named.ids.tolist()) == ([0, 2], [7, 9])
