"""`ayne predict`: a forecast with its reasons, and one clear line where there can be none."""

import json
import shutil
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pytest

from ayne_dagster.cli.facts_given import Certification, Dollars
from ayne_dagster.cli.main import main
from ayne_dagster.domain import forecasting
from ayne_dagster.domain.tables import DISCOVERED_MOVIES
from ayne_dagster.storage.warehouse import Warehouse
from ayne_dagster_tests.cli.conftest import Invoke
from ayne_dagster_tests.cli.modelled_films import YEAR, registry_in
from ayne_dagster_tests.storage.film_rows import discovered, put

PLANNED = ("predict", "The Long Night", "--release-date", "2011-10-14")
WHOLE = (
    *PLANNED, "--budget", "60m", "--runtime", "118", "--genres", "drama", "--director",
    "zoe director 7", "--company", "Company 3", "--cast", "Actor 1", "--cast", "Actor 2",
    "--language", "EN", "--country", "us", "--certification", "R",
)  # fmt: skip


def predicted(invoke: Invoke, *arguments: str) -> dict[str, Any]:
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_planned_film_gets_a_forecast_an_interval_and_the_reasons(invoke: Invoke, modelled: Path):
    report = predicted(invoke, *WHOLE)
    assert report["lower_usd"] < report["predicted_revenue_usd"] < report["upper_usd"]
    assert (report["title"], report["release_date"]) == ("The Long Night", "2011-10-14")
    assert len(report["drivers"]) == 3
    assert all(one["factor"] > 0 for one in report["drivers"])
    assert len(report["comparables"]) == 5
    assert all(one["release_year"] < "2011" for one in report["comparables"])
    assert report["model"]["release_year"] == YEAR
    assert report["remarks"] == []


def test_people_read_the_same_as_machines(invoke: Invoke, modelled: Path):
    shown = invoke(*WHOLE)
    assert shown.exit_code == 0, shown.output
    for words in ("The Long Night, opens 2011-10-14", "80 % interval  $", "champion of 2011",
                  "against a typical film", "Earlier films most like it"):  # fmt: skip
        assert words in shown.output
    assert "×" in shown.output


def test_a_larger_budget_makes_a_larger_forecast(invoke: Invoke, modelled: Path):
    """The invented films earn by budget: otherwise the option would not reach the model."""
    small = predicted(invoke, *PLANNED, "--budget", "2000000")
    large = predicted(invoke, *PLANNED, "--budget", "$100M")
    assert large["predicted_revenue_usd"] > 3 * small["predicted_revenue_usd"]


def test_a_stored_film_gets_what_the_champion_says_of_its_features(invoke: Invoke, modelled: Path):
    """The same film by the table's features and by the command: bit for bit."""
    from ayne_dagster.domain.features import build_features
    from ayne_dagster_tests.cli.modelled_films import film_details
    from ayne_dagster_tests.domain.invented_films import all_years

    frame = film_details()
    features = build_features(frame, all_years(frame))
    film = features[features["release_year"] == str(YEAR)].head(1)
    champion = registry_in(modelled).champion(YEAR)
    assert champion is not None
    model = registry_in(modelled).log.load_model(champion.model_uri)
    number = int(film["tmdb_id"].iloc[0])
    report = predicted(invoke, "predict", "--tmdb-id", str(number))
    assert report["predicted_revenue_usd"] == model.predict(film)["predicted_revenue_usd"].iloc[0]
    assert report["tmdb_id"] == number
    assert report["title"] == film["title"].iloc[0]
    changed = predicted(invoke, "predict", "--tmdb-id", str(number), "--budget", "900m")
    assert changed["predicted_revenue_usd"] != report["predicted_revenue_usd"]


def test_an_outcome_that_is_in_stands_beside_the_forecast(invoke: Invoke, modelled: Path):
    """The first thing anybody looks for was not said."""
    number = stored_film(modelled, f"release_year = '{YEAR}' AND revenue_usd > 1000000")
    report = predicted(invoke, "predict", "--tmdb-id", str(number))
    assert report["revenue_usd"] > 1_000_000
    is_inside = report["lower_usd"] <= report["revenue_usd"] <= report["upper_usd"]
    shown = invoke("predict", "--tmdb-id", str(number)).output
    assert "  it came to     " in shown
    assert ("inside of it" in shown) == is_inside
    assert predicted(invoke, *PLANNED)["revenue_usd"] is None


@pytest.mark.parametrize(
    ("said", "usd"), [("1,250,000", 1_250_000.0), ("$35.5m", 35_500_000.0), ("60_000_000", 6e7)]
)
def test_a_comma_parts_thousands(said: str, usd: float):
    assert Dollars().convert(said, None, None) == usd


@pytest.mark.parametrize(("said", "meant"), [("pg13", "PG-13"), ("R", "R"), ("nc 17", "NC-17")])
def test_a_certification_is_known_however_it_is_spelled(said: str, meant: str):
    assert Certification().convert(said, None, None) == meant


def features_asked(monkeypatch: pytest.MonkeyPatch) -> list[pd.DataFrame]:
    """Rows of features that forecasts were asked of, and then the films they were compared with."""
    seen: list[pd.DataFrame] = []
    forecast_films = forecasting.forecast_films

    def watched(predict: Any, films: pd.DataFrame, train: pd.DataFrame) -> Any:
        seen.extend((films, train))
        return forecast_films(predict, films, train)

    monkeypatch.setattr(forecasting, "forecast_films", watched)
    return seen


def stored_film(modelled: Path, condition: str) -> int:
    """A stored film with an outcome."""
    with duckdb.connect(str(modelled / "ayne.duckdb")) as connection:
        found = connection.execute(
            f"SELECT tmdb_id FROM tmdb_details WHERE {condition} ORDER BY tmdb_id LIMIT 1"
        ).fetchone()
    assert found is not None
    return found[0]


def change_film(modelled: Path, number: int, changes: str) -> None:
    with duckdb.connect(str(modelled / "ayne.duckdb")) as connection:
        connection.execute(f"UPDATE tmdb_details SET {changes} WHERE tmdb_id = ?", [number])


def test_a_moved_film_is_not_its_own_past(
    invoke: Invoke, modelled: Path, monkeypatch: pytest.MonkeyPatch
):
    """Its own revenue stood in its director's track record, and it was a sequel of itself."""
    number = stored_film(modelled, "release_year = '2008'")
    change_film(modelled, number, "director_ids = [7777], collection_id = 555")
    asked = features_asked(monkeypatch)
    report = predicted(invoke, "predict", "--tmdb-id", str(number), "--release-date", "2012-05-04")
    films, train = asked
    assert films["director_history_films"].isna().tolist() == [True]
    assert films["is_sequel"].tolist() == [False]
    assert number not in set(train["tmdb_id"])
    assert number not in {one["tmdb_id"] for one in report["comparables"]}
    (remark,) = [one for one in report["remarks"] if "may have learned from it" in one]
    assert remark.startswith("the film opened on 2008-")
    assert f"the model of {YEAR}" in remark


def test_a_film_that_its_model_did_not_know_carries_no_such_remark(invoke: Invoke, modelled: Path):
    number = stored_film(modelled, f"release_year = '{YEAR}'")
    report = predicted(invoke, "predict", "--tmdb-id", str(number), "--release-date", "2012-05-04")
    assert not [one for one in report["remarks"] if "learned" in one]


def test_an_unknown_collection_replaces_the_stored_one(
    invoke: Invoke, modelled: Path, monkeypatch: pytest.MonkeyPatch
):
    """It said `taken as a debut` and went on with the stored collection."""
    number = stored_film(modelled, f"release_year = '{YEAR}'")
    change_film(modelled, number, "collection_id = 555")
    change_film(modelled, stored_film(modelled, "release_year = '2005'"), "collection_id = 555")
    asked = features_asked(monkeypatch)
    predicted(invoke, "predict", "--tmdb-id", str(number))
    report = predicted(invoke, "predict", "--tmdb-id", str(number), "--collection", "Unknown")
    sequel, of_none = asked[0], asked[2]
    assert sequel["is_sequel"].tolist() == [True]
    assert of_none["is_sequel"].tolist() == [False]
    assert [one for one in report["remarks"] if "taken as a debut" in one]


def test_names_are_found_whatever_their_case_and_accents_and_unknown_ones_are_said(
    invoke: Invoke, modelled: Path
):
    known = predicted(invoke, *PLANNED, "--director", "ZOE DIRECTOR 7")
    assert not [one for one in known["remarks"] if "director" in one]
    slip = predicted(invoke, *PLANNED, "--director", "Zoë Directr 7")
    (remark,) = [one for one in slip["remarks"] if "director" in one]
    assert "in none of the stored films: taken as a debut" in remark
    assert "did you mean 'Zoë Director 7'" in remark
    twins = predicted(invoke, *PLANNED, "--director", "Ana Twin")
    (remark,) = [one for one in twins["remarks"] if "director" in one]
    assert "2 are called so; taken for" in remark
    assert "give the id to choose" in remark
    by_id = predicted(invoke, *PLANNED, "--director", "6")
    assert not [one for one in by_id["remarks"] if "director" in one]


def test_the_company_reaches_the_forecast(invoke: Invoke, modelled: Path):
    """Revenue of the invented films rises with the number of their company."""
    weak = predicted(invoke, *PLANNED, "--budget", "20m", "--company", "Company 1")
    strong = predicted(invoke, *PLANNED, "--budget", "20m", "--company", "Company 29")
    assert strong["predicted_revenue_usd"] > 2 * weak["predicted_revenue_usd"]


def test_what_was_not_given_is_said(invoke: Invoke, modelled: Path):
    missing, origin = predicted(invoke, *PLANNED, "--budget", "1m")["remarks"]
    assert missing == "not given, so unknown to the model: runtime, genres, certification"
    assert origin == (
        "country and language not given: taken as US and en, "
        "as of most films the model learned from"
    )


def test_a_film_of_no_country_and_language_is_taken_for_a_usual_one(invoke: Invoke, modelled: Path):
    """It was told to the model as neither American nor in English, and said to be unknown."""
    bare = predicted(invoke, *PLANNED, "--budget", "20m")
    usual = predicted(invoke, *PLANNED, "--budget", "20m", "--language", "en", "--country", "US")
    assert bare["predicted_revenue_usd"] == usual["predicted_revenue_usd"]
    assert bare["drivers"] == usual["drivers"]


def test_a_year_without_a_model_is_forecast_by_the_nearest_before(invoke: Invoke, modelled: Path):
    report = predicted(invoke, "predict", "X", "--release-date", "2013-01-04")
    assert report["model"]["release_year"] == YEAR
    assert "2013 has no model; the champion of 2011 says this" in report["remarks"]


def test_another_database_brings_its_own_models(
    invoke: Invoke, modelled_folder: Path, project: Path, tmp_path: Path
):
    """As `--database data/demo/ayne.duckdb` does: the models lie beside the file."""
    shutil.copytree(modelled_folder, tmp_path / "elsewhere")
    report = predicted(invoke, *PLANNED, "--database", str(tmp_path / "elsewhere/ayne.duckdb"))
    assert report["model"]["release_year"] == YEAR
    assert not (project / "data" / "mlflow").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["predict"], "give a TITLE"),
        (["predict", "X"], "give --release-date 2027-06-18"),
        (["predict", "X", "--release-date", "soon"], "'soon' does not match the format"),
        (["predict", "X", "--genres", "Actoin"], "there is no genre 'Actoin'; there are Action,"),
        (["predict", "X", "--budget", "much"], "'much' is no amount in US dollars; write 2"),
        (["predict", "X", "--budget", "0"], "leave the option out where the budget is unknown"),
        (["predict", "X", "--budget", "60"], "'60' means 60 dollars, and 1,000 or less count as"),
        (["predict", "X", "--budget", "1k"], "write 60m for sixty million"),
        (["predict", "X", "--budget", "60,5m"], "'60,5m' is no amount in US dollars; write 2"),
        (["predict", "X", "--budget", "500bn"], "is more than any film has cost; write 60m"),
        (["predict", "X", "--certification", "B"], "no certification 'B'; there are G, TV-Y,"),
        (["predict", "X", "--release-date", "2300-01-01"], "2300 is more than 20 years ahead"),
        (["predict", "X", "--runtime", "0"], "0 is not in the range"),
        (["predict", "X", "--language", "English"], "'English' is no code of two letters"),
        (["predict", "--tmdb-id", "x"], "'x' is no TMDB id"),
        (["predict", "X", "--database", "nowhere"], "'nowhere' does not exist"),
    ],
)
def test_wrong_usage_says_what_is_right(invoke: Invoke, arguments: list[str], words: str):
    result = invoke(*arguments)
    assert result.exit_code == 2, result.output
    assert words in " ".join(result.output.split())


def failure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str
) -> str:
    """What the entry point says on standard error, with exit code 1 and no traceback."""
    monkeypatch.setattr("sys.argv", ["ayne", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    return said


def test_without_any_model_the_command_that_makes_one_is_named(
    modelled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    with duckdb.connect(str(modelled / "ayne.duckdb")) as connection:
        connection.execute("DROP TABLE trained_model")
    said = failure(monkeypatch, capsys, *PLANNED)
    assert "there is no model yet. `ayne model train` makes one" in said


def test_a_film_of_before_the_first_model_is_not_forecast_by_a_later_one(
    modelled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    """A model that was trained on the film's own time would flatter itself."""
    said = failure(monkeypatch, capsys, "predict", "X", "--release-date", "2005-05-05")
    assert "no model for films of 2005: the earliest is that of 2011" in said
    assert "`ayne model train --years 2005`" in said


def test_a_film_without_details_says_how_to_get_them(
    modelled: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    put(Warehouse(modelled / "ayne.duckdb"), DISCOVERED_MOVIES, discovered(999_999, "2011"))
    said = failure(monkeypatch, capsys, "predict", "--tmdb-id", "999999")
    assert "no details of film 999999 yet; `ayne refresh 999999` fetches them" in said
