"""The pictures of `back_test` that show films: said and come, misses by genre, the biggest misses.

Lives here: plots of the rows. Not here: plots of scores (`back_test_scores.py`).
"""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ayne_dagster.charts import theme

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_GENRES = 16
MINIMUM_FILMS = 10
"""A genre of fewer films has no spread worth a bar."""

MISSES_EACH_WAY = 8
_TITLE_LENGTH = 30
_BANDS = 24
_FACTORS = tuple(digit * 10.0**power for power in range(-6, 7) for digit in (1, 3))


def plot_actual_against_predicted(back_test: pd.DataFrame) -> bytes:
    """Outcome over forecast on log axes, with the band the 80 % intervals make.

    Args:
        back_test: Rows of `back_test`, of one year or of many.

    Returns:
        A PNG; of an empty frame one that says so.
    """
    if back_test.empty:
        return theme.no_data_yet("films with an outcome")
    actual, predicted, lower, upper = (
        np.maximum(back_test[name].to_numpy(float), 1.0)
        for name in ("revenue_usd", "predicted_revenue_usd", "lower_usd", "upper_usd")
    )
    is_inside = (actual >= lower) & (actual <= upper)
    figure, (axes,) = theme.new_figure(
        f"{counted(len(actual))} of {years_in_words(back_test)}: "
        f"{100 * is_inside.mean():.0f} % inside their 80 % interval",
        height=6.2,
    )
    middle, low, high = running_band(predicted, lower, upper)
    axes.fill_between(middle, low, high, color=theme.PALE, alpha=0.6, linewidth=0, zorder=1,
                      label="80 % interval, typical at that forecast")  # fmt: skip
    size = 40 if len(actual) < 50 else 16 if len(actual) < 800 else 6
    for mask, colour, label in (
        (is_inside, theme.BLUE, "inside its interval"),
        (~is_inside, theme.RED, "outside"),
    ):
        axes.scatter(predicted[mask], actual[mask], s=size, color=colour, label=label,
                     linewidth=0, zorder=3)  # fmt: skip
    smallest, largest = _limits(actual, predicted)
    line = np.array([smallest, largest])
    axes.plot(line, line, color=theme.INK, linewidth=1.2, zorder=4, label="as predicted")
    axes.set(xscale="log", yscale="log", xlim=(smallest, largest), ylim=(smallest, largest))
    theme.dollar_axis(axes, "x")
    theme.dollar_axis(axes, "y")
    theme.label_axes(axes, x="predicted before release", y="actual worldwide revenue")
    theme.add_legend(axes, loc="upper left", markerscale=1.6)
    return theme.to_png(figure)


def running_band(
    predicted: np.ndarray, lower: np.ndarray, upper: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Typical interval by forecast: medians of groups of neighbours in the order of the forecast.

    Returns:
        Forecast, lower and upper end, each of shape (groups,) with ascending forecasts.
    """
    order = np.argsort(predicted, kind="stable")
    groups = np.array_split(order, min(_BANDS, len(order)))
    # The smallest and the largest forecast by themselves: the band reaches over all films.
    groups = [order[:1], *groups, order[-1:]]
    middle, low, high = (
        np.array([np.median(values[group]) for group in groups])
        for values in (predicted, lower, upper)
    )
    return middle, low, high


def plot_residuals_by_genre(back_test: pd.DataFrame) -> bytes:
    """How far films of each genre came above or below their forecast.

    Args:
        back_test: Rows of `back_test`; a film counts for each of its genres.

    Returns:
        A PNG; one that says so where no genre has enough films.
    """
    misses = misses_by_genre(back_test)
    if misses.empty:
        return theme.no_data_yet(f"genres with {MINIMUM_FILMS} films that have an outcome")
    figure, (axes,) = theme.new_figure(
        f"Outcome over forecast by genre, {years_in_words(back_test)}",
        height=1.7 + 0.32 * len(misses),
    )
    rows = np.arange(len(misses))
    axes.hlines(rows, misses["low"], misses["high"], color=theme.PALE, linewidth=7, zorder=1,
                label="four of five films")  # fmt: skip
    axes.scatter(misses["median"], rows, s=44, color=theme.BLUE, zorder=3, label="median film")
    axes.axvline(1, color=theme.INK, linewidth=1, linestyle="--", zorder=2)
    axes.set_xscale("log")
    axes.set_yticks(rows, [f"{genre} ({films:,})" for genre, films in misses["films"].items()])
    axes.set_ylim(-0.6, len(misses) - 0.4)
    factor_axis(axes)
    theme.label_axes(axes, x="actual revenue / forecast")
    theme.light_grid(axes, "x")
    theme.add_legend(figure, loc="outside lower center", ncols=2)
    return theme.to_png(figure)


def misses_by_genre(back_test: pd.DataFrame) -> pd.DataFrame:
    """Outcome over forecast of each genre: films, 10 % quantile, median, 90 % quantile.

    Returns:
        A frame by genre, the lowest median first; the `MOST_GENRES` with the most films.
    """
    if back_test.empty:
        return pd.DataFrame(columns=["films", "low", "median", "high"])
    factor = _factor(back_test)
    each = pd.DataFrame({"genre": [list(names) for names in back_test["genres"]], "factor": factor})
    each = each.explode("genre").dropna(subset=["genre"])
    grouped = each.groupby("genre")["factor"]
    found = pd.DataFrame(
        {
            "films": grouped.size(),
            "low": grouped.quantile(0.1),
            "median": grouped.median(),
            "high": grouped.quantile(0.9),
        }
    )
    enough = found[found["films"] >= MINIMUM_FILMS].nlargest(MOST_GENRES, "films")
    return enough.sort_values("median")


def plot_biggest_misses(back_test: pd.DataFrame) -> bytes:
    """The films that came furthest above and below their forecast, by name.

    Args:
        back_test: Rows of `back_test`.

    Returns:
        A PNG; of an empty frame one that says so.
    """
    if back_test.empty:
        return theme.no_data_yet("films with an outcome")
    misses = biggest_misses(back_test)
    figure, (axes,) = theme.new_figure(
        f"The biggest misses among {counted(len(back_test))} of {years_in_words(back_test)}",
        height=1.7 + 0.3 * len(misses),
    )
    rows = np.arange(len(misses))
    predicted = np.maximum(misses["predicted_revenue_usd"].to_numpy(float), 1.0)
    actual = np.maximum(misses["revenue_usd"].to_numpy(float), 1.0)
    colours = np.where(actual > predicted, theme.GREEN, theme.RED)
    axes.hlines(rows, np.minimum(predicted, actual), np.maximum(predicted, actual),
                color=colours, linewidth=2, alpha=0.55, zorder=1)  # fmt: skip
    axes.scatter(predicted, rows, s=42, facecolor="white", edgecolor=theme.INK, linewidth=1.4,
                 zorder=3, label="forecast")  # fmt: skip
    axes.scatter(actual, rows, s=42, color=colours, zorder=3)
    for colour, label in ((theme.GREEN, "earned more"), (theme.RED, "earned less")):
        axes.scatter([], [], s=42, color=colour, label=label)
    names = [
        f"{theme.shorten('untitled' if pd.isna(title) else title, _TITLE_LENGTH)} ({year})"
        for title, year in zip(misses["title"], misses["release_year"], strict=True)
    ]
    axes.set_yticks(rows, names)
    axes.set_xscale("log")
    axes.set_xlim(*_limits(actual, predicted))
    axes.set_ylim(-0.6, len(misses) - 0.4)
    theme.dollar_axis(axes, "x")
    theme.label_axes(axes, x="worldwide revenue, US dollars")
    theme.light_grid(axes, "x")
    theme.add_legend(figure, loc="outside lower center", ncols=3)
    return theme.to_png(figure)


def biggest_misses(back_test: pd.DataFrame, each_way: int = MISSES_EACH_WAY) -> pd.DataFrame:
    """The films that missed furthest by factor: below their forecast first, then above it."""
    ordered = back_test.assign(factor=_factor(back_test)).sort_values(
        ["factor", "tmdb_id"], kind="stable"
    )
    below = ordered[ordered["factor"] < 1].head(each_way)
    above = ordered[ordered["factor"] >= 1].tail(each_way)
    return pd.concat([below, above], ignore_index=True)


def years_in_words(back_test: pd.DataFrame) -> str:
    """The release years of some rows: `2014` or `2014-2019`."""
    years = back_test["release_year"].astype(str)
    first, last = years.min(), years.max()
    return first if first == last else f"{first}-{last}"


def factor_axis(axes: "Axes") -> None:
    """Label the horizontal axis as factors: `×0.1`, `×0.3`, `×1`."""
    from matplotlib.ticker import NullLocator

    low, high = axes.get_xlim()
    shown = [factor for factor in _FACTORS if low <= factor <= high]
    axes.set_xticks(shown, [f"×{factor:g}" for factor in shown])
    axes.xaxis.set_minor_locator(NullLocator())


def counted(count: int) -> str:
    """A number of films in words: `1 film`, `1,861 films`."""
    return "1 film" if count == 1 else f"{count:,} films"


def _factor(back_test: pd.DataFrame) -> np.ndarray:
    """Outcome over forecast, in ln(1+revenue) as it is scored; shape (films,)."""
    actual, predicted = (
        np.log1p(back_test[name].to_numpy(float))
        for name in ("revenue_usd", "predicted_revenue_usd")
    )
    return np.exp(actual - predicted)


def _limits(actual: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """Whole powers of ten around all values."""
    low = np.floor(np.log10(min(actual.min(), predicted.min())))
    high = np.ceil(np.log10(max(actual.max(), predicted.max())) + 1e-9)
    return float(10**low), float(10 ** max(high, low + 1))
