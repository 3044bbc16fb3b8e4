"""The picture of `tmdb_details`: how complete the films are, and what each genre earns."""

import pandas as pd

from ayne_dagster.charts import theme

_FIELDS = {
    "imdb_id": "IMDb id",
    "runtime_minutes": "running time",
    "overview": "overview",
    "us_certification": "US certification",
    "trailer_youtube_key": "trailer",
    "budget_usd": "budget",
    "revenue_usd": "revenue",
    "collection_id": "collection",
}
MINIMUM_FILMS = 5
"""A median of fewer films says more about them than about the genre."""


def plot_tmdb_details(tmdb_details: pd.DataFrame, *, films: int | None = None) -> bytes:
    """Share of films with each field known, and median revenue by genre.

    Args:
        tmdb_details: Rows of `tmdb_details`, or a sample of them.
        films: Of how many films they are a sample; the title says so.

    Returns:
        A PNG; of an empty frame one that says so.
    """
    if tmdb_details.empty:
        return theme.no_data_yet("film details")
    title = f"Details of {theme.films_shown(len(tmdb_details), films)}"
    figure, (known, earned) = theme.new_figure(title, height=4.2, columns=2)
    shares = tmdb_details[list(_FIELDS)].notna().mean().rename(_FIELDS).sort_values()
    known.barh(list(shares.index), shares * 100, color=theme.BLUE)
    known.set_xlim(0, 100)
    theme.label_axes(known, x="% of films", title="known of how many films")

    revenue = tmdb_details[["genres", "revenue_usd"]].dropna().explode("genres")
    by_genre = revenue.groupby("genres")["revenue_usd"].agg(["median", "size"])
    medians = by_genre[by_genre["size"] >= MINIMUM_FILMS]["median"].astype(float)
    medians = medians.nlargest(12).sort_values()
    if medians.empty:
        earned.set_axis_off()
        earned.text(
            0, 0.5, "too few films with revenue", fontsize=theme.TEXT_POINTS, color=theme.GREY
        )
    else:
        earned.barh(list(medians.index), medians, color=theme.GREEN)
        theme.dollar_axis(earned, "x")
        theme.label_axes(earned, x="worldwide, US dollars", title="median revenue by genre")
    for axes in (known, earned):
        theme.light_grid(axes, "x")
    return theme.to_png(figure)
