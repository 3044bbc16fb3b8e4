"""Every plot gives a small PNG of real rows, and a clear picture of none."""

from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from ayne_dagster.charts.collection_stats import GROWTH, plot_growth, plot_work
from ayne_dagster.charts.discovered_movies import plot_discovered_movies
from ayne_dagster.charts.features import plot_features, rank_correlations
from ayne_dagster.charts.final_sets import plot_final_sets
from ayne_dagster.charts.forecasts import plot_forecasts
from ayne_dagster.charts.frozen_flags import (
    FRESHNESS,
    FlagFigures,
    days_until_due,
    plot_freshness_by_year,
    plot_frozen_flags,
)
from ayne_dagster.charts.images import PNG_LIMIT_BYTES, inline_image
from ayne_dagster.charts.imdb_ratings import plot_imdb_ratings
from ayne_dagster.charts.movie_lists import plot_movie_lists
from ayne_dagster.charts.omdb_ratings import plot_omdb_ratings
from ayne_dagster.charts.theme import as_dollars, films_shown, no_data_yet
from ayne_dagster.charts.tmdb_changes import plot_tmdb_changes
from ayne_dagster.charts.tmdb_details import plot_tmdb_details
from ayne_dagster.charts.tmdb_ids import plot_tmdb_ids
from ayne_dagster.charts.trained_model import plot_predictions, plot_scores_by_year
from ayne_dagster.domain.collection_figures import (
    DUE_NOW,
    DUE_SOON,
    FILMS,
    RUNS,
    SECONDS,
    SUCCESS,
)
from ayne_dagster.domain.features import build_features
from ayne_dagster.domain.tables.derived import AGE_BANDS
from ayne_dagster.domain.tables.fetched import LIST_NAMES
from ayne_dagster_tests.domain.invented_films import all_years, many_films

NOW = datetime(2026, 6, 1, tzinfo=UTC)
COUNT = 60
RNG = np.random.default_rng(11)


def lists() -> pd.DataFrame:
    names = [name for name in LIST_NAMES for _ in range(12)]
    return pd.DataFrame({"list_name": names, "tmdb_id": RNG.integers(1, 40, COUNT)})


def details() -> pd.DataFrame:
    extra = {"imdb_id": "tt0000001", "overview": "Words.", "trailer_youtube_key": None}
    return many_films(COUNT).assign(**extra)


def ratings() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "imdb_rating": RNG.uniform(1, 10, COUNT),
            "rotten_tomatoes_percent": pd.array([100, 0, None] * 20, dtype="Int64"),
            "metascore": [None] * COUNT,
        }
    )


def flags() -> pd.DataFrame:
    due = pd.Timestamp(NOW) + pd.to_timedelta(RNG.integers(-5, 100, COUNT), unit="D")
    return pd.DataFrame(
        {
            "age_band": RNG.choice(AGE_BANDS, COUNT),
            "is_frozen": RNG.random(COUNT) < 0.3,
            "tmdb_due_at": due,
            "omdb_due_at": pd.NaT,
        }
    )


def features() -> pd.DataFrame:
    frame = many_films(COUNT)
    return build_features(frame, all_years(frame))


def predictions() -> pd.DataFrame:
    actual = np.exp(RNG.normal(17, 2, COUNT))
    predicted = actual * np.exp(RNG.normal(0, 1, COUNT))
    return pd.DataFrame(
        {
            "title": ["A Film That Cost $5 and Made $6"] * COUNT,
            "revenue_usd": actual,
            "predicted_revenue_usd": predicted,
            "lower_usd": predicted / 6,
            "upper_usd": predicted * 5,
        }
    )


def forecasts() -> pd.DataFrame:
    return predictions().assign(
        release_date=pd.Timestamp(2027, 6, 4),
        budget_usd=RNG.choice([np.nan, 2e7], COUNT),
        is_outcome_known=False,
    )


def scores() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "release_year": ["2010", "2011", "2012"],
            "rmsle": [1.6, 1.5, None],
            "rmsle_budget_rule": [1.9, 1.8, None],
            "interval_coverage": [0.8, 0.7, None],
        }
    )


def exported_bands() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "popularity_from": [0.0, 0.1, 1.0, 10.0],
            "known_films": [0, 200, 3_000, 90],
            "other_films": [900_000, 100_000, 4_000, 0],
        }
    )


def imdb_ratings() -> pd.DataFrame:
    votes = np.exp(RNG.normal(7, 3, COUNT)).astype(int)
    return pd.DataFrame({"imdb_rating": RNG.uniform(1, 10, COUNT), "imdb_votes": votes})


def films_per_month() -> pd.DataFrame:
    dates = details()[["release_date"]].rename(columns={"release_date": "month"})
    return dates.assign(films=3)


def changed_days() -> pd.DataFrame:
    days = [day for day in pd.date_range(end=NOW.date(), periods=80) if day.day not in (7, 8)]
    known = RNG.integers(150, 420, len(days))
    return pd.DataFrame({"changed_on": days, "films_named": 9_000, "films_known": known})


def measurements() -> pd.DataFrame:
    """Five days of figures, as `collection_stats` holds them."""
    figures = [(name, "all") for name in GROWTH] + [(FILMS, band) for band in AGE_BANDS]
    figures += [(name, source) for name in (DUE_NOW, DUE_SOON) for source in ("tmdb", "omdb")]
    figures += [(name, job) for name in (RUNS, SUCCESS, SECONDS) for job in ("all", "refresh")]
    rows = [
        {"measured_at": day, "figure": figure, "part": part, "value": RNG.integers(0, 900) / 3}
        for day in pd.date_range(end=NOW, periods=5)
        for figure, part in figures
    ]
    return pd.DataFrame(rows)


def years() -> pd.DataFrame:
    return pd.DataFrame({"year": RNG.integers(1990, 2020, COUNT).astype(str)})


def years_by_freshness() -> pd.DataFrame:
    counts = pd.DataFrame(RNG.integers(0, 90, (COUNT, len(FRESHNESS))), columns=list(FRESHNESS))
    years = [str(1960 + number) for number in range(COUNT)]
    return counts.assign(release_year=years, films=counts.sum(axis=1))


PLOTS: list[tuple[str, Callable[[pd.DataFrame], bytes], Callable[[], pd.DataFrame]]] = [
    ("movie_lists", plot_movie_lists, lists),
    ("discovered_movies", plot_discovered_movies, films_per_month),
    ("tmdb_details", plot_tmdb_details, details),
    ("omdb_ratings", plot_omdb_ratings, ratings),
    ("frozen_flags", lambda frame: plot_frozen_flags(FlagFigures.of(frame, NOW)), flags),
    ("features", plot_features, features),
    ("predictions", lambda frame: plot_predictions(frame, 2010), predictions),
    ("scores", plot_scores_by_year, scores),
    ("forecasts", plot_forecasts, forecasts),
    ("outcomes", plot_forecasts, lambda: forecasts().assign(is_outcome_known=True)),
    ("final sets", lambda f: plot_final_sets({"train": f["year"], "test": f["year"]}), years),
    ("tmdb_ids", plot_tmdb_ids, exported_bands),
    ("imdb_ratings", plot_imdb_ratings, imdb_ratings),
    ("tmdb_changes", plot_tmdb_changes, changed_days),
    ("growth", plot_growth, measurements),
    ("work", plot_work, measurements),
    (
        "years",
        lambda f: plot_freshness_by_year(cast("list[dict[str, Any]]", f.to_dict("records"))),
        years_by_freshness,
    ),
]


@pytest.mark.parametrize(("plot", "rows"), [p[1:] for p in PLOTS], ids=[p[0] for p in PLOTS])
@pytest.mark.parametrize("count", [COUNT, 1])
def test_a_plot_is_a_png_of_900_pixels_and_small(
    plot: Callable[[pd.DataFrame], bytes], rows: Callable[[], pd.DataFrame], count: int
):
    """One row is the hard case: no spread, one year, no median of five."""
    png = plot(rows().head(count))
    assert Image.open(BytesIO(png)).width == 900
    assert len(png) < PNG_LIMIT_BYTES


@pytest.mark.parametrize(("plot", "rows"), [p[1:] for p in PLOTS], ids=[p[0] for p in PLOTS])
def test_a_plot_of_nothing_says_so_instead_of_failing_the_run(
    plot: Callable[[pd.DataFrame], bytes], rows: Callable[[], pd.DataFrame]
):
    assert Image.open(BytesIO(plot(rows().head(0)))).height < 200


def test_films_without_any_date_are_still_counted():
    frame = pd.DataFrame({"month": [None], "films": [2]})
    assert Image.open(BytesIO(plot_discovered_movies(frame))).width == 900


def test_frozen_films_without_due_times_are_drawn():
    """All frozen, both due columns NULL: object columns of None in DuckDB's frame."""
    frame = flags().assign(tmdb_due_at=None, omdb_due_at=None, is_frozen=True)
    assert Image.open(BytesIO(plot_frozen_flags(FlagFigures.of(frame, NOW)))).width == 900


def test_the_first_source_that_is_due_decides():
    frame = pd.DataFrame(
        {
            "tmdb_due_at": pd.to_datetime(["2026-06-03", "", ""], utc=True),
            "omdb_due_at": pd.to_datetime(["2026-06-02", "2026-05-31", ""], utc=True),
        }
    )
    assert sorted(days_until_due(frame, NOW)) == [-1.0, 1.0]


def test_rank_correlations_leave_out_what_is_hardly_known():
    frame = features()
    found = rank_correlations(frame.assign(director_history_log=np.nan))
    assert "director's history" not in found.index
    assert found["budget"] > 0


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "$0"), (950, "$950"), (1e3, "$1k"), (2.5e6, "$2.5M"), (12e6, "$12M"), (1.24e9, "$1.2B")],
)
def test_dollar_amounts_are_short(amount: float, text: str):
    assert as_dollars(amount) == text


def test_a_picture_is_inlined_with_its_description():
    text = inline_image(no_data_yet("films"), "films per year").value
    assert text is not None
    assert text.startswith("![films per year](data:image/png;base64,iVBOR")


def test_other_bytes_and_too_many_bytes_are_refused():
    with pytest.raises(ValueError, match="no PNG"):
        inline_image(b"<svg>", "a drawing")
    with pytest.raises(ValueError, match="allowed"):
        inline_image(b"\x89PNG\r\n\x1a\n" + bytes(PNG_LIMIT_BYTES), "a photograph")


def test_figures_of_groups_of_flags_add_up_to_those_of_all_films():
    """Only so is the picture of a million films right without holding them."""
    frame = flags().assign(omdb_due_at=pd.Timestamp(NOW) - pd.Timedelta(days=1))
    whole = FlagFigures.of(frame, NOW)
    parts = FlagFigures.of(frame.head(20), NOW) + FlagFigures.of(frame.tail(COUNT - 20), NOW)
    assert (whole.awake, whole.asleep) == (parts.awake, parts.asleep)
    assert whole.per_week.tolist() == parts.per_week.tolist()
    assert whole.per_week.sum() == 0
    assert (parts.films, parts.frozen) == (COUNT, int(frame["is_frozen"].sum()))
    assert (parts.due_at_omdb, parts.overdue) == (COUNT, COUNT)
    assert 0 < parts.due_at_tmdb < COUNT


def test_a_picture_of_a_sample_says_so():
    assert films_shown(50_000, 1_000_000) == "a sample of 50,000 of 1,000,000 films"
    assert films_shown(60, None) == films_shown(60, 60) == "60 films"
