"""A worse model is never promoted, and why is said with the numbers."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest

from ayne_dagster.domain.features import build_features
from ayne_dagster.domain.promotion import (
    MINIMUM_FILMS,
    compare,
    decide,
    decide_first,
    decide_without_champion,
    shared_films,
)
from ayne_dagster_tests.domain.invented_films import all_years, many_films

YEAR = 2011
SEED = 7


@dataclass(frozen=True)
class Guesser:
    """Knows every outcome up to an error of its own: how good a model is can be chosen."""

    outcomes: pd.Series
    error: float
    noise_seed: int
    calibrated_on: tuple[int, ...] = ()
    train_films: int = 300

    def _logs(self, ids: np.ndarray) -> np.ndarray:
        noise = np.random.default_rng(self.noise_seed).normal(0, 1, 10_000)
        return np.log1p(self.outcomes.loc[ids].to_numpy(float)) + self.error * noise[ids]

    @property
    def validation(self) -> pd.DataFrame:
        ids = np.array(self.calibrated_on, dtype=np.int64)
        return pd.DataFrame({"tmdb_id": ids, "predicted_log": self._logs(ids)})

    def predict(self, features: pd.DataFrame) -> pd.DataFrame:
        ids = features["tmdb_id"].to_numpy()
        return pd.DataFrame({"tmdb_id": ids, "predicted_revenue_usd": np.expm1(self._logs(ids))})


@pytest.fixture(scope="module")
def features() -> pd.DataFrame:
    frame = many_films(900)
    return build_features(frame, all_years(frame))


@pytest.fixture(scope="module")
def outcomes(features: pd.DataFrame) -> pd.Series:
    return features.set_index("tmdb_id")["revenue_usd"].astype(float)


def unlabelled(features: pd.DataFrame, year: int = YEAR) -> pd.DataFrame:
    """The same films before those of the year had an outcome."""
    is_of_year = features["release_year"] == str(year)
    return features.assign(is_labelled=features["is_labelled"] & ~is_of_year)


def films_of(features: pd.DataFrame, *years: int) -> tuple[int, ...]:
    """The ids of the labelled films of these years, mixed."""
    is_meant = features["is_labelled"] & features["release_year"].isin([str(one) for one in years])
    return tuple(features.loc[is_meant, "tmdb_id"].sample(frac=1, random_state=4).tolist())


def test_a_worse_model_is_never_promoted(features: pd.DataFrame, outcomes: pd.Series):
    """The one thing a champion is for."""
    for noise_seed in range(20):
        champion = Guesser(outcomes, 1.0, 1)
        candidate = Guesser(outcomes, 2.0, noise_seed)
        decision = decide(candidate, champion, features, YEAR, seed=SEED)
        assert not decision.is_promoted, decision.reason
        assert decision.reason.startswith("worse than the champion: RMSLE ")
        assert f"films of {YEAR} with an outcome" in decision.reason


def test_a_better_model_is_promoted_with_its_numbers(features: pd.DataFrame, outcomes: pd.Series):
    champion, candidate = Guesser(outcomes, 1.3, 1), Guesser(outcomes, 0.9, 2)
    decision = decide(candidate, champion, features, YEAR, seed=SEED)
    assert decision.is_promoted
    assert decision.comparison is not None
    of_year = int((features["is_labelled"] & (features["release_year"] == str(YEAR))).sum())
    assert decision.comparison.films == of_year
    assert decision.comparison.candidate_rmsle < decision.comparison.champion_rmsle
    assert f"{decision.comparison.candidate_rmsle:.3f} against" in decision.reason
    assert f"same {of_year} films of {YEAR}" in decision.reason


def test_a_tie_goes_to_the_candidate_which_knows_the_newer_films(
    features: pd.DataFrame, outcomes: pd.Series
):
    same = Guesser(outcomes, 1.0, 1)
    decision = decide(same, same, features, YEAR, seed=SEED)
    assert decision.is_promoted
    assert decision.comparison is not None
    assert decision.comparison.difference.low == decision.comparison.difference.high == 0


def test_one_per_cent_is_no_reason_to_stay_and_two_are(features: pd.DataFrame, outcomes: pd.Series):
    champion = Guesser(outcomes, 1.0, 1)
    half = decide(Guesser(outcomes, 0.995, 1), champion, features, YEAR, seed=SEED)
    two = decide(Guesser(outcomes, 1.02, 1), champion, features, YEAR, seed=SEED)
    assert (half.is_promoted, two.is_promoted) == (True, False)


def test_a_sure_difference_counts_even_where_it_is_small(
    features: pd.DataFrame, outcomes: pd.Series
):
    """Within one per cent, but worse in every resampled set of films."""
    champion, candidate = Guesser(outcomes, 1.0, 1), Guesser(outcomes, 1.005, 1)
    decision = decide(candidate, champion, features, YEAR, seed=SEED)
    assert decision.comparison is not None
    assert decision.comparison.candidate_rmsle < 1.01 * decision.comparison.champion_rmsle
    assert decision.comparison.difference.low > 0
    assert not decision.is_promoted


def with_rmsle(
    features: pd.DataFrame, outcomes: pd.Series, rmsle: float, noise_seed: int
) -> Guesser:
    """A guesser with just this error on the films of the year."""
    one = Guesser(outcomes, 1.0, noise_seed)
    shared = shared_films(one, one, features, YEAR)
    return Guesser(outcomes, rmsle / compare(shared, seed=SEED).candidate_rmsle, noise_seed)


def test_many_small_steps_back_do_not_add_up(features: pd.DataFrame, outcomes: pd.Series):
    """Each follower could be one per cent worse than the last: twenty were a fifth worse."""
    best = with_rmsle(features, outcomes, 1.0, 0)
    champion = candidate = best
    rmsle, decision = 1.0, None
    for noise_seed in range(1, 21):
        candidate = with_rmsle(features, outcomes, rmsle * 1.004, noise_seed)
        decision = decide(candidate, champion, features, YEAR, seed=SEED, best=best)
        if decision.is_promoted:
            assert not decision.is_best
            champion, rmsle = candidate, rmsle * 1.004
    assert rmsle == pytest.approx(1.004**2)
    assert decision is not None
    assert decision.reason.startswith(
        "not worse than the champion, but worse than the best of those before it: RMSLE 1.012"
    )
    assert decide(candidate, champion, features, YEAR, seed=SEED).is_promoted


def test_who_is_no_worse_than_any_before_is_what_the_next_are_measured_by(
    features: pd.DataFrame, outcomes: pd.Series
):
    best, champion = (with_rmsle(features, outcomes, error, 1) for error in (1.0, 1.005))
    between, better = (with_rmsle(features, outcomes, error, 2) for error in (1.003, 0.99))
    decided = [decide(one, champion, features, YEAR, seed=SEED, best=best)
               for one in (between, better)]  # fmt: skip
    assert [(one.is_promoted, one.is_best) for one in decided] == [(True, False), (True, True)]
    assert decide(between, champion, features, YEAR, seed=SEED).is_best


def test_a_year_without_outcomes_is_judged_by_the_calibration_films_both_have(
    features: pd.DataFrame, outcomes: pd.Series
):
    before = unlabelled(features)
    ids = films_of(before, 2009, 2010)
    champion = Guesser(outcomes, 1.3, 1, calibrated_on=ids[:100])
    candidate = Guesser(outcomes, 0.9, 2, calibrated_on=ids[20:])
    known = set(before.loc[before["is_labelled"], "tmdb_id"])
    shared = shared_films(candidate, champion, before, YEAR)
    assert len(shared) == len(known & set(ids[20:100])) >= MINIMUM_FILMS
    assert shared.which == "calibration films of both"
    assert decide(candidate, champion, before, YEAR, seed=SEED).is_promoted
    assert not decide(champion, candidate, before, YEAR, seed=SEED).is_promoted


def test_models_calibrated_on_different_years_share_no_film(
    features: pd.DataFrame, outcomes: pd.Series
):
    """Trees that knew the year before are asked less of 2010 than those that did not."""
    before = unlabelled(features)
    one_year, two_years = films_of(before, 2010), films_of(before, 2009, 2010)
    candidate = Guesser(outcomes, 0.5, 2, calibrated_on=one_year)
    champion = Guesser(outcomes, 1.3, 1, calibrated_on=two_years)
    assert len(one_year) >= MINIMUM_FILMS
    assert len(shared_films(candidate, champion, before, YEAR)) == 0
    decision = decide(candidate, champion, before, YEAR, seed=SEED)
    assert not decision.is_promoted
    assert (
        "only 0 calibration films of both (one was calibrated on films of 2010, the other on films "
        "of 2009 and 2010) to compare by, 30 are needed"
    ) in decision.reason
    of_year = decide(candidate, champion, features, YEAR, seed=SEED)
    assert of_year.is_promoted


def test_a_film_that_moved_to_another_year_does_not_part_two_models(
    features: pd.DataFrame, outcomes: pd.Series
):
    """Otherwise a single corrected date would keep the champion for good."""
    before = unlabelled(features)
    ids = films_of(before, 2010)
    moved = before.assign(
        release_year=before["release_year"].where(before["tmdb_id"] != ids[0], "2005")
    )
    candidate = Guesser(outcomes, 0.9, 2, calibrated_on=ids[1:])
    champion = Guesser(outcomes, 1.3, 1, calibrated_on=ids)
    shared = shared_films(candidate, champion, moved, YEAR)
    assert len(shared) >= MINIMUM_FILMS
    assert shared.which == "calibration films of both"


def test_calibration_films_are_judged_by_the_outcomes_known_today(
    features: pd.DataFrame, outcomes: pd.Series
):
    """A revenue corrected since both were trained: neither is judged by the old one."""
    model = Guesser(outcomes, 1.0, 1, calibrated_on=tuple(range(1, 61)))
    corrected = unlabelled(features).assign(revenue_usd=77_777_777.0)
    shared = shared_films(model, model, corrected, YEAR)
    assert set(shared.outcome_log) == {np.log1p(77_777_777.0)}


def test_with_too_few_films_the_champion_stays_and_it_is_said(
    features: pd.DataFrame, outcomes: pd.Series
):
    champion = Guesser(outcomes, 1.3, 1, calibrated_on=tuple(range(1, 11)))
    candidate = Guesser(outcomes, 0.1, 2, calibrated_on=tuple(range(1, 61)))
    decision = decide(candidate, champion, unlabelled(features), YEAR, seed=SEED)
    assert not decision.is_promoted
    assert decision.comparison is None
    assert "to compare by, 30 are needed; the champion stays" in decision.reason


def test_with_too_few_films_one_that_learned_from_twice_as_many_follows(
    features: pd.DataFrame, outcomes: pd.Series
):
    """The first model of a catalogue in the making must not stay for good."""
    champion = Guesser(outcomes, 1.0, 1, train_films=60)
    candidate = Guesser(outcomes, 1.0, 2, train_films=120)
    decision = decide(candidate, champion, unlabelled(features), YEAR, seed=SEED)
    assert decision.is_promoted
    assert "120 films against 60" in decision.reason


def test_a_model_calibrated_by_folds_is_not_compared_with_one_calibrated_on_later_years(
    features: pd.DataFrame, outcomes: pd.Series
):
    """Folds let films of the same time help: its errors are smaller than they will be."""
    ids = tuple(range(1, 61))
    by_folds = Guesser(outcomes, 0.5, 1, calibrated_on=ids, train_films=60)
    by_years = Guesser(outcomes, 1.0, 2, calibrated_on=ids, train_films=800)
    before = unlabelled(features)
    assert len(shared_films(by_years, by_folds, before, YEAR)) == 0
    assert len(shared_films(by_folds, by_folds, before, YEAR)) >= MINIMUM_FILMS
    assert decide(by_years, by_folds, before, YEAR, seed=SEED).is_promoted


def test_the_same_question_gets_the_same_answer(features: pd.DataFrame, outcomes: pd.Series):
    champion, candidate = Guesser(outcomes, 1.0, 1), Guesser(outcomes, 1.0, 2)
    once = decide(candidate, champion, features, YEAR, seed=SEED)
    shuffled = features.sample(frac=1, random_state=3)
    assert decide(candidate, champion, shuffled, YEAR, seed=SEED) == once


def test_the_first_model_and_one_after_a_lost_champion_are_promoted():
    assert decide_first(2024).is_promoted
    assert decide_first(2024).reason == "the first model of 2024"
    lost = decide_without_champion("its files are gone")
    assert lost.is_promoted
    assert lost.reason.endswith("its files are gone")
