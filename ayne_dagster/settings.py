"""Every knob of the platform, typed, with its default, unit and description.

Lives here: names, types and defaults. Precedence: environment > `.env` > YAML of the environment >
default; nested names are joined with two underscores (`TMDB__API_KEY`). Settings are read when a
resource is built, never at import. Not here: how they are shown (`cli/settings_command.py`).
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    EnvSettingsSource,
    InitSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)
from yaml import YAMLError

from ayne_dagster.domain.release_years import DEFAULT_FIRST_RELEASE_YEAR, FIRST_FILM_YEAR

PROJECT_ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENTS_FOLDER = Path(__file__).resolve().parent / "environments"

Environment = Literal["development", "staging", "production"]


def _empty_is_unset(value: object) -> object:
    """An empty variable (`TMDB__API_KEY=`) means "not given", as in a copied `.env.example`."""
    return None if isinstance(value, str) and not value.strip() else value


OptionalSecret = Annotated[SecretStr | None, BeforeValidator(_empty_is_unset)]
OptionalCount = Annotated[int | None, BeforeValidator(_empty_is_unset)]
OptionalText = Annotated[str | None, BeforeValidator(_empty_is_unset)]


class SettingsError(ValueError):
    """A setting has a wrong value; the message names it, a line each."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class TmdbSettings(_Section):
    """TMDB: lists, discover, details."""

    api_key: OptionalSecret = Field(
        None, description="TMDB v3 API key (32 hex digits) or API read access token (Bearer)."
    )
    base_url: str = Field(
        "https://api.themoviedb.org/3", description="Base URL; the sandbox has its own."
    )
    language: str = Field(
        "en-US", pattern=r"[a-z]{2}-[A-Z]{2}", description="Language of titles and overviews."
    )
    requests_per_second: float = Field(
        20.0, ge=0, description="Pace, requests/s (TMDB allows about 40); 0: no limit."
    )
    max_connections: int = Field(
        10, ge=1, le=500, description="Connections at once (TMDB allows 20 per address)."
    )
    timeout_seconds: float = Field(20.0, gt=0, description="Longest wait for one answer, seconds.")
    daily_quota: OptionalCount = Field(
        None, ge=1, description="Requests per UTC day; empty: no quota."
    )


class OmdbSettings(_Section):
    """OMDb: ratings, awards, US box office."""

    api_key: OptionalSecret = Field(None, description="OMDb API key.")
    base_url: str = Field("https://www.omdbapi.com/", description="Base URL.")
    requests_per_second: float = Field(10.0, ge=0, description="Pace, requests/s; 0: no limit.")
    max_connections: int = Field(8, ge=1, le=500, description="Connections at once.")
    timeout_seconds: float = Field(20.0, gt=0, description="Longest wait for one answer, seconds.")
    daily_quota: OptionalCount = Field(
        950, ge=1, description="Requests per UTC day (a free key has 1,000); empty: no quota."
    )


class DatabaseSettings(_Section):
    """The DuckDB warehouse and its Parquet mirror."""

    path: Path = Field(Path("data/ayne.duckdb"), description="The DuckDB file.")
    wait_seconds: float = Field(
        120.0, gt=0, description="Longest wait for a file somebody else holds, seconds."
    )
    memory_limit: OptionalText = Field(
        None, description="DuckDB memory limit (`4GB`); empty: DuckDB's own."
    )
    threads: OptionalCount = Field(None, ge=1, description="DuckDB threads; empty: all cores.")
    is_mirrored: bool = Field(True, description="Whether written partitions go to Parquet too.")
    mirror_folder: Path = Field(Path("data/intermediate"), description="Root of the mirror.")


class DiscoverySettings(_Section):
    """Which films are looked for, and how often."""

    min_votes: int = Field(10, ge=0, description="Only films with at least so many TMDB votes.")
    max_pages: OptionalCount = Field(
        None, ge=1, description="Most discover pages per year (20 films each); empty: all."
    )
    list_pages: int = Field(5, ge=1, le=500, description="Pages read of each of the five lists.")
    lists_interval_hours: float = Field(
        5.0, ge=0, description="The lists are read again after so many hours."
    )
    recent_interval_hours: float = Field(
        20.0, ge=0, description="Last, this and coming years are walked again after so many hours."
    )
    older_interval_days: float = Field(
        30.0, ge=0, description="Older years are walked again after so many days."
    )


class RefreshSettings(_Section):
    """How long an answer stays fresh, by age since release."""

    tmdb_days_new: float = Field(5, gt=0, description="TMDB: unreleased and 0-60 days, days.")
    tmdb_days_young: float = Field(15, gt=0, description="TMDB: 60-180 days, days.")
    tmdb_days_settling: float = Field(30, gt=0, description="TMDB: 180-365 days, days.")
    tmdb_days_old: float = Field(90, gt=0, description="TMDB: over 365 days, days.")
    omdb_days_new: float = Field(5, gt=0, description="OMDb: unreleased and 0-60 days, days.")
    omdb_days_young: float = Field(30, gt=0, description="OMDb: 60-180 days, days.")
    omdb_days_settling: float = Field(90, gt=0, description="OMDb: 180-365 days, days.")
    omdb_days_old: float = Field(180, gt=0, description="OMDb: over 365 days, days.")
    spread: float = Field(
        0.10,
        ge=0,
        lt=1,
        description="Due times are spread by this share of the interval, each way.",
    )
    frozen_after_days: int = Field(365, ge=0, description="Younger films never freeze, days.")
    frozen_after_cycles: int = Field(
        3, ge=1, description="Unchanged refreshes in a row before a film freezes."
    )
    frozen_recheck_days: float = Field(
        150, gt=0, le=180, description="A frozen row is verified after so many days (TMDB: < 180)."
    )
    limit_per_run: OptionalCount = Field(
        None, ge=1, description="Most films fetched per source and run; empty: all that are due."
    )


class ModelSettings(_Section):
    """The revenue model."""

    seed: int = Field(42, ge=0, description="Seed of everything random in training.")
    minimum_films: int = Field(50, ge=10, description="Fewer labelled films train no model.")


class ExperimentSettings(_Section):
    """MLflow."""

    tracking_uri: str = Field(
        "sqlite:///data/mlflow/mlflow.db", description="MLflow tracking store."
    )
    artifact_folder: Path = Field(Path("data/mlflow/artifacts"), description="Models and plots.")
    name: str = Field("ayne_revenue", description="Name of the experiment.")


class LogSettings(_Section):
    """Logs."""

    json_lines: bool = Field(False, description="JSON lines for machines instead of colours.")
    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field("INFO", description="Least level.")


class Settings(BaseSettings):
    """All settings; `load_settings` reads them."""

    model_config = SettingsConfigDict(
        env_nested_delimiter="__",
        env_file_encoding="utf-8",
        extra="ignore",
        frozen=True,
        hide_input_in_errors=True,
        nested_model_default_partial_update=True,
    )

    environment: Environment = Field("development", description="Which YAML file is read.")
    first_release_year: int = Field(
        DEFAULT_FIRST_RELEASE_YEAR,
        ge=FIRST_FILM_YEAR,
        description="First release year kept, a calendar year.",
    )
    request_ledger: Path = Field(
        Path("data/raw/request_ledger.sqlite"),
        description="File in which all processes share pace and daily quota.",
    )
    tmdb: TmdbSettings = TmdbSettings()
    omdb: OmdbSettings = OmdbSettings()
    database: DatabaseSettings = DatabaseSettings()
    discovery: DiscoverySettings = DiscoverySettings()
    refresh: RefreshSettings = RefreshSettings()
    model: ModelSettings = ModelSettings()
    experiments: ExperimentSettings = ExperimentSettings()
    logs: LogSettings = LogSettings()

    def resolve(self, path: Path) -> Path:
        """A path of the settings as an absolute one; relative ones start at the project's root."""
        return path if path.is_absolute() else PROJECT_ROOT / path

    @property
    def tracking_uri(self) -> str:
        """MLflow's store with an absolute path, so that every process finds the same file."""
        prefix = "sqlite:///"
        if not self.experiments.tracking_uri.startswith(prefix):
            return self.experiments.tracking_uri
        path = self.resolve(Path(self.experiments.tracking_uri.removeprefix(prefix)))
        return f"{prefix}{path.as_posix()}"

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Precedence, first wins; `load_settings` has already named the files."""
        return (init_settings,)


def load_settings(
    *, dotenv: Path | None = None, environments_folder: Path = ENVIRONMENTS_FOLDER
) -> Settings:
    """Read the settings.

    Args:
        dotenv: The `.env` file; None: the one in the project's root, if there is one.
        environments_folder: Where `development.yaml`, `staging.yaml`, `production.yaml` lie.

    Raises:
        SettingsError: One line per wrong value, naming the setting and where it came from.
    """
    settings, _ = load_settings_with_origin(dotenv=dotenv, environments_folder=environments_folder)
    return settings


def load_settings_with_origin(
    *, dotenv: Path | None = None, environments_folder: Path = ENVIRONMENTS_FOLDER
) -> tuple[Settings, dict[str, str]]:
    """Read the settings, and where each came from.

    Returns:
        The settings, and per dotted name (`tmdb.api_key`) the origin of its value; names that are
        not in it have their default.

    Raises:
        SettingsError: One line per wrong value.
    """
    dotenv = dotenv or PROJECT_ROOT / ".env"
    layers = _layers(dotenv, environments_folder)
    origin: dict[str, str] = {}
    merged: dict[str, Any] = {}
    for name, values in reversed(layers):
        _merge_into(merged, values, origin, name)
    try:
        return Settings(**merged), origin
    except ValidationError as error:
        raise SettingsError(_one_line_each(error, origin)) from None


def setting_name(path: tuple[str, ...]) -> str:
    """The name under which the environment knows a setting: `TMDB__API_KEY`."""
    return "__".join(part.upper() for part in path)


def _layers(dotenv: Path, environments_folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """The layers, strongest first, each as nested plain values."""
    env = _nested(EnvSettingsSource(Settings))
    file = _nested(DotEnvSettingsSource(Settings, env_file=dotenv)) if dotenv.is_file() else {}
    environment = env.get("environment") or file.get("environment") or "development"
    yaml_path = environments_folder / f"{environment}.yaml"
    values: dict[str, Any] = {}
    if yaml_path.is_file():
        values = _yaml_values(yaml_path)
    return [("environment", env), (dotenv.name, file), (yaml_path.name, values)]


def _yaml_values(path: Path) -> dict[str, Any]:
    """The values of a YAML file of ours; unlike in `.env`, every name in it must be a setting.

    Raises:
        SettingsError: The file cannot be read, or names what is no setting.
    """
    try:
        values = YamlConfigSettingsSource(Settings, yaml_file=path)()
    except (YAMLError, ValueError) as error:
        raise SettingsError(f"{path.name} is no YAML of settings: {error}") from None
    if unknown := [str(name) for name in values if name not in Settings.model_fields]:
        raise SettingsError(
            "\n".join(
                f"{setting_name((name,))} (from {path.name}): there is no such setting; "
                "`ayne settings` lists all"
                for name in unknown
            )
        )
    return values


def _nested(
    source: EnvSettingsSource | DotEnvSettingsSource | InitSettingsSource,
) -> dict[str, Any]:
    try:
        return source()
    except ValueError as error:
        # A section given as a whole (TMDB='...') instead of by its parts.
        raise SettingsError(f"{error}; name single settings, like TMDB__API_KEY") from None


def _merge_into(
    target: dict[str, Any],
    values: dict[str, Any],
    origin: dict[str, str],
    name: str,
    path: tuple[str, ...] = (),
) -> None:
    for key, value in values.items():
        here = (*path, key)
        if isinstance(value, dict):
            _merge_into(target.setdefault(key, {}), value, origin, name, here)
        else:
            target[key] = value
            origin[".".join(here)] = name


def _one_line_each(error: ValidationError, origin: dict[str, str]) -> str:
    lines = []
    for problem in error.errors(include_input=False, include_url=False):
        path = tuple(str(part) for part in problem["loc"])
        known = [p for p in (path, path[:2], path[:1]) if ".".join(p) in origin]
        named = known[0] if known else path
        where = origin.get(".".join(named))
        says = problem["msg"]
        if problem["type"] == "extra_forbidden":
            says = "there is no such setting; `ayne settings` lists all"
        lines.append(f"{setting_name(named)}{f' (from {where})' if where else ''}: {says}")
    return "\n".join(dict.fromkeys(lines))
