"""What OMDb sends, as a tolerant model, and the row made of it.

Lives here: OMDb's keys, all of them text. Not here: the rules for single values (`quirks.py`).
"""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ayne_dagster.sources import quirks

Text = Annotated[str | None, BeforeValidator(quirks.omdb_text)]


class TitlePayload(BaseModel):
    """One title. Without an `imdbID` it is another kind of answer (a season, a search)."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    imdb_id: Annotated[str, BeforeValidator(quirks.imdb_id)] = Field(alias="imdbID")
    title: Text = Field(default=None, alias="Title")
    year_text: Text = Field(default=None, alias="Year")
    media_type: Text = Field(default=None, alias="Type")
    rated: Text = Field(default=None, alias="Rated")
    released_on: Annotated[date | None, BeforeValidator(quirks.omdb_date)] = Field(
        default=None, alias="Released"
    )
    runtime_minutes: Annotated[int | None, BeforeValidator(quirks.minutes)] = Field(
        default=None, alias="Runtime"
    )
    imdb_rating: Annotated[float | None, BeforeValidator(quirks.rating)] = Field(
        default=None, alias="imdbRating"
    )
    imdb_votes: Annotated[int | None, BeforeValidator(quirks.count)] = Field(
        default=None, alias="imdbVotes"
    )
    metascore: Annotated[int | None, BeforeValidator(quirks.percent)] = Field(
        default=None, alias="Metascore"
    )
    us_box_office_usd: Annotated[int | None, BeforeValidator(quirks.us_dollars)] = Field(
        default=None, alias="BoxOffice"
    )
    awards: Text = Field(default=None, alias="Awards")
    ratings: Any = Field(default=None, alias="Ratings")


def ratings_row(title: TitlePayload, fetched_at: datetime) -> dict[str, Any]:
    """A row of `omdb_ratings`, without the columns that need the film and the row before it.

    Missing are `tmdb_id`, `release_year`, `stable_fingerprint` and `changed_at`.
    """
    tomatoes = quirks.rating_from(title.ratings, "Rotten Tomatoes")
    metacritic = quirks.rating_from(title.ratings, "Metacritic")
    awards = quirks.awards(title.awards)
    return {
        "imdb_id": title.imdb_id,
        "title": title.title,
        "year_text": title.year_text,
        "media_type": title.media_type,
        "rated": title.rated,
        "released_on": title.released_on,
        "runtime_minutes": title.runtime_minutes,
        "imdb_rating": title.imdb_rating,
        "imdb_votes": title.imdb_votes,
        "rotten_tomatoes_percent": quirks.percent(tomatoes),
        "metascore": title.metascore if title.metascore is not None else quirks.percent(metacritic),
        "us_box_office_usd": title.us_box_office_usd,
        "awards": title.awards,
        "oscar_wins": awards.oscar_wins,
        "oscar_nominations": awards.oscar_nominations,
        "award_wins": awards.award_wins,
        "award_nominations": awards.award_nominations,
        "fetched_at": fetched_at,
    }
