"""Which layer a setting comes from, and what a wrong one says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pydantic import BaseModel

from ayne_dagster.cli.main import ayne
from ayne_dagster.settings import (
    ENVIRONMENTS_FOLDER,
    Settings,
    SettingsError,
    load_settings,
    load_settings_with_origin,
    setting_name,
)
from ayne_dagster_tests.conftest import PROJECT, setting_names

SECRET = "0123456789abcdef0123456789abcdef"


class Layers:
    """The three places settings come from, each a file or the environment of the test's own."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.dotenv_path = folder / ".env"
        self.yaml_folder = folder / "environments"
        self.yaml_folder.mkdir()
        self.env = patch.setenv

    def dotenv(self, *lines: str) -> None:
        self.dotenv_path.write_text("\n".join(lines), encoding="utf-8")

    def yaml(self, text: str, environment: str = "development") -> None:
        (self.yaml_folder / f"{environment}.yaml").write_text(text, encoding="utf-8")

    def load(self) -> Settings:
        return self.load_with_origin()[0]

    def load_with_origin(self) -> tuple[Settings, dict[str, str]]:
        return load_settings_with_origin(
            dotenv=self.dotenv_path, environments_folder=self.yaml_folder
        )

    def error(self) -> str:
        with pytest.raises(SettingsError) as caught:
            self.load()
        return str(caught.value)


@pytest.fixture
def layers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Layers:
    return Layers(tmp_path, monkeypatch)


def all_fields(model: type[BaseModel] = Settings) -> list[tuple[str, Any]]:
    found = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            found.extend((f"{name}.{inner}", deep) for inner, deep in all_fields(kind))
        else:
            found.append((name, field))
    return found


def test_environment_wins_over_dotenv_over_yaml_over_default(layers: Layers):
    """One setting climbs through all four layers."""

    def wait() -> tuple[float, str]:
        settings, origin = layers.load_with_origin()
        return settings.database.wait_seconds, origin.get("database.wait_seconds", "default")

    assert wait() == (120.0, "default")
    layers.yaml("database:\n  wait_seconds: 30\n")
    assert wait() == (30.0, "development.yaml")
    layers.dotenv("DATABASE__WAIT_SECONDS=20")
    assert wait() == (20.0, ".env")
    layers.env("DATABASE__WAIT_SECONDS", "10")
    assert wait() == (10.0, "environment")


def test_layers_are_merged_setting_by_setting_not_section_by_section(layers: Layers):
    """One variable of a section must not throw away the rest of the section's YAML."""
    layers.yaml("tmdb:\n  language: de-DE\n  max_connections: 3\n  timeout_seconds: 7\n")
    layers.dotenv("TMDB__MAX_CONNECTIONS=4")
    layers.env("TMDB__TIMEOUT_SECONDS", "8")
    tmdb = layers.load().tmdb
    assert (tmdb.language, tmdb.max_connections, tmdb.timeout_seconds) == ("de-DE", 4, 8)


@pytest.mark.parametrize("where", ["environment", "dotenv"])
def test_the_environment_chooses_the_yaml_file(layers: Layers, where: str):
    layers.yaml("logs:\n  level: WARNING\n", "staging")
    if where == "environment":
        layers.env("ENVIRONMENT", "staging")
    else:
        layers.dotenv("ENVIRONMENT=staging")
    settings, origin = layers.load_with_origin()
    assert (settings.environment, settings.logs.level) == ("staging", "WARNING")
    assert origin["logs.level"] == "staging.yaml"


def test_names_are_read_in_any_case(layers: Layers):
    layers.env("tmdb__language", "fr-FR")
    assert layers.load().tmdb.language == "fr-FR"


def test_without_any_layer_everything_has_its_default(layers: Layers):
    settings, origin = layers.load_with_origin()
    assert settings == Settings()
    assert origin == {}


WRONG = [
    ("TMDB__MAX_CONNECTIONS", "many"),
    ("TMDB__MAX_CONNECTIONS", "0"),
    ("TMDB__REQUESTS_PER_SECOND", "-1"),
    ("TMDB__LANGUAGE", "english"),
    ("OMDB__DAILY_QUOTA", "0"),
    ("OMDB__DAILY_QUOTA", "1.5"),
    ("DATABASE__IS_MIRRORED", "perhaps"),
    ("DATABASE__THREADS", "x"),
    ("REFRESH__SPREAD", "1"),
    ("REFRESH__FROZEN_RECHECK_DAYS", "181"),
    ("FIRST_RELEASE_YEAR", "1066"),
    ("ENVIRONMENT", "moon"),
    ("LOGS__LEVEL", "LOUD"),
    ("TMDB__BASE_URL", "nonsense"),
    ("TMDB__BASE_URL", ""),
    ("OMDB__BASE_URL", "www.omdbapi.com"),
    ("OMDB__BASE_URL", "http://:80/"),
    ("EXPORT__BASE_URL", "ftp://files.tmdb.org/p"),
    ("EXPORT__BASE_URL", "https://files.tmdb.org:port/p"),
    ("IMDB__BASE_URL", "https://data sets.imdbws.com"),
    ("BUDGET__REDIS_URL", "redis://:s3cretPassw/ord@localhost"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_gives_one_line_that_names_the_setting_and_its_origin(
    layers: Layers, name: str, value: str
):
    layers.env(name, value)
    message = layers.error()
    assert message.startswith(f"{name} (from environment): ")
    assert "\n" not in message
    assert "pydantic" not in message
    assert "Value error" not in message


@pytest.mark.parametrize("value", ["http://127.0.0.1:8765/3", "https://[::1]:80", "HTTPS://host"])
def test_an_address_of_a_service_may_be_any_web_address(layers: Layers, value: str):
    layers.env("TMDB__BASE_URL", value)
    assert layers.load().tmdb.base_url == value


@pytest.mark.parametrize("url", [None, ""])
def test_redis_without_its_address_is_refused_at_the_start(layers: Layers, url: str | None):
    """It was found out by the first request of a run."""
    layers.dotenv("BUDGET__BACKEND=redis", *([] if url is None else [f"BUDGET__REDIS_URL={url}"]))
    message = layers.error()
    assert message.startswith("BUDGET__REDIS_URL")
    assert "is not set, and BUDGET__BACKEND is `redis`" in message
    layers.dotenv("BUDGET__BACKEND=redis", "BUDGET__REDIS_URL=redis://host:6379/0")
    assert layers.load().budget.redis_url is not None


def test_an_address_of_a_redis_that_is_none_is_refused_without_its_password(layers: Layers):
    layers.dotenv("BUDGET__REDIS_URL=redis://:s3cretPassw/ord@localhost")
    assert "percent-encode the password" in layers.error()
    assert "s3cret" not in layers.error()


def test_a_history_thinned_below_what_freezes_a_film_is_refused(layers: Layers):
    layers.dotenv("HISTORY__KEEP_LAST=5", "REFRESH__FROZEN_AFTER_CYCLES=5")
    assert layers.error() == (
        "HISTORY__KEEP_LAST is 5 and must be more than REFRESH__FROZEN_AFTER_CYCLES, which is 5"
    )
    layers.env("HISTORY__KEEP_LAST", "6")
    assert layers.load().history.keep_last == 6


@pytest.mark.parametrize(
    "wrong", ["nonsense", "0 25 * * *", "0 3 * *", "0 3 * * * *", "0 3 31 2 *"]
)
def test_what_is_no_cron_schedule_is_refused_before_dagster_sees_it(layers: Layers, wrong: str):
    layers.dotenv(f"AUTOMATION__QUICK_CRON={wrong}")
    assert layers.error().startswith(
        f"AUTOMATION__QUICK_CRON (from .env): `{wrong}` is no cron schedule; write minute"
    )
    layers.dotenv("AUTOMATION__QUICK_CRON=*/5 1-3 * jan,feb mon")
    layers.env("AUTOMATION__DAILY_CRON", "@daily")
    assert layers.load().automation.quick_cron == "*/5 1-3 * jan,feb mon"


@pytest.mark.parametrize("name", ["FROZEN_RECHECK_DAYS", "TMDB_DAYS_OLD", "TMDB_DAYS_UNDATED"])
def test_no_spread_stretches_an_answer_of_tmdb_past_its_terms(layers: Layers, name: str):
    """150 days with a spread of 0.3 were 195 for some films."""
    layers.env("REFRESH__FROZEN_RECHECK_DAYS", "100")
    layers.env(f"REFRESH__{name}", "150")
    layers.dotenv("REFRESH__SPREAD=0.25")
    assert layers.error() == (
        f"REFRESH__{name} is 150, which REFRESH__SPREAD 0.25 stretches to 187.5 days; TMDB's terms "
        "ask for less than 180: lower either"
    )
    layers.dotenv("REFRESH__SPREAD=0.19")
    assert layers.load().refresh.spread == 0.19
    # OMDb has no such terms.
    layers.env("REFRESH__OMDB_DAYS_OLD", "400")
    assert layers.load().refresh.omdb_days_old == 400


def test_days_on_command_and_a_quota_by_another_clock_are_refused(layers: Layers):
    layers.dotenv(
        "CLOCK_URL=http://127.0.0.1:1/clock",
        "BUDGET__BACKEND=redis",
        f"BUDGET__REDIS_URL=redis://:{SECRET}@127.0.0.1:1/0",
    )
    assert layers.error().startswith("CLOCK_URL is set, and BUDGET__BACKEND is `redis`")
    assert SECRET not in layers.error()
    layers.env("BUDGET__BACKEND", "file")
    assert layers.load().clock_url


def test_every_wrong_value_has_its_line(layers: Layers):
    layers.yaml("logs:\n  level: LOUD\n")
    layers.dotenv("TMDB__MAX_CONNECTIONS=many")
    layers.env("OMDB__TIMEOUT_SECONDS", "0")
    lines = layers.error().splitlines()
    assert len(lines) == 3
    assert {line.split(":")[0] for line in lines} == {
        "LOGS__LEVEL (from development.yaml)",
        "TMDB__MAX_CONNECTIONS (from .env)",
        "OMDB__TIMEOUT_SECONDS (from environment)",
    }


@pytest.mark.parametrize("where", ["environment", "dotenv", "yaml"])
def test_an_unknown_setting_of_a_section_is_refused(layers: Layers, where: str):
    """A misspelt quota was no quota."""
    if where == "environment":
        layers.env("OMDB__DAILY_QUOTTA", "5")
    elif where == "dotenv":
        layers.dotenv("OMDB__DAILY_QUOTTA=5")
    else:
        layers.yaml("omdb:\n  daily_quotta: 5\n")
    message = layers.error()
    assert message.startswith("OMDB__DAILY_QUOTTA (from ")
    assert "there is no such setting; `ayne settings` lists all" in message


def test_an_unknown_section_of_a_yaml_file_is_refused(layers: Layers):
    layers.yaml("omdv:\n  daily_quota: 5\n")
    """It was ignored without a word, and the quota with it."""
    expected = "OMDV (from development.yaml): there is no such setting; `ayne settings` lists all"
    assert layers.error() == expected


@pytest.mark.parametrize("text", ["tmdb: [", "- a\n- b\n", "just words"])
def test_a_yaml_file_that_is_none_is_named(layers: Layers, text: str):
    layers.yaml(text)
    assert "development.yaml" in layers.error()


@pytest.mark.parametrize("text", ["", "# nothing set\n", "tmdb: {}\n"])
def test_an_empty_yaml_file_sets_nothing(layers: Layers, text: str):
    layers.yaml(text)
    assert layers.load() == Settings()


def test_variables_of_other_programs_are_left_alone(layers: Layers):
    layers.env("MODEL_NAME", "x")
    layers.env("LOGSTASH", "x")
    layers.dotenv("SOMEBODY_ELSES=1")
    assert layers.load() == Settings()


def test_a_section_given_as_a_whole_names_the_way_to_give_it(layers: Layers):
    layers.env("TMDB", "deadbeef")
    message = layers.error()
    assert "name single settings, like TMDB__API_KEY" in message
    assert "deadbeef" not in message


@pytest.mark.parametrize("name", ["TMDB__API_KEY", "OMDB__API_KEY"])
@pytest.mark.parametrize("value", ["", "   "])
def test_an_empty_key_is_no_key(layers: Layers, name: str, value: str):
    """A copied .env.example says `TMDB__API_KEY=`; it was sent as a key and answered with 401."""
    layers.env(name, value)
    section = name.split("__")[0].lower()
    assert getattr(layers.load(), section).api_key is None


def test_an_empty_quota_is_no_quota(layers: Layers):
    layers.dotenv("OMDB__DAILY_QUOTA=", "REFRESH__LIMIT_PER_RUN=", "DATABASE__MEMORY_LIMIT=")
    settings = layers.load()
    assert settings.omdb.daily_quota is None
    assert settings.refresh.limit_per_run is None
    assert settings.database.memory_limit is None


def test_secrets_are_masked_in_every_text_form(layers: Layers):
    layers.env("TMDB__API_KEY", SECRET)
    layers.dotenv(f"OMDB__API_KEY={SECRET}")
    settings = layers.load()
    assert settings.tmdb.api_key is not None
    assert settings.tmdb.api_key.get_secret_value() == SECRET
    for text in (repr(settings), str(settings), settings.model_dump_json(), f"{settings.omdb!r}"):
        assert SECRET not in text


def test_a_wrong_value_is_not_repeated_in_its_message(layers: Layers):
    """A key pasted into the wrong line ended up in a log."""
    layers.env("TMDB__LANGUAGE", SECRET)
    layers.env("OMDB__DAILY_QUOTA", SECRET)
    assert SECRET not in layers.error()


def test_relative_paths_start_at_the_projects_root_and_absolute_ones_stay(
    project: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(project.parent)
    settings = load_settings()
    assert settings.resolve(Path("data/x")) == project / "data/x"
    assert settings.resolve(project / "y") == project / "y"
    assert settings.tracking_uri == f"sqlite:///{(project / 'data/mlflow/mlflow.db').as_posix()}"


def test_a_tracking_server_is_taken_as_it_is(layers: Layers):
    layers.env("EXPERIMENTS__TRACKING_URI", "http://127.0.0.1:5000")
    assert layers.load().tracking_uri == "http://127.0.0.1:5000"


@pytest.mark.parametrize("environment", ["development", "staging", "production"])
def test_every_shipped_environment_loads(tmp_path: Path, environment: str, monkeypatch):
    monkeypatch.setenv("ENVIRONMENT", environment)
    settings = load_settings(dotenv=tmp_path / "none")
    assert settings.environment == environment
    assert (ENVIRONMENTS_FOLDER / f"{environment}.yaml").is_file()


def test_staging_never_writes_where_production_writes(tmp_path: Path, monkeypatch):
    def places(environment: str) -> set[object]:
        monkeypatch.setenv("ENVIRONMENT", environment)
        s = load_settings(dotenv=tmp_path / "none")
        return {s.database.path, s.database.mirror_folder, s.database.processed_folder,
                s.tracking_uri, s.experiments.artifact_folder}  # fmt: skip

    assert not places("staging") & places("production")


@pytest.mark.parametrize(("name", "field"), all_fields(), ids=lambda value: str(value)[:40])
def test_every_setting_says_what_it_is(name: str, field: Any):
    assert field.description, name
    assert field.description.endswith("."), name


@pytest.mark.parametrize(("name", "field"), all_fields(), ids=lambda value: str(value)[:40])
def test_every_duration_names_its_unit(name: str, field: Any):
    for unit in ("seconds", "days", "hours"):
        if f"_{unit}" in name:
            assert unit in field.description, name


def test_the_example_names_only_real_settings_and_holds_no_secret():
    text = (PROJECT / ".env.example").read_text(encoding="utf-8")
    named = re.findall(r"^(?:# )?([A-Z][A-Z_]+)=(.*)$", text, flags=re.MULTILINE)
    assert {name for name, _ in named} <= set(setting_names())
    assert {"TMDB__API_KEY", "OMDB__API_KEY"} <= {name for name, _ in named}
    assert not [name for name, value in named if name.endswith("API_KEY") and value]


def test_the_example_loads_as_it_is(tmp_path: Path):
    copied = tmp_path / ".env"
    copied.write_bytes((PROJECT / ".env.example").read_bytes())
    assert load_settings(dotenv=copied).tmdb.api_key is None


def test_setting_names_join_with_two_underscores():
    assert setting_name(("tmdb", "api_key")) == "TMDB__API_KEY"
    assert setting_name(("first_release_year",)) == "FIRST_RELEASE_YEAR"


def test_ayne_settings_shows_every_setting_its_origin_and_no_secret(project: Path, monkeypatch):
    monkeypatch.setenv("TMDB__API_KEY", SECRET)
    (project / ".env").write_text("OMDB__DAILY_QUOTA=500\n", encoding="utf-8")
    result = CliRunner().invoke(ayne, ["settings", "--json"])
    assert result.exit_code == 0
    assert SECRET not in result.output
    rows = {row["name"]: row for row in json.loads(result.stdout)}
    assert set(rows) == set(setting_names())
    assert rows["TMDB__API_KEY"]["value"] == "********"
    assert rows["TMDB__API_KEY"]["from"] == "environment"
    assert (rows["OMDB__DAILY_QUOTA"]["value"], rows["OMDB__DAILY_QUOTA"]["from"]) == (500, ".env")
    assert rows["OMDB__API_KEY"]["value"] is None
    assert rows["LOGS__LEVEL"]["from"] == "development.yaml"


def test_ayne_settings_shows_no_secret_to_people_either(project: Path, monkeypatch):
    monkeypatch.setenv("OMDB__API_KEY", SECRET)
    result = CliRunner().invoke(ayne, ["settings", "--section", "omdb"])
    assert result.exit_code == 0
    assert SECRET not in result.output
    assert "OMDB__API_KEY" in result.output
    assert "TMDB__" not in result.output


def test_ayne_settings_names_the_sections_when_one_is_misspelt(project: Path):
    result = CliRunner().invoke(ayne, ["settings", "--section", "omdv"])
    assert result.exit_code == 2
    assert "there is no section 'omdv'" in result.output
    assert "omdb" in result.output
