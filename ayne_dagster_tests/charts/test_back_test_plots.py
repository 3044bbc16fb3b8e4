"""The pictures of the back-test hold for a thousand films, for one, and for none."""

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ayne_dagster.charts.back_test import (
    biggest_misses,
    misses_by_genre,
    plot_actual_against_predicted,
    plot_biggest_misses,
    plot_residuals_by_genre,
    running_band,
    years_in_words,
)
from ayne_dagster.charts.back_test_scores import (
    plot_coverage_by_year,
    plot_error_by_year,
    plot_honest_against_leaky,
    plot_importance,
    wilson_interval,
)
from ayne_dagster.charts.images import PNG_LIMIT_BYTES
from ayne_dagster.domain.back_test import MODEL, pooled_scores, scores_by_year

COUNT = 1_000


def rows(count: int = COUNT) -> pd.DataFrame:
    generator = np.random.default_rng(5)
    actual = np.exp(generator.normal(17, 2, COUNT))
    said = {
        name: actual * np.exp(generator.normal(0, spread, COUNT))
        for name, spread in (
            ("predicted_revenue_usd", 1.0),
            ("budget_rule_usd", 1.6),
            ("ols_usd", 1.7),
            ("leak_marker_usd", 0.7),
        )
    }
    frame = pd.DataFrame(
        {
            "tmdb_id": np.arange(COUNT),
            "release_year": np.sort(generator.integers(2010, 2016, COUNT)).astype(str),
            "title": ["A Film That Cost $5 and Made $6 in Far Too Many Words"] * COUNT,
            "genres": [["Drama", "Comedy"] if n % 3 else [] for n in range(COUNT)],
            "revenue_usd": actual,
            **said,
            "lower_usd": said["predicted_revenue_usd"] / 4,
            "upper_usd": said["predicted_revenue_usd"] * 4,
        }
    )
    return frame.head(count)


def importance(frame: pd.DataFrame) -> bytes:
    groups = ["budget", "genres"] if len(frame) else []
    return plot_importance(
        pd.Series([0.4, -0.01][: len(groups)], index=groups, dtype=float), films=len(frame)
    )


PLOTS: dict[str, Callable[[pd.DataFrame], bytes]] = {
    "actual against predicted": plot_actual_against_predicted,
    "residuals by genre": plot_residuals_by_genre,
    "biggest misses": plot_biggest_misses,
    "error by year": lambda frame: plot_error_by_year(scores_by_year(frame)),
    "coverage by year": lambda frame: plot_coverage_by_year(scores_by_year(frame)),
    "honest against leaky": lambda frame: plot_honest_against_leaky(
        pooled_scores(frame, 1), frame, model=MODEL
    ),
    "importance": importance,
}
EVERY_PLOT = pytest.mark.parametrize("plot", PLOTS.values(), ids=list(PLOTS))


@EVERY_PLOT
@pytest.mark.parametrize("count", [COUNT, 1])
def test_a_plot_is_a_png_of_900_pixels_and_small(plot: Callable[[pd.DataFrame], bytes], count: int):
    png = plot(rows(count))
    assert Image.open(BytesIO(png)).width == 900
    assert len(png) < PNG_LIMIT_BYTES


@EVERY_PLOT
def test_a_plot_of_no_film_says_so(plot: Callable[[pd.DataFrame], bytes]):
    assert Image.open(BytesIO(plot(rows(0)))).height < 200


def test_untitled_films_that_earned_nothing_are_drawn_too():
    frame = rows(3).assign(title=None, revenue_usd=0.0)
    assert Image.open(BytesIO(plot_biggest_misses(frame))).width == 900
    assert Image.open(BytesIO(plot_actual_against_predicted(frame))).width == 900


def test_the_biggest_misses_go_both_ways_and_are_the_biggest():
    frame = rows()
    factor = frame["revenue_usd"] / frame["predicted_revenue_usd"]
    found = biggest_misses(frame, each_way=3)["tmdb_id"].tolist()
    ordered = factor.sort_values().index.tolist()
    assert found == [*ordered[:3], *ordered[-3:]]


def test_where_all_films_earned_more_no_miss_is_named_twice():
    frame = rows(4).assign(revenue_usd=lambda films: films["predicted_revenue_usd"] * 2)
    assert sorted(biggest_misses(frame)["tmdb_id"]) == [0, 1, 2, 3]


def test_genres_of_few_films_have_no_bar():
    genres = pd.Series([["Western"] if n < 9 else ["Drama"] for n in range(COUNT)])
    frame = rows().assign(genres=genres)
    found = misses_by_genre(frame)
    assert list(found.index) == ["Drama"]
    assert found.loc["Drama", "films"] == COUNT - 9


def test_the_band_follows_the_forecast_and_reaches_over_all_films():
    predicted = np.array([1e6, 1e8, 1e7])
    middle, low, high = running_band(predicted, predicted / 2, predicted * 2)
    assert (middle[0], middle[-1]) == (1e6, 1e8)
    assert (np.diff(middle) >= 0).all()
    np.testing.assert_allclose(high / low, 4)


def test_chance_alone_moves_a_share_of_few_films_further():
    share = np.array([0.8, 0.8])
    low, high = wilson_interval(share, np.array([10, 1_000]))
    assert (low < share).all()
    assert (share < high).all()
    assert high[0] - low[0] > 5 * (high[1] - low[1])


def test_years_are_named_by_their_ends():
    assert years_in_words(rows()) == "2010-2015"
    assert years_in_words(rows(1)) == "2010"
