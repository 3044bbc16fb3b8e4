"""Predictions that were kept come back as they were, and only for the same films and model."""

from pathlib import Path

import pandas as pd
import pytest

from ayne_dagster.domain.back_test import no_films
from ayne_dagster.storage.kept_predictions import KeptPredictions

URI = "models:/m-0a1b2c"


@pytest.fixture
def kept(tmp_path: Path) -> KeptPredictions:
    return KeptPredictions(tmp_path)


def test_what_was_kept_comes_back_to_the_last_bit(kept: KeptPredictions):
    scored = pd.DataFrame(
        {"tmdb_id": [1, 2], "predicted_revenue_usd": [1 / 3, 2e9 / 7], "genres": [["Drama"], []]}
    )
    kept.keep(URI, "f" * 32, scored)
    found = kept.find(URI, "f" * 32)
    assert found is not None
    assert found["predicted_revenue_usd"].tolist() == scored["predicted_revenue_usd"].tolist()
    assert [list(names) for names in found["genres"]] == [["Drama"], []]


def test_other_films_or_another_model_have_none(kept: KeptPredictions):
    kept.keep(URI, "f" * 32, no_films())
    assert kept.find(URI, "e" * 32) is None
    assert kept.find("models:/m-other", "f" * 32) is None


def test_an_address_never_leads_out_of_the_folder(tmp_path: Path):
    inner = tmp_path / "one" / "two"
    KeptPredictions(inner).keep("models:/../../../escaped", "f" * 32, no_films())
    (file,) = tmp_path.rglob("*.parquet")
    assert file.is_relative_to(inner / "predictions")
