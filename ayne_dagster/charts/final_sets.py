"""The picture of `final_sets`: films with an outcome per release year, training and test apart."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ayne_dagster.charts import theme


def plot_final_sets(release_years: Mapping[str, pd.Series]) -> bytes:
    """Films per release year in the training and in the test set.

    Args:
        release_years: Release year of each film, by `train` and `test`.

    Returns:
        A PNG; without any film one that says so.
    """
    train, test = (release_years[side].astype(int) for side in ("train", "test"))
    if train.empty and test.empty:
        return theme.no_data_yet("films with an outcome")
    figure, (axes,) = theme.new_figure(
        f"{len(train):,} training films, then {len(test):,} test films", height=3.4
    )
    for years, colour, label in (
        (train, theme.BLUE, "training"),
        (test, theme.ORANGE, "test"),
    ):
        counts = years.value_counts().sort_index()
        axes.bar(np.asarray(counts.index), counts.to_numpy(), color=colour, label=label, width=0.8)
    theme.whole_numbers(axes, "x")
    theme.whole_numbers(axes, "y")
    years = pd.concat([train, test])
    axes.set_xlim(years.min() - 1.5, years.max() + 1.5)
    theme.label_axes(axes, x="release year", y="films with an outcome")
    theme.light_grid(axes, "y")
    theme.add_legend(axes, loc="upper left")
    return theme.to_png(figure)
