"""A forecast with all that makes it worth believing: interval, drivers, comparable films.

Lives here: the parts of a forecast put together, for the `forecasts` table and for one film alike.
Not here: the model (`revenue_model.py`), drivers and comparables themselves.
"""

from dataclasses import dataclass

import pandas as pd

from ayne_dagster.domain.comparables import Comparable, nearest_films
from ayne_dagster.domain.drivers import Driver, Predict, film_drivers

_AMOUNTS = ("predicted_revenue_usd", "lower_usd", "upper_usd")


@dataclass(frozen=True)
class Forecast:
    """What a model says of one film, and why.

    Attributes:
        tmdb_id: The film.
        predicted_revenue_usd: Worldwide gross, US dollars; nearer the median than the mean.
        lower_usd: Lower end of the 80 % interval.
        upper_usd: Upper end of it.
        drivers: The groups of inputs that move it most, the strongest first.
        comparables: Earlier films most like it, the nearest first.
    """

    tmdb_id: int
    predicted_revenue_usd: float
    lower_usd: float
    upper_usd: float
    drivers: list[Driver]
    comparables: list[Comparable]


def forecast_films(predict: Predict, films: pd.DataFrame, train: pd.DataFrame) -> list[Forecast]:
    """Forecast films and say why.

    Args:
        predict: `RevenueModel.predict` of the champion of their year.
        films: `features` rows of films of one year.
        train: `features` rows with an outcome of the films released before that year: they say
            what is typical, and are what films are compared with.

    Returns:
        One forecast per film, in the order of the rows.
    """
    if films.empty:
        return []
    predicted = predict(films)
    amounts = [predicted[name].astype(float).tolist() for name in _AMOUNTS]
    return [
        Forecast(number, *of_film)
        for number, *of_film in zip(
            predicted["tmdb_id"].tolist(),
            *amounts,
            film_drivers(predict, films, train),
            nearest_films(films, train),
            strict=True,
        )
    ]


def forecast_rows(
    predict: Predict, films: pd.DataFrame, train: pd.DataFrame, model_uri: str
) -> pd.DataFrame:
    """Rows of `forecasts`.

    Args:
        predict: As of `forecast_films`.
        films: As of `forecast_films`.
        train: As of `forecast_films`.
        model_uri: Address of the model.

    Returns:
        The films with their forecasts, in their order; more columns than the table has.
    """
    forecasts = forecast_films(predict, films, train)
    return films.assign(
        is_outcome_known=films["is_labelled"].astype(bool),
        predicted_revenue_usd=[one.predicted_revenue_usd for one in forecasts],
        lower_usd=[one.lower_usd for one in forecasts],
        upper_usd=[one.upper_usd for one in forecasts],
        drivers=_objects([[str(driver) for driver in one.drivers] for one in forecasts], films),
        comparables=_objects([[str(film) for film in one.comparables] for one in forecasts], films),
        comparable_ids=_objects(
            [[film.tmdb_id for film in one.comparables] for one in forecasts], films
        ),
        model_uri=model_uri,
    )


def _objects(values: list[list[str]] | list[list[int]], films: pd.DataFrame) -> pd.Series:
    return pd.Series(values, index=films.index, dtype=object)
