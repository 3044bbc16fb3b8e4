"""How good the revenue model is on the benchmark's films, by the same code that the assets run.

Each year of 2014-2019 is predicted by the model trained on the films before it, beside the budget
rule, the regression on the budget, the reference model and the leak marker. It also writes
forecasts of 2020-2024, whose outcomes the benchmark leaves out, for others to score.
"""

import argparse
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ayne_dagster.domain.back_test import MODEL, PREDICTIONS
from ayne_dagster.domain.features import build_features
from ayne_dagster.domain.model_scores import coverage, median_width
from ayne_dagster.domain.revenue_model import labelled_films
from ayne_dagster.domain.score_intervals import Estimate, ScoreEstimates, estimate_scores
from ayne_dagster.domain.year_model import films_with_outcome, train_year, training_films
from benchmarks.benchmark_films import FILMS_FILE, POPULATION, as_details, read_features
from benchmarks.reference_model import reference_forecasts
from benchmarks.reporting import Figures, Goal, Report

GOAL = (
    "test years 2014-2019 pooled, n = 1,861: RMSLE <= 1.55, R2 >= .66; the 80 % interval holds "
    ".78-.82 of films, .73-.87 in each year, median width <= x35; a year on 10,000 films trained "
    "and scored in 10 s, features of 100,000 films in 30 s"
)
FORECASTS_FILE = Path("data/processed/forecasts.csv")
TEST_YEARS = range(2014, 2020)
FORECAST_YEARS = range(2020, 2025)
SEED = 42
TEST_FILMS = 1_861
"""Films of the test years that the goal is of: another number is another benchmark."""
REFERENCE = "reference: HGB + history"
MOST_RMSLE, LEAST_R2, MOST_WIDTH = 1.55, 0.66, 35.0
POOLED_COVERAGE, YEARLY_COVERAGE = (0.78, 0.82), (0.73, 0.87)
MOST_TRAINING_S, MOST_FEATURES_S = 10.0, 30.0
_TRAINING_FILMS, _FEATURE_FILMS = 10_000, 100_000


@dataclass(frozen=True)
class Seconds:
    """How long something took.

    Attributes:
        wall: On the clock.
        processor: Of this process on all cores.
    """

    wall: float
    processor: float


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of this benchmark."""
    group = parser.add_argument_group("model")
    group.add_argument(
        "--forecasts", type=Path, default=FORECASTS_FILE, help="where forecasts of 2020-2024 go"
    )


def measure(runs: int, options: argparse.Namespace) -> Report:
    """Train and score every year once, whatever `runs` says: the same films give the same bits."""
    del runs
    if not FILMS_FILE.exists():
        setting = f"skipped: {FILMS_FILE} is not there; the films are not part of this project"
        return Report("model", setting, "", rows=(), goals=())
    features = read_features()
    predicted = pd.concat([_predict_year(features, year) for year in TEST_YEARS])
    forecasts = write_forecasts(features, options.forecasts)
    who = {**PREDICTIONS, REFERENCE: "reference_usd"}
    estimates = estimate_scores(
        predicted["revenue_usd"].to_numpy(float),
        {name: predicted[column].to_numpy(float) for name, column in who.items()},
        compared_with=MODEL,
        seed=SEED,
    )
    training, built = _time_training(features), _time_features()
    return Report(
        name="model",
        setting=f"test years {TEST_YEARS[0]}-{TEST_YEARS[-1]} pooled, n = {len(predicted):,}",
        baseline="",
        rows=(),
        goals=_goals(predicted, estimates[MODEL], training.wall, built.wall),
        notes=(
            f"population: {POPULATION}; trained on films released before 1 January of each year",
            "brackets: 90 % of 1,000 bootstrap samples of films; differences are paired",
            f"forecasts of 2020-2024: {len(forecasts):,} films in {options.forecasts}",
        ),
        figures=(_scores_table(estimates), _years_table(predicted), _speed(training, built)),
    )


def write_forecasts(features: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Forecast the films of `FORECAST_YEARS`, each year by the model trained before it.

    Returns:
        What the file holds: film_id, predicted_revenue, lower, upper in US dollars.
    """
    years = []
    for year in FORECAST_YEARS:
        model = train_year(features, year, seed=SEED).model
        if model is None:
            raise ValueError(f"there are too few films before {year} for a model")
        years.append(model.predict(features[features["release_year"] == f"{year:04d}"]))
    names = ["film_id", "predicted_revenue", "lower", "upper"]
    forecasts = pd.concat(years).set_axis(names, axis=1)
    path.parent.mkdir(parents=True, exist_ok=True)
    # Half a file must never be scored.
    part = path.with_name(f"{path.name}.part")
    forecasts.to_csv(part, index=False, float_format="%.0f")
    part.replace(path)
    return forecasts


def _predict_year(features: pd.DataFrame, year: int) -> pd.DataFrame:
    """The films of a year as everybody predicted them, in the order of their ids."""
    trained = train_year(features, year, seed=SEED)
    of_year = features[features["release_year"] == f"{year:04d}"]
    reference = reference_forecasts(training_films(features, year), labelled_films(of_year))
    return trained.predictions.assign(reference_usd=reference)


def _goals(
    predicted: pd.DataFrame, ours: ScoreEstimates, training_s: float, features_s: float
) -> tuple[Goal, ...]:
    pooled, width = _interval(predicted)
    by_year = [_interval(films)[0] for _, films in predicted.groupby("release_year")]
    low, high = POOLED_COVERAGE
    least, most = YEARLY_COVERAGE
    films = len(predicted)
    return (
        Goal(f"n {films:,} = {TEST_FILMS:,}", films == TEST_FILMS),
        Goal(f"RMSLE {ours.rmsle.value:.3f} <= {MOST_RMSLE}", ours.rmsle.value <= MOST_RMSLE),
        Goal(f"R2 {ours.r2_log.value:.3f} >= {LEAST_R2}", ours.r2_log.value >= LEAST_R2),
        Goal(f"coverage {pooled:.3f} in {low}-{high}", low <= pooled <= high),
        Goal(
            f"in each year {min(by_year):.3f}-{max(by_year):.3f} in {least}-{most}",
            least <= min(by_year) and max(by_year) <= most,
        ),
        Goal(f"median width x{width:.1f} <= x{MOST_WIDTH:.0f}", width <= MOST_WIDTH),
        Goal(
            f"{_TRAINING_FILMS:,} films trained in {training_s:.1f} s <= {MOST_TRAINING_S:.0f} s",
            training_s <= MOST_TRAINING_S,
        ),
        Goal(
            f"features of {_FEATURE_FILMS:,} films in {features_s:.1f} s <= "
            f"{MOST_FEATURES_S:.0f} s",
            features_s <= MOST_FEATURES_S,
        ),
    )


def _interval(films: pd.DataFrame) -> tuple[float, float]:
    """Coverage and median width of the model's interval."""
    lower, upper = films["lower_usd"].to_numpy(float), films["upper_usd"].to_numpy(float)
    return coverage(films["revenue_usd"].to_numpy(float), lower, upper), median_width(lower, upper)


def _scores_table(estimates: Mapping[str, ScoreEstimates]) -> Figures:
    lines = [
        (
            "ours" if name == MODEL else name,
            _in_words(of.rmsle),
            _in_words(of.r2_log),
            _in_words(of.spearman),
            _in_words(of.share_within_factor_two),
            None if name == MODEL else _in_words(of.rmsle_difference),
        )
        for name, of in estimates.items()
    ]
    columns = ("prediction", "RMSLE", "R2", "Spearman", "in2x", "RMSLE minus ours, paired")
    return Figures("scores of all test years together", columns, lines)


def _years_table(predicted: pd.DataFrame) -> Figures:
    lines = []
    for year, films in [*predicted.groupby("release_year"), ("all", predicted)]:
        held, width = _interval(films)
        error = np.log1p(films["predicted_revenue_usd"]) - np.log1p(films["revenue_usd"])
        rmsle = float(np.sqrt((error.to_numpy(float) ** 2).mean()))
        lines.append((str(year), len(films), f"{rmsle:.3f}", f"{held:.3f}", f"x{width:.1f}"))
    columns = ("year", "films", "RMSLE", "80 % interval holds", "its median width")
    return Figures("ours, year by year", columns, lines)


def _speed(training: Seconds, built: Seconds) -> Figures:
    train, build = (
        f"train and score one year on {_TRAINING_FILMS:,} films, one thread, baselines included",
        f"features of {_FEATURE_FILMS:,} films",
    )
    lines = [(train, training.wall, training.processor), (build, built.wall, built.processor)]
    return Figures("seconds: a busy machine takes longer", ("what", "on the clock", "CPU"), lines)


def _time_training(features: pd.DataFrame) -> Seconds:
    """All that a year costs, on the benchmark's films, drawn again until there are enough."""
    year = TEST_YEARS[-1]
    films = training_films(features, year)
    more = films.sample(_TRAINING_FILMS - len(films), replace=True, random_state=SEED)
    enough = pd.concat([films, more, films_with_outcome(features, year)], ignore_index=True)
    enough = enough.assign(tmdb_id=np.arange(len(enough)))
    return _timed(lambda: train_year(enough, year, seed=SEED))


def _time_features() -> Seconds:
    """The features of the benchmark's films, repeated until there are enough."""
    films = pd.read_parquet(FILMS_FILE)
    times = -(-_FEATURE_FILMS // len(films))
    details = pd.concat([as_details(films)] * times, ignore_index=True).head(_FEATURE_FILMS)
    details = details.assign(tmdb_id=np.arange(len(details)))
    years = sorted(details["release_year"].unique())
    return _timed(lambda: build_features(details, years))


def _timed(work: Callable[[], object]) -> Seconds:
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return Seconds(time.perf_counter() - clock, time.process_time() - processor)


def _in_words(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"
