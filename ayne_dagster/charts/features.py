"""The picture of `features`: what is unknown of how many films, and what goes with revenue."""

import pandas as pd

from ayne_dagster.charts import theme

_INPUTS = {
    "budget_usd": "budget",
    "runtime_minutes": "running time",
    "main_country": "country",
    "original_language": "language",
    "us_certification": "certification",
    "company_history_log": "companies' history",
    "director_history_log": "director's history",
    "cast_history_log": "cast's history",
    "collection_history_log": "collection's history",
}
_RANKED = (
    "budget_usd",
    "runtime_minutes",
    "company_history_log",
    "director_history_log",
    "cast_history_log",
    "collection_history_log",
)
PLOTTED_COLUMNS: tuple[str, ...] = (*_INPUTS, "revenue_usd", "is_labelled")
"""The columns `plot_features` looks at."""
MINIMUM_FILMS = 20
"""A rank correlation of fewer films is noise."""


def plot_features(features: pd.DataFrame, *, films: int | None = None) -> bytes:
    """Share of films with each input unknown, and rank correlation of inputs with revenue.

    Args:
        features: Rows of `features`, or a sample of them.
        films: Of how many films they are a sample; the title says so.

    Returns:
        A PNG; of an empty frame one that says so.
    """
    if features.empty:
        return theme.no_data_yet("features")
    labelled = features[features["is_labelled"].astype(bool)]
    shown = theme.films_shown(len(features), films)
    title = f"Features of {shown}, {len(labelled):,} with an outcome"
    figure, (unknown, related) = theme.new_figure(title, height=3.8, columns=2)
    missing = features[list(_INPUTS)].isna().mean().rename(_INPUTS).sort_values()
    unknown.barh(list(missing.index), missing * 100, color=theme.ORANGE)
    unknown.set_xlim(0, 100)
    theme.label_axes(unknown, x="% of films", title="unknown of how many films")
    theme.light_grid(unknown, "x")

    correlations = rank_correlations(labelled)
    if correlations.empty:
        related.set_axis_off()
        related.text(
            0, 0.5, "too few films with an outcome", fontsize=theme.TEXT_POINTS, color=theme.GREY
        )
        return theme.to_png(figure)
    related.barh(list(correlations.index), correlations, color=theme.BLUE)
    related.set_xlim(min(0.0, float(correlations.min()) - 0.05), 1)
    related.axvline(0, color=theme.GREY, linewidth=1)
    theme.label_axes(related, x="rank correlation", title="goes with worldwide revenue")
    theme.light_grid(related, "x")
    return theme.to_png(figure)


def rank_correlations(labelled: pd.DataFrame) -> pd.Series:
    """Spearman correlation of inputs with revenue where both are known, the lowest first.

    Returns:
        By the input's name for people; inputs known of fewer than `MINIMUM_FILMS` films, or that
        do not vary, are left out.
    """
    found: dict[str, float] = {}
    for name in _RANKED:
        pairs = labelled[[name, "revenue_usd"]].astype(float).dropna()
        if len(pairs) >= MINIMUM_FILMS and pairs.nunique().min() > 1:
            ranks = pairs.rank()
            found[_INPUTS[name]] = float(ranks[name].corr(ranks["revenue_usd"]))
    return pd.Series(found, dtype=float).sort_values()
