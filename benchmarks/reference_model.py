"""The reference model of the benchmark: untuned gradient boosting with three mean histories.

Lives here: what `MODEL_FACTS` calls HGB + point-in-time history, fitted again beside ours on the
same rows. Not here: ours (`ayne_dagster/domain/revenue_model.py`).
"""

import numpy as np
import pandas as pd

from ayne_dagster.domain.model_inputs import BUDGET_COLUMN, GENRES, InputEncoding

SEED = 42
_FACTS = (
    BUDGET_COLUMN,
    "runtime_minutes",
    "release_year_number",
    "release_month",
    "release_day_of_year",
    "release_weekday",
    "certification_level",
    "main_country_code",
    "is_us_production",
    "is_in_english",
)
_GENRES = tuple("is_" + genre.lower().replace(" ", "_") for genre in GENRES)
_HISTORIES = ("company_history_log", "director_history_log", "cast_history_log")
"""One mean per entity; ours, as the recipe smooths it, which makes the reference no weaker."""


def reference_forecasts(train: pd.DataFrame, films: pd.DataFrame) -> np.ndarray:
    """Fit scikit-learn's defaults on the films before the origin and predict others.

    Args:
        train: Labelled `features` rows released before the origin.
        films: Rows to predict.

    Returns:
        Predictions in US dollars, shape (films,).
    """
    from sklearn.ensemble import HistGradientBoostingRegressor
    from threadpoolctl import threadpool_limits

    encoding = InputEncoding.learn(train)
    seen = encoding.matrix(train)
    columns = [*_FACTS, *_GENRES, *_HISTORIES]
    # The outcome in nominal dollars, as there.
    trees = HistGradientBoostingRegressor(random_state=SEED)
    with threadpool_limits(limits=1, user_api="openmp"):
        trees.fit(seen[columns].to_numpy(), np.log1p(train["revenue_usd"].to_numpy(float)))
        predicted = trees.predict(encoding.matrix(films)[columns].to_numpy())
    return np.expm1(np.maximum(predicted, 0.0))
