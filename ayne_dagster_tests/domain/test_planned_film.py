"""What nobody said of a planned film is not told to the model as a fact of its own."""

import pandas as pd
import pytest

from ayne_dagster.domain.planned_film import usual_origin

LEARNED = pd.DataFrame(
    {
        "main_country": ["US", "US", "US", "FR", "FR", "GB", "BE", None],
        "original_language": ["en", "en", "fr", "fr", "fr", "en", "fr", None],
    }
)


@pytest.mark.parametrize(
    ("country", "language", "taken"),
    [
        (None, None, {"language": "en", "country": "US"}),
        ("FR", None, {"language": "fr"}),
        (None, "fr", {"country": "FR"}),
        ("FR", "en", {}),
        (None, "xx", {}),
    ],
)
def test_the_most_frequent_origin_of_films_like_it_stands_in(
    country: str | None, language: str | None, taken: dict[str, str]
):
    """No French film is taken for American because most are, none from the US for one in French."""
    assert usual_origin(LEARNED, country, language) == taken


def test_equally_frequent_origins_are_settled_by_the_alphabet():
    tied = pd.DataFrame({"main_country": ["US", "FR"], "original_language": ["fr", "en"]})
    assert usual_origin(tied, None, None) == {"language": "en", "country": "FR"}
    assert usual_origin(tied.iloc[::-1], None, None) == {"language": "en", "country": "FR"}
